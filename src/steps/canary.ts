// The canary: records through a topic of kdr's own, produced with acks=all to partitions led by every broker
// and read back by their ids. What only looks healthy does not pass it.
import { act, type Step } from '../engine/step.ts'
import { wordsOf } from '../errors.ts'
import { few } from '../judgement/evidence.ts'
import type { Thresholds } from '../judgement/health.ts'
import { isKnownTrue, known } from '../model/known.ts'
import type { CanaryResult, Survey } from '../model/survey.ts'
import type { WriteWorld } from '../ports/world.ts'
import { type Millis, minutes, seconds } from '../units.ts'

interface CanaryTarget {
  readonly topic: string
  /** One partition per live broker, which leads it; the rest of its replicas follow. */
  readonly assignments: readonly (readonly number[])[]
}

/** Records sent to each partition. */
const PER_PARTITION = 5
const MIN_ISR = 2
const CANARY_PREFIX = '__kdr_canary_'

/** `through`: brokers that have to be registered for it to prove anything. */
export const canaryRoundTrip = ({ through, thresholds }: { readonly through: () => readonly number[]; readonly thresholds: Thresholds }): Step =>
  act<CanaryTarget>({
    id: 'canary',
    title: 'Send canary records through it and read them back',
    why: 'Registered and in sync is not yet serving: a record acknowledged by its leader and read back is.',
    effect: 'probe',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(2) },
    guards: [],
    resolve: async (world) => {
      const now = await world.survey()
      if (!now.brokers.known) return { unknown: `the brokers were not seen: ${now.brokers.why}` }
      const live = now.brokers.value.filter(({ registered }) => isKnownTrue(registered)).map(({ id }) => id)
      const missing = through().filter((id) => !live.includes(id))
      if (missing.length > 0 || live.length === 0) return { unknown: `broker ${few(missing) || 'of any id'} is not registered` }
      const replicas = Math.min(3, live.length)
      const assignments = live.map((_, first) => Array.from({ length: replicas }, (__, next) => live[(first + next) % live.length] ?? -1))
      return { target: { topic: `${CANARY_PREFIX}${world.clock.randomHex(6)}`, assignments } }
    },
    preview: ({ topic, assignments }) => ({
      sentence: `create ${topic} with ${assignments.length} partitions, send ${PER_PARTITION} records to each, read them back, delete it`,
      changes: ['nothing but a topic of its own, deleted at the end'],
      commands: [],
    }),
    act: async (world, target, signal) => ({ canary: known(await roundTrip(world, target, signal), `canary ${target.topic}`) }),
    expect: (now) => now,
    done: (now, { topic }) => {
      if (!now.canary.known || now.canary.by !== `canary ${topic}`) return { state: 'not-started', detail: 'no canary record was sent' }
      const { sent, received, p99, lost, problem } = now.canary.value
      const detail = `${received} of ${sent} canary records came back, p99 ${p99} ms${problem === null ? '' : `: ${problem}`}`
      // Sent again on retry: a result that is too bad is no result to verify with.
      return lost > 0 || problem !== null || p99 >= thresholds.roundTripP99 ? { state: 'not-started', detail, hopeless: detail } : { state: 'done', detail }
    },
  })

const roundTrip = async (world: WriteWorld, { topic, assignments }: CanaryTarget, signal: AbortSignal): Promise<CanaryResult> => {
  const { probe } = world.change
  await removeLeftovers(world, signal)
  const minIsr = Math.min(MIN_ISR, assignments[0]?.length ?? 1)
  const times: number[] = []
  const ledBy: number[] = []
  let received = 0
  let problem: string | null = null
  const end = world.clock.monotonic() + PATIENCE
  try {
    await create(world, { topic, assignments }, { 'min.insync.replicas': String(minIsr) }, end, signal)
    for (const [partition, replicas] of assignments.entries()) {
      const back = await throughPartition(world, { topic, partition }, times, end, signal)
      received += back
      if (back === PER_PARTITION) ledBy.push(replicas[0] ?? -1)
    }
  } catch (thrown) {
    problem = wordsOf(thrown)
  } finally {
    await probe.deleteTopic(topic, signal).catch((thrown: unknown) => {
      problem ??= `${topic} could not be deleted: ${wordsOf(thrown)}`
    })
  }
  const sent = assignments.length * PER_PARTITION
  times.sort((a, b) => a - b)
  return { at: world.clock.now(), sent, received, p99: Math.round(times[Math.ceil(times.length * 0.99) - 1] ?? 0), ledBy, lost: sent - received, problem }
}

/**
 * What a round trip as a whole waits for leaders that have just moved, and for followers that look for a broker where
 * it was before: a pod comes back at another address, and the JVM keeps the old one for 30 s (InetAddress).
 */
const PATIENCE = seconds(45)

/**
 * A controller whose session ended while nobody governed says UNKNOWN_SERVER_ERROR until it has a new one (KeeperException,
 * ZkAdminManager.createTopics): tried again, after whatever is there of it is gone.
 */
const create = async (world: WriteWorld, target: CanaryTarget, configs: Readonly<Record<string, string>>, end: Millis, signal: AbortSignal): Promise<void> => {
  const { probe } = world.change
  for (;;) {
    try {
      return await probe.createTopic(target.topic, target.assignments, configs, signal)
    } catch (thrown) {
      if (world.clock.monotonic() >= end) throw thrown
      await probe.deleteTopic(target.topic, signal).catch(() => undefined)
      await world.clock.sleep(seconds(1), signal)
    }
  }
}

/** Tried again under the same id, which counts once. */
const produceOne = async (world: WriteWorld, at: { topic: string; partition: number }, id: string, end: Millis, signal: AbortSignal): Promise<bigint> => {
  for (;;) {
    try {
      return await world.change.probe.produce(at, [{ key: Buffer.from(id), value: Buffer.from(id) }], signal)
    } catch (thrown) {
      if (world.clock.monotonic() >= end) throw thrown
      await world.clock.sleep(seconds(0.5), signal)
    }
  }
}

const throughPartition = async (
  world: WriteWorld,
  at: { topic: string; partition: number },
  times: number[],
  end: Millis,
  signal: AbortSignal,
): Promise<number> => {
  const ids = Array.from({ length: PER_PARTITION }, (_, index) => `${world.run}-${at.partition}-${index}-${world.clock.randomHex(4)}`)
  let offset: bigint | null = null
  for (const id of ids) {
    const start = world.clock.monotonic()
    const base = await produceOne(world, at, id, end, signal)
    // The first one pays for connections and leaders being looked up: it counts, but is not timed.
    if (offset !== null) times.push(world.clock.monotonic() - start)
    offset ??= base
  }
  const seen = new Set<string>()
  for (let next = offset ?? 0n, tries = 0; seen.size < ids.length && tries < 20; tries += 1) {
    const page = await world.kafka.fetch(at, next, { maxBytes: 1_048_576, maxWait: 500 }, signal)
    for (const { value } of page.records) seen.add(value?.toString() ?? '')
    next = page.next
  }
  return ids.filter((id) => seen.has(id)).length
}

/** Canaries of a run that was killed are kdr's own to delete. */
const removeLeftovers = async (world: WriteWorld, signal: AbortSignal): Promise<void> => {
  const { partitions } = await world.kafka.metadata(signal)
  for (const { name } of partitions.topics) if (name.startsWith(CANARY_PREFIX)) await world.change.probe.deleteTopic(name, signal)
}

/** Whether the last canary went through a partition led by this broker. */
export const canaryThrough = (now: Survey, broker: number): boolean => now.canary.known && now.canary.value.ledBy.includes(broker)
