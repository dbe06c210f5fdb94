// Records back into partitions. The target is the checkpoint: whoever begins again looks how far it came, compares,
// and goes on from there.
import { feedOf } from '../../archive/restore/feed.ts'
import { type LoadPartition, loadPartitions } from '../../archive/restore/load.ts'
import type { PartitionPlan } from '../../archive/restore/plan.ts'
import { standing } from '../../archive/restore/stands.ts'
import { act, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import type { Survey } from '../../model/survey.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { each } from '../../survey/reading.ts'
import { formatBytes, minutes, plural } from '../../units.ts'
import { at, blindOf, later, loadedBy, nameOf, onlyOurs, projected, type Scope, unloaded } from './extents.ts'
import { LOADING, optionsOf, WIDTH } from './loading.ts'
import { chainOf, endOf, extentOf, keyOf, nothingStored, type Restoring, storedIn, withDataOf } from './restoring.ts'
import { settledExtents } from './settled.ts'

const OPEN_BYTES = 96 * 1024 * 1024
/** Registries and applications decode by it: its records come before all others. */
const SCHEMAS = '_schemas'

/** What was there already has to be what this backup would have put there. */
const checkStarted = async (
  world: WriteWorld,
  from: Restoring,
  plans: readonly PartitionPlan[],
  now: Survey,
  stored: ReturnType<typeof storedIn>,
  signal: AbortSignal,
) => {
  const { toTime } = from.options
  await each(plans, 4, async (plan) => {
    const extent = extentOf(now, plan)
    if (extent === null || extent.end <= plan.base) return
    const wanted = {
      stored: stored.get(keyOf(plan)) ?? nothingStored(plan.topic, plan.partition),
      records: plan.records,
      preserve: plan.how === 'preserved' ? plan.base : null,
      toTime,
    }
    const seen = await standing(world.backup, at(plan), { start: plan.base, end: extent.end }, wanted, true, signal)
    if (seen.state === 'partial' || seen.state === 'whole') return
    throw new KdrError(`${nameOf(plan)}: ${seen.state === 'foreign' ? seen.because : 'it is not what was restored before'}`, {
      code: 'foreign-write',
      exit: 'refused',
      hint: 'stop whoever writes, then restore with --existing recreate or another --topic-prefix',
    })
  })
}

const unfinished = (now: Survey, plan: PartitionPlan): boolean => unloaded(now, plan) > 0n

const loadAll = async (world: WriteWorld, from: Restoring, signal: AbortSignal): Promise<void> => {
  const plans = from.plan.value().partitions
  const chain = await chainOf(from, world, signal)
  const stored = storedIn(
    chain,
    from.plan.value().topics.map(({ topic }) => topic),
  )
  const { now, leaders } = await settledExtents(world, plans, unfinished, signal)
  const left = plans.filter((plan) => unfinished(now, plan))
  await checkStarted(world, from, left, now, stored, signal)
  const total = left.reduce((sum, plan) => sum + Number(unloaded(now, plan)), 0)
  const options = optionsOf(world, from, widthFor(stored), { total, unit: 'records' })
  const partitions = left.map((plan): LoadPartition & { readonly source: string } => {
    const restored = plan.records - Number(unloaded(now, plan))
    const held = stored.get(keyOf(plan)) ?? nothingStored(plan.topic, plan.partition)
    const cut = from.options.toTime !== null && held.maxTimestamp > from.options.toTime ? from.options.toTime : null
    return {
      ...at(plan),
      source: plan.topic,
      leader: leaders.get(nameOf(plan)) ?? -1,
      next: plan.base + BigInt(restored),
      end: endOf(plan),
      feed: () => feedOf(held, restored, cut),
    }
  })
  const ports = { clock: world.clock, restore: world.change.restore }
  await loadPartitions(
    partitions.filter(({ source }) => source === SCHEMAS),
    ports,
    options,
    signal,
  )
  await loadPartitions(
    partitions.filter(({ source }) => source !== SCHEMAS),
    ports,
    options,
    signal,
  )
}

const widthFor = (stored: ReturnType<typeof storedIn>): number => {
  let largest = 1
  for (const { segments } of stored.values()) for (const { segment } of segments) largest = Math.max(largest, segment.bytes)
  // One segment is read ahead of each that is being sent.
  return Math.max(1, Math.min(WIDTH, Math.floor(OPEN_BYTES / (2 * largest))))
}

export const loadData = (from: Restoring): Step =>
  act<Scope>({
    id: 'load-data',
    title: 'Load the records',
    why: 'As they were stored, their checksums included; what is there already is compared and not loaded again.',
    effect: 'change',
    aspects: ['contents'],
    guards: [onlyOurs(from)],
    budget: { expected: minutes(10), deadline: LOADING },
    resolve: async (world) => {
      if (!withDataOf(from)) return { nothing: 'no data is restored' }
      const now = await world.survey()
      const blind = blindOf(from, now)
      if (blind !== null) return { unknown: blind }
      const left = from.plan.value().partitions.filter((plan) => unloaded(now, plan) > 0n)
      if (left.length === 0) return { nothing: 'every partition ends where it has to' }
      return { target: { partitions: left.length, records: left.reduce((sum, plan) => sum + Number(unloaded(now, plan)), 0) } }
    },
    preview: ({ partitions, records }) => ({
      sentence: `load ${plural(records, 'record')} into ${plural(partitions, 'partition')}`,
      changes: [from.options.bytesPerSecond === null ? 'as fast as the brokers take them' : `at ${formatBytes(from.options.bytesPerSecond)} a second at most`],
      commands: [],
    }),
    act: async (world, _, signal) => {
      await loadAll(world, from, signal)
      return undefined
    },
    expect: (now) => projected(from, now, (plan, extent) => ({ start: later(extent.start, plan.base), end: endOf(plan) })),
    done: (now) => loadedBy(from, now),
  })
