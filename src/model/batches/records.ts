// Records of a batch, one by one: for what cannot be stored again as it is (holes, log append time, too large or too
// small), for looking into backups, and for comparing. Nothing is lost: null is not empty, headers keep order and repeats.
import { AT, type BatchView, BIT, corruptBatch, MAGIC } from './batch.ts'
import { compress, decompress } from './codecs.ts'
import { crc32c } from './crc.ts'
import { bytesLength, type Long, longOf, numberLength, RecordReader, RecordWriter } from './varints.ts'

interface StoredHeader {
  readonly key: Buffer
  readonly value: Buffer | null
}

export interface StoredRecord {
  readonly offset: bigint
  /** Milliseconds, any 64 bits of them: what a producer makes of it, Kafka takes. */
  readonly timestamp: Long
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly StoredHeader[]
}

const NONE: readonly StoredHeader[] = []

const readHeaders = (reader: RecordReader): readonly StoredHeader[] => {
  const count = reader.number()
  if (count === 0) return NONE
  if (count < 0) throw new RangeError('a negative number of headers')
  const headers: StoredHeader[] = []
  for (let at = 0; at < count; at += 1) {
    const key = reader.bytes()
    if (key === null) throw new RangeError('a header without a key')
    headers.push({ key, value: reader.bytes() })
  }
  return headers
}

/** `first` is near what stands at `at`: exact where it can be, else what stands there counts. */
const timeOf = (batch: BatchView, at: number, first: number, delta: Long): Long => {
  if (typeof delta === 'number' && Number.isSafeInteger(first) && Number.isSafeInteger(first + delta)) return first + delta
  return longOf(batch.bytes.readBigInt64BE(at) + BigInt(delta))
}

const readRecord = (reader: RecordReader, batch: BatchView): StoredRecord => {
  const length = reader.number()
  const end = reader.at + length
  reader.skip(1) // attributes, unused
  const delta = reader.long()
  const offset = batch.baseOffset + BigInt(reader.number())
  const timestamp = batch.logAppendTime ? timeOf(batch, AT.maxTimestamp, batch.maxTimestamp, 0) : timeOf(batch, AT.firstTimestamp, batch.firstTimestamp, delta)
  const key = reader.bytes()
  const value = reader.bytes()
  const headers = readHeaders(reader)
  if (reader.at !== end) throw new RangeError('a record is not as long as it says')
  return { offset, timestamp, key, value, headers }
}

/** Every record; keys and values are views of the batch where it is not compressed. Errors: `corrupt-batch`, `codec-unknown`. */
export const decodeRecords = (batch: BatchView): StoredRecord[] => {
  const reader = new RecordReader(decompress(batch.codec, batch.bytes.subarray(AT.records)))
  const records: StoredRecord[] = []
  try {
    for (let at = 0; at < batch.count; at += 1) records.push(readRecord(reader, batch))
  } catch (error) {
    if (error instanceof RangeError) throw corruptBatch(error.message, batch.baseOffset, error)
    throw error
  }
  if (reader.left > 0) throw corruptBatch(`${reader.left} bytes follow its last record`, batch.baseOffset)
  return records
}

/** Without the length before it. */
const bodyLength = (record: StoredRecord, timestampDelta: Long, offsetDelta: number): number => {
  let length = 1 + numberLength(timestampDelta) + numberLength(offsetDelta) + bytesLength(record.key) + bytesLength(record.value)
  length += numberLength(record.headers.length)
  for (const header of record.headers) length += bytesLength(header.key) + bytesLength(header.value)
  return length
}

const writeRecord = (writer: RecordWriter, record: StoredRecord, length: number, timestampDelta: Long, offsetDelta: number): void => {
  writer.number(length).zero().number(timestampDelta).number(offsetDelta).bytes(record.key).bytes(record.value).number(record.headers.length)
  for (const header of record.headers) writer.bytes(header.key).bytes(header.value)
}

interface Frame {
  readonly codec: number
  readonly count: number
  readonly firstTimestamp: Long
  readonly maxTimestamp: Long
  readonly payload: Buffer
}

/** A batch of no particular producer, its deltas dense, its checksum right. */
export const frameBatch = ({ codec, count, firstTimestamp, maxTimestamp, payload }: Frame): Buffer => {
  const packed = compress(codec, payload)
  // What compression makes larger is stored as it is.
  const plain = packed.length >= payload.length
  const body = plain ? payload : packed
  const batch = Buffer.allocUnsafe(AT.records + body.length)
  batch.writeBigInt64BE(0n, AT.baseOffset)
  batch.writeInt32BE(batch.length - AT.leaderEpoch, AT.length)
  batch.writeInt32BE(-1, AT.leaderEpoch)
  batch.writeInt8(MAGIC, AT.magic)
  batch.writeInt16BE(plain ? 0 : codec & BIT.codec, AT.attributes)
  batch.writeInt32BE(count - 1, AT.lastOffsetDelta)
  batch.writeBigInt64BE(BigInt(firstTimestamp), AT.firstTimestamp)
  batch.writeBigInt64BE(BigInt(maxTimestamp), AT.maxTimestamp)
  batch.writeBigInt64BE(-1n, AT.producerId)
  batch.writeInt16BE(-1, AT.producerEpoch)
  batch.writeInt32BE(-1, AT.baseSequence)
  batch.writeInt32BE(count, AT.count)
  body.copy(batch, AT.records)
  batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc)
  return batch
}

export interface EncodedBatch {
  readonly batch: Buffer
  readonly count: number
  /** Offsets of its first and last record as they were given; within the batch there are no holes. */
  readonly baseOffset: bigint
  readonly lastOffset: bigint
}

const difference = (a: Long, b: Long): Long => {
  const near = typeof a === 'number' && typeof b === 'number' ? a - b : Number.NaN
  return Number.isSafeInteger(near) ? near : longOf(BigInt(a) - BigInt(b))
}

/** As many records from `from` on as fit, at least one. */
const encodeOne = (records: readonly StoredRecord[], from: number, options: { readonly codec: number; readonly maxBytes: number }): EncodedBatch => {
  const first = records[from] as StoredRecord
  const writer = new RecordWriter()
  let maxTimestamp = first.timestamp
  let to = from
  for (; to < records.length; to += 1) {
    const record = records[to] as StoredRecord
    const timestampDelta = difference(record.timestamp, first.timestamp)
    const length = bodyLength(record, timestampDelta, to - from)
    if (to > from && AT.records + writer.length + numberLength(length) + length > options.maxBytes) break
    writeRecord(writer, record, length, timestampDelta, to - from)
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp
  }
  const count = to - from
  const batch = frameBatch({ codec: options.codec, count, firstTimestamp: first.timestamp, maxTimestamp, payload: writer.finish() })
  return { batch, count, baseOffset: first.offset, lastOffset: (records[to - 1] as StoredRecord).offset }
}

/** With create time, none larger than `maxBytes` unless one record alone is. Errors: `codec-unknown`, `codec-unavailable` (zstd before Node 22.15). */
export const encodeBatches = (records: readonly StoredRecord[], options: { readonly codec: number; readonly maxBytes: number }): EncodedBatch[] => {
  const batches: EncodedBatch[] = []
  for (let at = 0; at < records.length; ) {
    const encoded = encodeOne(records, at, options)
    batches.push(encoded)
    at += encoded.count
  }
  return batches
}
