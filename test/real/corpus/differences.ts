// What differs between a cluster as it was and one that was restored, in words; nothing where they are the same.
import type { Kept, Picture, Position } from './corpus.ts'

interface Allowed {
  /** Kept as LogAppendTime; loaded with the same times as CreateTime, since no broker lets anybody else stamp. */
  readonly stamped: readonly string[]
  /** Topics whose partitions had offsets without a record: others must have the very same offsets. */
  readonly mapped: readonly string[]
}

const at = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string => `${topic}-${partition}`
const by = <T extends { readonly topic: string; readonly partition: number }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> => {
  const found = new Map<string, T[]>()
  for (const row of rows) found.set(at(row), [...(found.get(at(row)) ?? []), row])
  return found
}
const grouped = (rows: readonly Kept[]): ReadonlyMap<string, readonly Kept[]> => {
  const found = new Map<string, Kept[]>()
  for (const row of rows) {
    const some = found.get(at(row))
    if (some === undefined) found.set(at(row), [row])
    else some.push(row)
  }
  return found
}

/** All of it but where it lies. */
const content = ({ timestamp, stamped, key, value, headers }: Kept, forgiving: boolean): string =>
  JSON.stringify([timestamp, forgiving ? '' : stamped, key, value, headers])

const recordDifferences = (was: Picture, is: Picture, { stamped, mapped }: Allowed): readonly string[] => {
  const [before, after] = [grouped(was.records), grouped(is.records)]
  return was.partitions.flatMap(({ topic, partition }) => {
    const name = at({ topic, partition })
    const [old, now] = [before.get(name) ?? [], after.get(name) ?? []]
    if (old.length !== now.length) return [`${name}: ${old.length} records became ${now.length}`]
    const forgiving = stamped.includes(topic)
    for (const [index, record] of old.entries()) {
      const [wanted, got] = [content(record, forgiving), content(now[index] as Kept, forgiving)]
      if (wanted !== got) return [`${name}: record ${index} (offset ${record.offset}) was ${wanted.slice(0, 300)}, is ${got.slice(0, 300)}`]
      if (!mapped.includes(topic) && record.offset !== now[index]?.offset) return [`${name}: offset ${record.offset} became ${now[index]?.offset}`]
    }
    return []
  })
}

const topicDifferences = (was: Picture, is: Picture): readonly string[] => {
  const now = new Map(is.topics.map((each) => [each.topic, each]))
  const lost = was.topics.flatMap((old) => {
    const { is: _, ...wanted } = old
    const { is: __, ...got } = now.get(old.topic) ?? { is: 'topic' }
    return JSON.stringify(wanted) === JSON.stringify(got) ? [] : [`${old.topic} was ${JSON.stringify(wanted)}, is ${JSON.stringify(got)}`]
  })
  const names = new Set(was.topics.map(({ topic }) => topic))
  return [...lost, ...is.topics.filter(({ topic }) => !names.has(topic)).map(({ topic }) => `${topic} is there, and was not`)]
}

/** Which of the partition's records comes next; the number of them where none does. */
const next = (records: readonly Kept[], offset: number): number => records.filter((record) => record.offset < offset).length

/** Every group goes on at the very record it would have read next, and says the same beside it. */
const positionDifferences = (was: Picture, is: Picture): readonly string[] => {
  const [before, after, ranges] = [grouped(was.records), grouped(is.records), by(is.partitions)]
  const now = new Map(is.positions.map((each): [string, Position] => [`${each.group} ${at(each)}`, each]))
  return was.positions.flatMap((old) => {
    const name = `${old.group} ${at(old)}`
    const got = now.get(name)
    if (got === undefined) return [`${name}: lost`]
    const [wanted, found] = [next(before.get(at(old)) ?? [], old.offset), next(after.get(at(old)) ?? [], got.offset)]
    const [range] = ranges.get(at(old)) ?? []
    return [
      ...(wanted === found ? [] : [`${name}: had ${wanted} records behind it at ${old.offset}, has ${found} at ${got.offset}`]),
      ...(range !== undefined && got.offset >= range.start && got.offset <= range.end ? [] : [`${name}: ${got.offset} is outside ${JSON.stringify(range)}`]),
      ...(got.metadata === old.metadata ? [] : [`${name}: its metadata was ${JSON.stringify(old.metadata)}, is ${JSON.stringify(got.metadata)}`]),
    ]
  })
}

export const differences = (was: Picture, is: Picture, allowed: Allowed): readonly string[] => [
  ...topicDifferences(was, is),
  ...recordDifferences(was, is, allowed),
  ...positionDifferences(was, is),
]

/** Of a picture, only topics that `keep` says. */
export const only = (picture: Picture, keep: (topic: string) => boolean): Picture => ({
  topics: picture.topics.filter(({ topic }) => keep(topic)),
  partitions: picture.partitions.filter(({ topic }) => keep(topic)),
  records: picture.records.filter(({ topic }) => keep(topic)),
  positions: picture.positions.filter(({ topic }) => keep(topic)),
})
