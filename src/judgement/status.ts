// Whether one broker is up, and who says so. Unreachable is not down: down needs a second witness, the
// platform's own word or a quorum that no longer has it registered. Everything else is unknown.
import type { Known } from '../model/known.ts'
import { isKnownFalse, isKnownTrue } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import type { Broker, Survey } from '../model/survey.ts'
import { brokerOf, memberOf } from '../model/survey.ts'
import { formatDuration, minutes } from '../units.ts'
import type { Evidence } from './evidence.ts'
import { speaksAgainst, speaksFor } from './evidence.ts'

export type Status = 'up' | 'down' | 'hung' | 'starting' | 'unknown'

export interface BrokerStatus {
  readonly status: Status
  readonly because: string
  readonly evidence: readonly Evidence[]
}

/** A broker that runs, unregistered, for less than this is still on its way up; log recovery may take longer and is told by its log. */
export const START_UP = minutes(2)

/** True only where a live coordinator says that the quorum is held: registrations and Metadata mean nothing without it. */
export const quorumHeld = (survey: Survey): boolean => survey.coordination.known && isKnownTrue(survey.coordination.value.quorum)

/** Registration denied by a quorum that is held: the cluster itself has given the broker up. */
const givenUp = (survey: Survey, broker: Broker): boolean => quorumHeld(survey) && isKnownFalse(broker.registered)

const NOT_RUNNING = new Set(['stopped', 'paused', 'pending'])

const memberOfRecord = (survey: Survey, broker: Broker): Member | undefined => (broker.member.known ? memberOf(survey, broker.member.value) : undefined)

/**
 * Seen not to serve: its platform says that it does not run, or a held quorum has it unregistered. Only then is
 * it no longer counted in any ISR, and restarting it takes nothing away.
 */
export const outOfService = (survey: Survey, id: number): boolean => {
  const broker = brokerOf(survey, id)
  if (broker === undefined) return false
  const member = memberOfRecord(survey, broker)
  return givenUp(survey, broker) || (member?.state.known === true && NOT_RUNNING.has(member.state.value))
}

const tell = (value: Known<boolean>, yes: string, no: string, what: string): string =>
  value.known ? (value.value ? yes : no) : `was not seen to ${what} (${value.why})`

/** The three witnesses, each for or against the word `up`. */
const witnesses = (broker: Broker, member: Member | undefined): readonly Evidence[] => {
  const bears = (up: boolean, what: string, source: string) => (up ? speaksFor('up', what, source) : speaksAgainst('up', what, source))
  const name = `broker ${broker.id}`
  const state = member?.state
  return [
    member === undefined || state === undefined
      ? bears(false, `${name} is matched to no member`, broker.member.by)
      : bears(
          state.known && state.value === 'running',
          `${name} is ${member.name}, ${state.known ? state.value : `whose state was not seen (${state.why})`}`,
          state.by,
        ),
    bears(isKnownTrue(broker.registered), `${name} ${tell(broker.registered, 'is registered', 'is not registered', 'be registered')}`, broker.registered.by),
    bears(isKnownTrue(broker.reachable), `${name} ${tell(broker.reachable, 'answers', 'refuses connections', 'answer')}`, broker.reachable.by),
  ]
}

interface Judged {
  readonly status: Status
  readonly because: string
}

const recovering = (member: Member): boolean => {
  if (!member.signals.known) return false
  const kinds = member.signals.value.map((signal) => signal.kind)
  return kinds.lastIndexOf('log-recovery') > kinds.lastIndexOf('started')
}

/** How long it has run, null where that was not seen. */
const age = (survey: Survey, member: Member): number | null =>
  member.startedAt.known && member.startedAt.value !== null ? survey.takenAt - member.startedAt.value : null

const judgeRunning = (survey: Survey, broker: Broker, member: Member): Judged => {
  const name = `broker ${broker.id} (${member.name})`
  const length = age(survey, member)
  const young = length !== null && length < START_UP
  if (isKnownTrue(broker.registered) && isKnownTrue(broker.reachable)) return { status: 'up', because: `${name} runs, is registered and answers` }
  if (member.waiting.known && member.waiting.value?.reason === 'NoNetwork')
    return { status: 'down', because: `${name} runs, but ${member.waiting.value.message}` }
  if (givenUp(survey, broker)) {
    if (recovering(member)) return { status: 'starting', because: `${name} is recovering its logs` }
    if (young) return { status: 'starting', because: `${name} started ${formatDuration(length)} ago and is not registered yet` }
    if (isKnownTrue(broker.reachable)) return { status: 'down', because: `${name} runs and answers, but the cluster has it unregistered` }
    return isKnownFalse(broker.reachable)
      ? { status: 'down', because: `${name} runs, but is unregistered and refuses connections` }
      : { status: 'hung', because: `${name} runs, but is unregistered and silent` }
  }
  if (isKnownFalse(broker.reachable) && (young || recovering(member))) return { status: 'starting', because: `${name} runs and does not listen yet` }
  const missing = !broker.registered.known ? broker.registered : broker.reachable
  const why = missing.known ? 'it is registered, yet refuses connections' : missing.why
  return { status: 'unknown', because: `${name} runs according to the platform, but was not seen to serve: ${why}` }
}

const judge = (survey: Survey, broker: Broker, member: Member | undefined): Judged => {
  const name = `broker ${broker.id}${member === undefined ? '' : ` (${member.name})`}`
  if (member === undefined || !member.state.known) {
    const blind = member === undefined ? (broker.member.known ? 'its member was not listed' : broker.member.why) : member.state.known ? '' : member.state.why
    if (givenUp(survey, broker) && !isKnownTrue(broker.reachable)) return { status: 'down', because: `${name} is not registered and does not answer` }
    return { status: 'unknown', because: `${name}: the platform's word is missing (${blind})` }
  }
  if (member.state.value === 'paused') return { status: 'hung', because: `${name} is paused: it exists, but does not run` }
  if (member.state.value === 'stopped') return { status: 'down', because: `${name} is stopped` }
  if (member.state.value === 'pending') {
    const reason = member.waiting.known && member.waiting.value !== null ? `: ${member.waiting.value.reason}` : ''
    return { status: 'down', because: `${name} is wanted, but does not run yet${reason}` }
  }
  return judgeRunning(survey, broker, member)
}

/** Two witnesses for either word: see the table in `judge`. A registered, running, silent broker stays unknown until its registration expires. */
export const brokerStatus = (survey: Survey, id: number): BrokerStatus => {
  if (!survey.brokers.known) return { status: 'unknown', because: `brokers were not seen: ${survey.brokers.why}`, evidence: [] }
  const broker = brokerOf(survey, id)
  if (broker === undefined) return { status: 'unknown', because: `broker ${id} is not among the brokers seen`, evidence: [] }
  const member = memberOfRecord(survey, broker)
  const judged = judge(survey, broker, member)
  return { ...judged, evidence: witnesses(broker, member) }
}
