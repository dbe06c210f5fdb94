// Archives of the runbook's old script among the others: listed, shown, verified and restored as what they are, LOSSY.
import { isLegacy } from '../archive/legacy.ts'
import type { Archive } from '../archive/read-archive.ts'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import type { Listed } from './render/backups.ts'

const ARCHIVE = /^((?:full|incremental)_backup_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d))\.tar\.gz$/
/** Each is opened for its first entry. */
const AT_ONCE = 16

/** The old script wrote its host's own time into the name, and did not say which zone that was: taken for UTC. */
const rowOf = ({ name, bytes }: StoredObject): Listed => {
  const [, backup = name, year, month, day, hour, minute, second] = ARCHIVE.exec(name) ?? []
  return {
    name: backup,
    type: name.startsWith('full') ? 'full' : 'incremental',
    status: 'lossy',
    date: `${year}-${month}-${day}T${hour}:${minute}:${second}Z`,
    chain: null,
    sequence: null,
    parent: null,
    bytes,
    topics: null,
    records: null,
    encrypted: false,
  }
}

/** Of archives without a manifest beside them: those of the old script, and the rest, which nobody finished. */
export const legacyAmong = async (
  store: BackupStoreReader,
  loose: readonly StoredObject[],
  signal: AbortSignal,
): Promise<{ readonly legacy: readonly Listed[]; readonly unfinished: readonly string[] }> => {
  const legacy: Listed[] = []
  const unfinished: string[] = []
  for (let at = 0; at < loose.length; at += AT_ONCE) {
    const some = loose.slice(at, at + AT_ONCE)
    const found = await Promise.all(some.map(async ({ name }) => ARCHIVE.test(name) && (await isLegacy(store, name.replace(/\.tar\.gz$/, ''), signal))))
    for (const [index, object] of some.entries()) {
      if (found[index] === true) legacy.push(rowOf(object))
      else unfinished.push(object.name)
    }
  }
  return { legacy, unfinished }
}

/** null for one of kdr's own. Reads all of it. Errors: `archive-corrupt` (exit 21). */
export const openedLegacy = async (
  store: BackupStoreReader,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly archive: Archive; readonly lossy: string } | null> => {
  if (!(await isLegacy(store, name, signal))) return null
  const { openLegacy } = await import('../archive/legacy-archive.ts')
  return openLegacy(store, name, signal)
}
