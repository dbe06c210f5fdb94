// Which backups a store has: those with a sidecar, and nothing else, however whole it looks. Quick on
// thousands, because sidecars are read side by side and everything else is told by one listing.
import { KdrError, wordsOf } from '../errors.ts'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import { parseInstant } from '../units.ts'
import { BACKUP_NAME } from './layout.ts'
import type { Sidecar } from './manifest.ts'
import { backupOf, parseSidecar, sidecarName } from './sidecar.ts'

export interface StoreListing {
  /** Oldest first. */
  readonly backups: readonly Sidecar[]
  /** What the listing alone tells to be no good: a sidecar that is none, a part that is missing or of another size. */
  readonly damaged: readonly { readonly name: string; readonly why: string }[]
  /** Archives without a sidecar: unfinished, or of the old script. Which of them, only their content tells. */
  readonly loose: readonly StoredObject[]
}

/** A sidecar of 10,000 parts has less. */
const LARGEST = 1 << 20
/** Over a network each waits mostly for the answer. */
const AT_ONCE = 32

/** Of each, in order; `atOnce` under way at a time. */
export const eachOf = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>, atOnce = AT_ONCE): Promise<readonly R[]> => {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next
      next += 1
      results[at] = await work(items[at] as T)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}

/** null where it is gone meanwhile; a text where it is no sidecar. */
const readOne = async (store: BackupStoreReader, { name, bytes }: StoredObject, signal: AbortSignal): Promise<Sidecar | string | null> => {
  if (bytes > LARGEST) return `it has ${bytes} bytes, which no sidecar has`
  try {
    const sidecar = parseSidecar((await store.read(name, { start: 0, end: bytes }, signal)).toString('utf8'), name)
    return sidecarName(sidecar.name) === name ? sidecar : `it is the sidecar of ${sidecar.name}`
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'no-such-object') return null
    if (thrown instanceof KdrError && thrown.exit === 'corrupt') return wordsOf(thrown)
    throw thrown
  }
}

/** What of its parts is missing or of another size; null when nothing is. */
const astray = ({ parts }: Sidecar, sizes: ReadonlyMap<string, number>): string | null => {
  for (const { name, bytes } of parts) {
    const size = sizes.get(name)
    if (size === undefined) return `its part ${name} is missing`
    if (size !== bytes) return `its part ${name} has ${size} bytes, not ${bytes}`
  }
  return null
}

const byDate = (one: Sidecar, other: Sidecar): number =>
  parseInstant(one.date) - parseInstant(other.date) || one.chain.sequence - other.chain.sequence || (one.name < other.name ? -1 : 1)

/** Throws the store's errors. */
export const scanStore = async (store: BackupStoreReader, signal: AbortSignal): Promise<StoreListing> => {
  const objects: StoredObject[] = []
  for await (const object of store.list({}, signal)) objects.push(object)
  const sizes = new Map(objects.map(({ name, bytes }) => [name, bytes]))
  const sidecars = objects.filter(({ name }) => BACKUP_NAME.test(backupOf(name) ?? ''))
  const read = await eachOf(sidecars, (object) => readOne(store, object, signal))
  const backups: Sidecar[] = []
  const damaged: { name: string; why: string }[] = []
  for (const [at, found] of read.entries()) {
    const name = backupOf(sidecars[at]?.name ?? '') ?? ''
    if (typeof found === 'string') damaged.push({ name, why: found })
    if (found === null || typeof found === 'string') continue
    backups.push(found)
    const why = astray(found, sizes)
    if (why !== null) damaged.push({ name, why })
  }
  // Whatever a sidecar says, or fails to say, an archive that has one is not loose.
  const loose = objects.filter(({ name }) => name.endsWith('.tar.gz') && !sizes.has(sidecarName(name.replace(/(\.part-\d+)?\.tar\.gz$/, ''))))
  return { backups: backups.sort(byDate), damaged, loose }
}

/** Oldest first; a sidecar that is none is passed over here, and named by `scanStore`. Throws the store's errors. */
export const listBackups = async (store: BackupStoreReader, signal: AbortSignal): Promise<readonly Sidecar[]> => (await scanStore(store, signal)).backups
