// Bytes on their way into one file: gathered into blocks, one being written while the next is filled; past the page
// cache where that can be, else with a sync once in a while.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pageMemory } from '../../model/slabs.ts'
import { inFolder } from './errors.ts'
import { openPastCache, PAGE, refusesPages } from './past-cache.ts'

const BLOCK = 1024 * 1024
/** What is dirty stays short: the last sync has little left to write, and the page cache is not flooded. */
const SYNC_EVERY = 32 * BLOCK

const writeAll = async (handle: FileHandle, chunk: Buffer, position: number): Promise<void> => {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at, chunk.length - at, position + at)).bytesWritten
}

export class BlockWriter {
  readonly #handle: FileHandle
  readonly #temporary: string
  /** As people know the file. */
  readonly #path: string
  /** undefined: not tried yet; null: not here. */
  #direct: FileHandle | null | undefined
  #filling: Buffer | null = null
  #other: Buffer | null = null
  #filled = 0
  #written = 0
  #synced = 0
  #writing: Promise<void> = Promise.resolve()

  /** `temporary`: where `handle` writes. */
  constructor(handle: FileHandle, temporary: string, path: string) {
    this.#handle = handle
    this.#temporary = temporary
    this.#path = path
  }

  /** The chunk may be used again when it resolves. */
  async add(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      this.#filling ??= pageMemory(BLOCK)
      const part = chunk.subarray(at, at + BLOCK - this.#filled)
      this.#filling.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === BLOCK) await this.#next(this.#filling)
    }
  }

  /** Everything is on the disk. Returns how much it is. */
  async end(): Promise<number> {
    await this.#writing
    const rest = this.#filling?.subarray(0, this.#filled)
    await inFolder(this.#path, 'write', async () => {
      if (rest !== undefined) await writeAll(this.#handle, rest, this.#written)
      await this.#handle.sync()
    })
    return this.#written + this.#filled
  }

  /** Nothing is under way any more. */
  async close(): Promise<void> {
    await this.#writing.catch(() => {})
    await this.#direct?.close()
  }

  async #next(block: Buffer): Promise<void> {
    await this.#writing
    const position = this.#written
    this.#filling = this.#other
    this.#other = block
    this.#filled = 0
    this.#written += BLOCK
    this.#writing = inFolder(this.#path, 'write', () => this.#write(block, position))
    this.#writing.catch(() => {}) // heard when it is waited for
  }

  async #write(block: Buffer, position: number): Promise<void> {
    this.#direct ??= this.#direct === undefined ? await openPastCache(this.#temporary, constants.O_WRONLY) : null
    if (this.#direct !== null && (await this.#writeDirect(this.#direct, block, position))) return
    await writeAll(this.#handle, block, position)
    if (position + BLOCK - this.#synced < SYNC_EVERY) return
    await this.#handle.datasync()
    this.#synced = position + BLOCK
  }

  /** False: it cannot be done so here, and is not tried again. */
  async #writeDirect(direct: FileHandle, block: Buffer, position: number): Promise<boolean> {
    try {
      let at = 0
      while (at < BLOCK && at % PAGE === 0) at += (await direct.write(block, at, BLOCK - at, position + at)).bytesWritten
      if (at === BLOCK) return true
    } catch (thrown) {
      if (!refusesPages(thrown)) throw thrown
    }
    this.#direct = null
    await direct.close()
    return false
  }
}
