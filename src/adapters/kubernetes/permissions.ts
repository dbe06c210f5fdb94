// What kdr asks of Kubernetes, and whether this principal may: a SelfSubjectAccessReview for each.
import { wordsOf } from '../../errors.ts'
import { known, unknown } from '../../model/known.ts'
import type { Need, Permission } from '../../ports/platform.ts'
import type { KubeClient } from './client.ts'

type Wanted = readonly [resource: string, verbs: readonly string[], scope?: 'cluster' | 'namespace']

/** Exec and port-forward are a GET by websocket; from 1.35 on the API server wants `create` for them too (kubernetes#134577). */
const LOOK: readonly Wanted[] = [
  ['namespaces', ['get']],
  ['pods', ['get', 'list']],
  ['pods/log', ['get']],
  ['pods/portforward', ['get', 'create']],
  ['services', ['get']],
  ['events', ['list']],
  ['persistentvolumeclaims', ['list']],
  ['statefulsets.apps', ['list']],
  ['deployments.apps', ['list']],
  ['poddisruptionbudgets.policy', ['list']],
  ['nodes', ['list'], 'cluster'],
  ['persistentvolumes', ['list'], 'cluster'],
]

/** What every scenario does; deploy/rbac-recovery.yaml grants it, and what follows. */
const RECOVER: readonly Wanted[] = [
  ['pods', ['delete']],
  ['pods/exec', ['get', 'create']],
  ['statefulsets.apps/scale', ['update']],
  ['leases.coordination.k8s.io', ['get', 'create', 'update']],
]

/** A StatefulSet that must start its pods in another order is deleted without them and created again; disks that nobody mounts are looked at by a pod. */
const RECREATE: readonly Wanted[] = [
  ['statefulsets.apps', ['get', 'create', 'delete', 'patch']],
  ['pods', ['create']],
]

/** A copy is put on a claim by a pod of kdr's own, on one made anew where there is none; sets may have to begin at another ordinal. */
const RESTORE: readonly Wanted[] = [
  ['pods', ['create']],
  ['persistentvolumeclaims', ['create']],
  ['statefulsets.apps', ['patch']],
]

/** Services behind a Deployment that was scaled away; their pods are restarted as any other's. */
const ROLL: readonly Wanted[] = [['deployments.apps/scale', ['update']]]

const WANTED: Readonly<Record<Need, readonly Wanted[]>> = {
  look: LOOK,
  recover: [...LOOK, ...RECOVER],
  recreate: [...LOOK, ...RECOVER, ...RECREATE],
  restore: [...LOOK, ...RECOVER, ...RESTORE],
  roll: [...LOOK, ...RECOVER, ...ROLL],
  everything: [...LOOK, ...RECOVER, ...RECREATE, ['persistentvolumeclaims', ['create']], ...ROLL],
}

interface Verb {
  readonly verb: string
  readonly resource: string
  readonly scope: 'namespace' | 'cluster'
}

export const verbsFor = (need: Need): readonly Verb[] =>
  WANTED[need].flatMap(([resource, verbs, scope = 'namespace' as const]) => verbs.map((verb): Verb => ({ verb, resource, scope })))

/** `statefulsets.apps/scale` → group, resource, subresource. */
const partsOf = (text: string): { readonly group: string; readonly resource: string; readonly subresource?: string } => {
  const [whole = '', subresource] = text.split('/')
  const [resource = '', ...group] = whole.split('.')
  return { group: group.join('.'), resource, ...(subresource === undefined ? {} : { subresource }) }
}

const review = async (client: KubeClient, verb: string, resource: string, namespace: string | null, signal: AbortSignal): Promise<Permission> => {
  const by = 'SelfSubjectAccessReview'
  // Reading the namespace itself is asked of that namespace by name, as RBAC sees it.
  const name = resource === 'namespaces' && namespace !== null ? { name: namespace } : {}
  const resourceAttributes = { verb, ...partsOf(resource), ...name, ...(namespace === null ? {} : { namespace }) }
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } }
  const ask = { verb: 'create', resource: 'selfsubjectaccessreviews.authorization.k8s.io', namespace: null }
  try {
    const { status } = await client.call(signal, ask, (options) => client.authorization.createSelfSubjectAccessReview({ body }, options))
    const error = status?.evaluationError
    const allowed =
      status === undefined || (!status.allowed && error !== undefined) ? unknown<boolean>(error ?? 'no status came back', by) : known(status.allowed, by)
    return { verb, resource, namespace, allowed }
  } catch (thrown) {
    signal.throwIfAborted()
    return { verb, resource, namespace, allowed: unknown(wordsOf(thrown), by) }
  }
}

/** All at once; what could not be asked is unknown. Rejects with the signal's reason only. */
export const readPermissions = (client: KubeClient, need: Need, signal: AbortSignal): Promise<readonly Permission[]> =>
  Promise.all(verbsFor(need).map(({ verb, resource, scope }) => review(client, verb, resource, scope === 'cluster' ? null : client.namespace, signal)))
