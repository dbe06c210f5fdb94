// Archives of the runbook's old script among the others: listed, shown, verified and restored as what they are, LOSSY.
import { isLegacy } from '../archive/legacy.ts'
import { eachOf } from '../archive/list-backups.ts'
import { type LooseArchive, looseArchives } from '../archive/loose.ts'
import type { Archive } from '../archive/read-archive.ts'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import type { Listed } from './render/backups.ts'

const ARCHIVE = /^((?:full|incremental)_backup_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d))\.tar\.gz$/

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

export interface Loose {
  readonly legacy: readonly Listed[]
  /** Of kdr. */
  readonly own: readonly LooseArchive[]
  readonly foreign: readonly StoredObject[]
}

/** Of archives without a manifest beside them: those of the old script, those of kdr, and the rest. */
export const looseAmong = async (store: BackupStoreReader, loose: readonly StoredObject[], signal: AbortSignal): Promise<Loose> => {
  const archives = await looseArchives(store, loose, signal)
  const others = archives.filter(({ kind }) => kind === 'foreign').flatMap(({ parts }) => parts)
  const legacy = await eachOf(others, async ({ name }) => ARCHIVE.test(name) && (await isLegacy(store, name.replace(/\.tar\.gz$/, ''), signal)))
  return {
    legacy: others.filter((_, at) => legacy[at] === true).map(rowOf),
    own: archives.filter(({ kind }) => kind !== 'foreign'),
    foreign: others.filter((_, at) => legacy[at] !== true),
  }
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
