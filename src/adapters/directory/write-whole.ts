// One object, written beside its name and linked to it when every byte is on the disk: the name appears with
// all of the content or not at all, and never in another's place.
import { randomBytes } from 'node:crypto'
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { KdrError } from '../../errors.ts'
import { untilAborted } from '../stores/source.ts'
import { BlockWriter } from './blocks.ts'
import { errnoOf, inFolder } from './errors.ts'

/** What file systems without hard links answer to one: SMB, exFAT. */
export const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'])

const temporaryOf = (path: string): string => join(dirname(path), `.${basename(path)}.partial-${randomBytes(6).toString('hex')}`)
/** What a temporary file was to become; null: it is none. */
export const wholeNameOf = (name: string): string | null => /^\.(.+)\.partial-[0-9a-f]{12}$/.exec(name)?.[1] ?? null

/** A name, new or gone, is durable only once its folder is. */
export const syncFolder = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (thrown) {
    // Some network file systems do not sync folders, and then need not.
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(errnoOf(thrown) ?? '')) throw thrown
  } finally {
    await handle.close()
  }
}

const objectExists = (path: string): KdrError =>
  new KdrError(`${path} is there already, and no backup is ever written over`, { code: 'object-exists', exit: 'refused', hint: 'choose another name' })

const fill = async (handle: FileHandle, temporary: string, path: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> => {
  const blocks = new BlockWriter(handle, temporary, path)
  try {
    for await (const chunk of untilAborted(source, signal)) await blocks.add(chunk)
    return await blocks.end()
  } finally {
    await blocks.close()
  }
}

const sameFile = async (one: string, other: string): Promise<boolean> => {
  const [first, second] = await Promise.all([lstat(one), lstat(other).catch(() => null)])
  return second !== null && first.ino === second.ino && first.dev === second.dev
}

/** Gives the file its name. NFS may answer EEXIST to the repetition of a link that it made the first time. */
const linkNew = async (temporary: string, path: string): Promise<void> => {
  try {
    await link(temporary, path)
  } catch (thrown) {
    const code = errnoOf(thrown) ?? ''
    if (code === 'EEXIST' && !(await sameFile(temporary, path))) throw objectExists(path)
    if (code !== 'EEXIST' && !NO_LINKS.has(code)) throw thrown
    if (code === 'EEXIST') return
    if ((await lstat(path).catch(() => null)) !== null) throw objectExists(path)
    await rename(temporary, path)
  }
}

const discard = (path: string): Promise<void> => unlink(path).catch(() => {})

/** Throws `object-exists`, `store-denied`, `store-full`, `store-failed`, whatever `source` throws, and the signal's reason. */
export const writeWhole = async (path: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ readonly bytes: number }> => {
  const folder = dirname(path)
  if ((await inFolder(folder, 'look into', () => lstat(path)).catch(() => null)) !== null) throw objectExists(path)
  const temporary = temporaryOf(path)
  const handle = await inFolder(folder, 'write to', () => open(temporary, 'wx', 0o600))
  try {
    const bytes = await fill(handle, temporary, path, source, signal).finally(() => handle.close())
    signal.throwIfAborted()
    await inFolder(path, 'write', () => linkNew(temporary, path))
    await discard(temporary)
    await inFolder(folder, 'write to', () => syncFolder(folder)).catch(async (thrown: unknown) => {
      await discard(path)
      throw thrown
    })
    return { bytes }
  } catch (thrown) {
    await discard(temporary)
    throw thrown
  }
}
