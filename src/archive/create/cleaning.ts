// How a topic is cleaned: what compaction takes has its newer record behind it, but a tombstone that has had its time goes
// without a trace, and whoever read the record before it and comes too late for it has a record that was deleted.
import { type Known, known, unknown } from '../../model/known.ts'
import { formatDuration, type Instant, type Millis, seconds } from '../../units.ts'

const POLICY = 'cleanup.policy'
const TOMBSTONES = 'delete.retention.ms'
export const CLEANING_KEYS: readonly string[] = [POLICY, TOMBSTONES]

/** A tombstone goes with the second cleaning that meets it at the earliest, and cleaners pause between (log.cleaner.backoff.ms). */
const TWO_CLEANINGS = seconds(15)

export interface Cleaning {
  readonly compacted: boolean
  /** delete.retention.ms: for so long a tombstone is sure to be there. */
  readonly tombstones: Millis
}

export const cleaningOf = (configs: Known<ReadonlyMap<string, string | null>> | undefined): Known<Cleaning> => {
  if (configs === undefined) return unknown('no answer', 'DescribeConfigs')
  if (!configs.known) return configs
  const policy = configs.value.get(POLICY)
  const tombstones = Number(configs.value.get(TOMBSTONES) ?? Number.NaN)
  if (policy === undefined || policy === null || Number.isNaN(tombstones)) return unknown(`${POLICY} or ${TOMBSTONES} was not told`, configs.by)
  return known({ compacted: policy.split(',').some((one) => one.trim() === 'compact'), tombstones }, configs.by)
}

/** Why deletes may be missing of what was read from `since` to `until`, something of which was cleaned; null where they are not. */
export const deletesMissed = (cleaning: Known<Cleaning>, since: Instant, until: Instant): string | null => {
  const took = until - since
  if (!cleaning.known) return took <= TWO_CLEANINGS ? null : `it cannot be told whether it is compacted, and deletes were missed: ${cleaning.why}`
  const { compacted, tombstones } = cleaning.value
  if (!compacted || took <= Math.max(tombstones, TWO_CLEANINGS)) return null
  return `deletes may have been missed: it is compacted, reading it took ${formatDuration(took)}, and tombstones are kept for ${formatDuration(tombstones)} only (${TOMBSTONES})`
}
