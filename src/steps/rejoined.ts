// How far a broker is on its way back, and the step that waits for one which nobody has to start.
import { type Decision, look, type Progress, type Step } from '../engine/step.ts'
import { classifyFailure } from '../judgement/classify.ts'
import { isKnownTrue, known } from '../model/known.ts'
import { brokerOf, memberOf, type Survey } from '../model/survey.ts'
import { withBroker, withLed, withMember } from '../survey/project.ts'
import { minutes } from '../units.ts'
import { type FailedBroker, isRegistered } from './failed-broker.ts'

/** As often a new pod may exit before waiting for it is given up. */
const MANY_EXITS = 3

/** Runs, is registered and answers: the registration of the one before it outlives that by its session, and a broker listens only once it has its own. */
export const rejoined = (now: Survey, { broker, member: name, restarts }: FailedBroker): Progress => {
  const member = memberOf(now, name)
  if (member === undefined || !member.state.known) return { state: 'unknown', detail: `${name} was not seen` }
  if (member.state.value !== 'running') {
    const line = member.signals.known ? member.signals.value.at(-1)?.line : undefined
    // What its platform waits for, a lower ordinal say, is told as long as anybody waits for it.
    const waits = member.waiting.known && member.waiting.value !== null ? ` (${member.waiting.value.message})` : ''
    const detail = `${name} is ${member.state.value}${waits}${line === undefined ? '' : `: ${line}`}`
    // A new pod counts from none; the same one from what it had before.
    const count = member.restarts.known ? member.restarts.value : 0
    const again = count < restarts ? count : count - restarts
    // Where the platform restarts by itself, one exit with NODEEXISTS is no reason to give up.
    return member.revives !== 'never' && again < MANY_EXITS
      ? { state: 'under-way', detail }
      : { state: 'not-started', detail, hopeless: `${name} exited again${line === undefined ? '' : `: ${line}`}` }
  }
  if (!now.brokers.known) return { state: 'under-way', detail: `${name} runs; its registration was not seen: ${now.brokers.why}` }
  const reachable = brokerOf(now, broker)?.reachable
  if (isRegistered(now, broker))
    return reachable !== undefined && isKnownTrue(reachable)
      ? { state: 'done', detail: `broker ${broker} is registered again` }
      : { state: 'under-way', detail: `${name} runs; broker ${broker} is registered, perhaps still from before, and does not answer yet` }
  const recovering = member.signals.known ? member.signals.value.findLast(({ kind }) => kind === 'log-recovery') : undefined
  return { state: 'under-way', detail: recovering === undefined ? `${name} runs, not yet registered` : `${name} recovers its log: ${recovering.line}` }
}

/** It is waited for no longer where waiting cannot help, or where it ended of what only a repair cures: others wait for their turn. */
export const orLeft = (now: Survey, { broker, member: name }: FailedBroker, progress: Progress): Progress => {
  const state = memberOf(now, name)?.state
  const failure = progress.state === 'under-way' && state?.known === true && state.value === 'stopped' ? classifyFailure(now, broker) : null
  const why = progress.hopeless ?? (failure?.restart === 'no' ? `${name} exited: ${failure.because}` : null)
  return why === null ? progress : { state: 'done', detail: `${why}; NOT BACK, the others go on without it` }
}

/** The picture once it runs and is registered, and leads what waited for it. */
export const withRejoined = (now: Survey, broker: number, member: string): Survey =>
  withLed(
    broker,
    withBroker(
      withMember(now, member, { state: known('running', 'projected'), uid: known('projected', 'projected'), waiting: known(null, 'projected') }),
      broker,
      {
        registered: known(true, 'projected'),
        reachable: known(true, 'projected'),
      },
    ),
  )

export const awaitRejoin = ({ from, goOn }: { readonly from: Decision<FailedBroker>; readonly goOn?: true }): Step =>
  look<FailedBroker>({
    id: 'await-rejoin',
    title: 'Wait until it has rejoined',
    why: 'Where the platform starts it by itself, that it does is seen, not assumed.',
    effect: 'read',
    aspects: ['members', 'signals', 'brokers', 'coordination'],
    budget: { expected: minutes(1), deadline: minutes(15) },
    resolve: async (world) => {
      const { broker } = from.value()
      return rejoined(await world.survey(), from.value()).state === 'done' ? { nothing: `broker ${broker} is registered` } : { target: from.value() }
    },
    preview: ({ broker, member }, commands) => ({
      sentence: `wait until ${member} runs and broker ${broker} is registered again`,
      changes: [],
      commands: [commands.list()],
    }),
    expect: (now, { broker, member }) => withRejoined(now, broker, member),
    done: (now, failed) => (goOn === true ? orLeft(now, failed, rejoined(now, failed)) : rejoined(now, failed)),
  })
