// Dead brokers brought back in place, in the order their partitions ask for: the plan, and the parts that are
// gone through for each of them.
import { type Decision, decide, type ForEach, forEach, look, type Part, type Progress, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { remainsGuards, reviveGuards } from '../../judgement/guards.ts'
import { failedDirs, failedDirsWords } from '../../judgement/log-dirs.ts'
import { startOrder, type ToStart } from '../../judgement/start-order.ts'
import { brokerStatus } from '../../judgement/status.ts'
import { isKnownTrue } from '../../model/known.ts'
import { isrOnRecord, type PartitionRow } from '../../model/partitions.ts'
import { brokerOf, memberOfBroker, type Survey } from '../../model/survey.ts'
import { isProjected, withBrokerBack } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { awaitExpiry, startBroker, stopRemains } from '../brokers.ts'
import { reconnectBroker } from '../reconnect.ts'
import { awaitRejoin } from '../rejoined.ts'
import { type Outage, oneOf } from './outage.ts'
import { disableUnclean, seeUnclean, type UncleanSeen } from './unclean-off.ts'

export interface StartPlan {
  readonly order: readonly ToStart[]
  readonly held: readonly ToStart[]
}

const line = ({ broker, because }: ToStart): string => `broker ${broker}: ${because}`

/** `id` tells the first plan from the one after elections, when disks without data may come back too. */
export const planStarts = (outage: Decision<Outage>, id: 'plan-starts' | 'plan-rest'): Decision<StartPlan> =>
  decide<StartPlan>({
    id,
    title: id === 'plan-starts' ? 'Plan in which order they come back' : 'Plan who else can come back now',
    why: 'Only a live member of the ISR on record may be elected: whoever the most partitions wait for comes first, disks without data last.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(3), deadline: minutes(1) },
    resolve: async (world) => {
      const now = await world.survey()
      const { dead, gone } = outage.value()
      const wanted = dead.map(({ broker }) => broker).filter((broker) => !gone.includes(broker) && brokerStatus(now, broker).status !== 'up')
      return { target: startOrder(now, wanted, id === 'plan-starts' ? 'held' : 'too') }
    },
    preview: ({ order, held }) => ({
      sentence: order.length === 0 ? 'start nobody' : `start ${order.map(({ broker }) => `broker ${broker}`).join(', then ')}`,
      changes: [...order.map((each, at) => `${at + 1}. ${line(each)}`), ...held.map((each) => `not now: ${line(each)}`)],
      commands: [],
    }),
    expect: (now) => now,
    done: (_, { order, held }) => {
      const words = [...order.map((each, at) => `${at + 1}. ${line(each)}`), ...held.map((each) => `not now: ${line(each)}`)]
      return { state: 'done', detail: words.join('; ') || 'nobody is left to start' }
    },
  })

const partsFor = (outage: Decision<Outage>, unclean: Decision<UncleanSeen>, broker: number): readonly Part[] => {
  const from = oneOf(outage, broker)
  return [
    unclean.step,
    disableUnclean(),
    reconnectBroker({ from, guards: reviveGuards() }),
    stopRemains({ from, guards: remainsGuards() }),
    awaitExpiry({ from }),
    startBroker({ from, guards: reviveGuards(), goOn: true }),
    awaitRejoin({ from, goOn: true }),
  ]
}

export interface Revival {
  readonly each: ForEach
  /** Partitions' topics for which unclean election was seen to be on before any of these starts. */
  readonly uncleanSeen: () => readonly string[]
}

/** Items follow from the plan alone, so that a resumed run goes through the same ones. */
export const reviveEach = (outage: Decision<Outage>, plan: Decision<StartPlan>, id: 'revive' | 'rest'): Revival => {
  const looks = new Map<number, Decision<UncleanSeen>>()
  const lookFor = (broker: number): Decision<UncleanSeen> => {
    const found = looks.get(broker) ?? seeUnclean()
    looks.set(broker, found)
    return found
  }
  const each = forEach({
    id,
    title: 'For each broker, in this order',
    items: () =>
      (plan.taken()?.order ?? []).map(({ broker }) => ({
        key: id === 'revive' ? `${broker}` : `${id}-${broker}`,
        title: `broker ${broker}`,
        parts: partsFor(outage, lookFor(broker), broker),
      })),
  })
  return { each, uncleanSeen: () => [...looks.values()].flatMap((look) => look.taken()?.on ?? []) }
}

const live = (now: Survey, id: number): boolean => {
  const registered = brokerOf(now, id)?.registered
  return registered !== undefined && isKnownTrue(registered)
}

/** Whose return still changes something by itself: an election that can be held, a live replica that has not caught up. */
const pending = (now: Survey, row: PartitionRow): readonly number[] =>
  row.leader < 0 ? (isrOnRecord(row) ?? []).filter((id) => live(now, id)) : row.replicas.filter((id) => live(now, id) && !row.isr.includes(id))

/** `id` as for the plan. */
export const awaitReplicas = (outage: Decision<Outage>, id: 'await-replicas' | 'await-rest'): Step =>
  look<Outage>({
    id,
    title: 'Wait for leaders, and until every live replica is in its ISR',
    why: 'What can be led cleanly is led now; until the copies are back in sync there is nothing to spare.',
    effect: 'read',
    aspects: ['members', 'brokers', 'partitions', 'log-dirs'],
    budget: { expected: minutes(5), deadline: minutes(60) },
    resolve: async () => ({ target: outage.value() }),
    preview: (_, commands) => ({
      sentence: 'wait until every partition that can have a leader has one, and its live replicas are in sync',
      changes: [],
      commands: [commands.kafka('kafka-topics', ['--describe', '--under-replicated-partitions'])],
    }),
    expect: (now) =>
      now.brokers.known
        ? now.brokers.value.filter((broker) => live(now, broker.id)).reduce((after, { id: broker }) => withBrokerBack(after, broker), now)
        : now,
    done: (now) => caughtUp(now),
  })

const caughtUp = (now: Survey): Progress => {
  if (!now.partitions.known) return { state: 'unknown', detail: `the partitions were not seen: ${now.partitions.why}` }
  const silent = (now.brokers.known ? now.brokers.value : []).filter(({ id, reachable }) => live(now, id) && !isKnownTrue(reachable)).map(({ id }) => id)
  if (silent.length > 0) return { state: 'under-way', detail: `broker ${few(silent)} is registered and does not answer yet` }
  const rows = [...now.partitions.value.rows()]
  const waited = rows.map((row) => pending(now, row)).filter((ids) => ids.length > 0)
  const waiting = waited.length
  const leaderless = rows.filter(({ leader }) => leader < 0).length
  const measure = { done: rows.length - waiting, total: rows.length, unit: 'partitions' }
  const detail = `${rows.length - waiting} of ${rows.length} partitions have what they can have${leaderless > 0 ? `, ${leaderless} without a leader` : ''}`
  if (waiting === 0) return { state: 'done', detail, measure }
  const stuck = waited.every((ids) => ids.every((id) => failedDirs(now, id) !== null))
  return { state: 'under-way', detail, measure, ...(stuck ? { hopeless: `${detail}; ${failedDirsWords(now, [...new Set(waited.flat())])}` } : {}) }
}

interface Left {
  readonly brokers: readonly string[]
}

/** Who is not back, and why: as the plan had it, else as it is now. */
const missing = (now: Survey, { dead, gone }: Outage, { held }: StartPlan): readonly ToStart[] =>
  dead
    .filter(({ broker }) => !gone.includes(broker) && brokerStatus(now, broker).status !== 'up')
    .map(({ broker }) => held.find((each) => each.broker === broker) ?? { broker, because: stateNow(now, broker) })

const stateNow = (now: Survey, broker: number): string => {
  const { because } = brokerStatus(now, broker)
  const member = memberOfBroker(now, broker)
  const line = member?.signals.known === true ? member.signals.value.at(-1)?.line : undefined
  return line === undefined ? because : `${because}: ${line}`
}

/** A recovery does not end while somebody who should be back is not. */
export const demandRest = (outage: Decision<Outage>, plan: Decision<StartPlan>): Step =>
  look<Left>({
    id: 'demand-rest',
    title: 'See that nobody is left behind',
    why: 'What has to be repaired before it can start is named here; the others already serve.',
    effect: 'read',
    aspects: ['members', 'brokers'],
    budget: { expected: seconds(1), deadline: minutes(1) },
    resolve: async (world) => {
      const now = await world.survey()
      const left = missing(now, outage.value(), plan.value())
      if (left.length === 0) return { nothing: 'every broker that was to come back is back' }
      const brokers = left.map(line)
      if (isProjected(now)) return { target: { brokers } }
      return {
        blocked: `not back yet: ${brokers.join('; ')}`,
        hint: `repair it and resume; or, if it will never come back, begin anew with --gone ${left.map(({ broker }) => broker).join(',')}`,
      }
    },
    preview: ({ brokers }) => ({ sentence: `repair first: ${brokers.join('; ')}`, changes: [], commands: [] }),
    expect: (now) => missing(now, outage.value(), plan.value()).reduce((after, { broker }) => withBrokerBack(after, broker), now),
    done: (now) => {
      const left = missing(now, outage.value(), plan.value())
      return left.length === 0 ? { state: 'done', detail: 'everybody is back' } : { state: 'under-way', detail: left.map(line).join('; ') }
    },
  })
