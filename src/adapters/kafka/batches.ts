// Record batches (magic 2): reading what a read_committed consumer would see, and writing one. kafkajs's
// own decoder checks no CRC, folds headers into an object and needs its codecs registered globally.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { KdrError } from '../../errors.ts'
import type { KafkaRecord, RecordInput } from '../../ports/kafka.ts'
import type { Instant } from '../../units.ts'
import { decompress } from './compression.ts'
import { kafkajs } from './kafkajs.ts'
import type { AbortedTransaction } from './messages/records.ts'
import { WireReader, WireWriter } from './wire.ts'

const CODEC = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20
const MAGIC = 2
/** Base offset and length: what comes before the length counts. */
const PREFIX = 12
const SMALLEST = 61
const ABORT_MARKER = 0
/** Native decompressors free their output only when the event loop turns. */
const DECOMPRESSIONS_PER_TURN = 16

interface Batch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly leaderEpoch: number
  readonly attributes: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly producerId: bigint
  readonly count: number
  readonly payload: Buffer
}

const corrupt = (what: string, offset: bigint) => new KdrError(`the record batch at offset ${offset} is damaged: ${what}`, { code: 'corrupt-batch' })

const readBatch = (bytes: Buffer): Batch => {
  const reader = new WireReader(bytes)
  const baseOffset = reader.i64()
  reader.i32() // length
  const leaderEpoch = reader.i32()
  const magic = reader.i8()
  if (magic !== MAGIC) throw new KdrError(`offset ${baseOffset} is stored in the message format of Kafka 0.10 or older`, { code: 'old-message-format' })
  const crc = reader.u32()
  if (kafkajs().crc32c(bytes.subarray(bytes.length - reader.left)) !== crc) throw corrupt('its checksum is wrong', baseOffset)
  const attributes = reader.i16()
  const lastOffset = baseOffset + BigInt(reader.i32())
  const firstTimestamp = reader.i64()
  const maxTimestamp = reader.i64()
  const producerId = reader.i64()
  reader.i16() // producer epoch
  reader.i32() // base sequence
  return { baseOffset, lastOffset, leaderEpoch, attributes, firstTimestamp, maxTimestamp, producerId, count: reader.i32(), payload: reader.raw(reader.left) }
}

/** Whole batches; the last one of an answer is often cut off. */
function* splitBatches(bytes: Buffer): Generator<Batch> {
  for (let at = 0; at + SMALLEST <= bytes.length; ) {
    const end = at + PREFIX + bytes.readInt32BE(at + 8)
    if (end > bytes.length) return
    if (end < at + SMALLEST) throw corrupt('its length is impossible', bytes.readBigInt64BE(at))
    yield readBatch(bytes.subarray(at, end))
    at = end
  }
}

const readRecords = (batch: Batch): KafkaRecord[] => {
  const reader = new WireReader(decompress(batch.attributes & CODEC, batch.payload))
  const records: KafkaRecord[] = []
  for (let at = 0; at < batch.count; at += 1) {
    const record = new WireReader(reader.recordBytes() ?? Buffer.alloc(0))
    record.i8() // attributes, unused
    const created = Number(batch.firstTimestamp + record.varlong())
    const offset = batch.baseOffset + BigInt(record.varint())
    const timestamp = (batch.attributes & LOG_APPEND_TIME) === 0 ? created : Number(batch.maxTimestamp)
    records.push({ offset, timestamp, key: record.recordBytes(), value: record.recordBytes() })
  }
  return records
}

/** Keeps account of aborted transactions, as Kafka's consumer does: from an aborted one's first offset to its abort marker. */
const abortedFilter = (aborted: readonly AbortedTransaction[]): ((batch: Batch) => boolean) => {
  const waiting = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const open = new Set<bigint>()
  return (batch) => {
    for (let next = waiting[0]; next !== undefined && next.firstOffset <= batch.lastOffset; next = waiting[0]) {
      open.add(next.producerId)
      waiting.shift()
    }
    if ((batch.attributes & CONTROL) !== 0) {
      const [marker] = readRecords(batch)
      if (marker?.key != null && marker.key.readInt16BE(2) === ABORT_MARKER) open.delete(batch.producerId)
      return false
    }
    return (batch.attributes & TRANSACTIONAL) === 0 || !open.has(batch.producerId)
  }
}

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
  for (const batch of splitBatches(bytes)) {
    if (visible(batch)) {
      for (const record of readRecords(batch)) if (record.offset >= from) records.push(record)
      if ((batch.attributes & CODEC) !== 0) {
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
  for (const batch of splitBatches(bytes)) {
    const { lastOffset, leaderEpoch } = batch
    yield { lastOffset, leaderEpoch, records: (batch.attributes & CONTROL) === 0 ? readRecords(batch) : [] }
  }
}

const writeRecord = (record: RecordInput, delta: number): Buffer =>
  new WireWriter().i8(0).varlong(0n).varint(delta).recordBytes(record.key).recordBytes(record.value).varint(0).finish()

/** One uncompressed batch from no particular producer, stamped `at`. */
export const writeBatch = (records: readonly RecordInput[], at: Instant): Buffer => {
  const body = new WireWriter(1024)
    .i16(0)
    .i32(records.length - 1)
    .i64(BigInt(at))
    .i64(BigInt(at))
    .i64(-1n)
    .i16(-1)
    .i32(-1)
    .i32(records.length)
  for (const [delta, record] of records.entries()) body.recordBytes(writeRecord(record, delta))
  const signed = body.finish()
  const length = signed.length + 9 // leader epoch, magic and CRC
  return new WireWriter(length + PREFIX).i64(0n).i32(length).i32(-1).i8(MAGIC).u32(kafkajs().crc32c(signed)).raw(signed).finish()
}
