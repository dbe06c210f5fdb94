// The brokers once the quorum is back: the cluster is still the one they belong to, they register again by
// themselves, and only those that do not are restarted, one at a time.
import { type Decision, decide, forEach, look, type Part, type Progress, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { ALIEN_HINT, identityProblem } from '../../judgement/quorum.ts'
import { brokerStatus } from '../../judgement/status.ts'
import { known } from '../../model/known.ts'
import type { Survey } from '../../model/survey.ts'
import { withBroker } from '../../survey/project.ts'
import { formatDuration, type Instant, minutes, seconds } from '../../units.ts'
import { awaitExpiry, startBroker, stopRemains } from '../brokers.ts'
import { captureEvidence, classifyStep } from '../evidence.ts'
import { checkStatus } from '../failed-broker.ts'
import { awaitRejoin } from '../rejoined.ts'
import { awaitIsr } from '../replicas.ts'
import type { From } from './failed-quorum.ts'

export const checkClusterId = ({ from }: From): Step =>
  look<{ readonly clusterId: string | null }>({
    id: 'check-cluster-id',
    title: 'Check that it still is the same cluster',
    why: 'A tree that was made anew has another cluster.id, and brokers must not be joined to it: their topics would be unknown there.',
    effect: 'read',
    aspects: ['members', 'brokers', 'coordination'],
    budget: { expected: seconds(3), deadline: minutes(2) },
    resolve: async (world) => {
      const { clusterId } = from.value()
      const problem = identityProblem(await world.survey(), clusterId)
      return problem === null ? { target: { clusterId } } : { blocked: problem, hint: ALIEN_HINT }
    },
    preview: ({ clusterId }, commands) => ({
      sentence: `check that the cluster.id is still ${clusterId ?? "the one on the brokers' disks"}`,
      changes: [],
      commands: from.value().kind === 'zookeeper' ? [commands.kafka('zookeeper-shell', ['get', '/cluster/id'])] : [],
    }),
    expect: (now) => now,
    done: (now, { clusterId }) => {
      const problem = identityProblem(now, clusterId)
      if (problem !== null) return { state: 'not-started', detail: problem, hopeless: problem }
      const view = now.coordination.known ? now.coordination.value : null
      if (view?.kind === 'zookeeper' && !view.clusterId.known) return { state: 'under-way', detail: `/cluster/id was not read: ${view.clusterId.why}` }
      return now.clusterId.known ? { state: 'done', detail: `cluster.id ${now.clusterId.value}` } : { state: 'under-way', detail: now.clusterId.why }
    },
  })

/** Twice the longest session there usually is (zookeeper.session.timeout.ms, 18 s by default since 2.5, KIP-537), and a moment. */
const TWO_SESSIONS = seconds(40)

/** Registered is not enough: the registration of a broker that died meanwhile outlives it by its session. */
const notBack = (now: Survey, brokers: readonly number[]): readonly number[] => brokers.filter((id) => brokerStatus(now, id).status !== 'up')

interface Waiting {
  readonly since: Instant
  readonly brokers: readonly number[]
}

const reregistered = (now: Survey, { since, brokers }: Waiting): Progress => {
  const out = notBack(now, brokers)
  const measure = { done: brokers.length - out.length, total: brokers.length, unit: 'brokers' }
  if (out.length === 0) return { state: 'done', detail: `all ${brokers.length} brokers are registered and answer`, measure }
  const words = `broker ${few(out)} is not back`
  const blind = out.filter((id) => brokerStatus(now, id).status === 'unknown')
  if (blind.length > 0)
    return { state: 'unknown', detail: `whether broker ${few(blind)} is back was not seen: ${brokerStatus(now, blind[0] ?? -1).because}`, measure }
  return now.takenAt - since >= TWO_SESSIONS
    ? { state: 'done', detail: `${words} ${formatDuration(TWO_SESSIONS)} after the quorum was back`, measure }
    : { state: 'under-way', detail: `${words} yet`, measure }
}

export const awaitBrokers = ({ from }: From): Step =>
  look<Waiting>({
    id: 'await-brokers',
    title: 'Wait until the brokers have registered by themselves',
    why: 'They connect again unaided, and their sessions may have outlived the outage: a restart now would be an outage of its own.',
    effect: 'read',
    aspects: ['members', 'brokers', 'coordination'],
    budget: { expected: seconds(10), deadline: minutes(5) },
    resolve: async (world) => ({ target: { since: (await world.survey()).takenAt, brokers: from.value().brokers } }),
    preview: ({ brokers }, commands) => ({
      sentence: `wait up to ${formatDuration(TWO_SESSIONS)} until broker ${few(brokers)} is registered`,
      changes: [],
      commands: [commands.kafka('kafka-broker-api-versions', [])],
    }),
    expect: (now, { brokers }) =>
      brokers.reduce((survey, id) => withBroker(survey, id, { registered: known(true, 'projected'), reachable: known(true, 'projected') }), now),
    done: reregistered,
  })

interface Missing {
  readonly brokers: readonly number[]
}

/** Decided, so that a resumed run goes on with the very brokers it began with. */
export const findMissing = ({ from }: From): Decision<Missing> =>
  decide<Missing>({
    id: 'find-missing-brokers',
    title: 'See which brokers did not come back',
    why: 'Only those are restarted.',
    effect: 'read',
    aspects: ['members', 'brokers', 'coordination'],
    budget: { expected: seconds(3), deadline: minutes(1) },
    resolve: async (world) => ({ target: { brokers: notBack(await world.survey(), from.value().brokers) } }),
    preview: ({ brokers }) => ({
      sentence: brokers.length === 0 ? 'every broker is back' : `broker ${few(brokers)} did not come back`,
      changes: [],
      commands: [],
    }),
    expect: (now) => now,
    done: (_, { brokers }) => ({ state: 'done', detail: brokers.length === 0 ? 'every broker is back' : `broker ${few(brokers)} did not come back` }),
  })

/** One after the other, as the recovery of a single broker does it. */
export const restartMissing = (missing: Decision<Missing>): Part =>
  forEach({
    id: 'missing-brokers',
    title: 'each broker that did not register by itself: restart it, alone',
    items: () =>
      (missing.taken()?.brokers ?? []).map((id) => {
        const failed = checkStatus({ broker: id, leaveHealthy: true })
        const from = { from: failed }
        const parts = [
          failed.step,
          captureEvidence(from).step,
          classifyStep(from),
          stopRemains(from),
          awaitExpiry(from),
          startBroker(from),
          awaitRejoin(from),
          awaitIsr(from),
        ]
        return { key: String(id), title: `broker ${id}`, parts }
      }),
  })
