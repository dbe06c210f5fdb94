// Partitions brought to the offsets where their records begin: filled with empty records up to there, which are
// deleted again. Kafka then gives the first record the offset it had.
import { fillerFeed } from '../../archive/restore/feed.ts'
import { type LoadPartition, loadPartitions } from '../../archive/restore/load.ts'
import type { PartitionPlan } from '../../archive/restore/plan.ts'
import { isFiller, recordIn } from '../../archive/restore/stands.ts'
import { act, type Progress, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import type { Extent } from '../../model/contents.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { minutes, plural } from '../../units.ts'
import { at, blindOf, later, nameOf, onlyOurs, projected, type Scope, unplaced, unplacedIn } from './extents.ts'
import { LOADING, optionsOf, WIDTH } from './loading.ts'
import { extentOf, type Restoring, withDataOf } from './restoring.ts'
import { settledExtents } from './settled.ts'

/** What is deleted to bring a partition to its offset is filler and nothing else: somebody may have written once the topic was there. */
const mustBeFiller = async (world: WriteWorld, plan: PartitionPlan, { start, end }: Extent, signal: AbortSignal): Promise<void> => {
  if (start === end) return
  const last = (end < plan.base ? end : plan.base) - 1n
  for (const offset of new Set([start, last])) {
    const found = await recordIn(world.backup, at(plan), offset, signal)
    if (found !== null && isFiller(found)) continue
    throw new KdrError(`${nameOf(plan)} holds a record at ${offset} that kdr did not put there: nothing of it is deleted`, {
      code: 'foreign-write',
      hint: 'stop whoever writes, then restore with --existing recreate, --topic-prefix or --offsets mapped',
    })
  }
}

const placeOffsets = async (world: WriteWorld, from: Restoring, signal: AbortSignal): Promise<void> => {
  const plans = from.plan.value().partitions.filter(({ how, base }) => how === 'preserved' && base > 0n)
  const { now, leaders } = await settledExtents(world, plans, unplaced, signal)
  const wanted = plans.filter((plan) => unplaced(now, plan))
  for (const plan of wanted) await mustBeFiller(world, plan, extentOf(now, plan) ?? { start: 0n, end: 0n }, signal)
  const fills = wanted.flatMap((plan): LoadPartition[] => {
    const { end } = extentOf(now, plan) ?? { end: plan.base }
    return end >= plan.base
      ? []
      : [{ ...at(plan), leader: leaders.get(nameOf(plan)) ?? -1, next: end, end: plan.base, feed: () => fillerFeed(plan.base - end) }]
  })
  const total = fills.reduce((sum, { next, end }) => sum + Number(end - next), 0)
  const ports = { clock: world.clock, restore: world.change.restore }
  await loadPartitions(fills, ports, { ...optionsOf(world, from, WIDTH, { total, unit: 'offsets' }), bytesPerSecond: null }, signal)
  await world.change.restore.deleteRecords(
    wanted.map((plan) => ({ ...at(plan), before: plan.base })),
    signal,
  )
}

export const preserveOffsets = (from: Restoring): Step =>
  act<Scope>({
    id: 'preserve-offsets',
    title: 'Bring the partitions to the offsets where their records begin',
    why: 'Every record gets the offset it had: consumers, Flink and Connect go on without any mapping.',
    effect: 'change',
    lasting: true,
    aspects: ['contents'],
    guards: [onlyOurs(from)],
    budget: { expected: minutes(1), deadline: LOADING },
    resolve: async (world) => {
      if (!withDataOf(from)) return { nothing: 'no data is restored' }
      const now = await world.survey()
      const blind = blindOf(from, now)
      if (blind !== null) return { unknown: blind }
      const left = unplacedIn(from, now)
      if (left.length === 0) return { nothing: 'no partition has to be brought to an offset' }
      const records = left.reduce((sum, plan) => sum + Number(plan.base - (extentOf(now, plan)?.start ?? 0n)), 0)
      return { target: { partitions: left.length, records } }
    },
    preview: ({ partitions, records }, commands) => ({
      sentence: `fill ${plural(partitions, 'partition')} with ${records} empty records, as far as they are not there, and delete those`,
      changes: ['their next offset is the one where their records begin'],
      commands: [commands.kafka('kafka-delete-records', ['--offset-json-file', 'offsets.json'])],
    }),
    act: async (world, _, signal) => {
      await placeOffsets(world, from, signal)
      return undefined
    },
    expect: (now) =>
      projected(from, now, ({ how, base }, extent) => (how === 'preserved' && extent.start < base ? { start: base, end: later(extent.end, base) } : extent)),
    done: (now): Progress => {
      const blind = blindOf(from, now)
      if (blind !== null) return { state: 'unknown', detail: blind }
      const left = unplacedIn(from, now).length
      return left === 0
        ? { state: 'done', detail: 'every one begins where its records begin' }
        : { state: 'not-started', detail: `${plural(left, 'partition')} not there yet` }
    },
  })
