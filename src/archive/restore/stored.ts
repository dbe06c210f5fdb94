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
  /** Offsets that the backup should hold and does not, each with the archive that says so. */
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
    gaps: parts.flatMap(([{ manifest }, { gaps }]) => gaps.map((gap) => ({ ...gap, why: `${manifest.name}: ${gap.why}` }))),
  }
}

type Parts = readonly (readonly [RestoreArchive, PartitionBackup])[]

/**
 * By topic and number: the archives that hold a partition, each standing on the one before. One that was not in the archive before begins anew,
 * whatever has its name further back: that topic was deleted, and its records are not of this one.
 */
const partsOf = (archives: readonly RestoreArchive[], wanted: ReadonlySet<string>): ReadonlyMap<string, Parts> => {
  let before = new Map<string, Parts>()
  for (const archive of archives) {
    const now = new Map<string, Parts>()
    for (const partition of archive.manifest.partitions) {
      if (!wanted.has(partition.topic)) continue
      const key = JSON.stringify([partition.topic, partition.partition])
      now.set(key, [...(before.get(key) ?? []), [archive, partition]])
    }
    before = now
  }
  return before
}

/** Every partition of these topics as the last archive stands for it, by topic and number. */
export const storedPartitions = (archives: readonly RestoreArchive[], topics: readonly string[]): readonly StoredPartition[] =>
  [...partsOf(archives, new Set(topics)).values()]
    .map((parts) => storedOf(parts[0]?.[1].topic ?? '', parts[0]?.[1].partition ?? 0, parts))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))

/** Of these topics, those that were deleted and made again within the chain: the archive in which the one that is meant begins. */
export const begunAnew = (archives: readonly RestoreArchive[], topics: readonly string[]): ReadonlyMap<string, string> => {
  const wanted = new Set(topics)
  const [gone, there, anew] = [new Set<string>(), new Set<string>(), new Map<string, string>()]
  for (const { manifest } of archives) {
    const now = new Set(manifest.partitions.map(({ topic }) => topic).filter((topic) => wanted.has(topic)))
    for (const topic of now) if (gone.has(topic)) anew.set(topic, manifest.name)
    for (const topic of there) if (!now.has(topic)) gone.add(topic)
    there.clear()
    for (const topic of now) {
      gone.delete(topic)
      there.add(topic)
    }
  }
  return anew
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
