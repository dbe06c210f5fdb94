// A short-lived pod of kdr's own that mounts the claims of a member that has none: commands are run in it, and it is
// removed again. Nothing else tells what is on a claim that nobody mounts, or puts anything there.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Pod, V1PodSpec, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { execRaw, type RawResult } from './exec.ts'
import { lookAtPod, notSeen } from './pod-look.ts'
import { progressOf } from './pod-writes.ts'
import type { Entry } from './roster.ts'
import { listAll } from './snapshot.ts'
import { type Mount, mountsOf } from './volumes.ts'

const POLL: Millis = 300
/** An image that is there and a volume that attaches take seconds. */
const DEADLINE: Millis = 60_000
const GONE: Millis = 60_000
/** Past it the kubelet ends the pod, whatever became of who made it. */
const STAY: Millis = 900_000
const CONTAINER = 'kdr'
const OURS = { 'app.kubernetes.io/managed-by': 'kdr' }
const PURPOSE = 'kdr.dev/purpose'

/** Runs a command where the claims are mounted. */
export type Run = (argv: readonly string[], input?: Buffer) => Promise<RawResult>

export const textOf = ({ stdout }: Pick<RawResult, 'stdout'>): { readonly stdout: string } => ({ stdout: stdout.toString('utf8') })

export interface Visit {
  readonly purpose: 'look-at-disks' | 'place-copy'
  readonly mounts: readonly V1VolumeMount[]
  readonly volumes: readonly V1Volume[]
}

export interface Claimed extends Mount {
  readonly claim: string
  readonly subPath: string
}

/** Throws `disk-unreachable` where the folder depends on what only its own pod is told. */
export const claimedOf = (entry: Entry): readonly Claimed[] =>
  mountsOf(entry).flatMap(({ claim, ...mount }): Claimed[] => {
    if (claim === null) return []
    const { subPath = '', subPathExpr } = entry.container?.volumeMounts?.find(({ mountPath }) => mountPath === mount.path) ?? {}
    if (subPathExpr === undefined) return [{ ...mount, claim, subPath }]
    throw new KdrError(`${entry.name} keeps its data in a folder named by its own environment (${subPathExpr})`, { code: 'disk-unreachable' })
  })

const nameOf = ({ purpose }: Visit, { name }: Entry): string => `kdr-${purpose === 'look-at-disks' ? 'look' : 'place'}-${name}`.slice(0, 63)

/** Where its own pod may be scheduled and what it may do there; none of its labels, so that no set and no service takes it for one of theirs. */
const bodyOf = (entry: Entry, visit: Visit): V1Pod => {
  const { tolerations, nodeSelector, affinity, imagePullSecrets, securityContext } = entry.set?.spec?.template?.spec ?? {}
  // A claim may get its volume, and so its node, from the first pod that mounts it.
  const where = visit.purpose === 'place-copy' ? { affinity } : {}
  const wanted = Object.entries({ tolerations, nodeSelector, imagePullSecrets, securityContext, ...where })
  const given = Object.fromEntries(wanted.filter(([, value]) => value !== undefined))
  const { container } = entry
  const own = container?.securityContext === undefined ? {} : { securityContext: container.securityContext }
  const pull = container?.imagePullPolicy === undefined ? {} : { imagePullPolicy: container.imagePullPolicy }
  const spec: V1PodSpec = {
    ...given,
    restartPolicy: 'Never',
    activeDeadlineSeconds: STAY / 1000,
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    containers: [
      {
        name: CONTAINER,
        image: container?.image ?? '',
        ...pull,
        ...own,
        command: ['sh', '-c', `exec sleep ${STAY / 1000}`],
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
        volumeMounts: [...visit.mounts],
      },
    ],
    volumes: [...visit.volumes],
  }
  return { metadata: { name: nameOf(visit, entry), labels: { ...OURS, [PURPOSE]: visit.purpose } }, spec }
}

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
    throw new KdrError(`pod ${name}, which had a disk mounted, is still there after ${formatDuration(GONE)}`, {
      code: 'not-removed',
      hint: `kubectl delete pod ${name}`,
      cause: thrown,
    })
  }
}

/** Another kdr that was killed may have left some behind; one run at a time goes on here (Lease). */
const removeLeftovers = async (client: KubeClient, signal: AbortSignal): Promise<void> => {
  const { core, namespace } = client
  const labelSelector = [...Object.entries(OURS).map(([key, value]) => `${key}=${value}`), PURPOSE].join()
  const left = await listAll(client, signal, { verb: 'list', resource: 'pods' }, (page, options) =>
    core.listNamespacedPod({ namespace, labelSelector, ...page }, options),
  )
  for (const { metadata } of left) await remove(client, metadata?.name ?? '')
}

const create = (client: KubeClient, body: V1Pod, signal: AbortSignal): Promise<V1Pod> =>
  client.call(signal, { verb: 'create', resource: 'pods', name: body.metadata?.name ?? '' }, (options) =>
    client.core.createNamespacedPod({ namespace: client.namespace, body, fieldManager: 'kdr' }, options),
  )

const untilRunning = async (client: KubeClient, name: string, signal: AbortSignal): Promise<void> => {
  const begin = performance.now()
  for (;;) {
    const look = await lookAtPod(client, name, signal)
    const waited = performance.now() - begin
    if ('trouble' in look) {
      if (waited >= DEADLINE) throw notSeen(`pod ${name} runs`, waited, look.trouble)
    } else {
      const phase = look.pod?.status?.phase
      if (phase === 'Running') return
      if (waited >= DEADLINE || phase === 'Failed' || phase === 'Succeeded')
        throw new KdrError(`pod ${name}, which is to mount a disk, does not run after ${formatDuration(waited)}: ${progressOf(look.pod, null).waits}`, {
          code: 'disk-unreachable',
        })
    }
    await sleep(POLL, undefined, { signal })
  }
}

/** Resolves, or rejects, when the pod is gone again. Throws `disk-unreachable`, `outcome-unknown`, `not-removed`, and what the API refuses. */
export const visit = async <T>(client: KubeClient, entry: Entry, what: Visit, work: (run: Run) => Promise<T>, signal: AbortSignal): Promise<T> => {
  const body = bodyOf(entry, what)
  const name = body.metadata?.name ?? ''
  await removeLeftovers(client, signal)
  await create(client, body, signal)
  try {
    await untilRunning(client, name, signal)
    return await work((argv, input) => execRaw(client, name, CONTAINER, argv, signal, input))
  } finally {
    await remove(client, name)
  }
}
