// What a store holds, as far as pruning has to know it: of every backup the topics that come back from it, which only its
// manifest says, and what lies there unfinished. What cannot be read is told, and nothing is concluded from it.
import { KdrError, wordsOf } from '../../errors.ts'
import type { BackupStoreReader, StoredObject } from '../../ports/backup-store.ts'
import { eachOf, scanStore } from '../list-backups.ts'
import type { Manifest, Sidecar } from '../manifest.ts'
import { readManifest } from '../read-archive.ts'
import { isUnfinished } from '../unfinished.ts'

export interface Holding {
  readonly sidecar: Sidecar
  /** Those that it has records of, or knows to be empty. */
  readonly topics: readonly string[]
  /** Why nothing can be made of it; null when something can. */
  readonly broken: string | null
}

export interface Holdings {
  readonly backups: readonly Holding[]
  /** Where the sidecar itself is none. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[]
  /** Archives of kdr that no sidecar makes a backup. */
  readonly unfinished: readonly StoredObject[]
  /** Archives without a sidecar that are not, or not to be seen to be, kdr's. */
  readonly foreign: readonly StoredObject[]
}

/** A topic of which everything fell into a gap is not in it. */
const topicsIn = ({ partitions }: Manifest): readonly string[] => [
  ...new Set(partitions.filter(({ start, end, gaps }) => !gaps.some(({ from, to }) => from === start && to === end)).map(({ topic }) => topic)),
]

const holdingOf = async (store: BackupStoreReader, sidecar: Sidecar, broken: string | null, signal: AbortSignal): Promise<Holding> => {
  if (broken !== null) return { sidecar, topics: [], broken }
  try {
    return { sidecar, topics: topicsIn(await readManifest(store, sidecar, signal)), broken: null }
  } catch (thrown) {
    const gone = thrown instanceof KdrError && thrown.code === 'no-such-object'
    if (!gone && !(thrown instanceof KdrError && (thrown.exit === 'corrupt' || thrown.code === 'format-unknown'))) throw thrown
    return { sidecar, topics: [], broken: wordsOf(thrown) }
  }
}

/** Manifests of large backups are tens of megabytes: together no more of them than this are read at a time. */
const ROOM = 32 << 20

/** Throws the store's errors. */
export const holdingsOf = async (store: BackupStoreReader, signal: AbortSignal): Promise<Holdings> => {
  const { backups, damaged, loose } = await scanStore(store, signal)
  const why = new Map(damaged.map((one) => [one.name, one.why]))
  const largest = backups.reduce((most, { manifest }) => Math.max(most, manifest.bytes), 1)
  const atOnce = Math.max(1, Math.min(16, Math.floor(ROOM / largest)))
  const held = await eachOf(backups, (sidecar) => holdingOf(store, sidecar, why.get(sidecar.name) ?? null, signal), atOnce)
  const named = new Set(backups.map(({ name }) => name))
  const ours = await eachOf(loose, (object) => isUnfinished(store, object, signal))
  return {
    backups: held,
    unreadable: damaged.filter(({ name }) => !named.has(name)),
    unfinished: loose.filter((_, at) => ours[at] === true),
    foreign: loose.filter((_, at) => ours[at] !== true),
  }
}
