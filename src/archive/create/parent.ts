// Which backup an incremental one goes on from, and when it must not: a chain across a topic that was created
// again, cut short or cleaned meanwhile would restore something that never was.
import { KdrError, wordsOf } from '../../errors.ts'
import type { BackupStoreReader } from '../../ports/backup-store.ts'
import { listBackups } from '../list-backups.ts'
import type { Manifest, Sidecar } from '../manifest.ts'
import { openArchive } from '../read-archive.ts'

export interface Parent {
  readonly sidecar: Sidecar
  readonly manifest: Manifest
}

export interface ParentSearch {
  readonly parent: Parent | null
  /** Why there is none. */
  readonly why: string | null
  /** The store has no backup of this cluster at all. */
  readonly first: boolean
}

const none = (why: string, first = false): ParentSearch => ({ parent: null, why, first })

/** The first link that is missing, in words; null when the chain reaches back to its full backup. By the sidecars alone. */
export const brokenLink = (sidecar: Sidecar, all: readonly Sidecar[]): string | null => {
  const byName = new Map(all.map((one) => [one.name, one]))
  for (let link = sidecar; link.chain.parent !== null; ) {
    const { name, sha256 } = link.chain.parent
    const before = byName.get(name)
    if (before === undefined) return `${name}, which ${link.name} goes on from, is not in the store`
    if (before.manifest.sha256 !== sha256 || before.chain.sequence !== link.chain.sequence - 1) return `${name} is not what ${link.name} goes on from`
    link = before
  }
  return null
}

/** The newest backup of this cluster. A chain is of one cluster, so one manifest of each is enough to look at. */
export const findParent = async (store: BackupStoreReader, clusterId: string | null, signal: AbortSignal): Promise<ParentSearch> => {
  if (clusterId === null) return none('the cluster has no id by which its backups could be told')
  const all = await listBackups(store, signal)
  const others = new Set<string>()
  for (const sidecar of all.toReversed()) {
    if (others.has(sidecar.chain.id)) continue
    try {
      const { manifest } = await openArchive(store, sidecar.name, null, signal)
      if (manifest.cluster_id !== clusterId) {
        others.add(sidecar.chain.id)
        continue
      }
      const broken = brokenLink(sidecar, all)
      return broken === null ? { parent: { sidecar, manifest }, why: null, first: false } : none(broken)
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
      return none(`${sidecar.name} cannot be gone on from: ${wordsOf(thrown)}`)
    }
  }
  return none('there is no backup of this cluster in the store yet', true)
}
