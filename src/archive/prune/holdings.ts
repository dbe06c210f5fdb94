// What a store holds, as far as pruning has to know it: of every backup the topics that come back from it, which only its
// manifest says, and what lies there without a sidecar. What a restore would refuse is no copy of anything; it is told,
// and nothing is concluded from it.
import { KdrError, wordsOf } from '../../errors.ts'
import type { BackupStoreReader, StoredObject } from '../../ports/backup-store.ts'
import { endingOf } from '../last-manifest.ts'
import { eachOf, scanStore } from '../list-backups.ts'
import { type LooseArchive, looseArchives } from '../loose.ts'
import type { Sidecar } from '../manifest.ts'
import { readManifests } from '../read-archive.ts'
import { type Held, heldIn } from './held.ts'

export interface Holding {
  readonly sidecar: Sidecar
  /** In this archive alone; what comes back from it, its chain says. */
  readonly topics: Held
  /** Who can open it, as the manifest says; empty where nothing is encrypted. */
  readonly recipients: string
  /** Why nothing can be made of it; null when something can. */
  readonly broken: string | null
}

interface Unreadable {
  readonly name: string
  readonly why: string
  /** Id of its chain, where the archive itself still says it. */
  readonly chain: string | null
}

export interface Holdings {
  readonly backups: readonly Holding[]
  /** Where the sidecar itself is none. */
  readonly unreadable: readonly Unreadable[]
  /** Archives that no sidecar makes a backup. */
  readonly loose: readonly LooseArchive[]
}

/** As a restore reads it: a sidecar that does not follow from its archive is refused there, whatever it says. */
const holdingOf = async (store: BackupStoreReader, sidecar: Sidecar, signal: AbortSignal): Promise<Holding> => {
  const broken = (why: string): Holding => ({ sidecar, topics: new Map(), recipients: '', broken: why })
  try {
    const { manifest, problems } = await readManifests(store, sidecar.name, signal)
    const [problem] = problems
    if (problem !== undefined) return broken(`${problem.where}: ${problem.what}`)
    return { sidecar, topics: heldIn(manifest), recipients: [...(manifest.encryption?.recipients ?? [])].sort().join(', '), broken: null }
  } catch (thrown) {
    const gone = thrown instanceof KdrError && (thrown.code === 'no-such-object' || thrown.code === 'no-such-backup')
    if (!gone && !(thrown instanceof KdrError && (thrown.exit === 'corrupt' || thrown.code === 'format-unknown'))) throw thrown
    return broken(wordsOf(thrown))
  }
}

/** Of a backup whose sidecar says nothing: its archive ends with what it is. */
const chainOf = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<string | null> => {
  const parts: StoredObject[] = []
  for await (const object of store.list({ prefix: `${name}.` }, signal)) if (object.name.endsWith('.tar.gz')) parts.push(object)
  for (const part of parts) {
    const ending = await endingOf(store, part, signal)
    if (typeof ending === 'object') return ending.manifest.chain.id
  }
  return null
}

/** Manifests of large backups are tens of megabytes: together no more of them than this are read at a time. */
const ROOM = 32 << 20

/** Throws the store's errors. */
export const holdingsOf = async (store: BackupStoreReader, signal: AbortSignal): Promise<Holdings> => {
  const { backups, damaged, loose } = await scanStore(store, signal)
  const largest = backups.reduce((most, { manifest }) => Math.max(most, manifest.bytes), 1)
  const atOnce = Math.max(1, Math.min(16, Math.floor(ROOM / largest)))
  const named = new Set(backups.map(({ name }) => name))
  return {
    backups: await eachOf(backups, (sidecar) => holdingOf(store, sidecar, signal), atOnce),
    unreadable: await eachOf(
      damaged.filter(({ name }) => !named.has(name)),
      async ({ name, why }) => ({ name, why, chain: await chainOf(store, name, signal) }),
      1,
    ),
    loose: await looseArchives(store, loose, signal),
  }
}
