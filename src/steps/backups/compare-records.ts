// First and last records of partitions held against the backup, before settings are put back: once compaction and
// retention hold again, records may go. What cannot be seen is asked for again, and never passes as compared.
import type { PartitionPlan } from '../../archive/restore/plan.ts'
import { recordAt, recordIn, sameRecord } from '../../archive/restore/stands.ts'
import { isLoadMode } from '../../archive/restore/topic-configs.ts'
import { act, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import type { Extent } from '../../model/contents.ts'
import type { Survey } from '../../model/survey.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { each } from '../../survey/reading.ts'
import { minutes, plural, seconds } from '../../units.ts'
import { at, nameOf } from './extents.ts'
import { chainOf, extentOf, keyOf, overridesOf, type Restoring, storedIn } from './restoring.ts'

/** Partitions of which the first and the last record are compared: each costs up to two segments. */
const SAMPLED = 200
const WIDTH = 4
/** Looks at what was not seen: a broker that died has a successor by then. */
const LOOKS = 30
const BETWEEN = seconds(2)

interface Sample {
  readonly partitions: number
}

const unseenIn = (now: Survey, plans: readonly PartitionPlan[]): readonly string[] =>
  plans.filter((plan) => extentOf(now, plan) === null || overridesOf(now, plan.target) === null).map(nameOf)

/** A survey that shows what each of them holds and is set to. Throws `not-compared`. */
const seeAll = async (world: WriteWorld, plans: readonly PartitionPlan[], signal: AbortSignal): Promise<Survey> => {
  for (let look = 1; ; look += 1) {
    const now = await world.survey(['contents'])
    const unseen = unseenIn(now, plans)
    if (unseen.length === 0) return now
    if (look === LOOKS)
      throw new KdrError(`what ${few(unseen, 3)} holds, or how it is set, was not seen: nothing is compared`, {
        code: 'not-compared',
        exit: 'unknown',
        hint: 'kdr diagnose; once its brokers answer, run the same command again: what was loaded stays',
      })
    if (look === 1) world.tell({ detail: `waiting to see ${few(unseen, 3)}` })
    await world.clock.sleep(BETWEEN, signal)
  }
}

/** While a topic is loaded nothing of it expires. */
const deleted = (plan: PartitionPlan, { start }: Extent): KdrError =>
  new KdrError(`${nameOf(plan)} begins at ${start} and not at ${plan.base}: somebody deleted what was restored, while it was being restored`, {
    code: 'restored-deleted',
    hint: 'stop whoever deletes records or sets topics back, then restore with --existing recreate or another --topic-prefix',
  })

/** Of how many partitions a record could be compared. */
const compareEnds = async (world: WriteWorld, from: Restoring, plans: readonly PartitionPlan[], signal: AbortSignal): Promise<number> => {
  const stored = storedIn(
    await chainOf(from, world, signal),
    from.plan.value().topics.map(({ topic }) => topic),
  )
  const now = await seeAll(world, plans, signal)
  const compared = await each(plans, WIDTH, async (plan) => {
    const held = stored.get(keyOf(plan))
    const extent = extentOf(now, plan)
    const overrides = overridesOf(now, plan.target)
    if (held === undefined || extent === null || overrides === null) throw new Error(`${nameOf(plan)} was there a moment ago`)
    if (isLoadMode(overrides) && extent.start > plan.base + BigInt(plan.gone)) throw deleted(plan, extent)
    let same = false
    for (const index of new Set([0, plan.records - 1])) {
      const offset = plan.base + BigInt(index)
      // What has expired since its retention is back cannot be compared.
      if (offset < extent.start || offset >= extent.end) continue
      const [wanted, found] = await Promise.all([recordAt(held, index, from.options.toTime, signal), recordIn(world.backup, at(plan), offset, signal)])
      if (wanted === null) throw new KdrError(`the backup lacks record ${index} of ${nameOf(plan)}`, { code: 'archive-corrupt', exit: 'corrupt' })
      if (found !== null && sameRecord(wanted, found)) {
        same = true
        continue
      }
      // Compacted away since its settings are back, as in a resumed run.
      if (found === null && !isLoadMode(overrides)) continue
      throw new KdrError(`${nameOf(plan)}: the record at offset ${offset} is not the one of the backup`, { code: 'restore-differs', exit: 'corrupt' })
    }
    return same
  })
  return compared.filter((same) => same).length
}

const comparedWords = (compared: number, looked: number): string => {
  if (compared === 0) return `none could be compared: the first and last records of ${plural(looked, 'partition')} are there no more`
  const rest = compared < looked ? `; of ${looked - compared} more none could be compared` : ''
  return `first and last records that are there are those of the backup, in ${plural(compared, 'partition')}${rest}`
}

/** Every so many partitions, so that there are enough of them. */
const sampleOf = (from: Restoring): readonly PartitionPlan[] => {
  const all = from.plan.value().partitions.filter(({ records }) => records > 0)
  const pace = Math.max(1, Math.ceil(all.length / SAMPLED))
  return all.filter((_, place) => place % pace === 0)
}

export const compareRecords = (from: Restoring): Step => {
  let compared: number | null = null
  return act<Sample>({
    id: 'compare-records',
    title: 'Compare first and last records with the backup',
    why: 'A count that fits says nothing about what was counted.',
    effect: 'probe',
    aspects: [],
    guards: [],
    budget: { expected: seconds(10), deadline: minutes(60) },
    resolve: async () => {
      const { length } = sampleOf(from)
      return length === 0 ? { nothing: 'there is no record to compare' } : { target: { partitions: length } }
    },
    preview: ({ partitions }) => ({ sentence: `compare the first and the last record of ${plural(partitions, 'partition')}`, changes: [], commands: [] }),
    act: async (world, _, signal) => {
      compared = await compareEnds(world, from, sampleOf(from), signal)
      return undefined
    },
    expect: (now) => now,
    done: (_, { partitions }) =>
      compared === null ? { state: 'not-started', detail: 'not compared' } : { state: 'done', detail: comparedWords(compared, partitions) },
  })
}
