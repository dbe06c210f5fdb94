// A folder as a backup store: an object is a file of its name. What begins with a dot is the store's own.
import type { Dirent } from 'node:fs'
import { mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { KdrError } from '../../errors.ts'
import type { BackupStore, StoredObject } from '../../ports/backup-store.ts'
import type { Instant } from '../../units.ts'
import { checkedName, isObjectName } from '../stores/names.ts'
import { errnoOf, folderError, inFolder, noSuchFolder, noSuchObject } from './errors.ts'
import { lockFolder } from './lock.ts'
import { openFile, readPages, readRange, streamFile } from './read-file.ts'
import { syncFolder, wholeNameOf, writeWhole } from './write-whole.ts'

export interface DirectoryOptions {
  /** As a person names it. */
  readonly path: string
  /** Makes the folder when something is written to it; else it has to be there. */
  readonly create?: boolean
}

/** Files looked at side by side: a listing over the network waits for each. */
const AT_ONCE = 64

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

const object = async (path: string, name: string): Promise<StoredObject | null> => {
  try {
    const found = await stat(path)
    return found.isFile() ? { name, bytes: found.size, modified: found.mtimeMs } : null
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ELOOP') return null
    throw thrown
  }
}

class Folder {
  readonly path: string
  readonly #create: boolean

  constructor(path: string, create: boolean) {
    this.path = resolve(path)
    this.#create = create
  }

  at(name: string): string {
    return join(this.path, checkedName(name))
  }

  /** Whether it is there; throws `no-such-store` unless it may be made. */
  async isThere(): Promise<boolean> {
    const found = await inFolder(this.path, 'look into', () =>
      stat(this.path).catch((thrown: unknown) => {
        if (errnoOf(thrown) === 'ENOENT') return null
        throw thrown
      }),
    )
    if (found?.isDirectory() === true) return true
    if (found !== null) throw noSuchFolder(this.path, 'it is not a folder')
    if (this.#create) return false
    throw noSuchFolder(this.path)
  }

  /** There, and the folder within it that `name` lies in. */
  async make(name: string): Promise<void> {
    const folder = dirname(this.at(name))
    if ((await this.isThere()) && folder === this.path) return
    const first = await inFolder(this.path, 'create', () => mkdir(folder, { recursive: true, mode: 0o700 }))
    if (first !== undefined) await inFolder(dirname(first), 'write to', () => syncFolder(dirname(first)))
  }

  /** Entries of one folder of it; none where it is not there. */
  async entries(folder: string): Promise<readonly Dirent[]> {
    if (!(await this.isThere())) return []
    try {
      return await readdir(join(this.path, folder), { withFileTypes: true })
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return []
      throw folderError(thrown, this.path, 'list')
    }
  }
}

async function* list(folder: Folder, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
  const inside = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (inside !== '') checkedName(inside.slice(0, -1))
  const entries = await folder.entries(inside)
  const names = entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => `${inside}${entry.name}`)
    .filter((name) => name.startsWith(prefix) && isObjectName(name))
    .sort(byBytes)
  for (let at = 0; at < names.length; at += AT_ONCE) {
    signal.throwIfAborted()
    const found = await inFolder(folder.path, 'list', () => Promise.all(names.slice(at, at + AT_ONCE).map((name) => object(join(folder.path, name), name))))
    for (const each of found) if (each !== null) yield each
  }
}

/** Throws `no-such-object` where there is none, `no-such-store` where there is no folder at all. */
const opened = async (folder: Folder, where: string, name: string) => {
  const path = folder.at(name)
  const handle = await openFile(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return null
    throw folderError(thrown, path, 'read')
  })
  if (handle !== null) return { handle, path }
  await folder.isThere()
  throw noSuchObject(where, name)
}

const removeOne = async (folder: Folder, name: string): Promise<void> => {
  const path = folder.at(name)
  try {
    await unlink(path)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return void (await folder.isThere())
    if (errnoOf(thrown) !== 'EPERM') throw folderError(thrown, path, 'remove')
    throw new KdrError(`${path} may not be removed: it is immutable, or belongs to somebody else`, {
      code: 'object-locked',
      exit: 'refused',
      hint: 'see lsattr and its owner',
      cause: thrown,
    })
  }
  // So that a crash cannot bring back what went first.
  await inFolder(path, 'remove', () => syncFolder(dirname(path)))
}

const clear = async (folder: Folder, { olderThan, ours }: { readonly olderThan: Instant; readonly ours: RegExp }, signal: AbortSignal): Promise<number> => {
  let cleared = 0
  for (const { name } of await folder.entries('')) {
    signal.throwIfAborted()
    const path = join(folder.path, name)
    const whole = wholeNameOf(name)
    const found = whole !== null && ours.test(whole) ? await inFolder(path, 'look at', () => object(path, name)) : null
    if (found === null || found.modified >= olderThan) continue
    await inFolder(path, 'remove', () => unlink(path))
    cleared += 1
  }
  return cleared
}

/** Nothing is touched until something is asked of it. */
export const openDirectory = ({ path, create = false }: DirectoryOptions): BackupStore => {
  const folder = new Folder(path, create)
  return {
    where: path,
    list: ({ prefix = '' }, signal) => list(folder, prefix, signal),
    head: async (name, signal) => {
      signal.throwIfAborted()
      const at = folder.at(name)
      const found = await inFolder(at, 'look at', () => object(at, name))
      if (found === null) await folder.isThere()
      return found
    },
    read: async (name, range, signal, into) => {
      signal.throwIfAborted()
      // Whatever is wrong there, the other way to read says it better.
      const pages = await readPages(folder.at(name), range, into).catch(() => null)
      if (pages !== null) return pages
      const { handle, path: at } = await opened(folder, path, name)
      return readRange(handle, at, range, into).finally(() => handle.close())
    },
    stream: async function* (name, range, signal) {
      signal.throwIfAborted()
      const { handle, path: at } = await opened(folder, path, name)
      try {
        yield* streamFile(handle, at, range, signal)
      } finally {
        await handle.close()
      }
    },
    close: async () => {},
    put: async (name, source, signal) => {
      signal.throwIfAborted()
      await folder.make(name)
      return writeWhole(folder.at(name), source, signal)
    },
    remove: async (names, signal) => {
      for (const name of names) {
        signal.throwIfAborted()
        await removeOne(folder, name)
      }
    },
    clear: (what, signal) => clear(folder, what, signal),
    lock: async (key, holder, signal) => {
      signal.throwIfAborted()
      await folder.make('lock')
      return lockFolder(folder.path, key, holder)
    },
  }
}
