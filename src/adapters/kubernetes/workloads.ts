// What recreates a member, and who else manages it.
import type { V1ObjectMeta } from '@kubernetes/client-node'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Member, Owner, Workload } from '../../model/member.ts'
import { type Owned, ownerOf } from './owners.ts'
import type { Entry } from './roster.ts'
import type { Snapshot } from './snapshot.ts'
import { specVersion } from './spec-version.ts'

const controllerOf = (metadata: V1ObjectMeta | undefined): Owned['controller'] => {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true)
  return owner === undefined ? null : { kind: owner.kind, name: owner.name, apiVersion: owner.apiVersion }
}

/** One of no Deployment, or whose Deployment may not be seen: its kind is told by its pods, and its replicas are those. kdr writes to none. */
const replicaSet = (name: string, pods: Snapshot['pods']): Workload => ({
  kind: 'ReplicaSet',
  name,
  version: '',
  replicas: pods.filter(({ metadata }) => controllerOf(metadata)?.name === name).length,
  first: 0,
  ordered: false,
  deletesClaims: { whenScaled: false, whenDeleted: false },
})

export const workloadOf = ({ pod, set, deployment }: Entry, { pods, sets, deployments }: Snapshot): Known<Workload | null> => {
  if (set !== null) {
    const { whenScaled, whenDeleted } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {}
    return known(
      {
        kind: 'StatefulSet',
        name: set.metadata?.name ?? '',
        version: specVersion(set.metadata),
        replicas: set.spec?.replicas ?? 1,
        first: set.spec?.ordinals?.start ?? 0,
        ordered: set.spec?.podManagementPolicy !== 'Parallel',
        deletesClaims: { whenScaled: whenScaled === 'Delete', whenDeleted: whenDeleted === 'Delete' },
      },
      sets.by,
    )
  }
  if (deployment !== null) {
    const { metadata, spec } = deployment
    const none = { whenScaled: false, whenDeleted: false }
    return known(
      {
        kind: 'Deployment',
        name: metadata?.name ?? '',
        version: specVersion(metadata),
        replicas: spec?.replicas ?? 1,
        first: 0,
        ordered: false,
        deletesClaims: none,
      },
      deployments.by,
    )
  }
  const owner = controllerOf(pod?.metadata)
  const by = 'owner references of the pod'
  if (owner === null) return known(null, by)
  if (owner.kind === 'ReplicaSet') return known(replicaSet(owner.name, pods), by)
  const list = owner.kind === 'StatefulSet' ? sets : null
  return unknown(list === null || list.known ? `${owner.kind} ${owner.name} recreates it, which kdr does not read` : list.why, list?.by ?? by)
}

const owned = (kind: string, metadata: V1ObjectMeta | undefined): Owned => ({
  kind,
  name: metadata?.name ?? '',
  labels: metadata?.labels ?? {},
  annotations: metadata?.annotations ?? {},
  controller: controllerOf(metadata),
})

/** Nobody, only where the pod's own controller was looked at too: Argo CD and Flux label that one, not the pod. */
export const managerOf = ({ name, pod, set, deployment }: Entry, { sets, deployments }: Snapshot, namespace: string): Known<Owner | null> => {
  const template = pod === null ? set?.spec?.template?.metadata : pod.metadata
  const chain = [
    { ...owned('Pod', template), name },
    ...(set === null ? [] : [owned('StatefulSet', set.metadata)]),
    ...(deployment === null ? [] : [owned('Deployment', deployment.metadata)]),
  ]
  const found = ownerOf(chain, namespace)
  const by = 'labels, annotations and owner references'
  const above = controllerOf(pod?.metadata)?.kind
  const unseen = set !== null || deployment !== null ? null : above === 'StatefulSet' ? sets : above === 'ReplicaSet' ? deployments : null
  return found === null && unseen !== null && !unseen.known ? unknown(unseen.why, unseen.by) : known(found, by)
}

/** The kubelet restarts a container in place; only a controller makes a deleted pod anew. */
export const revivesOf = ({ pod, absent }: Entry): Member['revives'] => {
  if (absent !== null) return absent.reason === 'ScaledDown' ? 'never' : 'always'
  if (controllerOf(pod?.metadata) !== null) return 'always'
  return pod?.spec?.restartPolicy === 'Never' ? 'never' : 'crashes'
}
