// Backups in words and tables that fit 80 columns, and in the JSON that scripts rely on (docs/json.md).

import type { Manifest, PartitionBackup, Sidecar } from '../../archive/manifest.ts'
import type { RestoreReport } from '../../archive/restore/options.ts'
import { formatBytes, formatInstant, type Instant, parseInstant, plural } from '../../units.ts'
import { some, table, wrap } from './text.ts'
import { countWords } from './transfer.ts'

/** A row of a listing: kdr's own backups and those of the old script. */
export interface Listed {
  readonly name: string
  /** null where it cannot be told. */
  readonly type: 'full' | 'incremental' | null
  /** `corrupt`: to be seen from outside already. `lossy`: text of the old script, which cannot give back what it was made of. */
  readonly status: 'complete' | 'incomplete' | 'lossy' | 'corrupt'
  readonly date: string | null
  /** null outside of any chain. */
  readonly chain: string | null
  readonly sequence: number | null
  readonly parent: string | null
  readonly bytes: number | null
  readonly topics: number | null
  readonly records: number | null
  readonly encrypted: boolean | null
}

export const listedOf = (sidecar: Sidecar): Listed => ({
  name: sidecar.name,
  type: sidecar.type,
  status: sidecar.status,
  date: sidecar.date,
  chain: sidecar.chain.id,
  sequence: sidecar.chain.sequence,
  parent: sidecar.chain.parent?.name ?? null,
  bytes: sidecar.bytes,
  topics: sidecar.topics,
  records: sidecar.records,
  encrypted: sidecar.encrypted,
})

/** Nothing it says of itself can be trusted. */
export const damagedOf = ({ name }: { readonly name: string }): Listed => ({
  name,
  type: null,
  status: 'corrupt',
  date: null,
  chain: null,
  sequence: null,
  parent: null,
  bytes: null,
  topics: null,
  records: null,
  encrypted: null,
})

const STATUS: Readonly<Record<Listed['status'], string>> = { complete: 'complete', incomplete: 'INCOMPLETE', lossy: 'LOSSY', corrupt: 'CORRUPT' }

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `12 min`, `7 h`, `33 d`. */
export const ageWords = (date: string | null, now: Instant): string => {
  const age = date === null ? Number.NaN : now - parseInstant(date)
  if (Number.isNaN(age)) return '?'
  if (age < HOUR) return `${Math.max(0, Math.floor(age / MINUTE))} min`
  return age < 2 * DAY ? `${Math.floor(age / HOUR)} h` : `${Math.floor(age / DAY)} d`
}

/** `2026-11-23 03:15:00Z` */
const timeWords = (date: string | null): string => (date === null ? '?' : date.replace('T', ' ').replace(/\.\d+/, ''))
const stampWords = (at: number): string => (at < 0 ? '-' : timeWords(formatInstant(at)))

/** Enough of an id to tell the chains of a listing apart. */
const shortChains = (backups: readonly Listed[]): ((id: string | null) => string) => {
  const ids = [...new Set(backups.flatMap(({ chain }) => (chain === null ? [] : [chain])))]
  let length = 4
  while (length < 40 && new Set(ids.map((id) => id.slice(0, length))).size < ids.length) length += 1
  return (id) => (id === null ? '-' : id.slice(0, length))
}

/** Oldest first; the type and the exact time stand in the name where the terminal is narrow. */
export const listLines = (backups: readonly Listed[], now: Instant, columns: number): readonly string[] => {
  const short = shortChains(backups)
  const wide = columns >= 110
  const rows = backups.map(({ name, type, status, date, chain, sequence, bytes }) => {
    const link = sequence === null ? '-' : `${short(chain)}.${sequence}`
    return [name, ...(wide ? [type ?? '?', timeWords(date)] : []), STATUS[status], ageWords(date, now), link, bytes === null ? '?' : formatBytes(bytes)]
  })
  return table([['NAME', ...(wide ? ['TYPE', 'DATE'] : []), 'STATUS', 'AGE', 'CHAIN', 'SIZE'], ...rows])
}

interface TopicSum {
  readonly topic: string
  readonly partitions: number
  readonly records: number
  readonly bytes: number
  readonly minTimestamp: number
  readonly maxTimestamp: number
}

const earliest = (a: number, b: number): number => (a < 0 ? b : b < 0 ? a : Math.min(a, b))

export const topicSums = (partitions: readonly PartitionBackup[]): readonly TopicSum[] => {
  const sums = new Map<string, TopicSum>()
  for (const { topic, records, bytes, minTimestamp, maxTimestamp } of partitions) {
    const sum = sums.get(topic)
    sums.set(topic, {
      topic,
      partitions: (sum?.partitions ?? 0) + 1,
      records: (sum?.records ?? 0) + records,
      bytes: (sum?.bytes ?? 0) + bytes,
      minTimestamp: earliest(sum?.minTimestamp ?? -1, minTimestamp),
      maxTimestamp: Math.max(sum?.maxTimestamp ?? -1, maxTimestamp),
    })
  }
  return [...sums.values()]
}

export interface GapRow {
  readonly topic: string
  readonly partition: number
  readonly from: string
  readonly to: string
  readonly why: string
}

export const gapsOf = (partitions: readonly PartitionBackup[]): readonly GapRow[] =>
  partitions.flatMap(({ topic, partition, gaps }) => gaps.map((gap) => ({ topic, partition, ...gap })))

export const gapWords = ({ topic, partition, from, to, why }: GapRow): string => `${topic}-${partition} offsets ${from} to ${BigInt(to) - 1n}: ${why}`

export interface Shown {
  readonly manifest: Manifest
  readonly sidecar: Sidecar
  readonly where: string
  /** Names of the chain's links up to this one, the full backup first. */
  readonly links: readonly string[]
  /** Why an archive of the old script holds less than there was; null for one of kdr's own. */
  readonly lossy: string | null
  /** Per topic what a restore would see deleted at once; null where the configs need a key that is not here. */
  readonly expires: ReadonlyMap<string, 'all' | 'part'> | null
}

const EXPIRES = { all: 'all at once', part: 'its older part', none: '-' } as const

/** Facts with their names in a column of their own. */
export const factLines = (facts: readonly (readonly [name: string, value: string])[], columns: number): readonly string[] => {
  const width = Math.max(...facts.map(([name]) => name.length)) + 2
  return facts.map(([name, value]) => wrap(value, columns, `  ${name.padEnd(width)}`, ' '.repeat(width + 2)))
}

const sum = (rows: readonly PartitionBackup[], pick: (row: PartitionBackup) => number): number => rows.reduce((total, row) => total + pick(row), 0)

export const showLines = ({ manifest, sidecar, where, links, lossy, expires }: Shown, columns: number): readonly string[] => {
  const { partitions } = manifest
  const stamps = topicSums(partitions)
  const from = stamps.reduce((least, row) => earliest(least, row.minTimestamp), -1)
  const encryption =
    manifest.encryption === null
      ? 'no'
      : `${manifest.encryption.scheme}, for ${manifest.encryption.recipients.map((one) => (one === 'passphrase' ? 'a passphrase' : one)).join(', ')}`
  const facts: (readonly [string, string])[] = [
    ['store', `${where}, ${plural(sidecar.parts.length, 'part')}, ${formatBytes(sidecar.bytes)}`],
    ['taken', `${timeWords(manifest.backup_date)} of cluster ${manifest.cluster_id ?? 'without an id'}, by kdr ${manifest.kdr_version}`],
    ['chain', links.join(' + ')],
    [
      'holds',
      `${plural(manifest.topics_count, 'topic')}, ${plural(partitions.length, 'partition')}, ${countWords(sum(partitions, (row) => row.records))} records, ${formatBytes(manifest.backup_size_bytes)} of batches`,
    ],
    ['records of', `${stampWords(from)} to ${stampWords(sidecar.max_timestamp)}`],
    ['groups', manifest.consumer_groups_count === 0 ? 'none' : some(manifest.consumer_groups)],
    ['encrypted', encryption],
  ]
  if (manifest.left_out.length > 0) facts.push(['left out', some(manifest.left_out.map(({ topic, why }) => `${topic} (${why})`))])
  const rows = stamps.map(({ topic, partitions: count, records, bytes, maxTimestamp }) => [
    topic,
    String(count),
    countWords(records),
    formatBytes(bytes),
    stampWords(maxTimestamp).slice(0, 16),
    ...(expires === null ? [] : [EXPIRES[expires.get(topic) ?? 'none']]),
  ])
  const gaps = gapsOf(partitions)
  return [
    `${manifest.name}: ${manifest.backup_type}, ${lossy !== null ? 'LOSSY' : manifest.status === 'complete' ? 'complete' : manifest.status.toUpperCase()}`,
    ...factLines(facts, columns),
    ...manifest.incomplete.map((why) => wrap(lossy === null ? `INCOMPLETE: ${why}` : why, columns, '', '  ')),
    '',
    ...table([['TOPIC', 'PARTS', 'RECORDS', 'SIZE', 'LATEST', ...(expires === null ? [] : ['EXPIRES'])], ...rows]),
    ...(gaps.length === 0 ? [] : ['', 'Gaps:', ...gaps.map((gap) => wrap(gapWords(gap), columns, '  ', '    '))]),
  ]
}

const OFFSETS = {
  preserved: 'as they were, in every partition: consumers go on without any mapping',
  mapped: 'mapped: committed positions of groups were moved with the records',
} as const

/** What came back, and what did not. */
export const restoreLines = ({ name, status, topics, records, offsets, groups, notRestored }: RestoreReport, columns: number): readonly string[] => [
  '',
  `Restored from ${name}${status === 'complete' ? '' : ', INCOMPLETE'}`,
  ...factLines(
    [
      ['holds', `${plural(topics, 'topic')}, ${countWords(records)} records, positions of ${plural(groups, 'group')}`],
      ['offsets', OFFSETS[offsets]],
      ['not restored', notRestored.length === 0 ? 'nothing: all that the backup has' : String(notRestored.length)],
    ],
    columns,
  ),
  ...notRestored.map(({ what, why }) => wrap(`${what}: ${why}`, columns, '  - ', '    ')),
]
