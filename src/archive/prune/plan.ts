// What may go of a store: chains as a whole, by a plan that is made first and shown. The rules count per cluster and
// topic: a chain of other topics is no copy of these. What cannot be read is left alone.
import { KdrError } from '../../errors.ts'
import type { StoredObject } from '../../ports/backup-store.ts'
import { type Instant, parseInstant } from '../../units.ts'
import { patternOf } from '../create/select-topics.ts'
import type { Sidecar } from '../manifest.ts'
import type { Holding, Holdings } from './holdings.ts'

/** A chain stays when one of the rules wants it. */
export interface PrunePolicy {
  /** Chains with a backup of the last so many days. */
  readonly keepDays?: number
  /** Of every topic the newest so many chains that it can be restored from. */
  readonly keepFull?: number
  /** Topics like this need no copy: else one that was deleted long ago holds its last chain for ever. */
  readonly forget?: readonly string[]
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

interface ObjectPlan {
  readonly name: string
  readonly bytes: number
  readonly action: 'keep' | 'delete'
  readonly why: string
}

export interface PrunePlan {
  /** Oldest first. */
  readonly chains: readonly ChainPlan[]
  /** Archives that nobody finished, and those without a sidecar that are not kdr's. */
  readonly loose: readonly ObjectPlan[]
  /** What cannot be read, or has lost what it stands on: left alone, whatever the rules. */
  readonly broken: readonly { readonly name: string; readonly bytes: number | null; readonly why: string }[]
}

interface Chain {
  readonly full: Sidecar
  readonly backups: Sidecar[]
  /** Of its newest backup. */
  newest: Instant
  /** The first thing wrong with it. */
  broken: string | null
  /** Of every topic the date of the newest backup that it can be restored from. */
  readonly topics: Map<string, Instant>
  /** The same, counting only what has no gap from the full backup on. */
  readonly complete: Map<string, Instant>
}

const DAY = 86_400_000
/** The longest backup takes less; then it was killed, or its writer is on a machine that nobody hears of any more. */
const UNFINISHED_AGE = DAY
/** What every backup holds besides topics: rights, users, groups, settings. */
const CLUSTER = ''

/** From the full backup to this one, by way of parents that are what the child says; null for an orphan. */
const lineOf = (holding: Holding, byName: ReadonlyMap<string, Holding>): readonly Holding[] | null => {
  const line = [holding]
  for (let { chain } = holding.sidecar; chain.parent !== null; ) {
    const parent = byName.get(chain.parent.name)
    if (parent?.sidecar.manifest.sha256 !== chain.parent.sha256 || parent.sidecar.chain.sequence !== chain.sequence - 1) return null
    line.unshift(parent)
    chain = parent.sidecar.chain
  }
  return line
}

const later = (dates: Map<string, Instant>, topic: string, at: Instant): void => void dates.set(topic, Math.max(at, dates.get(topic) ?? 0))

/** What `line` ends in, put into its chain. */
const join = (chain: Chain, line: readonly Holding[]): void => {
  const { sidecar, broken } = line[line.length - 1] as Holding
  const at = parseInstant(sidecar.date)
  chain.backups.push(sidecar)
  chain.newest = Math.max(chain.newest, at)
  if (broken !== null) chain.broken ??= `${sidecar.name}: ${broken}`
  if (line.some((link) => link.broken !== null)) return
  const complete = line.every((link) => link.sidecar.status === 'complete')
  for (const topic of new Set([CLUSTER, ...line.flatMap((link) => link.topics)])) {
    later(chain.topics, topic, at)
    if (complete) later(chain.complete, topic, at)
  }
}

const chainsOf = (holdings: readonly Holding[]): { readonly chains: readonly Chain[]; readonly orphans: readonly Sidecar[] } => {
  const byName = new Map(holdings.map((holding) => [holding.sidecar.name, holding]))
  const chains = new Map<string, Chain>()
  const orphans: Sidecar[] = []
  for (const holding of [...holdings].sort((one, other) => one.sidecar.chain.sequence - other.sidecar.chain.sequence)) {
    const line = lineOf(holding, byName)
    const full = line?.[0]?.sidecar
    if (line === null || full === undefined) {
      orphans.push(holding.sidecar)
      continue
    }
    const chain = chains.get(full.name) ?? { full, backups: [], newest: 0, broken: null, topics: new Map(), complete: new Map() }
    join(chain, line)
    chains.set(full.name, chain)
  }
  return { chains: [...chains.values()].sort((one, other) => one.newest - other.newest || (one.full.name < other.full.name ? -1 : 1)), orphans }
}

/** `orders, payments and 3 more`; nothing where it is all of the chain. */
const ofTopics = (topics: ReadonlySet<string>): string => {
  const names = [...topics].filter((topic) => topic !== CLUSTER).sort()
  if (topics.has(CLUSTER) || names.length === 0) return ''
  return ` of ${names.slice(0, 2).join(', ')}${names.length > 2 ? ` and ${names.length - 2} more` : ''}`
}

/** For which topics a rule keeps each chain: of every topic the newest `count` by `dates`. */
const newest = (chains: readonly Chain[], dates: (chain: Chain) => ReadonlyMap<string, Instant>, count: number): ReadonlyMap<Chain, Set<string>> => {
  const kept = new Map<Chain, Set<string>>()
  const byTopic = new Map<string, { readonly chain: Chain; readonly at: Instant }[]>()
  for (const chain of chains)
    for (const [topic, at] of dates(chain)) {
      const copies = byTopic.get(topic)
      if (copies === undefined) byTopic.set(topic, [{ chain, at }])
      else copies.push({ chain, at })
    }
  for (const [topic, copies] of byTopic)
    for (const { chain } of copies.sort((one, other) => other.at - one.at).slice(0, count)) kept.set(chain, (kept.get(chain) ?? new Set()).add(topic))
  return kept
}

/** Why each chain of one cluster stays; those that are not in it may go. */
const reasons = (chains: readonly Chain[], { keepDays, keepFull = 0, forget = [] }: PrunePolicy, now: Instant): ReadonlyMap<Chain, string> => {
  const patterns = forget.map(patternOf)
  const wanted = (dates: ReadonlyMap<string, Instant>) => new Map([...dates].filter(([topic]) => topic === CLUSTER || !patterns.some((one) => one.test(topic))))
  const kept = new Map<Chain, string>()
  const note = (rule: ReadonlyMap<Chain, Set<string>>, why: string) => {
    for (const [chain, topics] of rule) kept.set(chain, `${why}${ofTopics(topics)}`)
  }
  note(
    newest(chains, ({ complete }) => wanted(complete), 1),
    'the last complete copy',
  )
  note(
    newest(chains, ({ topics }) => wanted(topics), 1),
    'the last copy',
  )
  note(
    newest(chains, ({ topics }) => wanted(topics), keepFull),
    keepFull === 1 ? 'the newest' : `one of the newest ${keepFull}`,
  )
  if (keepDays !== undefined) for (const chain of chains) if (chain.newest >= now - keepDays * DAY) kept.set(chain, `not older than ${keepDays} days`)
  for (const chain of chains) if (chain.broken !== null) kept.set(chain, `left alone, for it cannot be read whole: ${chain.broken}`)
  return kept
}

const unfinishedPlan = ({ name, bytes, modified }: StoredObject, now: Instant): ObjectPlan =>
  modified < now - UNFINISHED_AGE
    ? { name, bytes, action: 'delete', why: 'nobody finished it' }
    : { name, bytes, action: 'keep', why: 'nobody has finished it, and it is younger than a day' }

/** Throws `usage` (exit 2) where no rule is given: everything but the last copies would go. */
export const planPrune = ({ backups, unreadable, unfinished, foreign }: Holdings, policy: PrunePolicy, now: Instant): PrunePlan => {
  const wrong = [policy.keepDays, policy.keepFull].some((count) => count !== undefined && !(count >= 0 && Number.isFinite(count)))
  if (wrong || (policy.keepDays === undefined && policy.keepFull === undefined))
    throw new KdrError('it is not said what of the backups is to be kept', { code: 'usage', exit: 'usage', hint: 'say --keep-days 30, --keep-full 4, or both' })
  const { chains, orphans } = chainsOf(backups)
  const kept = new Map<Chain, string>()
  for (const cluster of new Set(chains.map(({ full }) => full.cluster_id))) {
    const own = chains.filter(({ full }) => full.cluster_id === cluster)
    for (const [chain, why] of reasons(own, policy, now)) kept.set(chain, why)
  }
  const planned = chains.map((chain): ChainPlan => {
    const why = kept.get(chain)
    const bytes = chain.backups.reduce((sum, one) => sum + one.bytes, 0)
    return { name: chain.full.name, backups: chain.backups, bytes, action: why === undefined ? 'delete' : 'keep', why: why ?? 'no rule keeps it' }
  })
  return {
    chains: planned,
    loose: [
      ...unfinished.map((object) => unfinishedPlan(object, now)),
      ...foreign.map(({ name, bytes }): ObjectPlan => ({ name, bytes, action: 'keep', why: 'kdr did not write it' })),
    ],
    broken: [
      ...orphans.map(({ name, bytes }) => ({ name, bytes, why: 'what it goes on from is not in the store' })),
      ...unreadable.map(({ name, why }) => ({ name, bytes: null, why })),
    ],
  }
}
