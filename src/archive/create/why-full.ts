// When an incremental backup would lie. Pure: what was seen of the topics goes in, the reason for a full
// backup comes out. What could not be seen is a reason too.
import type { Known } from '../../model/known.ts'
import { formatDuration, type Instant, parseInstant } from '../../units.ts'
import type { Gap, Manifest, PartitionBackup } from '../manifest.ts'
import type { Cleaning } from './cleaning.ts'
import { type PartitionPlan, placeOf } from './ends.ts'

export interface ChainFacts {
  /** Every topic of the cluster, kept or not. */
  readonly present: ReadonlySet<string>
  readonly plans: readonly PartitionPlan[]
  /** End of the leader epoch that the parent ended in, by partition (OffsetForLeaderEpoch). */
  readonly epochEnds: ReadonlyMap<string, Known<bigint>>
  /** By topic, of those with records after the parent. */
  readonly cleaning: ReadonlyMap<string, Known<Cleaning>>
  /** Of topics that the parent lacks and that are there now: the last backup of the chain that has one of the name. */
  readonly former: Known<ReadonlyMap<string, string>>
  readonly now: Instant
}

/** Damage stays whatever is read again. */
export const UNDECODABLE = 'undecodable'

/** A full backup can still read what this one did not. */
const curable = ({ to, why }: Gap, logStart: bigint): boolean => BigInt(to) > logStart && !why.startsWith(UNDECODABLE)

/** Before the plan's own partition is compared; null where the partition goes on. */
const wherePartitionBroke = (before: PartitionBackup, plan: PartitionPlan, epochEnd: Known<bigint> | undefined): string | null => {
  const place = placeOf(plan)
  const end = BigInt(before.end)
  if (before.topicId !== null && plan.topicId !== null && before.topicId !== plan.topicId) return `${plan.topic} was deleted and created again since`
  if (end > 0n && (before.topicId === null || plan.topicId === null))
    return `it cannot be told whether ${plan.topic} was deleted and created again since: ${plan.topicId === null ? 'the cluster gives topics no ids (inter.broker.protocol.version before 2.8)' : 'the last backup does not have its id'}`
  if (plan.problem !== null) return null
  if (plan.end < end) return `${place} was cut short since: it was kept to offset ${end} and now ends at ${plan.end}`
  if (plan.logStart > end) return `${place} begins at offset ${plan.logStart} now and was kept to ${end}: what lay between is gone`
  const gap = before.gaps.find((one) => curable(one, plan.logStart))
  if (gap !== undefined) return `the last backup lacks offsets ${gap.from} to ${gap.to} of ${place}, which are still there`
  if (end === 0n) return null
  if (epochEnd === undefined || !epochEnd.known) return `it cannot be told whether ${place} was cut short since: ${epochEnd?.why ?? 'no answer'}`
  if (epochEnd.value < end)
    return `${place} was cut short since: leader epoch ${before.leaderEpoch} ends at offset ${epochEnd.value}, and it was kept to ${end}`
  return null
}

const whereCleaned = (parent: Manifest, topic: string, cleaning: Known<Cleaning> | undefined, now: Instant): string | null => {
  if (cleaning === undefined) return null
  if (!cleaning.known) return `it cannot be told whether ${topic} is compacted: ${cleaning.why}`
  const age = now - parseInstant(parent.backup_date)
  if (!cleaning.value.compacted || age < cleaning.value.tombstones) return null
  return `${topic} is compacted and the last backup is ${formatDuration(age)} old: tombstones are kept for ${formatDuration(cleaning.value.tombstones)} only, so deletes may have been missed`
}

const byTopic = <T extends { readonly topic: string }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> => {
  const topics = new Map<string, T[]>()
  for (const row of rows) {
    const known = topics.get(row.topic)
    if (known === undefined) topics.set(row.topic, [row])
    else known.push(row)
  }
  return topics
}

/** Why a backup on top of `parent` has to be full; null where the chain can go on. Topics that are gone or new break nothing. */
export const whyFull = (parent: Manifest, { present, plans, epochEnds, cleaning, former, now }: ChainFacts): string | null => {
  if (!former.known) return `it cannot be told whether a topic that is new was in the chain before: ${former.why}`
  for (const [topic, name] of former.value) return `${topic} is in ${name}, was gone after it and is there again: a chain holds one topic of a name only`
  const planned = byTopic(plans)
  for (const [topic, before] of byTopic(parent.partitions)) {
    const today = planned.get(topic)
    if (today === undefined) {
      if (present.has(topic)) return `${topic} is in the last backup and is left out of this one`
      continue
    }
    const old = new Map(before.map((one) => [one.partition, one]))
    for (const plan of today) {
      const was = old.get(plan.partition)
      const why = was === undefined ? null : wherePartitionBroke(was, plan, epochEnds.get(placeOf(plan)))
      if (why !== null) return why
    }
    if (today.length !== before.length) return `${topic} has ${today.length} partitions now and had ${before.length}`
    const cleaned = whereCleaned(parent, topic, cleaning.get(topic), now)
    if (cleaned !== null) return cleaned
  }
  return null
}

/** The plans of an incremental backup: each partition goes on where the parent ended. */
export const goOn = (parent: Manifest, plans: readonly PartitionPlan[]): readonly PartitionPlan[] => {
  const ends = new Map(parent.partitions.map((one) => [placeOf(one), BigInt(one.end)]))
  const since = parseInstant(parent.backup_date)
  return plans.map((plan) => {
    const start = ends.get(placeOf(plan))
    if (start === undefined) return plan
    return plan.problem === null ? { ...plan, start, since } : { ...plan, logStart: start, start, end: start, highWatermark: start }
  })
}
