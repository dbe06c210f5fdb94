// Everything the API server is asked for at one moment, all at once. Each kind is known or not by itself:
// a role that may read pods may not read nodes.
import type {
  CoreV1Event,
  V1Deployment,
  V1Node,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1StatefulSet,
} from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Ask, KubeClient } from './client.ts'

export interface Snapshot {
  readonly pods: readonly V1Pod[]
  readonly sets: Known<readonly V1StatefulSet[]>
  readonly deployments: Known<readonly V1Deployment[]>
  readonly claims: Known<readonly V1PersistentVolumeClaim[]>
  readonly volumes: Known<readonly V1PersistentVolume[]>
  readonly nodes: Known<readonly V1Node[]>
  readonly budgets: Known<readonly V1PodDisruptionBudget[]>
}

type Options = Parameters<Parameters<KubeClient['call']>[2]>[0]
type Page<T> = { readonly items: T[]; readonly metadata?: { readonly _continue?: string } }

/** Big clusters answer in parts; as many at a time as kubectl asks for. */
const PAGE = 500

/** All of a kind. Throws what `call` throws. */
export const listAll = async <T>(
  client: KubeClient,
  signal: AbortSignal,
  ask: Ask,
  list: (page: { limit: number; _continue?: string }, options: Options) => Promise<Page<T>>,
): Promise<readonly T[]> => {
  const all: T[] = []
  for (let next: string | undefined; ; ) {
    const page = await client.call(signal, ask, (options) => list({ limit: PAGE, ...(next === undefined ? {} : { _continue: next }) }, options))
    all.push(...page.items)
    next = page.metadata?._continue || undefined
    if (next === undefined) return all
  }
}

/** Unknown when it could not be listed, as where it is forbidden; an aborted look is no observation at all. */
const tolerant = async <T>(signal: AbortSignal, by: string, work: Promise<readonly T[]>): Promise<Known<readonly T[]>> => {
  try {
    return known(await work, by)
  } catch (thrown) {
    if (signal.aborted || !(thrown instanceof KdrError)) throw thrown
    return unknown(wordsOf(thrown), by)
  }
}

/** Throws when the pods themselves cannot be listed. */
export const takeSnapshot = async (client: KubeClient, signal: AbortSignal): Promise<Snapshot> => {
  const { core, apps, policy, namespace } = client
  const own = <T>(resource: string, list: Parameters<typeof listAll<T>>[3]) => listAll<T>(client, signal, { verb: 'list', resource }, list)
  const wide = <T>(resource: string, list: Parameters<typeof listAll<T>>[3]) => listAll<T>(client, signal, { verb: 'list', resource, namespace: null }, list)
  const inSpace = (page: { limit: number; _continue?: string }) => ({ namespace, ...page })
  const [pods, sets, deployments, claims, volumes, nodes, budgets] = await Promise.all([
    own<V1Pod>('pods', (page, options) => core.listNamespacedPod(inSpace(page), options)),
    tolerant(
      signal,
      'StatefulSets',
      own<V1StatefulSet>('statefulsets.apps', (page, options) => apps.listNamespacedStatefulSet(inSpace(page), options)),
    ),
    tolerant(
      signal,
      'Deployments',
      own<V1Deployment>('deployments.apps', (page, options) => apps.listNamespacedDeployment(inSpace(page), options)),
    ),
    tolerant(
      signal,
      'PersistentVolumeClaims',
      own<V1PersistentVolumeClaim>('persistentvolumeclaims', (page, options) => core.listNamespacedPersistentVolumeClaim(inSpace(page), options)),
    ),
    tolerant(
      signal,
      'PersistentVolumes',
      wide<V1PersistentVolume>('persistentvolumes', (page, options) => core.listPersistentVolume(page, options)),
    ),
    tolerant(
      signal,
      'Nodes',
      wide<V1Node>('nodes', (page, options) => core.listNode(page, options)),
    ),
    tolerant(
      signal,
      'PodDisruptionBudgets',
      own<V1PodDisruptionBudget>('poddisruptionbudgets.policy', (page, options) => policy.listNamespacedPodDisruptionBudget(inSpace(page), options)),
    ),
  ])
  return { pods, sets, deployments, claims, volumes, nodes, budgets }
}

/** What was said about one object by name (a pod, a claim), oldest first. Kubernetes keeps it for an hour or so. */
export const eventsOf = async (client: KubeClient, signal: AbortSignal, name: string): Promise<Known<readonly CoreV1Event[]>> => {
  const { core, namespace } = client
  const work = listAll<CoreV1Event>(client, signal, { verb: 'list', resource: 'events' }, (page, options) =>
    core.listNamespacedEvent({ namespace, fieldSelector: `involvedObject.name=${name}`, ...page }, options),
  )
  const events = await tolerant(signal, 'Events', work)
  return events.known
    ? known(
        [...events.value].sort((a, b) => eventTime(a) - eventTime(b)),
        events.by,
      )
    : events
}

/** When it was last seen; old and new event APIs keep it in different fields. */
export const eventTime = (event: CoreV1Event): number =>
  new Date(event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? 0).getTime()
