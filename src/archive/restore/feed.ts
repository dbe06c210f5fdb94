// The pieces of one partition, in order, from any record on: reads ahead by one segment, and gives a segment
// back once everything that lies in it was acknowledged.

import { fillerBatch } from '../../model/batches/filler.ts'
import type { Instant } from '../../units.ts'
import { keptIn, type Piece, piecesOf } from './pieces.ts'
import type { StoredPartition, StoredSegment } from './stored.ts'

export interface Feed {
  /** The next piece without taking it; null: it has to be loaded first, or there is none. */
  peek(): Piece | null
  take(): Piece
  /** Loads until `peek` has something; false: there is nothing more. One call at a time. */
  load(signal: AbortSignal): Promise<boolean>
  /** This many pieces, in the order they were taken, are done with. */
  settled(pieces: number): void
  close(): void
}

interface Open {
  readonly release: () => void
  /** Pieces that lie in it and are not settled. */
  lent: number
  ended: boolean
}

type Loading = Promise<{ readonly bytes: Buffer; release(): void }>

class SegmentFeed implements Feed {
  readonly #segments: readonly StoredSegment[]
  readonly #toTime: Instant | null
  #skip: number
  #next = 0
  #ahead: Loading | null = null
  #pieces: Iterator<Piece> | null = null
  #current: Piece | null = null
  readonly #open: Open[] = []
  /** Of every piece that was taken and is not settled, in order: what gives its own memory back. */
  readonly #lent: (() => void)[] = []

  constructor({ segments }: Pick<StoredPartition, 'segments'>, from: number, toTime: Instant | null) {
    this.#segments = segments
    this.#toTime = toTime
    this.#skip = from
    // Counts of the manifest say where to begin, but not where records are left out by their time.
    if (toTime === null)
      for (; this.#next < segments.length && this.#skip >= (segments[this.#next]?.segment.records ?? 0); this.#next += 1)
        this.#skip -= segments[this.#next]?.segment.records ?? 0
  }

  peek(): Piece | null {
    return this.#current
  }

  take(): Piece {
    const piece = this.#current
    const open = this.#open.at(-1)
    if (piece === null || open === undefined) throw new Error('there is no piece to take')
    this.#lent.push(piece.release ?? this.#lying(open))
    this.#advance()
    return piece
  }

  #lying(open: Open): () => void {
    open.lent += 1
    return () => {
      open.lent -= 1
      this.#free()
    }
  }

  async load(signal: AbortSignal): Promise<boolean> {
    while (this.#current === null) {
      const at = this.#segments[this.#next]
      if (at === undefined) return false
      const { bytes, release } = await (this.#ahead ?? this.#read(this.#next, signal))
      this.#next += 1
      this.#ahead = this.#next < this.#segments.length ? this.#read(this.#next, signal) : null
      this.#open.push({ release, lent: 0, ended: false })
      this.#pieces = this.#counted(bytes, at)
      this.#advance()
    }
    return true
  }

  #read(index: number, signal: AbortSignal): Loading {
    const { archive, partition, segment } = this.#segments[index] as StoredSegment
    const loading = archive.segment(partition, segment, signal)
    loading.catch(() => {})
    return loading
  }

  /** Where records are left out by their time, only reading tells how many of those that are skipped lie here. */
  *#counted(bytes: Buffer, { segment }: StoredSegment): Generator<Piece> {
    const skipping = this.#skip
    let skipped = 0
    this.#skip = 0
    if (this.#toTime !== null && skipping > 0) {
      skipped = keptIn(bytes, this.#toTime)
      this.#skip = Math.max(0, skipping - skipped)
      if (this.#skip > 0 || skipped === skipping) return
    }
    yield* piecesOf(bytes, segment.batches, { skip: skipping, toTime: this.#toTime })
  }

  #advance(): void {
    const next = this.#pieces?.next()
    this.#current = next === undefined || next.done === true ? null : next.value
    const open = this.#open.at(-1)
    if (this.#current === null && open !== undefined) {
      open.ended = true
      this.#pieces = null
      this.#free()
    }
  }

  settled(pieces: number): void {
    for (const release of this.#lent.splice(0, pieces)) release()
  }

  #free(): void {
    for (let first = this.#open[0]; first?.ended === true && first.lent === 0; first = this.#open[0]) {
      this.#open.shift()
      first.release()
    }
  }

  close(): void {
    // What was taken and not acknowledged may be on its way to a broker: its memory is the garbage collector's.
    this.#lent.length = 0
    this.#open.length = 0
    this.#ahead = null
    this.#current = null
    this.#pieces = null
  }
}

/** Records of the partition from number `from` on. */
export const feedOf = (stored: Pick<StoredPartition, 'segments'>, from: number, toTime: Instant | null): Feed => new SegmentFeed(stored, from, toTime)

/** Records in one filler: a request of well under a MiB where they are compressed at all. */
const FILLED = 100_000

/** Empty records that take up `count` offsets. */
export const fillerFeed = (count: bigint): Feed => {
  let left = count
  let whole: Buffer | null = null
  let current: Piece | null = null
  const next = (): Piece | null => {
    if (left <= 0n) return null
    if (left < BigInt(FILLED)) return { batch: fillerBatch(Number(left)), count: Number(left) }
    whole ??= fillerBatch(FILLED)
    return { batch: Buffer.from(whole), count: FILLED }
  }
  return {
    peek: () => current,
    take: () => {
      const piece = current
      if (piece === null) throw new Error('there is no piece to take')
      left -= BigInt(piece.count)
      current = next()
      return piece
    },
    load: async () => {
      current ??= next()
      return current !== null
    },
    settled: () => {},
    close: () => {},
  }
}
