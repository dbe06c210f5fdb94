// Record batches as kdr's own reading and writing need them: what a read_committed consumer would see, and one batch
// to write. kafkajs's own decoder checks no CRC, folds headers into an object and needs its codecs registered globally.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BatchView, checksumHolds, corruptBatch, walkBatches } from '../../model/batches/batch.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../model/batches/records.ts'
import { abortedFilter } from '../../model/batches/visible.ts'
import type { KafkaRecord, RecordInput } from '../../ports/kafka.ts'
import type { AbortedTransaction } from '../../ports/kafka-backup.ts'
import type { Instant } from '../../units.ts'

/** Native decompressors free their output only when the event loop turns. */
const DECOMPRESSIONS_PER_TURN = 16

/** Whole batches whose checksum holds. */
function* soundBatches(bytes: Buffer): Generator<BatchView> {
  for (const batch of walkBatches(bytes)) {
    if (!checksumHolds(batch.bytes)) throw corruptBatch('its checksum is wrong', batch.baseOffset)
    yield batch
  }
}

const plain = ({ offset, timestamp, key, value }: StoredRecord): KafkaRecord => ({ offset, timestamp: Number(timestamp), key, value })

let decompressions = 0

/** Records from `from` on that a read_committed consumer sees. `next` is past everything read, control and aborted batches too. Errors: `corrupt-batch`, `old-message-format`, `codec-unknown`. */
export const readCommitted = async (
  bytes: Buffer,
  from: bigint,
  aborted: readonly AbortedTransaction[],
): Promise<{ readonly records: readonly KafkaRecord[]; readonly next: bigint }> => {
  const visible = abortedFilter(aborted)
  const records: KafkaRecord[] = []
  let next = from
  for (const batch of soundBatches(bytes)) {
    if (visible(batch)) {
      for (const record of decodeRecords(batch)) if (record.offset >= from) records.push(plain(record))
      if (batch.codec !== 0) {
        decompressions += 1
        if (decompressions % DECOMPRESSIONS_PER_TURN === 0) await nextTurn()
      }
    }
    if (batch.lastOffset >= next) next = batch.lastOffset + 1n
  }
  return { records, next }
}

/** A batch as it is stored, transactions or not; a control batch holds nothing of its topic's own. */
export interface StoredBatch {
  readonly lastOffset: bigint
  readonly leaderEpoch: number
  readonly records: readonly KafkaRecord[]
}

/** Whole batches in their order. Errors: `corrupt-batch`, `old-message-format`, `codec-unknown`. */
export function* storedBatches(bytes: Buffer): Generator<StoredBatch> {
  for (const batch of soundBatches(bytes)) {
    const { lastOffset, leaderEpoch } = batch
    yield { lastOffset, leaderEpoch, records: batch.control ? [] : decodeRecords(batch).map(plain) }
  }
}

/** One uncompressed batch from no particular producer, stamped `at`. */
export const writeBatch = (records: readonly RecordInput[], at: Instant): Buffer => {
  const stamped = records.map(({ key, value }, delta) => ({ offset: BigInt(delta), timestamp: at, key, value, headers: [] }))
  const [encoded] = encodeBatches(stamped, { codec: 0, maxBytes: Number.POSITIVE_INFINITY })
  if (encoded === undefined) throw new RangeError('a batch has at least one record')
  return encoded.batch
}
