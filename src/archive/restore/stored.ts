// One partition as its whole chain holds it: which segments, how many records, whether any offset is missing.
import type { Gap, PartitionBackup, Segment } from '../manifest.ts'
import type { RestoreArchive } from './options.ts'

export interface StoredSegment {
  readonly archive: RestoreArchive
  readonly partition: PartitionBackup
  readonly segment: Segment
}

export interface StoredPartition {
  readonly topic: string
  readonly partition: number
  /** In the order of their offsets. */
  readonly segments: readonly StoredSegment[]
  readonly records: number
  /** As the brokers stored them. */
  readonly bytes: number
  readonly largestBatch: number
  /** -1 when there is no record. */
  readonly maxTimestamp: number
  /** Offset of the first record kept; where there is none, the next one the source would have given. */
  readonly first: bigint
  /** Every offset from the first to the last record has one: only then can offsets be preserved. */
  readonly dense: boolean
  /** Next offset of the source after it. */
  readonly end: bigint
  /** Offsets that the backup should hold and does not. */
  readonly gaps: readonly Gap[]
}

const storedOf = (topic: string, partition: number, parts: readonly (readonly [RestoreArchive, PartitionBackup])[]): StoredPartition => {
  const segments = parts.flatMap(([archive, backup]) => backup.segments.map((segment): StoredSegment => ({ archive, partition: backup, segment })))
  const records = segments.reduce((sum, { segment }) => sum + segment.records, 0)
  const end = BigInt(parts.at(-1)?.[1].end ?? '0')
  const kept = segments.filter(({ segment }) => segment.records > 0)
  const first = BigInt(kept[0]?.segment.baseOffset ?? end)
  const last = BigInt(kept.at(-1)?.segment.lastOffset ?? -1)
  return {
    topic,
    partition,
    segments: kept,
    records,
    bytes: parts.reduce((sum, [, backup]) => sum + backup.bytes, 0),
    largestBatch: parts.reduce((most, [, backup]) => Math.max(most, backup.largestBatch), 0),
    maxTimestamp: kept.reduce((most, { segment }) => Math.max(most, segment.maxTimestamp), -1),
    first,
    dense: records === 0 || BigInt(records) === last - first + 1n,
    end,
    gaps: parts.flatMap(([, backup]) => backup.gaps),
  }
}

/** Every partition of these topics, by topic and number. */
export const storedPartitions = (archives: readonly RestoreArchive[], topics: readonly string[]): readonly StoredPartition[] => {
  const wanted = new Set(topics)
  const parts = new Map<string, (readonly [RestoreArchive, PartitionBackup])[]>()
  for (const archive of archives)
    for (const partition of archive.manifest.partitions) {
      if (!wanted.has(partition.topic)) continue
      const key = JSON.stringify([partition.topic, partition.partition])
      const list = parts.get(key)
      if (list === undefined) parts.set(key, [[archive, partition]])
      else list.push([archive, partition])
    }
  return [...parts.values()]
    .map((list) => storedOf(list[0]?.[1].topic ?? '', list[0]?.[1].partition ?? 0, list))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

/** Segment in which the record of this number (0 is the first) lies, and its number there. */
export const locate = ({ segments }: StoredPartition, index: number): { readonly at: number; readonly within: number } | null => {
  let before = 0
  for (const [at, { segment }] of segments.entries()) {
    if (index < before + segment.records) return { at, within: index - before }
    before += segment.records
  }
  return null
}
