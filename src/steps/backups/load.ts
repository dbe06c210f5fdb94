// Records back into partitions: first the offsets before them, where those are preserved, then the records. The
// target is the checkpoint: whoever begins again looks how far it came, compares, and goes on from there.
import { feedOf, fillerFeed } from '../../archive/restore/feed.ts'
import { type LoadPartition, loadPartitions } from '../../archive/restore/load.ts'
import type { PartitionPlan } from '../../archive/restore/plan.ts'
import { isFiller, recordIn, standing } from '../../archive/restore/stands.ts'
import { act, type Guard, type Progress, type Refusal, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import type { Extent } from '../../model/contents.ts'
import { known } from '../../model/known.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import type { OffsetAnswer } from '../../ports/kafka.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { withTopics } from '../../survey/project.ts'
import { each } from '../../survey/reading.ts'
import { formatBytes, formatDuration, hours, minutes, plural, seconds } from '../../units.ts'
import { chainOf, endOf, extentOf, keyOf, NOT_SEEN, nothingStored, type Restoring, storedIn, withDataOf } from './restoring.ts'

const DEADLINE = hours(24 * 7)
/** Partitions open at once, of segments of the size kdr writes; fewer where segments are larger. */
const WIDTH = 12
const OPEN_BYTES = 96 * 1024 * 1024
/** Pause before a replica that lags is looked at again, and how long it may: a broker that died has a successor by then. */
const SETTLING = seconds(0.5)
const SETTLED_WITHIN = minutes(1)
/** Registries and applications decode by it: its records come before all others. */
const SCHEMAS = '_schemas'

interface Scope {
  readonly partitions: number
  readonly records: number
}

const at = ({ target, partition }: PartitionPlan) => ({ topic: target, partition })
const nameOf = (plan: PartitionPlan): string => partitionName(at(plan))

/** Nothing of anybody else may lie in a partition that is written to. */
const onlyOurs = (from: Restoring): Guard<Scope> => ({
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
const later = (a: bigint, b: bigint): bigint => [a, b].sort((x, y) => (x < y ? 1 : -1))[0] ?? a

const unplaced = (now: Survey, plan: PartitionPlan): boolean => {
  const extent = extentOf(now, plan)
  return extent !== null && plan.how === 'preserved' && (extent.end < plan.base || (extent.start < plan.base && extent.end === plan.base))
}

const unloaded = (now: Survey, plan: PartitionPlan): bigint => {
  const extent = extentOf(now, plan)
  const end = endOf(plan)
  return extent === null || extent.end >= end ? 0n : end - later(extent.end, plan.base)
}

const blindOf = (from: Restoring, now: Survey): string | null => {
  const blind = from.plan.value().partitions.filter((plan) => extentOf(now, plan) === null)
  return blind.length === 0 ? null : `what ${few(blind.map(nameOf), 3)} holds was not seen`
}

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

/** Who leads each partition, and what it holds. What a leader took from an earlier life of this run and has not handed on yet would be taken twice: waits until there is none. */
const settledExtents = async (
  world: WriteWorld,
  plans: readonly PartitionPlan[],
  signal: AbortSignal,
): Promise<{ readonly now: Survey; readonly leaders: ReadonlyMap<string, number> }> => {
  for (const began = world.clock.monotonic(); ; await world.clock.sleep(SETTLING, signal)) {
    const leaders = await leadersOf(world, plans, signal)
    const now = await world.survey(['contents'])
    const brokers = [...new Set(leaders.values())].filter((id) => id >= 0)
    const ends = await Promise.all(
      brokers.map((broker) => world.kafka.offsets({ ask: 'local-end', broker }, plans.filter((plan) => leaders.get(nameOf(plan)) === broker).map(at), signal)),
    )
    const why = unsettled(plans, leaders, new Map(ends.flat().map((answer) => [partitionName(answer), answer])), now)
    if (why === null) return { now, leaders }
    if (world.stopping.aborted) throw new KdrError('stopped before records were loaded', { code: 'load-stopped', exit: 'stopped' })
    if (world.clock.monotonic() - began > SETTLED_WITHIN)
      throw new KdrError(`${why}, for ${formatDuration(SETTLED_WITHIN)} now`, {
        code: 'load-stuck',
        hint: 'kdr diagnose; what was loaded stays, and the same command goes on from there',
      })
  }
}

interface Telling {
  readonly total: number
  readonly unit: string
}

/** Says how far it is with every answer. */
const teller = (world: WriteWorld, { total, unit }: Telling) => {
  let done = 0
  let bytes = 0
  const since = world.clock.monotonic()
  return {
    progress: (records: number, sent: number) => {
      done += records
      bytes += sent
      const took = Math.max(1, world.clock.monotonic() - since) / 1000
      world.tell({ detail: `${formatBytes(bytes / took)}/s`, measure: { done, total, unit } })
    },
  }
}

const optionsOf = (world: WriteWorld, from: Restoring, width: number, telling: Telling) => ({
  width,
  bytesPerSecond: from.options.bytesPerSecond,
  stopping: world.stopping,
  ...teller(world, telling),
})

/** What is deleted to bring a partition to its offset is filler and nothing else: somebody may have written once the topic was there. */
const mustBeFiller = async (world: WriteWorld, plan: PartitionPlan, { start, end }: Extent, signal: AbortSignal): Promise<void> => {
  if (start === end) return
  for (const offset of new Set([start, end - 1n])) {
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
  const { now, leaders } = await settledExtents(world, plans, signal)
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
    aspects: ['contents'],
    guards: [onlyOurs(from)],
    budget: { expected: minutes(1), deadline: DEADLINE },
    resolve: async (world) => {
      if (!withDataOf(from)) return { nothing: 'no data is restored' }
      const now = await world.survey()
      const blind = blindOf(from, now)
      if (blind !== null) return { unknown: blind }
      const left = from.plan.value().partitions.filter((plan) => unplaced(now, plan))
      if (left.length === 0) return { nothing: 'no partition has to be brought to an offset' }
      return { target: { partitions: left.length, records: left.reduce((sum, plan) => sum + Number(plan.base - (extentOf(now, plan)?.end ?? 0n)), 0) } }
    },
    preview: ({ partitions, records }, commands) => ({
      sentence: `fill ${plural(partitions, 'partition')} with ${records} empty records and delete those`,
      changes: ['their next offset is the one where their records begin'],
      commands: [commands.kafka('kafka-delete-records', ['--offset-json-file', 'offsets.json'])],
    }),
    act: async (world, _, signal) => {
      await placeOffsets(world, from, signal)
      return undefined
    },
    expect: (now) => projected(from, now, ({ how, base }, extent) => (how === 'preserved' && extent.end < base ? { start: base, end: base } : extent)),
    done: (now): Progress => {
      const blind = blindOf(from, now)
      if (blind !== null) return { state: 'unknown', detail: blind }
      const left = from.plan.value().partitions.filter((plan) => unplaced(now, plan)).length
      return left === 0
        ? { state: 'done', detail: 'every one begins where its records begin' }
        : { state: 'not-started', detail: `${plural(left, 'partition')} not there yet` }
    },
  })

const projected = (
  from: Restoring,
  now: Survey,
  change: (plan: PartitionPlan, extent: { readonly start: bigint; readonly end: bigint }) => { readonly start: bigint; readonly end: bigint },
): Survey => {
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

const loadAll = async (world: WriteWorld, from: Restoring, signal: AbortSignal): Promise<void> => {
  const plans = from.plan.value().partitions
  const chain = await chainOf(from, world, signal)
  const stored = storedIn(
    chain,
    from.plan.value().topics.map(({ topic }) => topic),
  )
  const { now, leaders } = await settledExtents(world, plans, signal)
  const left = plans.filter((plan) => unloaded(now, plan) > 0n)
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
    budget: { expected: minutes(10), deadline: DEADLINE },
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
