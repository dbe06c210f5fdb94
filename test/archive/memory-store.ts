// A store in memory, for tests of the archive format: what a folder does, without the folder.
import { KdrError } from '../../src/errors.ts'
import type { BackupStore } from '../../src/ports/backup-store.ts'

export interface MemoryStore extends BackupStore {
  readonly objects: Map<string, Buffer>
}

export const memoryStore = (options: { readonly partLimit?: number } = {}): MemoryStore => {
  const objects = new Map<string, Buffer>()
  const found = (name: string): Buffer => {
    const bytes = objects.get(name)
    if (bytes === undefined) throw new KdrError(`memory has no ${name}`, { code: 'no-such-object', exit: 'noSuchStore' })
    return bytes
  }
  const slice = (name: string, start: number, end: number): Buffer => {
    const bytes = found(name)
    if (end > bytes.length) throw new KdrError(`${name} ends before byte ${end}`, { code: 'store-failed' })
    return Buffer.from(bytes.subarray(start, end))
  }
  return {
    ...options,
    objects,
    where: 'memory',
    async *list({ prefix = '' }) {
      for (const [name, { length }] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1)))
        if (name.startsWith(prefix)) yield { name, bytes: length, modified: 0 }
    },
    head: async (name) => {
      const bytes = objects.get(name)
      return bytes === undefined ? null : { name, bytes: bytes.length, modified: 0 }
    },
    read: async (name, { start, end }, signal, into) => {
      signal.throwIfAborted()
      const bytes = slice(name, start, end)
      if (into === undefined || into.length < bytes.length) return bytes
      into.set(bytes)
      return into.subarray(0, bytes.length)
    },
    async *stream(name, range, signal) {
      const bytes = range === null ? slice(name, 0, found(name).length) : slice(name, range.start, range.end)
      // The memory of a chunk is used again for the next, as the port allows.
      const chunk = Buffer.alloc(10_007)
      for (let at = 0; at < bytes.length; at += chunk.length) {
        signal.throwIfAborted()
        yield chunk.subarray(0, bytes.copy(chunk, 0, at, at + chunk.length))
      }
    },
    put: async (name, source, signal) => {
      const chunks: Buffer[] = []
      for await (const chunk of source) {
        signal.throwIfAborted()
        chunks.push(Buffer.from(chunk))
      }
      if (objects.has(name)) throw new KdrError(`memory has ${name} already`, { code: 'object-exists', exit: 'refused' })
      objects.set(name, Buffer.concat(chunks))
      return { bytes: objects.get(name)?.length ?? 0 }
    },
    remove: async (names) => {
      for (const name of names) objects.delete(name)
    },
    clear: async () => 0,
    lock: async () => ({ release: async () => {} }),
    close: async () => {},
  }
}
