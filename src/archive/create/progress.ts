// How far a backup is, told now and then: by bytes for the rate, by offsets for what remains, because nobody
// knows beforehand how many bytes the offsets of a topic are.
import type { Clock } from '../../ports/clock.ts'
import { type Millis, seconds } from '../../units.ts'
import type { PartitionPlan } from './ends.ts'
import type { CreateProgress, Tell } from './types.ts'

const EVERY: Millis = 500
const WINDOW: Millis = seconds(10)

interface Sample {
  readonly at: Millis
  readonly bytes: number
}

export class Progress {
  readonly #clock: Clock
  readonly #tell: Tell
  readonly #ofPartitions: number
  #ofOffsets: number
  #partitions = 0
  #offsets = 0
  #bytes = 0
  #records = 0
  #told: Millis
  #samples: Sample[]

  constructor(plans: readonly PartitionPlan[], clock: Clock, tell: Tell) {
    this.#clock = clock
    this.#tell = tell
    this.#ofPartitions = plans.length
    this.#ofOffsets = plans.reduce((sum, { start, end }) => sum + Number(end - start), 0)
    this.#told = clock.monotonic()
    this.#samples = [{ at: this.#told, bytes: 0 }]
  }

  add(offsets: bigint, bytes: number, records: number): void {
    this.#offsets += Number(offsets)
    this.#bytes += bytes
    this.#records += records
    this.#maybe()
  }

  /** So many offsets are to be read besides those planned. */
  more(offsets: bigint): void {
    this.#ofOffsets += Number(offsets)
  }

  partitionDone(): void {
    this.#partitions += 1
    this.#maybe()
  }

  /** The last word, however recent the one before. */
  done(): void {
    this.#say(this.#clock.monotonic())
  }

  #maybe(): void {
    const now = this.#clock.monotonic()
    if (now - this.#told >= EVERY) this.#say(now)
  }

  #say(now: Millis): void {
    this.#told = now
    this.#samples = [...this.#samples.filter(({ at }) => now - at <= WINDOW), { at: now, bytes: this.#bytes }]
    this.#tell({ type: 'progress', progress: this.#now() })
  }

  #now(): CreateProgress {
    const first = this.#samples[0] as Sample
    const last = this.#samples.at(-1) as Sample
    const rate = last.at > first.at ? ((last.bytes - first.bytes) / (last.at - first.at)) * 1000 : 0
    const estimatedBytes = this.#offsets === 0 ? null : Math.round((this.#bytes / this.#offsets) * this.#ofOffsets)
    const remaining = estimatedBytes === null || rate === 0 ? null : Math.round(((estimatedBytes - this.#bytes) / rate) * 1000)
    return { partitions: this.#partitions, ofPartitions: this.#ofPartitions, bytes: this.#bytes, records: this.#records, rate, estimatedBytes, remaining }
  }
}
