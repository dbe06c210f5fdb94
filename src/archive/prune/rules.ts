// Why a chain stays. Copies are counted per topic and, where one lacks something, per partition: what has a hole in it
// is no reason to let go of what has none, nor of what has just these offsets.
import type { Instant } from '../../units.ts'
import { type Chain, CLUSTER, type Point } from './chains.ts'
import { type Range, without } from './held.ts'
import type { PrunePolicy } from './plan.ts'
import type { Topics } from './topics.ts'

const DAY = 86_400_000

type Kept = Map<Chain, string>

const pointsOf = (chain: Chain, key: string): readonly Point[] => chain.copies.get(key) ?? []
const lacks = ({ held }: Point, partition: number): boolean => partition >= held.partitions || held.lacks.has(partition)

/** Of these chains the one with the newest point that `holds`. */
const newestWith = (chains: readonly Chain[], key: string, holds: (point: Point) => boolean): Chain | null => {
  let found: { readonly chain: Chain; readonly at: Instant } | null = null
  for (const chain of chains) {
    const point = pointsOf(chain, key).find(holds)
    if (point !== undefined && (found === null || point.at > found.at)) found = { chain, at: point.at }
  }
  return found?.chain ?? null
}

/** Chains that have offsets of this partition which no newer one has; the newest copy first. */
const withOffsets = (copies: readonly Chain[], key: string, partition: number): readonly Chain[] => {
  const found: Chain[] = []
  let missing: readonly Range[] | null = null
  for (const chain of copies) {
    const [newest] = pointsOf(chain, key)
    if (newest === undefined || partition >= newest.held.partitions) continue
    const lack = newest.held.lacks.get(partition)
    if (lack?.all === true) continue
    const ranges: readonly Range[] = lack?.ranges ?? []
    const adds: readonly Range[] = missing === null ? [] : without(missing, ranges)
    if (missing === null || adds.length > 0) found.push(chain)
    missing = missing === null ? ranges : without(missing, adds)
    if (lack === undefined) break
  }
  return found
}

/** Partitions that the newest copy does not have whole. */
const holedPartitions = (copies: readonly Chain[], key: string): readonly number[] => {
  const newest = copies[0] && pointsOf(copies[0], key)[0]
  const most = copies.reduce((count, chain) => Math.max(count, pointsOf(chain, key)[0]?.held.partitions ?? 0), 0)
  if (newest === undefined || (newest.held.lacks.size === 0 && newest.held.partitions >= most)) return []
  return Array.from({ length: most }, (_, partition) => partition).filter((partition) => lacks(newest, partition))
}

/** `orders, payments and 3 more`; nothing where it is all of the chain. */
const ofNames = (names: ReadonlySet<string>): string => {
  if (names.has(CLUSTER) || names.size === 0) return ''
  const sorted = [...names].sort()
  return ` of ${sorted.slice(0, 2).join(', ')}${sorted.length > 2 ? ` and ${sorted.length - 2} more` : ''}`
}

/** A rule's words, with all that it keeps a chain for. */
class Rule {
  readonly #words: string
  readonly #names = new Map<Chain, Set<string>>()

  constructor(words: string) {
    this.#words = words
  }

  keep(chain: Chain | null, name: string): void {
    if (chain !== null) this.#names.set(chain, (this.#names.get(chain) ?? new Set()).add(name))
  }

  tell(kept: Kept): void {
    for (const [chain, names] of this.#names) kept.set(chain, `${this.#words}${ofNames(names)}`)
  }
}

/** The days count from the newest backup, or from now where that is later than now: backups that stopped, or a clock that is wrong, make none older. */
const within = (chains: readonly Chain[], days: number, now: Instant): readonly Chain[] => {
  const newest = Math.min(
    now,
    chains.reduce((latest, chain) => (chain.copies.size > 0 ? Math.max(latest, chain.newest) : latest), 0),
  )
  return chains.filter((chain) => chain.newest >= newest - days * DAY)
}

/** Of chains of one cluster whose dates can be trusted, why each stays; those that are not in it may go. */
export const reasons = (chains: readonly Chain[], topics: Topics, { keepDays, keepFull = 0, forget = [] }: PrunePolicy, now: Instant): Kept => {
  const offsets = new Rule('the last one with some offsets')
  const whole = new Rule('the last complete copy')
  const last = new Rule('the last copy')
  const newest = new Rule(keepFull === 1 ? 'the newest' : `one of the newest ${keepFull}`)
  for (const [key, copies] of topics.copies) {
    if (topics.matches(key, forget)) continue
    const name = topics.nameOf(key)
    whole.keep(
      newestWith(copies, key, ({ complete }) => complete),
      name,
    )
    whole.keep(
      newestWith(copies, key, ({ held }) => held.lacks.size === 0),
      name,
    )
    last.keep(copies[0] ?? null, name)
    for (const partition of holedPartitions(copies, key)) {
      whole.keep(
        newestWith(copies, key, (point) => !lacks(point, partition)),
        `${name}-${partition}`,
      )
      for (const chain of withOffsets(copies, key, partition)) offsets.keep(chain, `${name}-${partition}`)
    }
    for (const chain of copies.slice(0, keepFull)) newest.keep(chain, name)
  }
  const kept: Kept = new Map()
  for (const rule of [offsets, whole, last, newest]) rule.tell(kept)
  if (keepDays !== undefined) for (const chain of within(chains, keepDays, now)) kept.set(chain, `within ${keepDays} days of the newest`)
  return kept
}
