// Archives that no sidecar makes a backup. Their writer was killed, or is still at work; or they were finished, and the
// sidecar is gone. Told by how they begin and end, so that nobody takes for a remnant what can still be restored, nor a
// file of somebody else for an archive of kdr.
import { constants, gunzipSync } from 'node:zlib'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import { endingOf } from './last-manifest.ts'
import { eachOf } from './list-backups.ts'
import { type ChainLink, MANIFEST } from './manifest.ts'
import { sidecarName } from './sidecar.ts'
import { BLOCK, sizeInHead } from './tar-head.ts'

export interface LooseArchive {
  /** Of the backup that it would be. */
  readonly name: string
  /** Its parts, in their order. */
  readonly parts: readonly StoredObject[]
  /** `whole`: it ends with its final manifest. `unfinished`: kdr began it and did not come to its end. `unclear`: kdr's, and its end cannot be read. */
  readonly kind: 'whole' | 'unfinished' | 'unclear' | 'foreign'
  /** Of what is whole. */
  readonly chain: ChainLink | null
}

/** Names that `nameFor` gives; archives of the old script have no part and no number. */
const OURS = /^(?:full|incremental)_backup_\d{8}_\d{6}(?:_\d+)?(?:\.part-\d+)?\.tar\.gz$/
const PART = /(?:\.part-(\d+))?\.tar\.gz$/
/** Of deflated bytes: more than a tar header needs, however little it shrinks. */
const BEGINNING = 4096
/** The end of each may take tens of megabytes to tell. */
const AT_ONCE = 4

/** Whether it begins as every part of kdr's does; the old script's begins with a folder. */
const isOurs = async (store: BackupStoreReader, { name, bytes }: StoredObject, signal: AbortSignal): Promise<boolean> => {
  if (!OURS.test(name)) return false
  const beginning = await store.read(name, { start: 0, end: Math.min(bytes, BEGINNING) }, signal)
  try {
    const tar = gunzipSync(beginning, { finishFlush: constants.Z_SYNC_FLUSH })
    return tar.length >= BLOCK && sizeInHead(tar, MANIFEST) !== null
  } catch {
    return false
  }
}

const ended = async (store: BackupStoreReader, name: string, parts: readonly StoredObject[], signal: AbortSignal): Promise<LooseArchive> => {
  const ending = await endingOf(store, parts.at(-1) as StoredObject, signal)
  if (ending === 'none') return { name, parts, kind: 'unfinished', chain: null }
  return ending === 'unclear' ? { name, parts, kind: 'unclear', chain: null } : { name, parts, kind: 'whole', chain: ending.manifest.chain }
}

const ordinalOf = ({ name }: StoredObject): number => Number(PART.exec(name)?.[1] ?? 1)

/** `loose`: archives that a listing shows without a sidecar. Throws the store's errors. */
export const looseArchives = async (store: BackupStoreReader, loose: readonly StoredObject[], signal: AbortSignal): Promise<readonly LooseArchive[]> => {
  const byName = new Map<string, StoredObject[]>()
  for (const object of loose) {
    const name = object.name.replace(PART, '')
    byName.set(name, [...(byName.get(name) ?? []), object])
  }
  const groups = [...byName].map(([name, parts]) => ({ name, parts: parts.sort((one, other) => ordinalOf(one) - ordinalOf(other)) }))
  const own = await eachOf(groups, async ({ name, parts }) => {
    for (const part of parts) if (!(await isOurs(store, part, signal))) return false
    // A listing that was made over many answers may lack what was there: asked for by its name, it is.
    return (await store.head(sidecarName(name), signal)) === null ? true : null
  })
  const foreign = groups.filter((_, at) => own[at] === false).map(({ name, parts }): LooseArchive => ({ name, parts, kind: 'foreign', chain: null }))
  const ours = groups.filter((_, at) => own[at] === true)
  return [...foreign, ...(await eachOf(ours, ({ name, parts }) => ended(store, name, parts, signal), AT_ONCE))]
}
