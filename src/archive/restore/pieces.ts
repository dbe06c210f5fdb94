// Stored batches as they can be produced: as they are wherever the broker takes them so, decoded and encoded
// anew where it does not (holes, LogAppendTime), where a part is wanted, or where tiny ones would cost more in
// requests than in decoding.
import { type BatchView, hasHoles, walkBatches } from '../../model/batches/batch.ts'
import { canCompress, GZIP } from '../../model/batches/codecs.ts'
import { isPlain, Merge } from '../../model/batches/merge.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../model/batches/records.ts'
import { type Slab, Slabs } from '../../model/slabs.ts'
import type { Instant } from '../../units.ts'

/** One batch to be produced. */
export interface Piece {
  readonly batch: Buffer
  readonly count: number
  /** Gives memory of its own back, once it was acknowledged; absent where it lies in the segment's. */
  readonly release?: () => void
}

export interface Shape {
  /** Records of it that the target already has. */
  readonly skip: number
  /** Keeps records that are no younger; null: all. */
  readonly toTime: Instant | null
}

/** Batches whose average is below this are merged, though they have to be decoded for it: a request carries one batch per partition. */
export const TINY = 4 * 1024
/** Of uncompressed ones, whose records only have to be moved. */
const SMALL = 64 * 1024
/** Bytes of records in a batch that was made of others. */
const MERGED = 512 * 1024

/** Memory of merged batches, of all partitions together. */
const slabs = new Slabs(64 << 20)

const sizeOf = ({ key, value, headers }: StoredRecord): number =>
  (key?.length ?? 0) + (value?.length ?? 0) + headers.reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0) + 4, 24)

const isCut = ({ maxTimestamp }: BatchView, toTime: Instant | null): boolean => toTime !== null && maxTimestamp > toTime

/** Records of a batch that are kept. */
export const keptOf = (batch: BatchView, toTime: Instant | null): readonly StoredRecord[] => {
  const records = decodeRecords(batch)
  return toTime === null ? records : records.filter(({ timestamp }) => timestamp <= toTime)
}

interface Pending {
  readonly codec: number
  readonly records: StoredRecord[]
  bytes: number
}

const flushed = function* (pending: Pending | null): Generator<Piece> {
  if (pending === null || pending.records.length === 0) return
  for (const { batch, count } of encodeBatches(pending.records, { codec: canCompress(pending.codec) ? pending.codec : GZIP, maxBytes: MERGED }))
    yield { batch, count }
}

/** Plain batches moved into one until no more fit. */
class Gathering {
  #lent: Slab | null = null
  #merge: Merge | null = null

  /** False: it does not fit beside the others. */
  add(batch: BatchView): boolean {
    if (this.#merge === null) {
      this.#lent = slabs.take(MERGED)
      this.#merge = new Merge(this.#lent.bytes.subarray(0, MERGED))
    }
    return this.#merge.add(batch)
  }

  *flush(): Generator<Piece> {
    const [lent, merge] = [this.#lent, this.#merge]
    this.#lent = null
    this.#merge = null
    if (lent === null || merge === null) return
    if (merge.count === 0) lent.release()
    else yield { batch: merge.finish(), count: merge.count, release: lent.release }
  }
}

/** What of this segment is to be produced, in order. Pieces that are batches as they were are views of `bytes`. */
export const piecesOf = function* (bytes: Buffer, batches: number, { skip, toTime }: Shape): Generator<Piece> {
  const average = bytes.length / Math.max(1, batches)
  const tiny = batches > 1 && average < TINY
  const small = batches > 1 && average < SMALL
  const gathering = new Gathering()
  let left = skip
  let pending: Pending | null = null
  for (const batch of walkBatches(bytes)) {
    const partial = isCut(batch, toTime)
    if (!partial && left >= batch.count) {
      left -= batch.count
      continue
    }
    if (left === 0 && !partial && small && isPlain(batch) && batch.bytes.length < SMALL) {
      yield* flushed(pending)
      pending = null
      if (gathering.add(batch)) continue
      yield* gathering.flush()
      if (gathering.add(batch)) continue
      // Too many records for its bytes to be moved: the broker judges it as it is.
      yield* gathering.flush()
      yield { batch: batch.bytes, count: batch.count }
      continue
    }
    yield* gathering.flush()
    if (left === 0 && !partial && !tiny && !hasHoles(batch) && !batch.logAppendTime) {
      yield* flushed(pending)
      pending = null
      yield { batch: batch.bytes, count: batch.count }
      continue
    }
    const kept = partial ? keptOf(batch, toTime) : decodeRecords(batch)
    const records = kept.slice(left)
    left = Math.max(0, left - kept.length)
    if (pending !== null && pending.codec !== batch.codec) {
      yield* flushed(pending)
      pending = null
    }
    pending ??= { codec: batch.codec, records: [], bytes: 0 }
    for (const record of records) {
      pending.records.push(record)
      pending.bytes += sizeOf(record)
    }
    if (pending.bytes >= MERGED) {
      yield* flushed(pending)
      pending = null
    }
  }
  yield* gathering.flush()
  yield* flushed(pending)
}

/** How many records of this segment are kept. */
export const keptIn = (bytes: Buffer, toTime: Instant): number => {
  let count = 0
  for (const batch of walkBatches(bytes)) count += isCut(batch, toTime) ? keptOf(batch, toTime).length : batch.count
  return count
}
