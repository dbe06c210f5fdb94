// How an object of unknown length becomes parts: small ones while it is small, growing so that 10,000 of them
// hold the 5 TiB that S3 allows, in memory that is used again.
const MIB = 1024 * 1024

export const LARGEST_OBJECT = 5 * 1024 * 1024 * MIB
const STEP = 1000
const FIRST = 8 * MIB
/** Of the last three thousand. */
const LAST = 1536 * MIB

/** Bytes of part `number`, from 1. Doubles every thousand parts: 8 MiB up to 8 GB, 64 MiB at 56 GB, 256 MiB at 250 GB. */
export const partSize = (number: number): number => {
  const step = Math.floor((number - 1) / STEP)
  return step < 7 ? FIRST * 2 ** step : LAST
}

/** Parts on their way while the next is filled: all of them within 64 MiB as long as their size allows it, 256 MiB up to 500 GB. */
export const partsOnTheWay = (size: number): number => (size >= 256 * MIB ? 0 : Math.max(1, Math.min(5, Math.floor((48 * MIB) / size))))

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
