// Chunks on their way into one file, one being written while the next is made: whole pages past the page cache where
// that can be, all else as always, with a sync once in a while.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { inFolder } from './errors.ts'
import { openPastCache, PAGE, refusesPages } from './past-cache.ts'

/** What is dirty stays short: the last sync has little left to write, and the page cache is not flooded. */
const SYNC_EVERY = 32 * 1024 * 1024

const writeAll = async (handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> => {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, at, chunk.length - at, position + at)
    if (bytesWritten === 0) throw new Error('the file system takes nothing, and does not say why')
    at += bytesWritten
  }
}

export class BlockWriter {
  readonly #handle: FileHandle
  readonly #temporary: string
  /** As people know the file. */
  readonly #path: string
  /** undefined: not tried yet; null: not here. */
  #direct: FileHandle | null | undefined
  #at = 0
  #synced = 0
  #writing: Promise<void> = Promise.resolve()

  /** `temporary`: where `handle` writes. */
  constructor(handle: FileHandle, temporary: string, path: string) {
    this.#handle = handle
    this.#temporary = temporary
    this.#path = path
  }

  /** The chunk before may be used again when it resolves. Throws what went wrong with that one. */
  async add(chunk: Uint8Array): Promise<void> {
    await this.#writing
    const position = this.#at
    this.#at += chunk.length
    this.#writing = inFolder(this.#path, 'write', () => this.#write(chunk, position))
    this.#writing.catch(() => {}) // heard when it is waited for
  }

  /** Everything is on the disk. Returns how much it is. */
  async end(): Promise<number> {
    await this.#writing
    await inFolder(this.#path, 'write', () => this.#handle.sync())
    return this.#at
  }

  /** Nothing is under way any more. */
  async close(): Promise<void> {
    await this.#writing.catch(() => {})
    // What is on the disk, the last sync has proved.
    await this.#direct?.close().catch(() => {})
  }

  async #write(chunk: Uint8Array, position: number): Promise<void> {
    if (position % PAGE === 0 && chunk.length % PAGE === 0 && (await this.#pages(chunk, position))) return
    await writeAll(this.#handle, chunk, position)
    const end = position + chunk.length
    if (end - this.#synced < SYNC_EVERY) return
    await this.#handle.datasync()
    this.#synced = end
  }

  /** False: it cannot be done so here, and is not tried again. */
  async #pages(chunk: Uint8Array, position: number): Promise<boolean> {
    if (this.#direct === undefined) this.#direct = await openPastCache(this.#temporary, constants.O_WRONLY).catch(() => null)
    const direct = this.#direct
    if (direct === null) return false
    try {
      const { bytesWritten } = await direct.write(chunk, 0, chunk.length, position)
      if (bytesWritten === chunk.length) return true
    } catch (thrown) {
      if (!refusesPages(thrown)) throw thrown
    }
    this.#direct = null
    await direct.close().catch(() => {})
    return false
  }
}
