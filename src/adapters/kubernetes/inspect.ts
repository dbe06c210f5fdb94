// Looks at the disks of a member that has no pod: a short-lived pod of kdr's own mounts its claims read-only,
// says what is there, and is removed again. Nothing else tells what is on a claim that nobody mounts.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Pod, V1PodSpec } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { type Disk, parseDisks, unmountedCommand } from './disk.ts'
import { readLog } from './logs.ts'
import { lookAtPod, notSeen } from './pod-look.ts'
import { progressOf } from './pod-writes.ts'
import type { Entry } from './roster.ts'
import { type Mount, mountsOf } from './volumes.ts'

const POLL: Millis = 300
/** An image that is there and a volume that attaches take seconds. */
const DEADLINE: Millis = 60_000
const GONE: Millis = 60_000
/** Every line that the script prints, with room to spare. */
const LINES = 10_000
const MARK = { 'app.kubernetes.io/managed-by': 'kdr', 'kdr.dev/purpose': 'look-at-disks' }

const podName = (member: string): string => `kdr-look-${member}`.slice(0, 63)

interface Claimed extends Mount {
  readonly claim: string
  readonly subPath: string
}

/** Throws `disk-unreachable` where the folder depends on what only its own pod is told. */
const claimedOf = (entry: Entry): readonly Claimed[] =>
  mountsOf(entry).flatMap(({ claim, ...mount }): Claimed[] => {
    if (claim === null) return []
    const { subPath = '', subPathExpr } = entry.container?.volumeMounts?.find(({ mountPath }) => mountPath === mount.path) ?? {}
    if (subPathExpr === undefined) return [{ ...mount, claim, subPath }]
    throw new KdrError(`${entry.name} keeps its data in a folder named by its own environment (${subPathExpr})`, { code: 'disk-unreachable' })
  })

/** Where its own pod may be scheduled and what it may read there; none of its labels, so that no set and no service takes it for one of theirs. */
const bodyOf = ({ name, set, container }: Entry, claims: readonly Claimed[]): V1Pod => {
  const { tolerations, nodeSelector, imagePullSecrets, securityContext } = set?.spec?.template?.spec ?? {}
  const given = Object.fromEntries(Object.entries({ tolerations, nodeSelector, imagePullSecrets, securityContext }).filter(([, value]) => value !== undefined))
  const own = container?.securityContext === undefined ? {} : { securityContext: container.securityContext }
  const pull = container?.imagePullPolicy === undefined ? {} : { imagePullPolicy: container.imagePullPolicy }
  const spec: V1PodSpec = {
    ...given,
    restartPolicy: 'Never',
    activeDeadlineSeconds: Math.ceil((DEADLINE + GONE) / 1000),
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'look',
        image: container?.image ?? '',
        ...pull,
        ...own,
        command: [...unmountedCommand(claims.map(({ subPath }, at) => `/kdr/${at}//${subPath}`))],
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '64Mi' } },
        volumeMounts: claims.map((_, at) => ({ name: `v${at}`, mountPath: `/kdr/${at}`, readOnly: true })),
      },
    ],
    volumes: claims.map(({ claim }, at) => ({ name: `v${at}`, persistentVolumeClaim: { claimName: claim, readOnly: true } })),
  }
  return { metadata: { name: podName(name), labels: MARK }, spec }
}

const create = (client: KubeClient, body: V1Pod, signal: AbortSignal): Promise<V1Pod> =>
  client.call(signal, { verb: 'create', resource: 'pods', name: body.metadata?.name ?? '' }, (options) =>
    client.core.createNamespacedPod({ namespace: client.namespace, body, fieldManager: 'kdr' }, options),
  )

const isOurs = ({ metadata }: V1Pod): boolean => Object.entries(MARK).every(([key, value]) => metadata?.labels?.[key] === value)

/** Resolves when it is gone, so that nobody finds the disk in use. Throws `not-removed`. */
const remove = async (client: KubeClient, name: string): Promise<void> => {
  const { core, namespace } = client
  const signal = AbortSignal.timeout(GONE)
  try {
    await client.call(signal, { verb: 'delete', resource: 'pods', name }, (options) =>
      core.deleteNamespacedPod({ name, namespace, body: { gracePeriodSeconds: 1 } }, options),
    )
    for (;;) {
      const look = await lookAtPod(client, name, signal)
      if ('pod' in look && look.pod === null) return
      await sleep(POLL, undefined, { signal })
    }
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'not-found') return
    if (!signal.aborted) throw thrown
    throw new KdrError(`pod ${name}, which looked at a disk, is still there after ${formatDuration(GONE)}`, {
      code: 'not-removed',
      hint: `kubectl delete pod ${name}`,
      cause: thrown,
    })
  }
}

/** Another kdr that was killed may have left it behind. */
const createAnew = async (client: KubeClient, body: V1Pod, signal: AbortSignal): Promise<void> => {
  try {
    await create(client, body, signal)
  } catch (thrown) {
    const name = body.metadata?.name ?? ''
    if (!(thrown instanceof KdrError && thrown.code === 'conflict')) throw thrown
    const found = await lookAtPod(client, name, signal)
    if ('trouble' in found || (found.pod !== null && !isOurs(found.pod))) throw thrown
    await remove(client, name)
    await create(client, body, signal)
  }
}

const untilOver = async (client: KubeClient, name: string, signal: AbortSignal): Promise<V1Pod> => {
  const begin = performance.now()
  for (;;) {
    const look = await lookAtPod(client, name, signal)
    const waited = performance.now() - begin
    if ('trouble' in look) {
      if (waited >= DEADLINE) throw notSeen(`pod ${name} has ended`, waited, look.trouble)
    } else {
      const phase = look.pod?.status?.phase
      if (look.pod !== null && (phase === 'Succeeded' || phase === 'Failed')) return look.pod
      if (waited >= DEADLINE)
        throw new KdrError(`pod ${name}, which is to look at a disk, did not end within ${formatDuration(waited)}: ${progressOf(look.pod, null).waits}`, {
          code: 'disk-unreachable',
        })
    }
    await sleep(POLL, undefined, { signal })
  }
}

/**
 * What is on the claims of a member that has no pod, by the paths it would see them under. Resolves, or rejects, when the pod
 * that looked is gone again. Throws `disk-unreachable`, `outcome-unknown`, `not-removed`, and what the API refuses.
 */
export const lookAtUnmounted = async (client: KubeClient, entry: Entry, signal: AbortSignal): Promise<readonly Disk[]> => {
  const claims = claimedOf(entry)
  if (claims.length === 0) throw new KdrError(`${entry.name} has no claim that could be looked at`, { code: 'disk-unreachable' })
  const name = podName(entry.name)
  await createAnew(client, bodyOf(entry, claims), signal)
  try {
    const pod = await untilOver(client, name, signal)
    const disks = parseDisks({ stdout: (await readLog(client, pod, { previous: false, part: { tail: LINES } }, signal)).join('\n') })
    if (pod.status?.phase !== 'Succeeded' || disks.length !== claims.length)
      throw new KdrError(`pod ${name} ended without telling what is on ${claims.map(({ claim }) => claim).join(', ')}`, { code: 'disk-unreachable' })
    return disks.map((disk, at) => ({ ...disk, path: claims[at]?.path ?? disk.path }))
  } finally {
    await remove(client, name)
  }
}
