// What a look at the target says about each partition of a restore: whether it is at the offset where its records
// begin, how many it lacks, whether anybody else has written. Pure.
import type { PartitionPlan } from '../../archive/restore/plan.ts'
import type { Guard, Progress, Refusal } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import type { Extent } from '../../model/contents.ts'
import { known } from '../../model/known.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import { withTopics } from '../../survey/project.ts'
import { plural } from '../../units.ts'
import { endOf, extentOf, NOT_SEEN, type Restoring } from './restoring.ts'

export interface Scope {
  readonly partitions: number
  readonly records: number
}

export const at = ({ target, partition }: PartitionPlan) => ({ topic: target, partition })
export const nameOf = (plan: PartitionPlan): string => partitionName(at(plan))

/** Nothing of anybody else may lie in a partition that is written to. */
export const onlyOurs = (from: Restoring): Guard<Scope> => ({
  name: 'only-ours',
  check: (now): Refusal | null => {
    const plans = from.plan.taken()?.partitions ?? []
    const blind = plans.filter((plan) => extentOf(now, plan) === null)
    const refusal = { guard: 'only-ours', force: null }
    if (blind.length > 0) return { ...refusal, because: `what ${few(blind.map(nameOf), 3)} holds was not seen`, protects: [], blind: true }
    const foreign = plans.filter((plan) => {
      const extent = extentOf(now, plan)
      return extent !== null && extent.end > endOf(plan) && !(extent.start === extent.end && extent.end <= plan.base)
    })
    if (foreign.length === 0) return null
    return { ...refusal, because: 'it holds more than the backup would have put there: somebody else writes to it', protects: foreign.map(nameOf) }
  },
})

/** `Math.max` takes no bigints. */
export const later = (a: bigint, b: bigint): bigint => [a, b].sort((x, y) => (x < y ? 1 : -1))[0] ?? a

/**
 * It does not begin where its records do. Also of a partition that is full: brokers write down what was deleted once a minute
 * (log.flush.start.offset.checkpoint.interval.ms), and one that dies before forgets it where no other replica knows.
 */
export const unplaced = (now: Survey, plan: PartitionPlan): boolean => {
  const extent = extentOf(now, plan)
  return extent !== null && plan.how === 'preserved' && extent.start < plan.base
}

export const unplacedIn = (from: Restoring, now: Survey): readonly PartitionPlan[] => from.plan.value().partitions.filter((plan) => unplaced(now, plan))

export const unloaded = (now: Survey, plan: PartitionPlan): bigint => {
  const extent = extentOf(now, plan)
  const end = endOf(plan)
  return extent === null || extent.end >= end ? 0n : end - later(extent.end, plan.base)
}

export const blindOf = (from: Restoring, now: Survey): string | null => {
  const blind = from.plan.value().partitions.filter((plan) => extentOf(now, plan) === null)
  return blind.length === 0 ? null : `what ${few(blind.map(nameOf), 3)} holds was not seen`
}

export const projected = (from: Restoring, now: Survey, change: (plan: PartitionPlan, extent: Extent) => Extent): Survey => {
  const { topics, partitions } = from.plan.value()
  const plans = new Map(partitions.map((plan) => [nameOf(plan), plan]))
  return withTopics(
    now,
    topics.map(({ target, partitions: count, replicationFactor }) => ({ name: target, partitions: count, replicationFactor })),
    (topic, name) => ({
      ...topic,
      partitions: topic.partitions.map((extent, partition) => {
        const plan = plans.get(partitionName({ topic: name, partition }))
        return plan === undefined || !extent.known ? extent : known(change(plan, extent.value), 'projected')
      }),
    }),
  )
}

/** Records that were there before and are no more: nobody may call them restored. */
export const goneIn = (partitions: readonly PartitionPlan[]): number => partitions.reduce((sum, { gone }) => sum + gone, 0)

/** Every partition ends where it has to. */
export const loadedBy = (from: Restoring, now: Survey): Progress => {
  if (!now.contents.known) return { state: 'unknown', detail: `${NOT_SEEN}: ${now.contents.why}` }
  const blind = blindOf(from, now)
  if (blind !== null) return { state: 'unknown', detail: blind }
  const { partitions } = from.plan.value()
  const gone = goneIn(partitions)
  const total = partitions.reduce((sum, { records }) => sum + records, 0) - gone
  const left = partitions.reduce((sum, plan) => sum + Number(unloaded(now, plan)), 0)
  const over = partitions.find((plan) => (extentOf(now, plan)?.end ?? 0n) > endOf(plan))
  const measure = { done: total - left, total, unit: 'records' }
  if (over !== undefined)
    return {
      state: 'under-way',
      detail: `${nameOf(over)} holds more than the backup`,
      hopeless: `${nameOf(over)} holds more than the backup: somebody else writes to it`,
    }
  return left === 0
    ? { state: 'done', detail: `${plural(total, 'record')} in place${gone === 0 ? '' : `, ${gone} of before gone since`}`, measure }
    : { state: 'not-started', detail: `${total - left} of ${plural(total, 'record')} in place`, measure }
}
