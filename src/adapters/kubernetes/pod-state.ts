// What a pod's status says of the member in it: whether it runs, since when, how its last run ended and
// what it waits for. The word of a kubelet that no longer reports is old, and so no word at all.
import { constants } from 'node:os'
import type { V1ContainerStateTerminated, V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { type Known, known, unknown } from '../../model/known.ts'
import type { ExitStatus, MemberState } from '../../model/member.ts'
import { formatInstant, type Instant } from '../../units.ts'
import { mainStatusOf } from './containers.ts'

export interface Waiting {
  readonly reason: string
  readonly message: string
}

/** Waiting reasons of a container that ended, and will be started again by the kubelet. Every other one is a start that is under way or stuck. */
const ENDED = ['CrashLoopBackOff', 'Completed', 'Error']

export const nameOf = (pod: V1Pod): string => pod.metadata?.name ?? ''
const by = (pod: V1Pod): string => `status of pod ${nameOf(pod)}`

/** `lost`: what is wrong with its node, when its kubelet no longer reports. */
export const stateOf = (pod: V1Pod, lost: string | null): Known<MemberState> => {
  const { phase, reason } = pod.status ?? {}
  const placed = pod.spec?.nodeName
  if (placed !== undefined && (lost !== null || reason === 'NodeLost' || phase === 'Unknown'))
    return unknown(`its node ${placed} is ${lost ?? 'lost'}; what the kubelet said of it is old`, by(pod))
  if (phase === 'Failed' || phase === 'Succeeded') return known('stopped', by(pod))
  const { running, terminated, waiting } = mainStatusOf(pod)?.state ?? {}
  if (running !== undefined) return known('running', by(pod))
  if (terminated !== undefined || ENDED.includes(waiting?.reason ?? '')) return known('stopped', by(pod))
  if (phase === 'Pending' || waiting !== undefined || placed === undefined) return known('pending', by(pod))
  return unknown(`phase ${phase ?? 'unknown'}, and no word of its container`, by(pod))
}

export const startedAtOf = (pod: V1Pod): Known<Instant | null> => {
  const started = mainStatusOf(pod)?.state?.running?.startedAt
  return known(started === undefined ? null : new Date(started).getTime(), by(pod))
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

const exitOf = ({ exitCode, signal, reason }: V1ContainerStateTerminated): ExitStatus => ({
  code: exitCode,
  signal: SIGNALS.get(signal || (exitCode > 128 ? exitCode - 128 : 0)) ?? null,
  oomKilled: reason === 'OOMKilled',
})

const lastOf = (status: V1ContainerStatus | undefined): V1ContainerStateTerminated | undefined => status?.state?.terminated ?? status?.lastState?.terminated

/** Of a running member, the run before. The record of an earlier pod went with that pod. */
export const lastExitOf = (pod: V1Pod): Known<ExitStatus | null> => {
  const status = mainStatusOf(pod)
  const ended = lastOf(status)
  if (ended !== undefined) return known(exitOf(ended), by(pod))
  if ((status?.restartCount ?? 0) > 0) return unknown('the kubelet no longer keeps how it ended', by(pod))
  return pod.status?.phase === 'Failed'
    ? unknown(`the pod failed (${pod.status.reason ?? 'no reason given'}) and took its record with it`, by(pod))
    : known(null, by(pod))
}

/** Of containers in a row, the first that waits for something it will not get by itself. */
const stuckInit = (pod: V1Pod): Waiting | null => {
  for (const { name, state, lastState } of pod.status?.initContainerStatuses ?? []) {
    const { waiting } = state ?? {}
    const ended = state?.terminated ?? lastState?.terminated
    if (waiting?.reason !== undefined && waiting.reason !== 'PodInitializing')
      return { reason: waiting.reason, message: `init container ${name}: ${waiting.message ?? waiting.reason}${endedWords(ended)}` }
    if (state?.terminated !== undefined && state.terminated.exitCode !== 0)
      return { reason: state.terminated.reason ?? 'Error', message: `init container ${name}${endedWords(ended)}` }
  }
  return null
}

const endedWords = (ended: V1ContainerStateTerminated | undefined): string => {
  if (ended === undefined) return ''
  const message = ended.message === undefined ? '' : `: ${ended.message.trim()}`
  return `; its last run ended with exit ${ended.exitCode}${ended.reason === undefined ? '' : ` (${ended.reason})`}${message}`
}

export const unschedulable = (pod: V1Pod): string | null => {
  const placed = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  return placed?.status === 'False' && (placed.reason === 'Unschedulable' || placed.reason === 'SchedulingGated')
    ? (placed.message ?? 'no node was found for it')
    : null
}

const beingDeleted = (pod: V1Pod): Waiting | null => {
  const at = pod.metadata?.deletionTimestamp
  if (at === undefined) return null
  const grace = pod.metadata?.deletionGracePeriodSeconds ?? 0
  return { reason: 'Terminating', message: `the pod is being deleted, and has until ${formatInstant(new Date(at).getTime())} (grace ${grace} s)` }
}

/** What the pod's own status says it waits for; scheduling and volumes are told by more than that. */
export const waitingOf = (pod: V1Pod): Waiting | null => {
  const status = mainStatusOf(pod)
  const { waiting } = status?.state ?? {}
  const own =
    waiting?.reason === undefined || waiting.reason === 'PodInitializing'
      ? null
      : { reason: waiting.reason, message: `${waiting.message ?? waiting.reason}${endedWords(status?.lastState?.terminated)}` }
  const { phase, reason, message } = pod.status ?? {}
  const failed = phase === 'Failed' && reason !== undefined ? { reason, message: message ?? reason } : null
  return beingDeleted(pod) ?? stuckInit(pod) ?? own ?? failed
}
