// Has a member run again: the StatefulSet must want its ordinal, nothing old may stand in its place, and
// then its controller and the kubelet do the rest.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Deployment, V1Pod, V1StatefulSet } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import { rangeWith } from '../../model/member.ts'
import type { MemberRef } from '../../ports/platform.ts'
import { formatDuration, type Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { uidOf } from './containers.ts'
import { lookAtPod, notSeen } from './pod-look.ts'
import { memberChanged, progressOf, replaceStanding } from './pod-writes.ts'
import type { Entry } from './roster.ts'
import { specVersion } from './spec-version.ts'
import { placeAt, scaleTo } from './workload-writes.ts'

const POLL: Millis = 500
/** Volumes are attached and images pulled meanwhile. */
const START_DEADLINE: Millis = 120_000
/** These do not pass by themselves; they are given a moment because they may be on their way out. */
const STUCK =
  /^(ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError)\b|nodes are available/
const PATIENCE: Millis = 20_000
/** Others scale the same set at the same time: the members of a quorum are started together. */
const TRIES = 10

const notStarted = (name: string, waits: string, waited: Millis): KdrError =>
  new KdrError(`pod ${name} did not start within ${formatDuration(waited)}: ${waits}`, {
    code: 'start-failed',
    hint: `kubectl describe pod ${name} says more`,
  })

const scaled = async (scaling: Promise<void>): Promise<boolean> => {
  try {
    await scaling
    return true
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'workload-changed') return false
    throw thrown
  }
}

/** Has the set make its ordinal, and no fewer than before. False when somebody changed the set meanwhile. */
const want = async (client: KubeClient, set: V1StatefulSet, member: Pick<Entry, 'name' | 'roles'>, signal: AbortSignal): Promise<boolean> => {
  const first = set.spec?.ordinals?.start ?? 0
  const range = rangeWith({ first, replicas: set.spec?.replicas ?? 1 }, member)
  const of = { kind: 'StatefulSet', name: set.metadata?.name ?? '', version: specVersion(set.metadata) }
  return scaled(range.first === first ? scaleTo(client, of, range.replicas, signal) : placeAt(client, of, range, signal))
}

/** One of it is enough to serve; how many there were nobody knows any more. False when somebody changed it meanwhile. */
const wantOne = async (client: KubeClient, { metadata }: V1Deployment, signal: AbortSignal): Promise<boolean> =>
  scaled(scaleTo(client, { kind: 'Deployment', name: metadata?.name ?? '', version: specVersion(metadata) }, 1, signal))

/** `before`: the pod as it was looked at, whose old runs count for nothing; null: there was none. */
const untilStarted = async (client: KubeClient, name: string, before: V1Pod | null, signal: AbortSignal): Promise<void> => {
  const begin = performance.now()
  let stuckSince: number | null = null
  for (;;) {
    const look = await lookAtPod(client, name, signal)
    const now = performance.now()
    if ('trouble' in look) {
      if (now - begin >= START_DEADLINE) throw notSeen(`pod ${name} has started`, now - begin, look.trouble)
      await sleep(POLL, undefined, { signal })
      continue
    }
    const { started, waits } = progressOf(look.pod, before)
    if (started) return
    stuckSince = STUCK.test(waits) ? (stuckSince ?? now) : null
    if (now - begin >= START_DEADLINE || (stuckSince !== null && now - stuckSince >= PATIENCE)) throw notStarted(name, waits, now - begin)
    await sleep(POLL, undefined, { signal })
  }
}

/**
 * `find` looks the member up anew. Resolves when its container has been started, which is before it serves; of a Deployment, when it is wanted again.
 * Throws `member-changed`, `replica-set`, `start-failed` with what it waits for, `outcome-unknown`, and what the API refuses.
 */
export const startMember = async (client: KubeClient, find: () => Promise<Entry>, ref: MemberRef, signal: AbortSignal): Promise<void> => {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const { pod, set, deployment, absent, roles } = await find()
    const now = pod === null ? null : uidOf(pod)
    if (now !== null || ref.uid !== null) throw memberChanged(ref, now)
    if (pod !== null) {
      await replaceStanding(client, pod, roles, signal)
      return untilStarted(client, ref.name, pod, signal)
    }
    if (deployment !== null) {
      // Its pods will have other names than the one it goes by while there are none.
      if (await wantOne(client, deployment, signal)) return
    } else if (set === null || absent?.reason !== 'ScaledDown' || (await want(client, set, { name: ref.name, roles }, signal)))
      return untilStarted(client, ref.name, null, signal)
  }
  throw new KdrError(`what runs ${ref.name} changes faster than it can be scaled`, { code: 'workload-changed', hint: 'look again: kdr diagnose' })
}
