// What may go of a store: chains as a whole, by a plan that is made first and shown. Never the last chain of a
// cluster that could be restored, and never a parent before its children.
import { KdrError } from '../errors.ts'
import type { BackupStore } from '../ports/backup-store.ts'
import { type Instant, parseInstant } from '../units.ts'
import { listBackups } from './list-backups.ts'
import type { Sidecar } from './manifest.ts'
import { sidecarName } from './sidecar.ts'

/** A chain stays when one of the rules wants it. */
export interface PrunePolicy {
  /** Chains with a backup of the last so many days. */
  readonly keepDays?: number
  /** The newest so many chains of every cluster that can be restored. */
  readonly keepFull?: number
  /** Also what lost its parent, and so can never be restored; else it is only named. */
  readonly orphans?: boolean
  /** Names of backups that are known to be no good: no chain counts as restorable by them. */
  readonly damaged?: ReadonlySet<string>
}

interface ChainPlan {
  /** Of its full backup. */
  readonly name: string
  /** Parents before children. */
  readonly backups: readonly Sidecar[]
  readonly bytes: number
  readonly action: 'keep' | 'delete'
  readonly why: string
}

export interface PrunePlan {
  /** Oldest first. */
  readonly chains: readonly ChainPlan[]
  /** Backups whose chain does not reach back to a full one. */
  readonly orphans: readonly Sidecar[]
  readonly orphansGo: boolean
}

interface Chain {
  readonly full: Sidecar
  readonly backups: Sidecar[]
  /** Of its newest backup. */
  newest: Instant
}

const DAY = 86_400_000

/** Its full backup, by way of parents that are what the child says; null for an orphan. */
const rootOf = (sidecar: Sidecar, byName: ReadonlyMap<string, Sidecar>): Sidecar | null => {
  let link = sidecar
  while (link.chain.parent !== null) {
    const parent = byName.get(link.chain.parent.name)
    if (parent === undefined || parent.manifest.sha256 !== link.chain.parent.sha256 || parent.chain.sequence !== link.chain.sequence - 1) return null
    link = parent
  }
  return link
}

const chainsOf = (backups: readonly Sidecar[]): { readonly chains: readonly Chain[]; readonly orphans: readonly Sidecar[] } => {
  const byName = new Map(backups.map((sidecar) => [sidecar.name, sidecar]))
  const chains = new Map<string, Chain>()
  const orphans: Sidecar[] = []
  for (const sidecar of [...backups].sort((one, other) => one.chain.sequence - other.chain.sequence)) {
    const full = rootOf(sidecar, byName)
    if (full === null) {
      orphans.push(sidecar)
      continue
    }
    const chain = chains.get(full.name) ?? { full, backups: [], newest: 0 }
    chain.backups.push(sidecar)
    chain.newest = Math.max(chain.newest, parseInstant(sidecar.date))
    chains.set(full.name, chain)
  }
  return { chains: [...chains.values()].sort((one, other) => one.newest - other.newest || (one.full.name < other.full.name ? -1 : 1)), orphans }
}

/** Why each chain of one cluster stays; those that are not in it may go. Newest first. */
const reasons = (chains: readonly Chain[], policy: PrunePolicy, now: Instant): ReadonlyMap<Chain, string> => {
  const { keepDays, keepFull, damaged = new Set<string>() } = policy
  const kept = new Map<Chain, string>()
  const restorable = chains.filter(({ full }) => !damaged.has(full.name))
  const [last] = restorable
  const lastComplete = restorable.find(({ backups }) => backups.some(({ status, name }) => status === 'complete' && !damaged.has(name)))
  if (lastComplete !== undefined) kept.set(lastComplete, 'the last complete one that can be restored')
  if (last !== undefined) kept.set(last, 'the last one that can be restored')
  for (const chain of restorable.slice(0, keepFull ?? 0)) kept.set(chain, `one of the newest ${keepFull}`)
  if (keepDays !== undefined) for (const chain of chains) if (chain.newest >= now - keepDays * DAY) kept.set(chain, `not older than ${keepDays} days`)
  return kept
}

/** Throws `usage` (exit 2) where no rule is given: everything but the last chain would go. */
export const planPrune = (backups: readonly Sidecar[], policy: PrunePolicy, now: Instant): PrunePlan => {
  const wrong = [policy.keepDays, policy.keepFull].some((count) => count !== undefined && !(count >= 0 && Number.isFinite(count)))
  if (wrong || (policy.keepDays === undefined && policy.keepFull === undefined))
    throw new KdrError('it is not said what of the backups is to be kept', { code: 'usage', exit: 'usage', hint: 'say --keep-days 30, --keep-full 4, or both' })
  const { chains, orphans } = chainsOf(backups)
  const kept = new Map<Chain, string>()
  // Sidecars tell clusters apart: the chains of one must not push out another's.
  for (const cluster of new Set(chains.map(({ full }) => full.cluster_id))) {
    const own = chains.filter(({ full }) => full.cluster_id === cluster).toReversed()
    for (const [chain, why] of reasons(own, policy, now)) kept.set(chain, why)
  }
  const planned = chains.map((chain): ChainPlan => {
    const why = kept.get(chain)
    const bytes = chain.backups.reduce((sum, one) => sum + one.bytes, 0)
    return { name: chain.full.name, backups: chain.backups, bytes, action: why === undefined ? 'delete' : 'keep', why: why ?? 'no rule keeps it' }
  })
  return { chains: planned, orphans, orphansGo: policy.orphans === true }
}

export interface Pruned {
  /** Names of the backups that are gone. */
  readonly removed: readonly string[]
  readonly bytes: number
  /** What Object Lock, or the file system, still keeps, and what had to stay because of it. */
  readonly locked: readonly { readonly name: string; readonly why: string }[]
}

/** First what makes it a backup, then its parts: whatever stops us, nothing half there is listed. null when it is gone. */
const removeOne = async (store: BackupStore, { name, parts }: Sidecar, signal: AbortSignal): Promise<string | null> => {
  try {
    await store.remove([sidecarName(name), ...parts.map((part) => part.name)], signal)
    return null
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'object-locked') return thrown.message
    throw thrown
  }
}

/** A child that came after the plan was made would lose its parent. */
const checkStillWhole = async (store: BackupStore, going: readonly (readonly Sidecar[])[], signal: AbortSignal): Promise<void> => {
  const planned = new Set(going.flat().map(({ name }) => name))
  const child = (await listBackups(store, signal)).find(({ name, chain }) => chain.parent !== null && planned.has(chain.parent.name) && !planned.has(name))
  if (child === undefined) return
  throw new KdrError(`${child.name} was made meanwhile and goes on from ${child.chain.parent?.name}, which was to be deleted`, {
    code: 'plan-outdated',
    exit: 'refused',
    hint: 'nothing was deleted; run kdr backup prune again',
  })
}

/** The caller holds the store's lock. Throws `plan-outdated` (exit 5) and the store's errors. */
export const prune = async (store: BackupStore, plan: PrunePlan, signal: AbortSignal): Promise<Pruned> => {
  const orphans = plan.orphansGo ? [plan.orphans] : []
  const going = [...plan.chains.filter(({ action }) => action === 'delete').map(({ backups }) => backups), ...orphans]
  await checkStillWhole(store, going, signal)
  const removed: Sidecar[] = []
  const locked: { name: string; why: string }[] = []
  for (const backups of going) {
    const needed = new Set<string>()
    for (const backup of backups.toReversed()) {
      const why = needed.has(backup.name) ? 'a backup that goes on from it is still there' : await removeOne(store, backup, signal)
      if (why === null) removed.push(backup)
      else locked.push({ name: backup.name, why })
      if (why !== null && backup.chain.parent !== null) needed.add(backup.chain.parent.name)
    }
  }
  return { removed: removed.map(({ name }) => name), bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0), locked }
}
