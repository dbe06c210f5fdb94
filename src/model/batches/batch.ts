// A record batch (magic 2) as Kafka stores and sends it: its header read in place, the records left as they are. Reading
// and writing whole batches is what makes a backup faithful to the byte, and cheap.
import { KdrError } from '../../errors.ts'
import { crc32c } from './crc.ts'

/** Where the fields of a header lie (org.apache.kafka.common.record.DefaultRecordBatch). */
export const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const

/** Bits of the attributes. */
export const BIT = { codec: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20, deleteHorizon: 0x40 } as const

export const MAGIC = 2
/** Base offset and length: what comes before the length counts. */
const PREFIX = 12

export interface BatchView {
  readonly bytes: Buffer
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly leaderEpoch: number
  readonly magic: number
  readonly attributes: number
  readonly codec: number
  readonly control: boolean
  readonly transactional: boolean
  readonly logAppendTime: boolean
  /** Milliseconds; beyond 2^53 only near what the batch says. */
  readonly firstTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: bigint
  readonly count: number
}

export const corruptBatch = (what: string, offset: bigint, cause?: unknown): KdrError =>
  new KdrError(`the record batch at offset ${offset} is damaged: ${what}`, { code: 'corrupt-batch', cause })

const viewOf = (bytes: Buffer): BatchView => {
  const attributes = bytes.readInt16BE(AT.attributes)
  const baseOffset = bytes.readBigInt64BE(AT.baseOffset)
  return {
    bytes,
    baseOffset,
    lastOffset: baseOffset + BigInt(bytes.readInt32BE(AT.lastOffsetDelta)),
    leaderEpoch: bytes.readInt32BE(AT.leaderEpoch),
    magic: MAGIC,
    attributes,
    codec: attributes & BIT.codec,
    control: (attributes & BIT.control) !== 0,
    transactional: (attributes & BIT.transactional) !== 0,
    logAppendTime: (attributes & BIT.logAppendTime) !== 0,
    firstTimestamp: Number(bytes.readBigInt64BE(AT.firstTimestamp)),
    maxTimestamp: Number(bytes.readBigInt64BE(AT.maxTimestamp)),
    producerId: bytes.readBigInt64BE(AT.producerId),
    count: bytes.readInt32BE(AT.count),
  }
}

/** Whole batches in their order, checksums not looked at; one that is cut off at the end is left out. Errors: `corrupt-batch`, `old-message-format`. */
export function* walkBatches(bytes: Buffer): Generator<BatchView> {
  for (let at = 0; at + AT.crc <= bytes.length; ) {
    const offset = bytes.readBigInt64BE(at)
    const length = bytes.readInt32BE(at + AT.length)
    const magic = bytes.readInt8(at + AT.magic)
    if (magic === 0 || magic === 1)
      throw new KdrError(`offset ${offset} is stored in the message format of Kafka 0.10 or older`, { code: 'old-message-format' })
    if (magic !== MAGIC) throw corruptBatch(`its magic is ${magic}`, offset)
    const end = at + PREFIX + length
    if (end < at + AT.records) throw corruptBatch('its length is impossible', offset)
    if (end > bytes.length) return
    const batch = viewOf(bytes.subarray(at, end))
    if (batch.count < 0 || batch.lastOffset < batch.baseOffset) throw corruptBatch('its count of records is impossible', offset)
    yield batch
    at = end
  }
}

/** How much of it are whole batches, by their lengths alone: all of it from where a length is impossible, for whoever reads the batches to say so. */
export const wholeLength = (bytes: Buffer): number => {
  let at = 0
  while (at + PREFIX <= bytes.length) {
    const length = bytes.readInt32BE(at + AT.length)
    if (length < 0) return bytes.length
    if (at + PREFIX + length > bytes.length) break
    at += PREFIX + length
  }
  return at
}

/** Whether the checksum in a whole batch is that of its bytes. Base offset, length, leader epoch and magic are not under it. */
export const checksumHolds = (bytes: Buffer): boolean => bytes.length >= AT.records && crc32c(bytes.subarray(AT.attributes)) === bytes.readUInt32BE(AT.crc)

/** The latest time that a date can be: whatever is later (nanoseconds taken for milliseconds, say) counts as that. */
export const LATEST = 8_640_000_000_000_000

/** Times of a batch by its header: that of its first record, and the latest. Negative is none. */
export const timesOf = ({ logAppendTime, firstTimestamp, maxTimestamp }: BatchView): { readonly min: number; readonly max: number } => ({
  min: Math.min(LATEST, logAppendTime ? maxTimestamp : firstTimestamp),
  max: Math.min(LATEST, maxTimestamp),
})

/** Offsets within it that have no record any more, which Kafka takes from nobody: such a batch is written anew. */
export const hasHoles = (batch: BatchView): boolean => BigInt(batch.count) !== batch.lastOffset - batch.baseOffset + 1n
