// Archives that no sidecar makes a backup. Their writer was killed, or is still at work; or they were finished, and the
// sidecar is gone. Told by how they begin and end, so that nobody takes for a remnant what can still be restored, nor a
// file of somebody else for an archive of kdr.
import { constants, gunzipSync } from 'node:zlib'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import { deflatedStart } from './gzip-member.ts'
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

/** Whether it begins as every part of kdr's does; the old script's begins with a folder. `nothing`: it ends before its first manifest does. */
const beginningOf = async (store: BackupStoreReader, { name, bytes }: StoredObject, signal: AbortSignal): Promise<'ours' | 'nothing' | 'foreign'> => {
  if (!OURS.test(name)) return 'foreign'
  if (bytes === 0) return 'nothing'
  const beginning = await store.read(name, { start: 0, end: Math.min(bytes, BEGINNING) }, signal)
  if (!deflatedStart(beginning)) return 'foreign'
  try {
    const tar = gunzipSync(beginning, { finishFlush: constants.Z_SYNC_FLUSH })
    if (tar.length < BLOCK) return 'nothing'
    const size = sizeInHead(tar, MANIFEST)
    if (size === null) return 'foreign'
    return bytes <= BEGINNING && tar.length < BLOCK + size ? 'nothing' : 'ours'
  } catch {
    return 'foreign'
  }
}

interface Group {
  readonly name: string
  /** In their order. */
  readonly parts: readonly StoredObject[]
}

const kindOf = async (store: BackupStoreReader, { name, parts }: Group, signal: AbortSignal): Promise<'ours' | 'nothing' | 'foreign' | 'listed'> => {
  const begun = new Set<string>()
  for (const part of parts) begun.add(await beginningOf(store, part, signal))
  if (begun.has('foreign')) return 'foreign'
  // A listing that was made over many answers may lack what was there: asked for by its name, it is.
  if ((await store.head(sidecarName(name), signal)) !== null) return 'listed'
  return begun.has('nothing') ? 'nothing' : 'ours'
}

const ended = async (store: BackupStoreReader, { name, parts }: Group, signal: AbortSignal): Promise<LooseArchive> => {
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
  const kinds = await eachOf(groups, (group) => kindOf(store, group, signal))
  const of = (kind: string): readonly Group[] => groups.filter((_, at) => kinds[at] === kind)
  const told = (group: Group, kind: LooseArchive['kind']): LooseArchive => ({ ...group, kind, chain: null })
  return [
    ...of('foreign').map((group) => told(group, 'foreign')),
    // Behind other parts it may have been cut off.
    ...of('nothing').map((group) => told(group, group.parts.length === 1 ? 'unfinished' : 'unclear')),
    ...(await eachOf(of('ours'), (group) => ended(store, group, signal), AT_ONCE)),
  ]
}
