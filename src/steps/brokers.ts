// Steps that take a broker down and bring it back, each about the failed broker that was decided first.
import { act, type Decision, type Guard, look, type Progress, type Step } from '../engine/step.ts'
import { classifyFailure } from '../judgement/classify.ts'
import { startGuards, stopGuards } from '../judgement/guards.ts'
import { brokerStatus, quorumHeld } from '../judgement/status.ts'
import { known } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import { brokerOf, memberOf, type Survey } from '../model/survey.ts'
import { GRACEFUL_STOP } from '../ports/platform.ts'
import { withBroker, withBrokerOut, withMember } from '../survey/project.ts'
import { minutes, seconds } from '../units.ts'
import { type FailedBroker, incarnationGone, movedTo, runsAnew } from './failed-broker.ts'
import { orLeft, rejoined, withRejoined } from './rejoined.ts'

type From = {
  readonly from: Decision<FailedBroker>
  readonly guards?: readonly Guard<{ readonly broker: number }>[]
  /** Others wait to be started after it: one that exits again and again holds nobody up, and is asked for at the end. */
  readonly goOn?: true
}

/** The member as it is now, bound into the target: a write is refused when it is another by then. */
interface MemberNow {
  readonly broker: number
  readonly member: string
  readonly uid: string | null
  /** How it looks now: an approval given for a hung broker is none for one that has woken up. */
  readonly status: string
  /** Its platform starts it again whatever ended it. */
  readonly revives: boolean
}

interface ToStart {
  readonly broker: number
  readonly member: string
  readonly uid: string | null
  readonly disk: 'intact' | 'blank' | 'unknown'
}

/** `blank`: starting it means copying everything; nothing known is not intact. */
const diskOf = (member: Member): ToStart['disk'] => {
  const states = member.volumes.map(({ state }) => (state.known ? state.value : 'unknown'))
  if (states.some((state) => state === 'blank' || state === 'gone')) return 'blank'
  return states.length > 0 && states.every((state) => state === 'intact') ? 'intact' : 'unknown'
}

export const stopRemains = ({ from, guards = stopGuards() }: From): Step =>
  act<MemberNow>({
    id: 'stop-remains',
    title: 'Stop gracefully what is left of it',
    why: 'A frozen or half-dead broker must be gone before its successor starts on the same disk; a controlled stop needs up to 120 s.',
    effect: 'stop',
    aspects: ['members'],
    // A pod may be given longer than 120 s by its own terminationGracePeriodSeconds.
    budget: { expected: seconds(30), deadline: minutes(10) },
    guards,
    challenge: ({ member }) => member,
    resolve: async (world) => {
      const now = await world.survey()
      const { broker, member: name, healthy } = from.value()
      const moved = movedTo(now, from.value())
      if (moved !== null) return { blocked: moved, hint: 'kdr diagnose' }
      if (runsAnew(now, from.value())) return { nothing: `${name} runs anew already` }
      const member = memberOf(now, name)
      if (member === undefined || !member.state.known || !member.uid.known) return { unknown: `whether ${name} still runs was not seen` }
      if (member.state.value === 'stopped') return { nothing: `${name} does not run` }
      const { status, because } = brokerStatus(now, broker)
      if (status === 'up' && !healthy) return { nothing: `left alone, it serves again: ${because}` }
      const failure = classifyFailure(now, broker)
      if (failure.restart === 'wait') return { nothing: `left alone: ${failure.because}` }
      if (failure.restart === 'no') return { blocked: `${failure.kind}: ${failure.because}`, ...(failure.instead === null ? {} : { hint: failure.instead }) }
      return { target: { broker, member: name, uid: member.uid.value, status, revives: member.revives === 'always' } }
    },
    preview: ({ broker, member, status, revives }, commands) => ({
      sentence: `stop ${member}, broker ${broker}${revives ? ', which its platform then starts anew' : ''}`,
      changes: [
        revives ? `${member} is started again as soon as it is gone, on the same disk` : `${member} will not run until it is started again`,
        ...(status === 'up' ? [`broker ${broker} answers and is registered: it looks healthier than a recovery assumes`] : []),
      ],
      commands: [commands.stop(member, GRACEFUL_STOP)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.stop({ name: member, uid }, { grace: GRACEFUL_STOP }, signal)
      return undefined
    },
    expect: (now, { broker, member, revives }) =>
      withBroker(withMember(now, member, { state: known(revives ? 'pending' : 'stopped', 'projected'), uid: known(null, 'projected') }), broker, {
        reachable: known(false, 'projected'),
      }),
    done: (now, { member, uid }) => {
      const gone = incarnationGone(now, { ...from.value(), member, uid })
      if (gone === 'unknown') return { state: 'unknown', detail: `${member} was not seen` }
      const waiting = memberOf(now, member)?.waiting
      if (!gone && waiting?.known === true && waiting.value?.reason === 'Terminating') return { state: 'under-way', detail: `${member} is on its way out` }
      return gone ? { state: 'done', detail: `${member} no longer runs` } : { state: 'not-started', detail: `${member} still runs` }
    },
  })

/** KRaft: DUPLICATE_BROKER_REGISTRATION is tried again until the old session is fenced (BrokerLifecycleManager); nobody has to be asked first. */
const waitsItself = (now: Survey, broker: number): boolean =>
  now.coordination.known && now.coordination.value.kind === 'kraft' && quorumHeld(now) && brokerOf(now, broker)?.registered.known === false

/** Starting earlier exits with NODEEXISTS in ZooKeeper mode: the ephemeral node outlives the process by its session. */
export const awaitExpiry = ({ from }: From): Step =>
  look<FailedBroker>({
    id: 'await-expiry',
    title: 'Wait until its old registration has expired',
    why: 'A broker that starts while its old registration stands exits with NODEEXISTS.',
    effect: 'read',
    aspects: ['members', 'brokers', 'coordination'],
    budget: { expected: seconds(18), deadline: minutes(2) },
    resolve: async (world) => {
      const now = await world.survey()
      if (runsAnew(now, from.value())) return { nothing: 'it runs anew already' }
      const member = memberOf(now, from.value().member)
      if (member?.state.known === true && member.state.value === 'running') return { nothing: 'it runs: its registration is its own' }
      if (waitsItself(now, from.value().broker)) return { nothing: 'nobody answers who could say; under KRaft it waits for that by itself when it starts' }
      return { target: from.value() }
    },
    preview: ({ broker }, commands) => ({
      sentence: `wait until broker ${broker} is no longer registered`,
      changes: [],
      commands: [commands.kafka('kafka-broker-api-versions', [])],
    }),
    expect: (now, { broker }) => withBrokerOut(now, broker),
    done: (now, { broker }) => registrationGone(now, broker),
  })

const registrationGone = (now: Survey, broker: number): Progress => {
  if (!now.brokers.known) return { state: 'unknown', detail: `the registrations were not seen: ${now.brokers.why}` }
  const registered = now.brokers.value.find(({ id }) => id === broker)?.registered
  if (registered === undefined) return { state: 'done', detail: `broker ${broker} is not registered` }
  if (!registered.known) return { state: 'unknown', detail: `whether broker ${broker} is registered was not seen: ${registered.why}` }
  return registered.value
    ? { state: 'under-way', detail: `broker ${broker} is still registered (${registered.by})` }
    : { state: 'done', detail: `broker ${broker} is not registered` }
}

/** What its platform wants to run and is free to comes by itself: a start beside it could only disturb. */
export const comesByItself = ({ revives, state, waiting }: Member): boolean => {
  if (revives === 'never' || !state.known || !waiting.known) return false
  const heldBack = waiting.value !== null && ['CrashLoopBackOff', 'ScaledDown'].includes(waiting.value.reason)
  return state.value === 'pending' || (revives === 'always' && state.value === 'stopped' && !heldBack)
}

export const startBroker = ({ from, guards = startGuards(), goOn }: From): Step => {
  /** By this life: one that was tried before a resume may have been mended meanwhile. */
  let tried = false
  return act<ToStart>({
    id: 'start-broker',
    title: 'Start the failed broker and wait until it has rejoined',
    why: 'Its replicas are on its disk: the shortest way back is the same broker on the same disk.',
    effect: 'restart',
    aspects: ['members', 'signals', 'brokers', 'coordination'],
    budget: { expected: minutes(1), deadline: minutes(15) },
    guards,
    resolve: async (world) => {
      const now = await world.survey()
      const { broker, member: name } = from.value()
      const moved = movedTo(now, from.value())
      if (moved !== null) return { blocked: moved, hint: 'kdr diagnose' }
      const member = memberOf(now, name)
      if (member === undefined || !member.state.known || !member.uid.known) return { unknown: `whether ${name} runs was not seen` }
      if (comesByItself(member)) return { nothing: `${name} is being started by its platform` }
      if (member.state.value === 'stopped') return { target: { broker, member: name, uid: null, disk: diskOf(member) } }
      if (brokerStatus(now, broker).status === 'up') return { nothing: `${name} runs and serves` }
      if (runsAnew(now, from.value()) || classifyFailure(now, broker).restart === 'wait') return { nothing: `${name} runs` }
      return { blocked: `${name} is ${member.state.value}: it has to be stopped before it can be started` }
    },
    lasting: true,
    raise: ({ disk }) => (disk === 'intact' ? 'restart' : 'change'),
    preview: ({ broker, member, disk }, commands) => ({
      sentence: `start ${member}, broker ${broker}, on ${disk === 'intact' ? 'its own disk' : disk === 'blank' ? 'a BLANK disk' : 'a disk that was not seen'}`,
      changes: [
        disk === 'blank'
          ? `the disk is formatted if it has to be, and everything broker ${broker} hosted is copied again from its leaders`
          : `broker ${broker} registers again and catches up`,
      ],
      commands: [commands.start(member)],
    }),
    act: async (world, { member, uid }, signal) => {
      tried = true
      await world.change.platform.start({ name: member, uid }, signal)
      return undefined
    },
    expect: (now, { broker, member }) => withRejoined(now, broker, member),
    done: (now) => (tried && goOn === true ? orLeft(now, from.value(), rejoined(now, from.value())) : rejoined(now, from.value())),
  })
}
