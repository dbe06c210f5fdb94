// Where each group stood, counted in kept records: with that, its place after a restore is one addition,
// whatever holes the offsets have. A position within a batch is counted in it; the batches before are not looked into.
import { type BatchView, hasHoles } from '../../model/batches/batch.ts'
import { decodeRecords } from '../../model/batches/records.ts'

/** One that cannot be decoded counts none of its records: the group reads some again, and skips none. */
const recordsBefore = (batch: BatchView, offset: bigint): number => {
  if (!hasHoles(batch)) return Number(offset - batch.baseOffset)
  try {
    return decodeRecords(batch).filter((record) => record.offset < offset).length
  } catch {
    return 0
  }
}

export class PositionCounter {
  readonly #start: bigint
  readonly #wanted: readonly bigint[]
  readonly #index = new Map<bigint, number>()
  #next = 0
  #records = 0

  /** `offsets`: what groups committed in this partition, in any order. */
  constructor(offsets: readonly bigint[], start: bigint) {
    this.#start = start
    this.#wanted = [...new Set(offsets)].filter((offset) => offset >= start).sort((a, b) => (a < b ? -1 : 1))
  }

  /** Batches in order of their offsets, none that is not kept. */
  pass(batch: BatchView): void {
    for (; this.#next < this.#wanted.length; this.#next += 1) {
      const offset = this.#wanted[this.#next] as bigint
      if (offset > batch.lastOffset) break
      this.#index.set(offset, this.#records + (offset <= batch.baseOffset ? 0 : recordsBefore(batch, offset)))
    }
    this.#records += batch.count
  }

  /** None of what has passed is kept after all. */
  forget(): void {
    this.#index.clear()
    this.#records = 0
  }

  /** Once every batch has passed. Kept records before `offset`; null where it lies before the start. */
  indexOf(offset: bigint): number | null {
    return offset < this.#start ? null : (this.#index.get(offset) ?? this.#records)
  }
}
