// Which spec of which workload was looked at: a write names it, and is refused when it is another one by then. Not
// its resourceVersion: that rises with its status, which its controller writes whenever a pod becomes ready.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Deployment, V1ObjectMeta, V1StatefulSet } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'

export interface WorkloadRef {
  readonly kind: string
  readonly name: string
  readonly version: string
}

/** Between two tries: whoever writes the status has other things to do. */
const PAUSE: Millis = 100
const RESOURCES: Readonly<Record<string, 'statefulsets.apps' | 'deployments.apps'>> = { StatefulSet: 'statefulsets.apps', Deployment: 'deployments.apps' }

export const resourceOf = ({ kind, name }: Pick<WorkloadRef, 'kind' | 'name'>): 'statefulsets.apps' | 'deployments.apps' => {
  const resource = RESOURCES[kind]
  if (resource !== undefined) return resource
  throw new KdrError(`${kind} ${name} cannot be scaled by kdr`, { code: 'not-on-this-platform', hint: 'kdr scales StatefulSets and Deployments' })
}

/** metadata.generation rises with every change of the spec, and with nothing else. */
export const specVersion = (metadata: V1ObjectMeta | undefined): string => `${metadata?.uid ?? ''}/${metadata?.generation ?? ''}`

const workloadChanged = ({ kind, name, version }: WorkloadRef, now: string): KdrError =>
  new KdrError(`${kind} ${name} has changed since it was looked at (generation ${version.split('/').at(-1)}, now ${now})`, {
    code: 'workload-changed',
    exit: 'refused',
    hint: 'Look again: kdr diagnose',
  })

/** Every role that sees workloads at all may list them. */
const read = async (client: KubeClient, of: WorkloadRef, signal: AbortSignal): Promise<V1StatefulSet | V1Deployment | null> => {
  const { apps, namespace } = client
  const resource = resourceOf(of)
  const one = { namespace, fieldSelector: `metadata.name=${of.name}` }
  const { items } = await client.call<{ readonly items: readonly (V1StatefulSet | V1Deployment)[] }>(
    signal,
    { verb: 'list', resource, name: of.name },
    (options) => (resource === 'statefulsets.apps' ? apps.listNamespacedStatefulSet(one, options) : apps.listNamespacedDeployment(one, options)),
  )
  return items[0] ?? null
}

/**
 * `write` is given the resourceVersion to name and what was read at it, and called again where something else than the spec has moved on since.
 * Throws `workload-changed`, and what `write` throws.
 */
export const atVersion = async <T>(
  client: KubeClient,
  of: WorkloadRef,
  signal: AbortSignal,
  write: (resourceVersion: string, now: V1StatefulSet | V1Deployment) => Promise<T>,
): Promise<T> => {
  for (;;) {
    const now = await read(client, of, signal)
    if (now === null) throw workloadChanged(of, 'gone')
    const { metadata } = now
    if (specVersion(metadata) !== of.version) throw workloadChanged(of, `${metadata?.generation ?? 'unknown'}`)
    try {
      return await write(metadata?.resourceVersion ?? '', now)
    } catch (thrown) {
      if (!(thrown instanceof KdrError && thrown.code === 'conflict')) throw thrown
      await sleep(PAUSE, undefined, { signal })
    }
  }
}
