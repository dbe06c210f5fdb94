// Which backups an incremental one could go on from: the last of each chain, the newest first. A chain with a link that
// is gone or damaged would be found out at a restore.
import { KdrError, wordsOf } from '../../errors.ts'
import type { BackupStoreReader } from '../../ports/backup-store.ts'
import { scanStore } from '../list-backups.ts'
import type { Manifest, Sidecar } from '../manifest.ts'
import { openArchive } from '../read-archive.ts'

export interface Parent {
  readonly sidecar: Sidecar
  readonly manifest: Manifest
}

/** Chains looked at: of older ones, retention has left no end to go on from, and each may have to be read at its full length. */
const MOST_CHAINS = 8

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

/** Of this cluster; a text says why one of them cannot be gone on from. */
export async function* lastOfChains(store: BackupStoreReader, clusterId: string, signal: AbortSignal): AsyncGenerator<Parent | string> {
  const { backups, damaged } = await scanStore(store, signal)
  const own = backups.filter((sidecar) => sidecar.cluster_id === clusterId)
  const seen = new Set<string>()
  for (const sidecar of own.toReversed()) {
    const { id } = sidecar.chain
    if (seen.has(id)) continue
    seen.add(id)
    if (seen.size > MOST_CHAINS) return
    const links = new Set(own.filter(({ chain }) => chain.id === id).map(({ name }) => name))
    const bad = damaged.find(({ name }) => links.has(name))
    const broken = brokenLink(sidecar, backups) ?? (bad === undefined ? null : `${bad.name} is damaged: ${bad.why}`)
    if (broken !== null) {
      yield broken
      continue
    }
    try {
      yield { sidecar, manifest: (await openArchive(store, sidecar.name, null, signal)).manifest }
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
      yield `${sidecar.name} cannot be gone on from: ${wordsOf(thrown)}`
    }
  }
}
