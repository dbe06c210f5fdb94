// Records that stand for nothing: a new topic is filled with them up to the offset where the kept ones begin, and they
// are deleted again before those are loaded, so that every record has its old offset.
import { canCompress, GZIP, ZSTD } from './codecs.ts'
import { frameBatch } from './records.ts'
import { numberLength, RecordWriter } from './varints.ts'

/** No limit on timestamps applies to a record without one. */
const NO_TIMESTAMP = -1
/** Attributes, timestamp delta, null key, null value, no headers. */
const FIXED = 5

/** One batch of `count` records of no producer; 100,000 of them take 60 KB with zstd. */
export const fillerBatch = (count: number): Buffer => {
  const writer = new RecordWriter(count * 10)
  for (let delta = 0; delta < count; delta += 1) {
    writer
      .number(FIXED + numberLength(delta))
      .zero()
      .zero()
      .number(delta)
      .bytes(null)
      .bytes(null)
      .zero()
  }
  const codec = canCompress(ZSTD) ? ZSTD : GZIP
  return frameBatch({ codec, count, firstTimestamp: NO_TIMESTAMP, maxTimestamp: NO_TIMESTAMP, payload: writer.finish() })
}
