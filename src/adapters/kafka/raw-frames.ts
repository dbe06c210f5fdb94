// Answers of a broker put together in memory that is used again. A plain socket reads the body of an answer right where
// it belongs; what comes in chunks (TLS, port-forwards) is copied there once.
import type { Slab, Slabs } from '../../model/slabs.ts'
import type { Intake } from '../../ports/platform.ts'

/** Between answers nobody knows yet how much is to come: a little is read and copied. */
const BETWEEN = 4096
const LENGTH = 4
const CORRELATION = 4
/** A larger one was never asked for: this is no Kafka broker. */
const LARGEST = 1024 * 1024 * 1024

/** An answer behind its length: correlation id and all. Good until `release`. */
export interface Frame {
  readonly bytes: Buffer
  release(): void
}

export class FrameReader implements Intake {
  readonly #slabs: Slabs | null
  readonly #arrived: (frame: Frame) => void
  readonly #between = Buffer.allocUnsafe(BETWEEN)
  readonly #length = Buffer.alloc(LENGTH)
  #lengthHeld = 0
  #slab: Slab | null = null
  #wanted = 0
  #held = 0

  /** Without slabs every answer has memory of its own: for small ones, of which dozens may come at once. */
  constructor(slabs: Slabs | null, arrived: (frame: Frame) => void) {
    this.#slabs = slabs
    this.#arrived = arrived
  }

  buffer(): Buffer {
    return this.#slab === null ? this.#between : this.#slab.bytes.subarray(this.#held, this.#wanted)
  }

  /** Throws RangeError on what is no answer. */
  filled(bytes: number): void {
    if (this.#slab === null) this.take(this.#between.subarray(0, bytes))
    else this.#grow(this.#slab, bytes)
  }

  /** What did not come through `buffer`. */
  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#slab === null) at += this.#begin(chunk, at)
      else {
        const copied = chunk.copy(this.#slab.bytes, this.#held, at, at + this.#wanted - this.#held)
        this.#grow(this.#slab, copied)
        at += copied
      }
    }
  }

  /** Gives back what was begun. */
  drop(): void {
    this.#slab?.release()
    this.#slab = null
  }

  #begin(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#length, this.#lengthHeld, at)
    this.#lengthHeld += copied
    if (this.#lengthHeld < LENGTH) return copied
    const wanted = this.#length.readInt32BE(0)
    if (wanted < CORRELATION || wanted > LARGEST) throw new RangeError(`an answer of ${wanted} bytes`)
    this.#lengthHeld = 0
    this.#held = 0
    this.#wanted = wanted
    this.#slab = this.#slabs?.take(wanted) ?? { bytes: Buffer.allocUnsafe(wanted), release: () => {} }
    return copied
  }

  #grow(slab: Slab, bytes: number): void {
    this.#held += bytes
    if (this.#held < this.#wanted) return
    this.#slab = null
    this.#arrived({ bytes: slab.bytes.subarray(0, this.#wanted), release: slab.release })
  }
}
