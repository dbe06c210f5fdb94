// What a broker sends is not believed: a batch whose checksum does not hold, or whose offsets cannot be, would
// be found out at a restore, when it is too late. All before it is sound; it itself is named.
import { KdrError, wordsOf } from '../../errors.ts'
import { AT, type BatchView, checksumHolds, MAGIC, walkBatches } from '../../model/batches/batch.ts'

interface Damage {
  readonly from: bigint
  /** Where the next batch begins; null when it cannot be told. */
  readonly next: bigint | null
  readonly why: string
}

export interface Sound {
  readonly sound: Buffer
  readonly damage: Damage | null
}

const OLD = 'undecodable: stored in the message format of Kafka 0.10 or older'

/** Behind the messages of the old format that begin at byte `at`: their lengths are where those of batches are. */
const afterOld = (bytes: Buffer, at: number): bigint | null => {
  let next: bigint | null = null
  while (at + AT.magic < bytes.length) {
    const offset = bytes.readBigInt64BE(at)
    if (bytes.readInt8(at + AT.magic) >= MAGIC) return offset
    next = offset + 1n
    at += AT.leaderEpoch + Math.max(0, bytes.readInt32BE(at + AT.length))
  }
  return next
}

const problemOf = (batch: BatchView, least: bigint, highWatermark: bigint): string | null => {
  if (!checksumHolds(batch.bytes)) return 'undecodable: the checksum of the batch does not hold'
  // Base offset and length are not under the checksum.
  if (batch.lastOffset < least || batch.lastOffset >= highWatermark) return `undecodable: the batch says that it ends at offset ${batch.lastOffset}`
  return null
}

/** Whole batches from the first byte on, up to the first that cannot be kept. `position` is what was asked for. */
export const soundPart = (bytes: Buffer, position: bigint, highWatermark: bigint): Sound => {
  let length = 0
  let least = position
  let damage: { readonly from: bigint; readonly end: bigint; readonly why: string } | null = null
  const damaged = (next: bigint | null): Sound => ({
    sound: bytes.subarray(0, length),
    damage: damage === null ? null : { from: damage.from, next, why: damage.why },
  })
  try {
    for (const batch of walkBatches(bytes)) {
      if (damage !== null) return damaged(batch.baseOffset > damage.from && checksumHolds(batch.bytes) ? batch.baseOffset : null)
      const why = problemOf(batch, least, highWatermark)
      if (why === null) {
        length += batch.bytes.length
        least = batch.lastOffset + 1n
      } else damage = { from: least, end: batch.lastOffset, why }
    }
  } catch (thrown) {
    if (!(thrown instanceof KdrError)) throw thrown
    if (damage !== null) return damaged(null)
    if (thrown.code === 'old-message-format') return { sound: bytes.subarray(0, length), damage: { from: least, next: afterOld(bytes, length), why: OLD } }
    return { sound: bytes.subarray(0, length), damage: { from: least, next: null, why: `undecodable: ${wordsOf(thrown)}` } }
  }
  // The last one of what was sent: its own word is all there is.
  return damaged(damage !== null && damage.end >= damage.from && damage.end < highWatermark ? damage.end + 1n : null)
}
