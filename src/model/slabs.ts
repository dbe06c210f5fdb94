// Memory for what is read and written by the megabyte, used again and again: Buffers of that size left to the garbage
// collector cost more than all the copying. Shared, so that a worker thread can hash what lies in one without a copy.
import { MessageChannel } from 'node:worker_threads'

export interface Slab {
  readonly bytes: Buffer
  /** Gives the memory back, once: whoever reads it after that reads something else. */
  release(): void
}

const { port1: nowhere, port2: other } = new MessageChannel()
other.close()
nowhere.unref()

/** Below this, memory may be of the pool that Node cuts small Buffers from. */
const OWN = 64 * 1024

/**
 * Gives memory back at once that nobody looks at any more: moved to a port that nobody listens to, it is gone, where a garbage collector
 * would let 64 MiB of it pile up. Every view of it is empty after that. Shared memory stays.
 */
export const giveBack = ({ buffer }: Buffer): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= OWN) nowhere.postMessage(null, [buffer])
}

/** What WebAssembly counts memory in. Node has it; Node's types do not. */
const UNIT = 64 * 1024
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer } }
}

/**
 * Memory that begins at a page, where disks read and write without the page cache: nothing else in Node promises that. Plain
 * memory where there is none of it (an address space with a limit).
 */
export const pageMemory = (bytes: number): Buffer => {
  const units = Math.ceil(bytes / UNIT)
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: units, maximum: units, shared: true }).buffer, 0, bytes)
  } catch {
    return Buffer.from(new SharedArrayBuffer(bytes))
  }
}

const MIB = 1024 * 1024
/** Sizes are rounded up to this much, so that what was given back fits what is asked for next. */
const STEP = MIB

export class Slabs {
  readonly #free = new Map<number, Buffer[]>()
  readonly #keep: number
  #kept = 0

  /** `keep`: bytes held ready at most; what is given back beyond them goes. */
  constructor(keep: number = 64 * MIB) {
    this.#keep = keep
  }

  /** At least this many bytes, with whatever was in them before. */
  take(bytes: number): Slab {
    const size = Math.max(1, Math.ceil(bytes / STEP)) * STEP
    const memory = this.#free.get(size)?.pop()
    if (memory !== undefined) this.#kept -= size
    return this.#lend(memory ?? Buffer.from(new SharedArrayBuffer(size)), size)
  }

  #lend(bytes: Buffer, size: number): Slab {
    let lent = true
    const release = (): void => {
      if (!lent) return
      lent = false
      if (this.#kept + size > this.#keep) return
      this.#kept += size
      const free = this.#free.get(size)
      if (free === undefined) this.#free.set(size, [bytes])
      else free.push(bytes)
    }
    return { bytes, release }
  }
}

/** Memory that begins at a page, for a few at a time: what is dropped of it may stay for long, so that each room is used again and again. */
export class PageRooms {
  readonly #least: number
  readonly #free: Buffer[] = []
  readonly #waiting: (() => void)[] = []
  #left: number

  /** `least`: bytes of a room, which is replaced by a larger one where that is too small. */
  constructor(count: number, least: number) {
    this.#left = count
    this.#least = least
  }

  /** `work` with at least so much memory, which is somebody else's after that. */
  async within<T>(bytes: number, work: (memory: Buffer) => Promise<T>): Promise<T> {
    while (this.#left === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#left -= 1
    let room = this.#free.pop() ?? null
    try {
      if (room === null || room.length < bytes) {
        room = null
        room = pageMemory(Math.max(2 ** Math.ceil(Math.log2(bytes)), this.#least))
      }
      return await work(room)
    } finally {
      if (room !== null) this.#free.push(room)
      this.#left += 1
      this.#waiting.shift()?.()
    }
  }
}
