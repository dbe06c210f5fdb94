// What may go of a store: chains as a whole, by a plan that is made first and shown. The rules count per cluster and
// topic: a chain of other topics is no copy of these. What cannot be read is left alone, and what it stands on.
import { KdrError } from '../../errors.ts'
import { formatInstant, type Instant } from '../../units.ts'
import type { Sidecar } from '../manifest.ts'
import { type Chain, chainsOf } from './chains.ts'
import type { Holdings } from './holdings.ts'
import { type LoosePlan, loosePlan, neededBy } from './loose-plan.ts'
import { reasons } from './rules.ts'
import { requireTopics, type Topics, topicsOf } from './topics.ts'

/** A chain stays when one of the rules wants it. */
export interface PrunePolicy {
  /** Chains with a backup of so many days before the newest one. */
  readonly keepDays?: number
  /** Of every topic the newest so many chains that it can be restored from. */
  readonly keepFull?: number
  /** Topics like this need no copy: else one that was deleted long ago holds its last chain for ever. */
  readonly forget?: readonly string[]
  readonly inUse?: readonly InUse[]
}

/** A backup from which `run` restores, or would if it were gone on with. */
export interface InUse {
  readonly backup: string
  readonly run: string
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

/** What `--forget-topic` comes to. */
export interface Forgotten {
  readonly topic: string
  readonly cluster: string | null
  /** Chains that it could be restored from before, and how many of them go. */
  readonly copies: number
  readonly going: number
}

export interface PrunePlan {
  /** Oldest first. */
  readonly chains: readonly ChainPlan[]
  /** Archives without a sidecar. */
  readonly loose: readonly LoosePlan[]
  /** What cannot be read, or has lost what it stands on: left alone, whatever the rules. */
  readonly broken: readonly { readonly name: string; readonly bytes: number | null; readonly why: string }[]
  readonly forgotten: readonly Forgotten[]
  /** Worth knowing before it is approved, a line each. */
  readonly notes: readonly string[]
}

/** Clocks differ, and time zones are taken for others. */
const AHEAD = 86_400_000

/** Why the rules must neither count with it nor let go of it; null when they may. */
const uncounted = ({ full, newest }: Chain, now: Instant): string | null => {
  if (full.cluster_id === null) return 'it does not say of which cluster it is'
  return newest > now + AHEAD ? `it is of ${formatInstant(newest)}, which is still to come: some clock is wrong` : null
}

const wanted = ({ backups }: Chain, inUse: readonly InUse[]): string | null => {
  const use = inUse.find(({ backup }) => backups.some(({ name }) => name === backup))
  return use === undefined ? null : `${use.run} restores from it and has not come to its end (kdr runs show ${use.run})`
}

/** Why nobody can say what would be lost with it. `needed`: by chain id, what is of it and cannot be restored. */
const unreadable = ({ full, broken }: Chain, needed: ReadonlyMap<string, string>): string | null => {
  if (broken !== null) return `it cannot be read whole: ${broken}`
  const child = needed.get(full.chain.id)
  return child === undefined ? null : `${child} is of its chain, and cannot be restored as it is`
}

const forgottenOf = (cluster: string | null, { copies, matches, nameOf }: Topics, globs: readonly string[], kept: ReadonlyMap<Chain, string>): Forgotten[] =>
  [...copies]
    .filter(([key]) => matches(key, globs))
    .map(([key, of]) => ({ topic: nameOf(key), cluster, copies: of.length, going: of.filter((chain) => !kept.has(chain)).length }))
    .sort((one, other) => (one.topic < other.topic ? -1 : 1))

/** What is kept for topics that nobody sees in the cluster any more is kept for ever, unless somebody says so. */
const formerNotes = ({ copies, matches, nameOf }: Topics, globs: readonly string[]): readonly string[] => {
  const former = [...copies.keys()].filter((key) => matches(key, ['*@former']) && !matches(key, globs))
  const [first] = former
  if (first === undefined) return []
  const others = former.length === 1 ? '' : ` (and ${former.length - 1} more)`
  return [`${nameOf(first)}${others} was deleted, and its name given to another topic: its last copy stays until --forget-topic '*@former' gives it up`]
}

const keys = (recipients: string): string => (recipients === '' ? 'without a key' : `with the key of ${recipients}`)

/** Whoever lost the new key loses everything with the last copy that needed none, or another. */
const keyNotes = (chains: readonly Chain[], kept: ReadonlyMap<Chain, string>): readonly string[] => {
  const keysOf = (stays: boolean) => chains.filter((chain) => kept.has(chain) === stays).flatMap(({ recipients }) => [...recipients])
  const left = new Set(keysOf(true))
  const gone = keysOf(false).find((one) => !left.has(one))
  const [other] = left
  if (gone === undefined || other === undefined || left.has('')) return []
  return [`nothing stays that can be opened ${keys(gone)}: see first that what stays can be opened ${keys(other)} (kdr backup verify latest --level record)`]
}

const checked = ({ keepDays, keepFull }: PrunePolicy): void => {
  const wrong = [keepDays, keepFull].some((count) => count !== undefined && !(count >= 0 && Number.isFinite(count)))
  if (wrong || (keepDays === undefined && keepFull === undefined))
    throw new KdrError('it is not said what of the backups is to be kept', { code: 'usage', exit: 'usage', hint: 'say --keep-days 30, --keep-full 4, or both' })
}

/** Throws `usage` (exit 2) where no rule is given: everything but the last copies would go; `no-such-topic` (exit 2). */
export const planPrune = (holdings: Holdings, policy: PrunePolicy, now: Instant): PrunePlan => {
  checked(policy)
  const { forget = [], inUse = [] } = policy
  const { chains, orphans } = chainsOf(holdings.backups)
  const trusted = chains.filter((chain) => uncounted(chain, now) === null)
  const clusters = [...new Set(trusted.map(({ full }) => full.cluster_id))].map((id) => {
    const own = trusted.filter(({ full }) => full.cluster_id === id)
    return { id, own, topics: topicsOf(own) }
  })
  requireTopics(
    clusters.map(({ topics }) => topics),
    forget,
  )
  const kept = new Map(clusters.flatMap(({ own, topics }) => [...reasons(own, topics, policy, now)]))
  const needed = neededBy(holdings, orphans)
  for (const chain of chains) {
    const why = uncounted(chain, now) ?? unreadable(chain, needed) ?? wanted(chain, inUse)
    if (why !== null) kept.set(chain, `left alone, for ${why}`)
  }
  const parents = new Map(holdings.backups.flatMap(({ sidecar: { name, chain } }) => (chain.parent === null ? [] : [[chain.parent.name, name] as const])))
  return {
    chains: chains.map((chain): ChainPlan => {
      const why = kept.get(chain)
      const bytes = chain.backups.reduce((sum, one) => sum + one.bytes, 0)
      return { name: chain.full.name, backups: chain.backups, bytes, action: why === undefined ? 'delete' : 'keep', why: why ?? 'no rule keeps it' }
    }),
    loose: holdings.loose.map((archive) => loosePlan(archive, parents, now)),
    broken: [
      ...orphans.map(({ name, bytes, chain }) => ({ name, bytes, why: `${chain.parent?.name}, which it goes on from, is no backup in the store` })),
      ...holdings.unreadable.map(({ name, why, chain }) => ({
        name,
        bytes: null,
        why: chain === null ? why : `${why}; move that file away, and kdr backup verify ${name} --relist writes it again`,
      })),
    ],
    forgotten: clusters.flatMap(({ id, topics }) => forgottenOf(id, topics, forget, kept)),
    notes: clusters.flatMap(({ own, topics }) => [...formerNotes(topics, forget), ...keyNotes(own, kept)]),
  }
}
