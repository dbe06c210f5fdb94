// Batches of one partition on their way into the archive: collected in the memory they were fetched into,
// written a few MiB at a time (more of them, the longer the backup), one segment under way while the next is filled.
import type { BatchView } from '../../model/batches/batch.ts'
import { segmentPath } from '../layout.ts'
import type { Compression, ManifestEntry, Segment } from '../manifest.ts'
import type { SpareCompression } from './spare-compression.ts'
import { SegmentTally } from './tally.ts'

const MIB = 1024 * 1024
/** A fetch of full size makes a segment of its own. */
const LEAST = 3.5 * MIB
/** With another fetch on top it fits in the 16 MiB that a reader takes for it. */
const MOST = 11 * MIB
/** Segments after which the next are twice as large. */
const STEP = 25_000

/** How large segments are, all of a backup together: each is two rows of the manifest, so that many make larger ones. */
export class SegmentSize {
  #begun = 0

  get bytes(): number {
    return Math.min(MOST, LEAST * 2 ** Math.floor(this.#begun / STEP))
  }

  begin(): void {
    this.#begun += 1
  }
}

/** Memory that batches lie in. */
export interface Held {
  readonly bytes: number
  /** Once the batches are written. */
  release(): void
}

export interface SegmentSink {
  readonly compression: SpareCompression
  readonly size: SegmentSize
  write(path: string, pieces: readonly Buffer[], how: { readonly compression: Compression }): Promise<ManifestEntry>
}

/** Neighbours in memory are one piece: a thousand small batches are not a thousand writes. */
const joined = (batches: readonly BatchView[]): Buffer[] => {
  const pieces: Buffer[] = []
  for (const { bytes } of batches) {
    const last = pieces.at(-1)
    if (last !== undefined && last.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset)
      pieces[pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
    else pieces.push(bytes)
  }
  return pieces
}

interface Filling {
  readonly tally: SegmentTally
  readonly pieces: Buffer[]
  readonly held: Held[]
  /** Bytes by codec. */
  readonly codecs: number[]
  bytes: number
}

const fresh = (): Filling => ({ tally: new SegmentTally(), pieces: [], held: [], codecs: [], bytes: 0 })

export class Segments {
  readonly written: { readonly segment: Segment; readonly entry: ManifestEntry }[] = []
  readonly #topic: string
  readonly #partition: number
  readonly #sink: SegmentSink
  #filling = fresh()
  #writing: Promise<void> | null = null

  constructor(topic: string, partition: number, sink: SegmentSink) {
    this.#topic = topic
    this.#partition = partition
    this.#sink = sink
  }

  /** `held` is released once all of `batches` is written. Resolves when the next may be added. */
  async add(batches: readonly BatchView[], held: Held): Promise<void> {
    const filling = this.#filling
    filling.held.push(held)
    for (const batch of batches) {
      filling.tally.add(batch)
      filling.bytes += batch.bytes.length
      filling.codecs[batch.codec] = (filling.codecs[batch.codec] ?? 0) + batch.bytes.length
    }
    filling.pieces.push(...joined(batches))
    if (filling.bytes >= this.#sink.size.bytes) await this.#write()
  }

  /** Everything added is written, and its memory released. */
  async flush(): Promise<void> {
    if (this.#filling.bytes > 0) await this.#write()
    await this.#writing
  }

  /** Gives the memory of what will never be written back, after a failure. */
  async drop(): Promise<void> {
    await this.#writing?.catch(() => undefined)
    for (const held of this.#filling.held) held.release()
    this.#filling = fresh()
  }

  async #write(): Promise<void> {
    await this.#writing
    const filling = this.#filling
    this.#filling = fresh()
    this.#sink.size.begin()
    this.#writing = this.#put(filling)
    // Awaited with the next segment, or at the end.
    this.#writing.catch(() => undefined)
  }

  async #put({ tally, pieces, held, codecs, bytes }: Filling): Promise<void> {
    const { compression } = this.#sink
    const chosen = compression.choose(codecs)
    let written: number | null = null
    try {
      const entry = await this.#sink.write(segmentPath(this.#topic, this.#partition, tally.base), pieces, { compression: chosen })
      written = entry.length
      this.written.push({ segment: { path: entry.path, ...tally.summary(), bytes }, entry })
    } finally {
      compression.settle(chosen, bytes, written)
      for (const one of held) one.release()
    }
  }
}
