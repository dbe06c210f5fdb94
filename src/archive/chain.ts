// A chain of backups, the full one first: every link is there, stands on the very archive that its manifest
// names, and begins where that one ends. Restoring over a gap would look like success.
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { corrupt } from './damage.ts'
import type { Opener } from './encryption.ts'
import type { PartitionBackup } from './manifest.ts'
import { type Archive, openArchive } from './read-archive.ts'
import { glanceAtFile, type VerifyProgress } from './verify-file.ts'

const broken = (what: string, cause?: unknown): KdrError =>
  new KdrError(what, {
    code: 'chain-broken',
    exit: 'corrupt',
    hint: 'restore an earlier backup of the chain, or another chain',
    ...(cause === undefined ? {} : { cause }),
  })

const keyOf = ({ topic, partition }: PartitionBackup): string => `${topic}-${partition}`

/** A topic that was deleted and made again has another id, and its offsets mean something else. */
const partitionProblem = (child: PartitionBackup, parent: PartitionBackup): string | null => {
  const name = keyOf(child)
  if (child.topicId !== parent.topicId) return `${name} is of another topic of the same name (id ${child.topicId ?? 'none'} on ${parent.topicId ?? 'none'})`
  return child.start === parent.end ? null : `${name} begins at offset ${child.start}, where the one before ends at ${parent.end}`
}

/** Why `child` cannot follow `parent`; null when it does. */
const linkProblem = (child: Archive, parent: Archive): string | null => {
  const { chain, cluster_id: cluster } = child.manifest
  if (chain.parent?.sha256 !== parent.sidecar.manifest.sha256) return 'that is another archive of the same name: its manifest has another SHA-256'
  if (chain.id !== parent.manifest.chain.id) return `that is of chain ${parent.manifest.chain.id}, and this of ${chain.id}`
  if (chain.sequence !== parent.manifest.chain.sequence + 1)
    return `that is number ${parent.manifest.chain.sequence} of its chain, and this number ${chain.sequence}`
  if (cluster !== parent.manifest.cluster_id) return `that is of cluster ${parent.manifest.cluster_id ?? 'unknown'}, and this of ${cluster ?? 'unknown'}`
  const before = new Map(parent.manifest.partitions.map((partition) => [keyOf(partition), partition]))
  for (const partition of child.manifest.partitions) {
    const earlier = before.get(keyOf(partition))
    const problem = earlier === undefined ? null : partitionProblem(partition, earlier)
    if (problem !== null) return problem
  }
  return null
}

const parentOf = async (store: BackupStoreReader, child: Archive, opener: Opener | null, signal: AbortSignal): Promise<Archive> => {
  const name = child.manifest.chain.parent?.name ?? ''
  try {
    return await openArchive(store, name, opener, signal)
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'no-such-backup')
      throw broken(`${child.manifest.name} stands on ${name}, which is not in ${store.where}`, thrown)
    throw thrown
  }
}

/** Throws `chain-broken` (exit 21) naming the link; `no-such-backup` when `name` itself is not there; whatever `openArchive` throws. */
export const openChain = async (store: BackupStoreReader, name: string, opener: Opener | null, signal: AbortSignal): Promise<readonly Archive[]> => {
  const chain = [await openArchive(store, name, opener, signal)]
  for (let first = chain[0]; first !== undefined && first.manifest.chain.parent !== null; first = chain[0]) {
    const parent = await parentOf(store, first, opener, signal)
    const problem = linkProblem(first, parent)
    if (problem !== null) throw broken(`${first.manifest.name} does not follow ${parent.manifest.name}: ${problem}`)
    chain.unshift(parent)
  }
  const full = chain[0]?.manifest
  if (full?.backup_type !== 'full' || full.chain.sequence !== 0) throw broken(`${full?.name ?? name} begins its chain and is no full backup`)
  return chain
}

/** As openChain, and every byte of it looked at first: damage is told before anything is made of what is whole. Throws `archive-corrupt` (exit 21) for the first that is damaged. */
export const openWholeChain = async (
  store: BackupStoreReader,
  name: string,
  opener: Opener | null,
  progress: VerifyProgress,
  signal: AbortSignal,
): Promise<readonly Archive[]> => {
  const chain = await openChain(store, name, opener, signal)
  const total = chain.reduce((sum, { sidecar }) => sum + sidecar.bytes, 0)
  let before = 0
  for (const { manifest, sidecar } of chain) {
    const [problem] = await glanceAtFile(store, manifest.name, (seen) => progress(before + seen, total), signal)
    if (problem !== undefined) throw corrupt(problem)
    before += sidecar.bytes
  }
  return chain
}
