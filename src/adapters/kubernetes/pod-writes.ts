// Stops and starts a member, which on Kubernetes means: deletes its pod, so that its controller makes it
// anew, or has its StatefulSet want it. Before every deletion the pod is looked at once more.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Pod } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import type { Role } from '../../model/member.ts'
import { GRACEFUL_STOP, type MemberRef } from '../../ports/platform.ts'
import { formatDuration, type Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { mainStatusOf, uidOf } from './containers.ts'
import { lookAtPod, notSeen, readPod } from './pod-look.ts'
import { waitingOf } from './pod-state.ts'

const POLL: Millis = 500
/** From the end of the grace to gone: the kubelet kills, unmounts and reports. */
const AFTER_GRACE: Millis = 60_000
/** Somebody writes to a pod's status between our look and our deletion, a few times at most. */
const TRIES = 5

const hasCode = (thrown: unknown, code: string): boolean => thrown instanceof KdrError && thrown.code === code

export const memberChanged = (ref: MemberRef, now: string | null): KdrError =>
  new KdrError(`${ref.name} has changed since it was looked at: it was ${ref.uid ?? 'not running'} and is ${now ?? 'not running'}`, {
    code: 'member-changed',
    exit: 'refused',
    hint: 'Look again: kdr diagnose',
  })

const graceOf = (pod: V1Pod, grace: Millis): number => Math.max(Math.ceil(Math.max(grace, GRACEFUL_STOP) / 1000), pod.spec?.terminationGracePeriodSeconds ?? 0)

const controllerOf = (pod: V1Pod) => pod.metadata?.ownerReferences?.find(({ controller }) => controller === true)

/** Nothing would make it anew: deleted, it would be gone for good. */
const uncontrolled = (pod: V1Pod): KdrError =>
  new KdrError(`pod ${pod.metadata?.name} has no controller: once deleted, nothing would create it again`, {
    code: 'no-controller',
    exit: 'refused',
    hint: 'restart what is in it by hand, or give it to a StatefulSet',
  })

/** A StatefulSet waits until the old pod is gone; these do not, and two brokers would write to one disk. */
const BESIDE = ['ReplicaSet', 'ReplicationController']
const KEEPS_DATA: readonly Role[] = ['broker', 'controller', 'zookeeper']

/** Why this pod must not be deleted to have it made anew; null when it may. */
export const replaceable = (pod: V1Pod, roles: readonly Role[]): KdrError | null => {
  const controller = controllerOf(pod)
  if (controller === undefined) return uncontrolled(pod)
  if (!BESIDE.includes(controller.kind) || !roles.some((role) => KEEPS_DATA.includes(role))) return null
  return new KdrError(`pod ${pod.metadata?.name} belongs to ${controller.kind} ${controller.name}: its successor would start beside it, on the same disk`, {
    code: 'replica-set',
    exit: 'refused',
    hint: 'scale the Deployment to 0, wait until the pod is gone, scale it to 1',
  })
}

/**
 * Only this very pod as it was just read: its resourceVersion too, because a container restarted in place is another
 * incarnation under the same pod UID. False when it is no longer that.
 */
const deletePod = async (client: KubeClient, pod: V1Pod, graceSeconds: number, signal: AbortSignal): Promise<boolean> => {
  const { core, namespace } = client
  const { name = '', uid = '', resourceVersion = '' } = pod.metadata ?? {}
  const body = { gracePeriodSeconds: graceSeconds, preconditions: { uid, resourceVersion } }
  try {
    await client.call(signal, { verb: 'delete', resource: 'pods', name }, (options) => core.deleteNamespacedPod({ name, namespace, body }, options))
    return true
  } catch (thrown) {
    if (hasCode(thrown, 'conflict') || hasCode(thrown, 'not-found')) return false
    throw thrown
  }
}

const notStopped = (pod: V1Pod, waited: Millis): KdrError => {
  const { nodeName } = pod.spec ?? {}
  return new KdrError(`pod ${pod.metadata?.name} is still being deleted ${formatDuration(waited)} after it was asked to stop`, {
    code: 'not-stopped',
    hint: `its kubelet has not said that it is gone: kubectl get node ${nodeName ?? ''}; never force-delete it unless that node is proven to be off`,
  })
}

/** Until no pod of that UID is there. Throws `not-stopped`, or `outcome-unknown` when the API server does not answer in the end. */
const untilGone = async (client: KubeClient, pod: V1Pod, limit: Millis, signal: AbortSignal): Promise<void> => {
  const { name = '', uid } = pod.metadata ?? {}
  const end = performance.now() + limit
  for (;;) {
    const look = await lookAtPod(client, name, signal)
    if ('pod' in look && look.pod?.metadata?.uid !== uid) return
    if (performance.now() >= end) throw 'trouble' in look ? notSeen(`pod ${name} is gone`, limit, look.trouble) : notStopped(pod, limit)
    await sleep(POLL, undefined, { signal })
  }
}

const tooFast = (name: string): KdrError =>
  new KdrError(`pod ${name} changes faster than it can be looked at`, { code: 'conflict', hint: 'look again: kdr diagnose' })

/**
 * Deletes the pod with a grace of at least 120 s, and never less than the pod's own; `hopeless`: with just this one. Resolves when that pod is gone; its
 * successor may run by then. Throws `member-changed`, `no-controller`, `replica-set`, `not-stopped`, `outcome-unknown`.
 */
export const stopPod = async (
  client: KubeClient,
  ref: MemberRef,
  roles: readonly Role[],
  { grace, hopeless }: { readonly grace: Millis; readonly hopeless?: true },
  signal: AbortSignal,
): Promise<void> => {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const pod = await readPod(client, ref.name, signal)
    const now = pod === null ? null : uidOf(pod)
    if (now !== ref.uid) throw memberChanged(ref, now)
    if (pod === null || now === null) return
    const refused = replaceable(pod, roles)
    if (refused !== null) throw refused
    const graceSeconds = hopeless === true ? Math.ceil(grace / 1000) : graceOf(pod, grace)
    if (await deletePod(client, pod, graceSeconds, signal)) return untilGone(client, pod, graceSeconds * 1000 + AFTER_GRACE, signal)
  }
  throw tooFast(ref.name)
}

/** It ended, and its kubelet would let it wait longer from time to time before it tries again; or it is over for good. */
const standsStill = (pod: V1Pod): boolean => {
  const { terminated, waiting } = mainStatusOf(pod)?.state ?? {}
  const { phase } = pod.status ?? {}
  return phase === 'Failed' || phase === 'Succeeded' || terminated !== undefined || waiting?.reason === 'CrashLoopBackOff'
}

/**
 * Of a pod that is on its way out, or stands still: resolves when it is gone, and its controller makes it anew at once, where
 * the kubelet would wait for up to five minutes. Any other is left alone: its kubelet starts it. Throws as `stopPod`.
 */
export const replaceStanding = async (client: KubeClient, seen: V1Pod, roles: readonly Role[], signal: AbortSignal): Promise<void> => {
  const { name = '', uid } = seen.metadata ?? {}
  let pod: V1Pod | null = seen
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    if (pod === null || pod.metadata?.uid !== uid) return
    const leaving: boolean = pod.metadata?.deletionTimestamp !== undefined
    if (!leaving && (!standsStill(pod) || controllerOf(pod) === undefined)) return
    const refused = replaceable(pod, roles)
    if (refused !== null) throw refused
    const graceSeconds = leaving ? (pod.metadata?.deletionGracePeriodSeconds ?? 0) : graceOf(pod, GRACEFUL_STOP)
    if (leaving || (await deletePod(client, pod, graceSeconds, signal))) return untilGone(client, pod, graceSeconds * 1000 + AFTER_GRACE, signal)
    pod = await readPod(client, name, signal)
  }
  throw tooFast(name)
}

/** Every run of its main container that the pod still tells of. */
const runsOf = (pod: V1Pod): readonly string[] => {
  const { state, lastState, containerID } = mainStatusOf(pod) ?? {}
  const running = state?.running === undefined ? undefined : containerID
  const ids = [running, state?.terminated?.containerID, lastState?.terminated?.containerID]
  return ids.flatMap((id) => (id === undefined ? [] : [`${pod.metadata?.uid}/${id}`]))
}

/** Whether its container has been started since it was looked at (`before`, null: there was no pod); what it waits for where not. */
export const progressOf = (pod: V1Pod | null, before: V1Pod | null): { readonly started: boolean; readonly waits: string } => {
  if (pod === null) return { started: false, waits: 'there is no such pod' }
  const old = before === null ? [] : runsOf(before)
  const started = mainStatusOf(pod)?.state?.running !== undefined || runsOf(pod).some((run) => !old.includes(run))
  const scheduled = pod.status?.conditions?.find(({ type, status: held }) => type === 'PodScheduled' && held === 'False')
  const waiting = waitingOf(pod)
  const words = waiting === null ? scheduled?.message : `${waiting.reason}: ${waiting.message}`
  return { started: started && pod.metadata?.deletionTimestamp === undefined, waits: words ?? `it is ${pod.status?.phase ?? 'unknown'}` }
}
