// Stops and starts a member, which on Kubernetes means: deletes its pod, so that its controller makes it
// anew, or has its StatefulSet want it. Before every deletion the pod is looked at once more.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Pod } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import type { MemberRef } from '../../ports/platform.ts'
import { formatDuration, type Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { LEAST_GRACE } from './commands.ts'
import { mainStatusOf, uidOf } from './containers.ts'
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

/** null when there is none. */
export const readPod = async (client: KubeClient, name: string, signal: AbortSignal): Promise<V1Pod | null> => {
  const { core, namespace } = client
  try {
    return await client.call(signal, { verb: 'get', resource: 'pods', name }, (options) => core.readNamespacedPod({ name, namespace }, options))
  } catch (thrown) {
    if (hasCode(thrown, 'not-found')) return null
    throw thrown
  }
}

const graceOf = (pod: V1Pod, grace: Millis): number => Math.max(Math.ceil(Math.max(grace, LEAST_GRACE) / 1000), pod.spec?.terminationGracePeriodSeconds ?? 0)

const isControlled = (pod: V1Pod): boolean => pod.metadata?.ownerReferences?.some(({ controller }) => controller === true) === true

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

/** Until no pod of that UID is there. */
const untilGone = async (client: KubeClient, pod: V1Pod, limit: Millis, signal: AbortSignal): Promise<void> => {
  const { name = '', uid } = pod.metadata ?? {}
  const end = performance.now() + limit
  for (;;) {
    const now = await readPod(client, name, signal)
    if (now === null || now.metadata?.uid !== uid) return
    if (performance.now() >= end) throw notStopped(now, limit)
    await sleep(POLL, undefined, { signal })
  }
}

/** Nothing would make it anew: deleted, it would be gone for good. */
const uncontrolled = (pod: V1Pod): KdrError =>
  new KdrError(`pod ${pod.metadata?.name} has no controller: once deleted, nothing would create it again`, {
    code: 'no-controller',
    exit: 'refused',
    hint: 'restart what is in it by hand, or give it to a StatefulSet',
  })

/**
 * Deletes the pod with a grace of at least 120 s, and never less than the pod's own. Resolves when that pod is gone; its
 * successor may run by then. Throws `member-changed`, `no-controller`, `not-stopped`.
 */
export const stopPod = async (client: KubeClient, ref: MemberRef, grace: Millis, signal: AbortSignal): Promise<void> => {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const pod = await readPod(client, ref.name, signal)
    const now = pod === null ? null : uidOf(pod)
    if (now !== ref.uid) throw memberChanged(ref, now)
    if (pod === null || now === null) return
    if (!isControlled(pod)) throw uncontrolled(pod)
    const graceSeconds = graceOf(pod, grace)
    if (await deletePod(client, pod, graceSeconds, signal)) return untilGone(client, pod, graceSeconds * 1000 + AFTER_GRACE, signal)
  }
  throw new KdrError(`pod ${ref.name} changes faster than it can be looked at`, { code: 'conflict', hint: 'look again: kdr diagnose' })
}

/** It ended, and its kubelet would let it wait longer from time to time before it tries again; or it is over for good. */
const standsStill = (pod: V1Pod): boolean => {
  const { terminated, waiting } = mainStatusOf(pod)?.state ?? {}
  const { phase } = pod.status ?? {}
  return phase === 'Failed' || phase === 'Succeeded' || terminated !== undefined || waiting?.reason === 'CrashLoopBackOff'
}

/** The controller makes it anew at once, where the kubelet would wait for up to five minutes. True once it is being replaced. */
export const replaceStanding = async (client: KubeClient, pod: V1Pod, signal: AbortSignal): Promise<boolean> => {
  if (pod.metadata?.deletionTimestamp !== undefined) {
    await untilGone(client, pod, (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000 + AFTER_GRACE, signal)
    return true
  }
  if (!standsStill(pod) || !isControlled(pod)) return false
  const graceSeconds = graceOf(pod, LEAST_GRACE)
  if (!(await deletePod(client, pod, graceSeconds, signal))) return false
  await untilGone(client, pod, graceSeconds * 1000 + AFTER_GRACE, signal)
  return true
}

/** Whether its container has been started since the pod was made; what it waits for where not. */
export const progressOf = (pod: V1Pod | null): { readonly started: boolean; readonly waits: string } => {
  if (pod === null) return { started: false, waits: 'there is no such pod' }
  const status = mainStatusOf(pod)
  const { running, terminated } = status?.state ?? {}
  const started = running !== undefined || terminated !== undefined || status?.lastState?.terminated !== undefined
  const scheduled = pod.status?.conditions?.find(({ type, status: held }) => type === 'PodScheduled' && held === 'False')
  const waiting = waitingOf(pod)
  const words = waiting === null ? scheduled?.message : `${waiting.reason}: ${waiting.message}`
  return { started: started && pod.metadata?.deletionTimestamp === undefined, waits: words ?? `it is ${pod.status?.phase ?? 'unknown'}` }
}
