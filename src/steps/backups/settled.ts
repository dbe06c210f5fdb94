// Who leads each partition and where it ends, once that stands still: what a leader took from an earlier life of a
// run and has not handed on yet would be taken twice.
import type { PartitionPlan } from '../../archive/restore/plan.ts'
import { KdrError } from '../../errors.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import type { OffsetAnswer } from '../../ports/kafka.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { formatDuration, minutes, seconds } from '../../units.ts'
import { at, nameOf } from './extents.ts'
import { extentOf } from './restoring.ts'

/** Pause before a replica that lags is looked at again, and how long it may: a broker that died has a successor by then. */
const SETTLING = seconds(0.5)
const SETTLED_WITHIN = minutes(1)

/** Who leads each partition, as far as that is known. */
const leadersOf = async (world: WriteWorld, plans: readonly PartitionPlan[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> => {
  const { topics } = await world.backup.topics([...new Set(plans.map(({ target }) => target))], signal)
  return new Map(
    topics.flatMap(({ name, partitions }) => partitions.map(({ partition, leader }): [string, number] => [partitionName({ topic: name, partition }), leader])),
  )
}

/** Why it cannot be told yet what a partition holds, in words; null where it can. */
const unsettled = (
  plans: readonly PartitionPlan[],
  leaders: ReadonlyMap<string, number>,
  ends: ReadonlyMap<string, OffsetAnswer>,
  now: Survey,
): string | null => {
  for (const plan of plans) {
    const name = nameOf(plan)
    const leader = leaders.get(name) ?? -1
    const end = ends.get(name)?.offset
    if (leader < 0) return `${name} has no leader`
    if (end === undefined || !end.known) return `broker ${leader}, which leads ${name}, does not say where it ends: ${end?.why ?? 'no answer'}`
    if (end.value !== extentOf(now, plan)?.end) return `broker ${leader}, which leads ${name}, has records up to ${end.value} that its followers have not`
  }
  return null
}

/**
 * Who leads each partition that has `work` left, and what it holds: the others, brokers that are down among them, are waited for by nobody. What a leader took from an earlier life of this run and has not handed on yet would be taken
 * twice: waits until there is none.
 */
export const settledExtents = async (
  world: WriteWorld,
  all: readonly PartitionPlan[],
  work: (now: Survey, plan: PartitionPlan) => boolean,
  signal: AbortSignal,
): Promise<{ readonly now: Survey; readonly leaders: ReadonlyMap<string, number> }> => {
  let said: string | null = null
  for (const began = world.clock.monotonic(); ; await world.clock.sleep(SETTLING, signal)) {
    const now = await world.survey(['contents'])
    // What was not seen may have some.
    const plans = all.filter((plan) => extentOf(now, plan) === null || work(now, plan))
    const leaders = await leadersOf(world, plans, signal)
    const brokers = [...new Set(leaders.values())].filter((id) => id >= 0)
    const ends = await Promise.all(
      brokers.map((broker) => world.kafka.offsets({ ask: 'local-end', broker }, plans.filter((plan) => leaders.get(nameOf(plan)) === broker).map(at), signal)),
    )
    const why = unsettled(plans, leaders, new Map(ends.flat().map((answer) => [partitionName(answer), answer])), now)
    if (why === null) return { now, leaders }
    if (why !== said) world.tell({ detail: `waiting: ${why}` })
    said = why
    if (world.stopping.aborted) throw new KdrError('stopped before records were loaded', { code: 'load-stopped', exit: 'stopped' })
    if (world.clock.monotonic() - began > SETTLED_WITHIN)
      throw new KdrError(`${why}, for ${formatDuration(SETTLED_WITHIN)} now`, {
        code: 'load-stuck',
        hint: 'kdr diagnose; what was loaded stays, and the same command goes on from there',
      })
  }
}
