// Writes to what recreates members: replicas, a rolling restart, and server-side apply. Each names the
// version it was looked at, and is refused when that is no longer the one.
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import { type KubeClient, statusBody } from './client.ts'
import { atVersion, resourceOf, type WorkloadRef } from './spec-version.ts'

const FIELD_MANAGER = 'kdr'

/** Throws `workload-changed`. */
export const scaleTo = async (client: KubeClient, of: WorkloadRef, replicas: number, signal: AbortSignal): Promise<void> => {
  const { apps, namespace } = client
  const { name } = of
  const resource = resourceOf(of)
  await atVersion(client, of, signal, (resourceVersion) => {
    const body = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name, namespace, resourceVersion }, spec: { replicas } }
    const to = { name, namespace, body, fieldManager: FIELD_MANAGER }
    return client.call(signal, { verb: 'update', resource: `${resource}/scale`, name }, (options) =>
      resource === 'statefulsets.apps' ? apps.replaceNamespacedStatefulSetScale(to, options) : apps.replaceNamespacedDeploymentScale(to, options),
    )
  })
}

/**
 * Has a StatefulSet make the ordinals from `first` on (spec.ordinals.start, KEP-3335). Tried on the API server first: one that
 * does not know the field drops it, and would make the lowest ordinals instead. Throws `workload-changed`, `no-start-ordinals`.
 */
export const placeAt = async (
  client: KubeClient,
  of: WorkloadRef,
  { first, replicas }: { readonly first: number; readonly replicas: number },
  signal: AbortSignal,
): Promise<void> => {
  const { apps, namespace } = client
  const { name } = of
  const patch = (resourceVersion: string, dryRun?: 'All') => {
    const body = { metadata: { resourceVersion }, spec: { ordinals: first === 0 ? null : { start: first }, replicas } }
    return client.call(signal, { verb: 'patch', resource: 'statefulsets.apps', name }, (options) =>
      apps.patchNamespacedStatefulSet(
        { name, namespace, body, fieldManager: FIELD_MANAGER, ...(dryRun === undefined ? {} : { dryRun }) },
        setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch, options),
      ),
    )
  }
  await atVersion(client, of, signal, async (resourceVersion) => {
    const { spec } = await patch(resourceVersion, 'All')
    if ((spec?.ordinals?.start ?? 0) !== first)
      throw new KdrError(`this API server has no start ordinals for StatefulSet ${name} (Kubernetes 1.27): it would make other pods than the one wanted`, {
        code: 'no-start-ordinals',
        exit: 'refused',
        hint: 'scale it up by hand, once every broker that it makes then may be started',
      })
    await patch(resourceVersion)
  })
}

/** As `kubectl rollout restart` does it: the annotation makes the template another one. Throws `workload-changed`, `rollout-paused`. */
export const rolloutOf = async (client: KubeClient, of: WorkloadRef, signal: AbortSignal): Promise<void> => {
  const { apps, namespace } = client
  const { kind, name } = of
  if (kind !== 'Deployment')
    throw new KdrError(`${kind} ${name} is no Deployment: its members are restarted one by one, each behind its guards`, { code: 'not-on-this-platform' })
  const ask = { verb: 'get', resource: 'deployments.apps', name }
  const found = await client.call(signal, ask, (options) => apps.readNamespacedDeployment({ name, namespace }, options))
  if (found.spec?.paused === true)
    throw new KdrError(`Deployment ${name} is paused: a restart would wait for ever`, {
      code: 'rollout-paused',
      hint: `kubectl rollout resume deployment/${name}`,
    })
  const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() }
  await atVersion(client, of, signal, (resourceVersion) => {
    const body = { metadata: { resourceVersion }, spec: { template: { metadata: { annotations } } } }
    return client.call(signal, { verb: 'patch', resource: 'deployments.apps', name }, (options) =>
      apps.patchNamespacedDeployment(
        { name, namespace, body, fieldManager: FIELD_MANAGER },
        setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch, options),
      ),
    )
  })
}

interface Cause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

/** `conflict with "argocd-controller" using apps/v1` on `.spec.replicas`. */
const conflictsIn = (thrown: KdrError): readonly string[] => {
  const details = statusBody(thrown)?.['details'] as { readonly causes?: readonly Cause[] } | undefined
  return (details?.causes ?? [])
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ field, message }) => `${field ?? 'a field'} (${(message ?? '').replace(/^conflict with /, '')})`)
}

/**
 * Server-side apply as field manager `kdr`, never forced: whoever owns a field keeps it. The manifest says its kind, name
 * and namespace. Throws `field-conflict` naming fields and owners.
 */
export const applyManifest = async (client: KubeClient, manifest: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> => {
  const { apiVersion, kind, metadata } = manifest as { apiVersion?: string; kind?: string; metadata?: { name?: string; namespace?: string } }
  if (!apiVersion || !kind || !metadata?.name) throw new KdrError('a manifest to apply must say its apiVersion, kind and name', { code: 'bad-manifest' })
  const spec = { ...manifest, apiVersion, kind, metadata: { ...metadata, name: metadata.name, namespace: metadata.namespace ?? client.namespace } }
  const ask = { verb: 'patch', resource: kind, name: metadata.name, namespace: spec.metadata.namespace }
  try {
    // Its own options parameter takes a whole configuration, not what `call` offers: the signal ends the wait only.
    await client.call(signal, ask, () => client.objects.patch(spec, undefined, undefined, FIELD_MANAGER, false, PatchStrategy.ServerSideApply))
  } catch (thrown) {
    const conflicts = thrown instanceof KdrError && thrown.code === 'conflict' ? conflictsIn(thrown) : []
    if (conflicts.length === 0) throw thrown
    throw new KdrError(`${kind} ${metadata.name} was not applied: others own what it would change: ${conflicts.join('; ')}`, {
      code: 'field-conflict',
      exit: 'refused',
      hint: `change it where they get it from; ${wordsOf(thrown)}`,
      cause: thrown,
    })
  }
}
