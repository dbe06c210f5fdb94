// How an object of unknown length becomes parts: small ones while it is small, growing so that 10,000 of them
// hold more than a part of an archive ever has, in memory that is used again.
const MIB = 1024 * 1024

const STEP = 1000
const SIZES = [8 * MIB, 16 * MIB, 32 * MIB] as const
/** S3 takes no more of one object. */
export const MOST_PARTS = 10_000

/** Bytes of part `number`, from 1: 8 MiB up to 8 GB, 16 MiB up to 25 GB, then 32 MiB, which makes 274 GiB at most. */
export const partSize = (number: number): number => SIZES[Math.floor((number - 1) / STEP)] ?? SIZES[2]

/** Bytes after which an archive goes on in another object: the largest size of parts has room for as much again, whatever is on its way. */
export const PART_LIMIT = 128 * 1024 * MIB

/** Parts on their way while the next is filled: all of them within 64 MiB. */
export const partsOnTheWay = (size: number): number => Math.min(5, Math.floor((48 * MIB) / size))

/** Buffers for parts, handed out again once their part has been stored. */
export class PartMemory {
  readonly #flying = new Set<Promise<void>>()
  #free: Buffer[] = []

  async take(size: number): Promise<Buffer> {
    while (this.#flying.size > partsOnTheWay(size)) await Promise.race(this.#flying)
    this.#free = this.#free.filter((buffer) => buffer.length === size)
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(size)
  }

  /** `send` has the memory until it settles; its failure goes to `failed`. */
  lend(buffer: Buffer, send: () => Promise<void>, failed: (thrown: unknown) => void): void {
    const flight = send()
      .then(() => void this.#free.push(buffer), failed)
      .finally(() => this.#flying.delete(flight))
    this.#flying.add(flight)
  }

  async landed(): Promise<void> {
    await Promise.all(this.#flying)
  }
}
