// Deletes a StatefulSet and leaves its pods, then creates it again: the only way to change what is
// immutable in it. From the deletion on nothing may stop it but the API server itself.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1StatefulSet } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { atVersion, type WorkloadRef } from './spec-version.ts'

const POLL: Millis = 200
/** For the garbage collector to let go of the pods, and for the creation, each. */
const DEADLINE: Millis = 60_000
const RESOURCE = 'statefulsets.apps'

interface Change {
  readonly podManagementPolicy: 'Parallel' | 'OrderedReady'
  readonly replicas: number
}

const hasCode = (thrown: unknown, code: string): boolean => thrown instanceof KdrError && thrown.code === code

/** As it was written, without what the server adds: ready to be created anew. */
const manifestOf = ({ metadata, spec }: V1StatefulSet): V1StatefulSet => {
  const { name, namespace, labels, annotations, ownerReferences, finalizers } = metadata ?? {}
  const kept = Object.fromEntries(
    Object.entries({ name, namespace, labels, annotations, ownerReferences, finalizers }).filter(([, value]) => value !== undefined),
  )
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: kept, ...(spec === undefined ? {} : { spec }) }
}

const withChange = (set: V1StatefulSet, change: Change): V1StatefulSet => ({ ...set, ...(set.spec === undefined ? {} : { spec: { ...set.spec, ...change } }) })

const create = (client: KubeClient, body: V1StatefulSet, signal: AbortSignal, dryRun?: 'All'): Promise<V1StatefulSet> =>
  client.call(signal, { verb: 'create', resource: RESOURCE, name: body.metadata?.name ?? '' }, (options) =>
    client.apps.createNamespacedStatefulSet({ namespace: client.namespace, body, fieldManager: 'kdr', ...(dryRun === undefined ? {} : { dryRun }) }, options),
  )

/** What would be refused afterwards is refused while everything still stands; under another name, because its own is taken. */
const rehearse = (client: KubeClient, { metadata, ...rest }: V1StatefulSet, signal: AbortSignal): Promise<V1StatefulSet> =>
  create(client, { ...rest, metadata: { ...metadata, name: `${metadata?.name?.slice(0, 40)}-kdr-rehearsal` } }, signal, 'All')

/** Kept as it is when it is deleted, to the last annotation. */
const orphan = async (client: KubeClient, of: WorkloadRef, keep: (manifest: string) => void, signal: AbortSignal): Promise<V1StatefulSet> => {
  const { apps, namespace } = client
  const { name } = of
  return atVersion(client, of, signal, async (resourceVersion, now) => {
    const set = now as V1StatefulSet
    keep(`${JSON.stringify(manifestOf(set), null, 2)}\n`)
    const body = { propagationPolicy: 'Orphan', preconditions: { uid: set.metadata?.uid ?? '', resourceVersion } }
    await client.call(signal, { verb: 'delete', resource: RESOURCE, name }, (options) => apps.deleteNamespacedStatefulSet({ name, namespace, body }, options))
    return set
  })
}

const untilGone = async (client: KubeClient, name: string, uid: string | undefined): Promise<void> => {
  const { apps, namespace } = client
  const signal = AbortSignal.timeout(DEADLINE)
  const ask = { verb: 'get', resource: RESOURCE, name }
  try {
    for (;;) {
      const now = await client.call(signal, ask, (options) => apps.readNamespacedStatefulSet({ name, namespace }, options))
      if (now.metadata?.uid !== uid) return
      await sleep(POLL, undefined, { signal })
    }
  } catch (thrown) {
    if (!hasCode(thrown, 'not-found')) throw thrown
  }
}

/** Whoever kept the manifest can still create it by hand, and must. */
const lost = (name: string, cause: unknown): KdrError =>
  new KdrError(`StatefulSet ${name} was deleted, its pods run on, but it could not be created again: ${wordsOf(cause)}`, {
    code: 'workload-lost',
    hint: 'create it at once from its manifest, which was kept before it was deleted: kubectl create -f FILE',
    cause,
  })

/**
 * Pods and claims keep running and keep their UIDs: the new set adopts them by its selector. Throws `workload-changed`,
 * what its creation would be refused for, and `workload-lost` when it was deleted and could not be created again.
 */
export const recreateSet = async (
  client: KubeClient,
  of: { readonly name: string; readonly version: string },
  change: Change,
  keep: (manifest: string) => void,
  signal: AbortSignal,
): Promise<void> => {
  const set: WorkloadRef = { kind: 'StatefulSet', ...of }
  const before = await atVersion(client, set, signal, async (_, now) => now)
  await rehearse(client, withChange(manifestOf(before as V1StatefulSet), change), signal)
  const deleted = await orphan(client, set, keep, signal)
  // The caller's signal ends here: between deletion and creation there is no good moment to stop.
  try {
    await untilGone(client, of.name, deleted.metadata?.uid)
    await create(client, withChange(manifestOf(deleted), change), AbortSignal.timeout(DEADLINE))
  } catch (thrown) {
    throw lost(of.name, thrown)
  }
}
