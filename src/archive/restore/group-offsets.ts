// Where a group goes on: at the record it would have read next, across holes and renumbering. Preserved
// partitions keep the offset itself; mapped ones count what was kept before it.

import { walkBatches } from '../../model/batches/batch.ts'
import { decodeRecords } from '../../model/batches/records.ts'
import type { Instant } from '../../units.ts'
import type { GroupPosition } from '../manifest.ts'
import type { RestoreArchive } from './options.ts'
import { keptOf } from './pieces.ts'
import type { PartitionPlan } from './plan.ts'
import type { StoredPartition, StoredSegment } from './stored.ts'

/** Kept records of this segment before `offset`. */
const before = async ({ archive, partition, segment }: StoredSegment, offset: bigint, toTime: Instant | null, signal: AbortSignal): Promise<number> => {
  const { bytes, release } = await archive.segment(partition, segment, signal)
  try {
    let count = 0
    for (const batch of walkBatches(bytes)) {
      if (batch.baseOffset >= offset) break
      const cut = toTime !== null && batch.maxTimestamp > toTime
      if (!cut && batch.lastOffset < offset) count += batch.count
      else count += (cut ? keptOf(batch, toTime) : decodeRecords(batch)).filter((record) => record.offset < offset).length
    }
    return count
  } finally {
    release()
  }
}

/** How many kept records of the whole chain lie before this offset of the source. Reads one segment at most, unless records are left out by their time. */
const indexOf = async (stored: StoredPartition, offset: bigint, toTime: Instant | null, signal: AbortSignal): Promise<number> => {
  let count = 0
  for (const at of stored.segments) {
    const { segment } = at
    if (BigInt(segment.baseOffset) >= offset) break
    const whole = BigInt(segment.lastOffset) < offset && (toTime === null || segment.maxTimestamp <= toTime)
    count += whole ? segment.records : await before(at, offset, toTime, signal)
  }
  return count
}

const clamp = (value: bigint, low: bigint, high: bigint): bigint => (value < low ? low : value > high ? high : value)

export interface Committed {
  readonly offset: bigint
  /** Where it would be, had the records from there on not gone since they were restored; null: they are there. */
  readonly behind: bigint | null
}

/** The offset to commit in the target; never past what is there, and never before it. `named`: the archive that the position is of. */
export const committedIn = async (
  plan: PartitionPlan,
  stored: StoredPartition,
  named: RestoreArchive,
  position: Pick<GroupPosition, 'offset' | 'archivedIndex'>,
  toTime: Instant | null,
  signal: AbortSignal,
): Promise<Committed> => {
  const { base, records, gone } = plan
  const wanted = clamp(await placeOf(plan, stored, named, position, toTime, signal), base, base + BigInt(records))
  const first = base + BigInt(gone)
  return wanted < first ? { offset: first, behind: wanted } : { offset: wanted, behind: null }
}

const placeOf = async (
  { how, base }: PartitionPlan,
  stored: StoredPartition,
  named: RestoreArchive,
  { offset, archivedIndex }: Pick<GroupPosition, 'offset' | 'archivedIndex'>,
  toTime: Instant | null,
  signal: AbortSignal,
): Promise<bigint> => {
  if (how === 'preserved') return BigInt(offset)
  // Counted when the backup was made; what the archives before it keep comes on top.
  if (archivedIndex !== null && toTime === null) {
    const earlier = stored.segments.reduce((sum, { archive, segment }) => (archive === named ? sum : sum + segment.records), 0)
    return base + BigInt(earlier + archivedIndex)
  }
  return base + BigInt(await indexOf(stored, BigInt(offset), toTime, signal))
}
