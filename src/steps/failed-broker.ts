// Which broker a single-broker recovery is about, decided once from a survey and passed on typed, with
// what is needed to tell the state after from the state before.

import { refusalWords } from '../engine/guarding.ts'
import { type Decision, decide, type Resolution } from '../engine/step.ts'
import { classifyFailure } from '../judgement/classify.ts'
import { diagnose } from '../judgement/diagnose.ts'
import { quorumKept } from '../judgement/guards.ts'
import { brokerStatus } from '../judgement/status.ts'
import { isKnownFalse, isKnownTrue } from '../model/known.ts'
import { isrOnRecord, partitionName } from '../model/partitions.ts'
import { memberOfBroker, type Survey, unmatchedBrokers } from '../model/survey.ts'
import { minutes, seconds } from '../units.ts'

export interface FailedBroker {
  readonly broker: number
  /** Name of the member that runs it. */
  readonly member: string
  /** uid of the incarnation that failed; null when it was already gone. */
  readonly uid: string | null
  /** How often its platform had restarted it by then, over its whole life. */
  readonly restarts: number
  /** What the broker looked like, in words. */
  readonly because: string
  /** Set when it looks healthier than a recovery assumes: the gate says so. */
  readonly healthy: boolean
  readonly verdict: string
  /** Partitions, by name and at most some, whose loss could not be ruled out from the start: a resumed run has only this to go by. */
  readonly inDoubt: readonly string[]
}

export interface SingleBrokerOptions {
  /** Broker id; null: the one that is down. */
  readonly broker: number | null
  /** One that serves again by then is left alone: nobody asked for it by name. */
  readonly leaveHealthy?: true
}

const NONE_DOWN = 'no broker is down: there is nothing to recover'

/** The broker asked for, or the only one that is not up. Never guessed. */
const resolveFailedBroker = (now: Survey, wanted: number | null): Resolution<FailedBroker> => {
  if (!now.members.known) return { unknown: `the platform was not seen: ${now.members.why}`, hint: 'kdr doctor' }
  const coordination = coordinationProblem(now, wanted)
  if (coordination !== null) return coordination
  if (!now.brokers.known) return { unknown: `the brokers were not seen: ${now.brokers.why}`, hint: 'kdr doctor' }
  const ids = now.brokers.value.map((broker) => broker.id)
  if (wanted !== null && !ids.includes(wanted)) return { blocked: `there is no broker ${wanted}: the brokers are ${ids.join(', ')}` }
  const out = ids.map((id) => ({ id, ...brokerStatus(now, id) })).filter(({ status }) => status !== 'up')
  const diagnosis = diagnose(now)
  if (diagnosis.verdict === 'zookeeper' || diagnosis.verdict === 'complete-loss')
    return { blocked: `${diagnosis.verdict}: ${diagnosis.because}`, hint: 'kdr diagnose' }
  if (wanted === null) {
    const unseen = out.find(({ status }) => status === 'unknown')
    if (unseen !== undefined)
      return { unknown: `whether broker ${unseen.id} is down was not seen: ${unseen.because}`, hint: 'look again in some seconds, or name it with --broker' }
    const unmatched = unmatchedBrokers(now)
    if (unmatched.length > 0)
      return {
        unknown: `which broker ${unmatched.join(', ')} is was not seen: it may be the one that is down`,
        hint: 'look again in some seconds, or name it with --broker',
      }
    if (out.length === 0) return { blocked: NONE_DOWN, hint: 'kdr diagnose' }
    if (out.length > 1)
      return {
        blocked: `brokers ${out.map(({ id }) => id).join(' and ')} are down: that is not a single broker`,
        hint: `kdr ${diagnosis.next.join(' ') || 'diagnose'}`,
      }
  }
  const broker = wanted ?? out[0]?.id ?? -1
  return targetOf(now, broker, diagnosis.verdict)
}

/** Without a quorum nothing that is registered, in sync or leading can be believed; half-way to KRaft, neither quorum is the whole truth. */
export const coordinationProblem = (now: Survey, wanted: number | null): Resolution<FailedBroker> | null => {
  if (!now.coordination.known) return { unknown: `the quorum was not seen: ${now.coordination.why}`, hint: 'kdr doctor' }
  const { value: view } = now.coordination
  if (view.kind === 'zookeeper' && isKnownTrue(view.migrating))
    return { blocked: 'the cluster is being migrated from ZooKeeper to KRaft', hint: 'finish or roll back the migration first' }
  if (!isKnownFalse(view.quorum)) return null
  const refusal = quorumKept().check(now, { broker: wanted ?? -1 })
  return refusal === null ? null : { blocked: refusalWords(refusal), hint: 'kdr diagnose' }
}

/** What the platform could not list, in its own words. */
const unseenOf = ({ members }: Survey): string => {
  const why = members.known ? members.value.flatMap(({ workload }) => (workload.known ? [] : [workload.why])) : []
  return why[0] === undefined ? '' : ` (${why[0]})`
}

/** The broker is another member's now: what was decided about the one must not be done to the other. */
export const movedTo = (now: Survey, { broker, member }: FailedBroker): string | null => {
  const match = memberOfBroker(now, broker)
  return match === undefined || match.name === member ? null : `broker ${broker} is ${match.name} now, not ${member}`
}

/** The broker as a recovery's target; unknown while what runs it was not seen. */
export const targetOf = (now: Survey, broker: number, verdict: string): Resolution<FailedBroker> => {
  const member = memberOfBroker(now, broker)
  if (member === undefined) return { unknown: `what runs broker ${broker} was not seen${unseenOf(now)}`, hint: 'kdr doctor' }
  if (!member.uid.known) {
    const { kind, because, instead } = classifyFailure(now, broker)
    const words = kind === 'node' ? because : `which incarnation of ${member.name} runs was not seen: ${member.uid.why}`
    return { unknown: words, ...(instead === null ? {} : { hint: instead }) }
  }
  const { status, because } = brokerStatus(now, broker)
  return {
    target: {
      broker,
      member: member.name,
      uid: member.uid.value,
      restarts: member.restarts.known ? member.restarts.value : 0,
      because,
      healthy: status === 'up',
      verdict,
      inDoubt: inDoubt(now),
    },
  }
}

/** Names enough to say which; one is enough to doubt. */
const DOUBTS = 20

const inDoubt = (now: Survey): readonly string[] => {
  if (!now.partitions.known) return ['every partition: the table was not seen']
  const table = now.partitions.value
  const unclean = new Set(table.topics.filter(({ uncleanElection }) => !isKnownFalse(uncleanElection)).map(({ name }) => name))
  const doubtful: string[] = []
  for (const row of table.rows()) {
    if (doubtful.length < DOUBTS && (unclean.has(row.topic) || isrOnRecord(row) === null)) doubtful.push(partitionName(row))
  }
  return doubtful
}

/** The decision, and the cluster as this life of the run found it: what was lost is judged against it. */
export interface Found extends Decision<FailedBroker> {
  /** null in a resumed run: what was before it began cannot be seen any more. */
  readonly before: () => Survey | null
}

export const checkStatus = (options: SingleBrokerOptions): Found => {
  let before: Survey | null = null
  const decision = decide<FailedBroker>({
    id: 'check-status',
    title: 'Check cluster status',
    why: 'Which broker is down, seen by the platform and by the cluster: a restart of the wrong one makes it two.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(3), deadline: minutes(1) },
    resolve: async (world) => {
      before = await world.survey()
      const found = resolveFailedBroker(before, options.broker)
      return options.leaveHealthy === true && 'target' in found ? { target: { ...found.target, healthy: false } } : found
    },
    preview: ({ broker, member }, commands) => ({
      sentence: `broker ${broker} is ${member}`,
      changes: [],
      commands: [commands.list(), commands.kafka('kafka-topics', ['--describe', '--under-replicated-partitions'])],
    }),
    expect: (now) => now,
    done: (_, { broker, member, because, healthy }) => ({
      state: 'done',
      detail: `broker ${broker} (${member}): ${because}${healthy ? '; it looks healthier than a recovery assumes' : ''}`,
    }),
  })
  return { ...decision, before: () => before }
}

/** The failed incarnation no longer runs: another one does, or none. */
export const incarnationGone = (now: Survey, { member: name, uid }: FailedBroker): boolean | 'unknown' => {
  if (!now.members.known) return 'unknown'
  const member = now.members.value.find((candidate) => candidate.name === name)
  if (member === undefined || !member.state.known || !member.uid.known) return 'unknown'
  return member.state.value === 'stopped' || member.uid.value !== uid
}

/** Runs as another incarnation than the failed one. */
export const runsAnew = (now: Survey, { member: name, uid }: FailedBroker): boolean =>
  now.members.known &&
  now.members.value.some(
    (member) => member.name === name && member.state.known && member.state.value === 'running' && member.uid.known && member.uid.value !== uid,
  )

export const isRegistered = (now: Survey, broker: number): boolean =>
  now.brokers.known && now.brokers.value.some(({ id, registered }) => id === broker && isKnownTrue(registered))
