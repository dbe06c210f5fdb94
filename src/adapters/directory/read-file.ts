// Bytes of one object: positional reads into the caller's memory, and a stream over two chunks of its own,
// one being filled while the other is looked at.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { KdrError } from '../../errors.ts'
import { type ByteRange, PAGE_ROOM } from '../../ports/backup-store.ts'
import { inFolder } from './errors.ts'
import { openPastCache, PAGE } from './past-cache.ts'

const CHUNK = 1024 * 1024

const endsBefore = (path: string, end: number): KdrError =>
  new KdrError(`${path} ends before byte ${end}`, { code: 'store-failed', hint: 'it was cut: kdr backup verify tells what is left' })

/** Exactly these bytes. Throws `store-failed` where the file ends before. */
const readExactly = async (handle: FileHandle, path: string, into: Buffer, start: number): Promise<Buffer> => {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await inFolder(path, 'read', () => handle.read(into, at, into.length - at, start + at))
    if (bytesRead === 0) throw endsBefore(path, start + into.length)
    at += bytesRead
  }
  return into
}

/** null where it is no file. A pipe in the place of a file must not make us wait for its writer. */
export const openFile = async (path: string): Promise<FileHandle | null> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  return null
}

/** Less is not worth a second look at the file. */
const LARGE = 256 * 1024

/**
 * The whole pages that hold the range, straight from the disk: an archive is read once or twice, and the page cache is the
 * brokers'. null: not here, or not like this. Throws what the file system does.
 */
export const readPages = async (path: string, { start, end }: ByteRange, into: Buffer | undefined): Promise<Buffer | null> => {
  if (into === undefined || end - start < LARGE || into.length < end - start + PAGE_ROOM) return null
  const from = Math.floor(start / PAGE) * PAGE
  const to = Math.ceil(end / PAGE) * PAGE
  const direct = await openPastCache(path, constants.O_RDONLY | constants.O_NONBLOCK)
  if (direct === null) return null
  try {
    for (let at = from; at < end; ) {
      const { bytesRead } = await direct.read(into, at - from, to - at, at)
      at += bytesRead
      // The last page of a file is not whole; anything else that is not is told by the other way to read.
      if (at < end && (bytesRead === 0 || at % PAGE !== 0)) return null
    }
    return into.subarray(start - from, end - from)
  } finally {
    await direct.close()
  }
}

/** Exactly the range, in `into` where that is long enough. Throws `store-failed` where the file ends before. */
export const readRange = (handle: FileHandle, path: string, { start, end }: ByteRange, into: Buffer | undefined): Promise<Buffer> => {
  const length = Math.max(0, end - start)
  const target = into !== undefined && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafe(length)
  return readExactly(handle, path, target, start)
}

/** A chunk is only good until the next is asked for. */
export async function* streamFile(handle: FileHandle, path: string, range: ByteRange | null, signal: AbortSignal): AsyncGenerator<Buffer> {
  const end = range?.end ?? (await inFolder(path, 'read', () => handle.stat())).size
  let at = range?.start ?? 0
  let [filling, other] = [Buffer.allocUnsafe(Math.min(CHUNK, Math.max(0, end - at))), Buffer.allocUnsafe(Math.min(CHUNK, Math.max(0, end - at - CHUNK)))]
  const fetch = (): Promise<Buffer> | null => {
    if (at >= end) return null
    const chunk = filling.subarray(0, Math.min(filling.length, end - at))
    const reading = readExactly(handle, path, chunk, at)
    reading.catch(() => {}) // heard when it is waited for
    at += chunk.length
    ;[filling, other] = [other, filling]
    return reading
  }
  let ahead = fetch()
  try {
    while (ahead !== null) {
      signal.throwIfAborted()
      const chunk = await ahead
      ahead = fetch()
      yield chunk
    }
  } finally {
    // The memory and the handle are in use until it has ended.
    await ahead?.catch(() => {})
  }
}
