// Reading and writing a disk past the page cache (O_DIRECT). What a backup writes nobody reads soon, and kdr may run where
// brokers do, which live on that cache; beside, filling it costs more than all else that is done to a byte. Where the
// file system, the system or the memory is not fit for it, files are read and written as always.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errnoOf } from './errors.ts'

/** Offsets and lengths in files, and memory, have to be multiples of this: 512 would do for most disks, and 4096 does for all. */
export const PAGE = 4096

/** What says that it cannot be done so, and not that it cannot be done. */
export const refusesPages = (thrown: unknown): boolean => ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(thrown) ?? '')

/** null: not here. Throws what `open` throws. */
export const openPastCache = async (path: string, flags: number): Promise<FileHandle | null> => {
  const { O_DIRECT } = constants as { readonly O_DIRECT?: number }
  if (O_DIRECT === undefined) return null
  try {
    return await open(path, flags | O_DIRECT)
  } catch (thrown) {
    if (refusesPages(thrown)) return null
    throw thrown
  }
}
