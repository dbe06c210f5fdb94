// The one recovery in which brokers are stopped: nobody may elect or register by a tree while it is replaced. They are
// stopped one by one, started again in the order that the comparison gave, and what they hold is looked at again.
import { act, type Decision, decide, forEach, look, type Part, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { reviveGuards } from '../../judgement/guards.ts'
import { notManaged } from '../../judgement/platform-guards.ts'
import { brokerStatus } from '../../judgement/status.ts'
import { isKnownFalse, known } from '../../model/known.ts'
import { brokerOf, memberOf, memberOfBroker, type Survey, unmatchedBrokers } from '../../model/survey.ts'
import { isProjected, withBrokerBack, withBrokerOut, withMember } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { comesByItself } from '../brokers.ts'
import type { From } from './failed-quorum.ts'
import { dataBack, type FoundSet, HOPELESS_STOP, isOfSet, quorumLost, revivedOf, seenRunning, setsOf } from './standstill.ts'

interface Stopping {
  readonly member: string
  readonly uid: string | null
}

const stopOne = (id: 'stop-empty-member' | 'stop-broker', name: string): Step =>
  act<Stopping>({
    id,
    title: id === 'stop-broker' ? 'Stop the broker' : 'Stop the empty ZooKeeper',
    why: 'While the tree is replaced nobody may elect, register or follow by it.',
    effect: 'stop',
    aspects: ['members', 'coordination'],
    budget: { expected: seconds(20), deadline: minutes(5) },
    guards: [notManaged(), quorumLost()],
    challenge: ({ member }) => member,
    resolve: async (world) => {
      const now = await world.survey()
      const back = dataBack(now)
      if (back !== null) return { nothing: back }
      const it = seenRunning(now, name)
      if (it === null) return { unknown: `whether ${name} runs was not seen` }
      return it.state === 'stopped' ? { nothing: `${name} does not run` } : { target: { member: name, uid: it.uid } }
    },
    preview: ({ member }, commands) => ({
      sentence: `stop ${member}`,
      changes: [
        id === 'stop-broker'
          ? `what ${member} leads is not served until it is started again; it cannot shut down in order without ZooKeeper and recovers its log when it starts`
          : `${member} has nothing that would be missed`,
      ],
      commands: [commands.stop(member, HOPELESS_STOP)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.stop({ name: member, uid }, { grace: HOPELESS_STOP, hopeless: true }, signal)
      return undefined
    },
    expect: (now, { member }) => {
      const stopped = withMember(now, member, { state: known('stopped', 'projected'), uid: known(null, 'projected') })
      const broker = now.brokers.known ? now.brokers.value.find((each) => each.member.known && each.member.value === member) : undefined
      return broker === undefined ? stopped : withBrokerOut(stopped, broker.id)
    },
    done: (now, { member, uid }) => {
      const it = seenRunning(now, member)
      if (it === null) return { state: 'unknown', detail: `${member} was not seen` }
      return it.uid === uid ? { state: 'not-started', detail: `${member} still runs` } : { state: 'done', detail: `${member} no longer runs` }
    },
  })

export const stopEmptyMembers = ({ from }: From): Part =>
  forEach({
    id: 'running-empty',
    title: 'each ZooKeeper that runs on its empty disk: stop it',
    items: (now) =>
      (from.taken()?.broken ?? [])
        .filter(({ name }) => seenRunning(now, name)?.state !== 'stopped' && !isOfSet(memberOf(now, name)))
        .map(({ name }) => ({ key: name, title: name, parts: [stopOne('stop-empty-member', name)] })),
  })

export interface ToStop {
  /** Those that are stopped one by one. */
  readonly brokers: readonly { readonly broker: number; readonly member: string }[]
  /** What makes all others, and the ZooKeepers: as many as they had are started again, one by one. */
  readonly sets: readonly FoundSet[]
}

const namesOf = ({ brokers, sets }: ToStop): readonly string[] => [...brokers.map(({ member }) => member), ...sets.map(({ kind, name }) => `${kind} ${name}`)]

/** Decided, so that a resumed run goes on with the very brokers it began with. */
export const findBrokers = (): Decision<ToStop> =>
  decide<ToStop>({
    id: 'find-brokers',
    title: 'See which brokers have to be stopped',
    why: 'All of them: each would take the tree that comes back for the one it left.',
    effect: 'read',
    aspects: ['members', 'brokers'],
    budget: { expected: seconds(3), deadline: minutes(1) },
    resolve: async (world) => {
      const now = await world.survey()
      const { brokers, members } = now
      if (!brokers.known || !members.known) return { unknown: `the brokers were not seen: ${brokers.known ? (members.known ? '' : members.why) : brokers.why}` }
      const revived = revivedOf(members.value)
      if (revived !== null)
        return {
          blocked: `${revived} is started again by its platform as soon as it is stopped: nothing stands still while the tree is replaced`,
          hint: 'stop brokers and ZooKeeper its way, put the copy on the disk of the first ZooKeeper, start ZooKeeper one by one, then the brokers',
        }
      const unmatched = brokers.value.find(({ member }) => !member.known)
      if (unmatched !== undefined) return { unknown: `which member runs broker ${unmatched.id} was not seen` }
      const nameless = unmatchedBrokers(now)
      if (nameless.length > 0) return { unknown: `which broker ${few(nameless)} is was not seen` }
      const sets = setsOf(members.value)
      const scaled = new Set(sets.flatMap((set) => set.members))
      const alone = brokers.value.flatMap(({ id, member }) => (member.known && !scaled.has(member.value) ? [{ broker: id, member: member.value }] : []))
      return { target: { brokers: alone, sets } }
    },
    preview: (found) => ({ sentence: `stop ${namesOf(found).join(', ')}`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, found) => ({ state: 'done', detail: `${namesOf(found).join(', ')} are stopped for it` }),
  })

export const stopBrokers = (found: Decision<ToStop>): Part =>
  forEach({
    id: 'stop-brokers',
    title: 'each broker: stop it',
    items: () =>
      (found.taken()?.brokers ?? []).map(({ broker, member }) => ({ key: String(broker), title: `broker ${broker}`, parts: [stopOne('stop-broker', member)] })),
  })

export interface Order {
  readonly order: readonly number[]
  readonly committed: Readonly<Record<string, number>>
}

/** Sessions are in the snapshot, too: the registrations it remembers stand until those have expired. */
export const awaitExpired = (plan: Decision<Order>): Step =>
  look<{ readonly brokers: readonly number[] }>({
    id: 'await-expired',
    title: 'Wait until the registrations that the snapshot remembers have expired',
    why: 'A broker that starts while an old registration of its id stands exits with NODEEXISTS.',
    effect: 'read',
    aspects: ['members', 'brokers', 'coordination'],
    budget: { expected: seconds(20), deadline: minutes(3) },
    resolve: async () => {
      const brokers = plan.taken()?.order ?? []
      return brokers.length === 0 ? { nothing: 'no broker was stopped' } : { target: { brokers } }
    },
    preview: ({ brokers }) => ({ sentence: `wait until broker ${few(brokers)} is no longer registered`, changes: [], commands: [] }),
    expect: (now, { brokers }) => brokers.reduce(withBrokerOut, now),
    done: (now, { brokers }) => {
      const left = brokers.filter((id) => !isGone(now, id))
      return left.length === 0 ? { state: 'done', detail: 'nobody is registered' } : { state: 'under-way', detail: `broker ${few(left)} is still registered` }
    },
  })

/** Not registered, or running again: then the registration is its own. */
const isGone = (now: Survey, id: number): boolean => {
  const registered = brokerOf(now, id)?.registered
  const state = memberOfBroker(now, id)?.state
  return (registered !== undefined && isKnownFalse(registered)) || (state?.known === true && state.value !== 'stopped')
}

interface Starting {
  readonly broker: number
  readonly member: string
}

const startOne = (broker: number): Step =>
  act<Starting>({
    id: 'start-stopped-broker',
    title: 'Start the broker again and wait until it serves',
    why: 'Whoever is up first is elected where the record lets it be: those that are behind come after those that are not.',
    effect: 'restart',
    aspects: ['members', 'brokers', 'coordination', 'partitions'],
    budget: { expected: minutes(1), deadline: minutes(15) },
    guards: reviveGuards(),
    lasting: true,
    resolve: async (world) => {
      const now = await world.survey()
      const member = memberOfBroker(now, broker)
      if (member === undefined || !member.state.known) return { unknown: `whether broker ${broker} runs was not seen` }
      if (member.state.value !== 'stopped') return { nothing: `${member.name} is ${member.state.value}` }
      return comesByItself(member) ? { nothing: `${member.name} is being started by its platform` } : { target: { broker, member: member.name } }
    },
    preview: ({ member }, commands) => ({
      sentence: `start ${member}, broker ${broker}`,
      changes: [`broker ${broker} registers again`],
      commands: [commands.start(member)],
    }),
    act: async (world, { member }, signal) => {
      await world.change.platform.start({ name: member, uid: null }, signal)
      return undefined
    },
    expect: (now, { member }) =>
      withBrokerBack(
        withMember(now, member, { state: known('running', 'projected'), uid: known('projected', 'projected'), waiting: known(null, 'projected') }),
        broker,
      ),
    done: (now, { member }) => {
      const it = seenRunning(now, member)
      if (it === null) return { state: 'unknown', detail: `${member} was not seen` }
      if (it.state === 'stopped') {
        const own = memberOf(now, member)
        if (own !== undefined && comesByItself(own)) return { state: 'under-way', detail: `${member} is being started by its platform` }
        return { state: 'not-started', detail: `${member} does not run`, hopeless: `${member} does not run: its log says why` }
      }
      const { status, because } = brokerStatus(now, broker)
      if (status !== 'up') return { state: 'under-way', detail: because }
      const waiting = leaderlessOf(now, broker)
      return waiting === 0
        ? { state: 'done', detail: `broker ${broker} serves` }
        : { state: 'under-way', detail: `${waiting} partitions that it may lead have no leader yet` }
    },
  })

/** Whoever comes next may be behind on these: a leader first. */
const leaderlessOf = (now: Survey, broker: number): number =>
  now.partitions.known ? [...now.partitions.value.rows()].filter(({ leader, isr }) => leader < 0 && isr.includes(broker)).length : 0

export const startInOrder = (plan: Decision<Order>): Part =>
  forEach({
    id: 'start-brokers',
    title: 'each broker that was stopped for it, in the order of the comparison: start it, wait until it serves',
    items: () => (plan.taken()?.order ?? []).map((broker) => ({ key: String(broker), title: `broker ${broker}`, parts: [startOne(broker)] })),
  })

export interface EndsAfter {
  /** Partitions, by name and at most some, that no longer reach what was committed before. */
  readonly inDoubt: readonly string[]
  readonly because: string
}

const DOUBTS = 20

export const compareEnds = (plan: Decision<Order>): Decision<EndsAfter> =>
  decide<EndsAfter>({
    id: 'compare-ends',
    title: 'Compare the log ends with what was on the disks before',
    why: 'A leader that was behind would have cut the others back: then it is said, and the loss is not known to be 0.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(3) },
    resolve: async (world) => {
      const committed = plan.taken()?.committed
      if (committed === undefined) return { nothing: 'no broker was stopped' }
      const end = world.clock.monotonic() + seconds(60)
      for (let last: Survey | null = null; ; await world.clock.sleep(seconds(1))) {
        const now = await world.survey(['members', 'brokers', 'coordination', 'partitions', 'logs'])
        if (isProjected(now)) return { nothing: 'it is compared once the brokers are back' }
        const found = judgeEnds(now, committed)
        if (found.inDoubt.length === 0 || now === last || world.clock.monotonic() >= end) return { target: found }
        last = now
      }
    },
    preview: ({ because }) => ({ sentence: because, changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, { because }) => ({ state: 'done', detail: because }),
  })

const judgeEnds = ({ logs }: Survey, committed: Readonly<Record<string, number>>): EndsAfter => {
  if (!logs.known) return { inDoubt: ['every partition'], because: `the log ends were not seen: ${logs.why}` }
  const short = Object.entries(committed).flatMap(([name, before]) => ((logs.value.get(name)?.highWatermark ?? -1) < before ? [name] : []))
  const because =
    short.length === 0
      ? `all ${Object.keys(committed).length} partitions reach what was committed before`
      : `${few(short)} does not reach what was committed before`
  return { inDoubt: short.slice(0, DOUBTS), because }
}
