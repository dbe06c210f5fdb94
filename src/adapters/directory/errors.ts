// What the file system refused, in words that name the folder and say what to do.
import { KdrError, wordsOf } from '../../errors.ts'

const DENIED: Readonly<Record<string, string>> = {
  EACCES: 'give the user that runs kdr access to it, or choose another --store',
  EPERM: 'see who owns it, and whether it is immutable (lsattr)',
  EROFS: 'it lies on a file system that is mounted read-only; remount it, or choose another --store',
}

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space (kdr backup prune), or choose another --store',
  EDQUOT: 'the quota of this user is used up; have it raised, or choose another --store',
  EFBIG: 'files may not become that large here (ulimit -f, or the limit of the file system); choose another --store',
}

export const errnoOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' && 'syscall' in thrown ? thrown.code : undefined

export const noSuchFolder = (path: string, why = 'there is no such folder'): KdrError =>
  new KdrError(`no backup store at ${path}: ${why}`, { code: 'no-such-store', exit: 'noSuchStore', hint: 'see --store, and whether its volume is mounted' })

export const noSuchObject = (where: string, name: string): KdrError =>
  new KdrError(`there is no ${name} in ${where}`, { code: 'no-such-object', exit: 'noSuchStore', hint: `kdr backup list --store ${where}` })

/** Anything that is not the file system's comes back as it is. `doing`: `write`, `list`, … */
export const folderError = (thrown: unknown, path: string, doing: string): unknown => {
  const code = errnoOf(thrown)
  if (code === undefined) return thrown
  if (code === 'ENOTDIR') return noSuchFolder(path, 'it is not a folder')
  const [kind, hint] =
    DENIED[code] !== undefined ? ['store-denied', DENIED[code]] : FULL[code] !== undefined ? ['store-full', FULL[code]] : ['store-failed', undefined]
  return new KdrError(`cannot ${doing} ${path}: ${wordsOf(thrown)}`, { code: kind, cause: thrown, ...(hint === undefined ? {} : { hint }) })
}

/** Translates what `operation` throws. */
export const inFolder = async <T>(path: string, doing: string, operation: () => Promise<T>): Promise<T> => {
  try {
    return await operation()
  } catch (thrown) {
    throw folderError(thrown, path, doing)
  }
}
