// Deletes what a plan says, children before their parents and of each first what makes it a backup: whatever stops it,
// what is still listed can still be restored. Every deletion is announced before it is made.
import { KdrError } from '../../errors.ts'
import type { BackupStore } from '../../ports/backup-store.ts'
import { sidecarName } from '../sidecar.ts'
import type { PrunePlan } from './plan.ts'

export interface Removal {
  /** A backup, or an archive that never became one. */
  readonly name: string
  readonly bytes: number
  /** In the order in which they go: the sidecar where there is one, then the archive. */
  readonly objects: readonly string[]
  /** How many of them are the archive's. */
  readonly parts: number
  /** The backup it goes on from. */
  readonly parent: string | null
}

/** Told before and after each: `announce` returns when that is durable, or throws, and then nothing is deleted. */
export interface RemovalRecord {
  announce(removal: Removal): void
  gone(removal: Removal): void
  stays(removal: Removal, why: string): void
}

export interface Pruned {
  readonly removed: readonly Removal[]
  /** What Object Lock, or the file system, still keeps, and what had to stay because of it. */
  readonly locked: readonly { readonly name: string; readonly why: string }[]
  /** It was interrupted before the rest. */
  readonly stopped: boolean
}

/** In the order in which they go. */
export const removalsOf = ({ chains, loose }: PrunePlan): readonly Removal[] => [
  ...chains
    .filter(({ action }) => action === 'delete')
    .flatMap(({ backups }) => backups.toReversed())
    .map(({ name, bytes, parts, chain }) => ({
      name,
      bytes,
      objects: [sidecarName(name), ...parts.map((part) => part.name)],
      parts: parts.length,
      parent: chain.parent?.name ?? null,
    })),
  ...loose.filter(({ action }) => action === 'delete').map(({ name, bytes, objects }) => ({ name, bytes, objects, parts: objects.length, parent: null })),
]

/** What makes a backup of it, put back where all of it is still there: what is locked must not lie there as nobody's. */
const putBack = async (store: BackupStore, [sidecar = '', ...parts]: readonly string[], content: Buffer | null, signal: AbortSignal): Promise<void> => {
  const there = await Promise.all([sidecar, ...parts].map((name) => store.head(name, signal)))
  const [listed, ...rest] = there
  if (content === null || listed !== null || rest.some((object) => object === null)) return
  const once = async function* () {
    yield content
  }
  await store.put(sidecar, once(), signal)
}

/** Why it stays, or null when it is gone. One that was begun is finished, whoever interrupts. */
const removeOne = async (store: BackupStore, { objects, parts }: Removal): Promise<string | null> => {
  const { signal } = new AbortController()
  const sidecar = objects.length > parts ? await store.head(objects[0] ?? '', signal) : null
  const content = sidecar === null ? null : await store.read(sidecar.name, { start: 0, end: sidecar.bytes }, signal)
  try {
    await store.remove(objects, signal)
    return null
  } catch (thrown) {
    const locked = thrown instanceof KdrError && thrown.code === 'object-locked'
    const back = putBack(store, objects, content, signal)
    // Of a store that fails no more can be asked; what it said first is what is wrong.
    await (locked ? back : back.catch(() => {}))
    if (!locked) throw thrown
    return thrown.message
  }
}

/** The caller holds the store's lock, and made the plan under it. Throws the store's errors and those of `record`. */
export const remove = async (store: BackupStore, removals: readonly Removal[], record: RemovalRecord, signal: AbortSignal): Promise<Pruned> => {
  const removed: Removal[] = []
  const locked: { name: string; why: string }[] = []
  const needed = new Set<string>()
  for (const removal of removals) {
    if (signal.aborted) return { removed, locked, stopped: true }
    const { name, parent } = removal
    if (needed.has(name)) {
      locked.push({ name, why: 'a backup that goes on from it is still there' })
      if (parent !== null) needed.add(parent)
      continue
    }
    record.announce(removal)
    const why = await removeOne(store, removal)
    if (why === null) {
      removed.push(removal)
      record.gone(removal)
      continue
    }
    record.stays(removal, why)
    locked.push({ name, why })
    if (parent !== null) needed.add(parent)
  }
  return { removed, locked, stopped: false }
}
