// What a backup has of each topic, as far as pruning has to know it: which partitions lack something, and what. A topic
// that was deleted and made again is another one, whatever its name: the newer is no copy of the older.
import type { Gap, Manifest, PartitionBackup } from '../manifest.ts'

/** Offsets from the first up to, not including, the second. */
export type Range = readonly [bigint, bigint]

export interface Lack {
  readonly ranges: readonly Range[]
  /** There is nothing of the partition at all. */
  readonly all: boolean
}

export interface HeldTopic {
  readonly topic: string
  readonly id: string | null
  readonly partitions: number
  /** By number; what is not in it lacks nothing. */
  readonly lacks: ReadonlyMap<number, Lack>
}

/** By `keyOf`. */
export type Held = ReadonlyMap<string, HeldTopic>

/** No topic has a blank in its name. */
export const keyOf = ({ topic, id }: { readonly topic: string; readonly id: string | null }): string => `${topic} ${id ?? ''}`

const NOTHING: Lack = { ranges: [], all: true }
const NONE: ReadonlyMap<number, Lack> = new Map()

const rangeOf = ({ from, to }: Gap): Range => [BigInt(from), BigInt(to)]

const lackOf = ({ start, end, gaps }: PartitionBackup): Lack | null =>
  gaps.length === 0 ? null : { ranges: gaps.map(rangeOf), all: gaps.some(({ from, to }) => from === start && to === end) }

/** Of one archive alone. */
export const heldIn = ({ partitions }: Manifest): Held => {
  const rows = new Map<string, PartitionBackup[]>()
  for (const row of partitions) {
    const key = keyOf({ topic: row.topic, id: row.topicId })
    const known = rows.get(key)
    if (known === undefined) rows.set(key, [row])
    else known.push(row)
  }
  return new Map([...rows].map(([key, of]) => [key, topicOf(of)]))
}

const topicOf = (rows: readonly PartitionBackup[]): HeldTopic => {
  const [{ topic, topicId: id }] = rows as [PartitionBackup]
  const partitions = rows.reduce((most, { partition }) => Math.max(most, partition + 1), 0)
  const lacks = new Map<number, Lack>()
  if (rows.length < partitions) for (let at = 0; at < partitions; at += 1) lacks.set(at, NOTHING)
  for (const row of rows) {
    const lack = lackOf(row)
    if (lack === null) lacks.delete(row.partition)
    else lacks.set(row.partition, lack)
  }
  return { topic, id, partitions, lacks: lacks.size === 0 ? NONE : lacks }
}

const joined = (before: HeldTopic, own: HeldTopic): HeldTopic => {
  if (before.lacks.size === 0 && own.lacks.size === 0) return own
  const lacks = new Map<number, Lack>()
  for (let at = 0; at < own.partitions; at += 1) {
    const [earlier, now] = [before.lacks.get(at), own.lacks.get(at)]
    if (earlier === undefined && now === undefined) continue
    const nothingBefore = at >= before.partitions || earlier?.all === true
    const ranges = [...(earlier?.ranges ?? []), ...(now?.ranges ?? [])]
    lacks.set(at, { ranges, all: nothingBefore && now?.all === true })
  }
  return { ...own, lacks }
}

/** What comes back from an archive that goes on from one with `before`: its own topics, each with what came before of it. */
export const heldAfter = (before: Held, own: Held): Held =>
  new Map(
    [...own].map(([key, topic]) => {
      const earlier = before.get(key)
      return [key, earlier === undefined ? topic : joined(earlier, topic)]
    }),
  )

const before = (one: bigint, other: bigint): bigint => (one < other ? one : other)
const after = (one: bigint, other: bigint): bigint => (one > other ? one : other)
const parts = ([from, to]: Range, [start, end]: Range): readonly Range[] => [
  [from, before(to, start)],
  [after(from, end), to],
]

/** What of `ranges` is in none of `others`. */
export const without = (ranges: readonly Range[], others: readonly Range[]): readonly Range[] =>
  others.reduce((left, other) => left.flatMap((range) => parts(range, other)).filter(([from, to]) => from < to), ranges)
