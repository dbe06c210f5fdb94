// What the batches of a partition, and of a segment of it, say about themselves: all of it from their headers.
import { type BatchView, hasHoles, timesOf } from '../../model/batches/batch.ts'
import type { Segment } from '../manifest.ts'

interface Times {
  min: number
  max: number
}

/** -1 is no timestamp. */
const widen = (times: Times, batch: BatchView): void => {
  const { min, max } = timesOf(batch)
  if (min >= 0 && (times.min < 0 || min < times.min)) times.min = min
  if (max > times.max) times.max = max
}

export class SegmentTally {
  #base = -1n
  #last = -1n
  #records = 0
  #batches = 0
  readonly #times: Times = { min: -1, max: -1 }

  add(batch: BatchView): void {
    if (this.#batches === 0) this.#base = batch.baseOffset
    this.#last = batch.lastOffset
    this.#records += batch.count
    this.#batches += 1
    widen(this.#times, batch)
  }

  get base(): bigint {
    return this.#base
  }

  summary(): Omit<Segment, 'path' | 'bytes'> {
    return {
      baseOffset: String(this.#base),
      lastOffset: String(this.#last),
      records: this.#records,
      batches: this.#batches,
      minTimestamp: this.#times.min,
      maxTimestamp: this.#times.max,
    }
  }
}

export interface PartitionTotals {
  readonly records: number
  readonly bytes: number
  readonly minTimestamp: number
  readonly maxTimestamp: number
  readonly largestBatch: number
  readonly holes: number
}

export class PartitionTally {
  #records = 0
  #bytes = 0
  #largest = 0
  #holes = 0
  #last: bigint | null = null
  readonly #times: Times = { min: -1, max: -1 }

  add(batch: BatchView): void {
    this.#records += batch.count
    this.#bytes += batch.bytes.length
    this.#largest = Math.max(this.#largest, batch.bytes.length)
    if (this.#last !== null) this.#holes += Number(batch.baseOffset - this.#last - 1n)
    if (hasHoles(batch)) this.#holes += Number(batch.lastOffset - batch.baseOffset) + 1 - batch.count
    this.#last = batch.lastOffset
    widen(this.#times, batch)
  }

  totals(): PartitionTotals {
    const { min, max } = this.#times
    return { records: this.#records, bytes: this.#bytes, minTimestamp: min, maxTimestamp: max, largestBatch: this.#largest, holes: this.#holes }
  }
}
