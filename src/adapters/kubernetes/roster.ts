// Who ought to be there: every pod with a role, and every ordinal of a StatefulSet that has none, because
// it was not created (yet) or because the set was scaled down and left its claims behind.
import type { V1Container, V1Deployment, V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from '@kubernetes/client-node'
import type { Role } from '../../model/member.ts'
import { isReady, mainContainer, mainContainerOf } from './containers.ts'
import { nameOf, type Waiting } from './pod-state.ts'
import { type RoleSelectors, rolesOf } from './roles.ts'
import type { Snapshot } from './snapshot.ts'

export interface Entry {
  readonly name: string
  readonly roles: readonly Role[]
  /** null: there is none, see `absent`. */
  readonly pod: V1Pod | null
  readonly container: V1Container | undefined
  readonly set: V1StatefulSet | null
  readonly deployment: V1Deployment | null
  readonly absent: Waiting | null
}

const controllerOf = (pod: V1Pod) => pod.metadata?.ownerReferences?.find(({ controller }) => controller === true)

/** Jobs come and go, and a ReplicaSet leaves evicted pods lying about: neither is a member. */
const isMember = (pod: V1Pod): boolean => {
  const kind = controllerOf(pod)?.kind
  const over = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
  return kind !== 'Job' && !(kind === 'ReplicaSet' && over)
}

const setOf = (pod: V1Pod, { sets }: Snapshot): V1StatefulSet | null => {
  const owner = controllerOf(pod)
  if (owner?.kind !== 'StatefulSet' || !sets.known) return null
  return sets.value.find(({ metadata }) => metadata?.uid === owner.uid) ?? null
}

/** A Deployment's pods are its ReplicaSet's, named <deployment>-<pod-template-hash>. */
const deploymentOf = (pod: V1Pod, { deployments }: Snapshot): V1Deployment | null => {
  const owner = controllerOf(pod)
  if (owner?.kind !== 'ReplicaSet' || !deployments.known) return null
  const hash = pod.metadata?.labels?.['pod-template-hash'] ?? ''
  return deployments.value.find(({ metadata }) => `${metadata?.name}-${hash}` === owner.name) ?? null
}

/** Ordinals that the set wants: `spec.ordinals.start` on. */
const wantedOf = ({ spec }: V1StatefulSet): readonly number[] => Array.from({ length: spec?.replicas ?? 1 }, (_, at) => (spec?.ordinals?.start ?? 0) + at)

export const claimName = (template: string, set: string, ordinal: number): string => `${template}-${set}-${ordinal}`

/** Ordinals whose claims are there: <template>-<set>-<ordinal>. */
const claimedOf = (set: V1StatefulSet, claims: readonly V1PersistentVolumeClaim[]): readonly number[] => {
  const names = new Set(claims.map(({ metadata }) => metadata?.name ?? ''))
  const prefixes = (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => claimName(metadata?.name ?? '', set.metadata?.name ?? '', 0).slice(0, -1))
  const found = [...names].flatMap((name) => {
    const prefix = prefixes.find((candidate) => name.startsWith(candidate) && /^\d+$/.test(name.slice(candidate.length)))
    return prefix === undefined ? [] : [Number(name.slice(prefix.length))]
  })
  return [...new Set(found)]
}

/** Where the images of ZooKeeper and Kafka are told who their quorum's members are. */
const PEERS = /^(?:ZOOKEEPER_SERVERS|ZOO_SERVERS|KAFKA_(?:CFG_)?CONTROLLER_QUORUM_VOTERS)$/

/** Ordinals of a quorum that its own members are told of: one whose claims are gone, too, still counts for the majority. */
const configuredOf = (set: V1StatefulSet, container: V1Container | undefined): readonly number[] => {
  const told = (container?.env ?? []).filter(({ name }) => PEERS.test(name)).map(({ value }) => value ?? '')
  const hosts = told.flatMap((value) => value.split(/[^\w.-]+/)).map((host) => host.split('.')[0] ?? '')
  const prefix = `${set.metadata?.name}-`
  const ordinals = hosts.filter((host) => host.startsWith(prefix) && /^\d+$/.test(host.slice(prefix.length))).map((host) => Number(host.slice(prefix.length)))
  return [...new Set(ordinals)]
}

const replicasWords = ({ metadata, spec }: V1StatefulSet): string => `StatefulSet ${metadata?.name} has ${spec?.replicas ?? 1} replicas`

/** Under OrderedReady a pod is created only when every lower one is ready. */
const notCreated = (set: V1StatefulSet, ordinal: number, pods: ReadonlyMap<string, V1Pod>): Waiting => {
  const name = set.metadata?.name ?? ''
  const before = set.spec?.podManagementPolicy === 'Parallel' ? [] : wantedOf(set).filter((other) => other < ordinal)
  const blocking = before
    .map((other) => `${name}-${other}`)
    .find((other) => {
      const pod = pods.get(other)
      return pod === undefined || !isReady(pod)
    })
  const why = blocking === undefined ? 'its controller has not created it' : `it is created when ${blocking} is ready (OrderedReady), which it is not`
  return { reason: 'NotCreated', message: `${replicasWords(set)} and wants ${name}-${ordinal}, but there is no such pod: ${why}` }
}

const scaledDown = (set: V1StatefulSet, ordinal: number, claimed: boolean): Waiting => ({
  reason: 'ScaledDown',
  message: `${replicasWords(set)}, which leaves ${set.metadata?.name}-${ordinal} out; its claims are ${claimed ? 'still there' : 'gone'}`,
})

const absentOf = (set: V1StatefulSet, snapshot: Snapshot, pods: ReadonlyMap<string, V1Pod>, selectors: RoleSelectors): readonly Entry[] => {
  const template = set.spec?.template
  const container = mainContainer(template?.spec, template?.metadata?.annotations)
  const roles = rolesOf(template?.metadata?.labels ?? {}, container, selectors)
  if (roles.length === 0) return []
  const wanted = wantedOf(set)
  const claimed = snapshot.claims.known ? claimedOf(set, snapshot.claims.value) : []
  const left = [...new Set([...claimed, ...configuredOf(set, container)])].filter((ordinal) => !wanted.includes(ordinal))
  return [...wanted, ...left].flatMap((ordinal): Entry[] => {
    const name = `${set.metadata?.name}-${ordinal}`
    if (pods.has(name)) return []
    const absent = wanted.includes(ordinal) ? notCreated(set, ordinal, pods) : scaledDown(set, ordinal, !snapshot.claims.known || claimed.includes(ordinal))
    return [{ name, roles, pod: null, container, set, deployment: null, absent }]
  })
}

/**
 * A registry that was scaled to nothing is still one that is expected: named as its Deployment, since its pods have no names of their own.
 * Of anything else that runs so, none may be what somebody wants.
 */
const scaledAway = (deployment: V1Deployment, present: readonly Entry[], selectors: RoleSelectors): readonly Entry[] => {
  const { metadata, spec } = deployment
  const container = mainContainer(spec?.template?.spec, spec?.template?.metadata?.annotations)
  const roles = rolesOf(spec?.template?.metadata?.labels ?? {}, container, selectors)
  const name = metadata?.name ?? ''
  if (!roles.includes('schema-registry') || (spec?.replicas ?? 1) > 0 || present.some((entry) => entry.deployment?.metadata?.uid === metadata?.uid)) return []
  const absent = { reason: 'ScaledDown', message: `Deployment ${name} has 0 replicas` }
  return [{ name, roles, pod: null, container, set: null, deployment, absent }]
}

/** In the order of their names. */
export const rosterOf = (snapshot: Snapshot, selectors: RoleSelectors): readonly Entry[] => {
  const pods = new Map(snapshot.pods.map((pod) => [nameOf(pod), pod]))
  const present = snapshot.pods.filter(isMember).flatMap((pod): Entry[] => {
    const container = mainContainerOf(pod)
    const roles = rolesOf(pod.metadata?.labels ?? {}, container, selectors)
    const [set, deployment] = [setOf(pod, snapshot), deploymentOf(pod, snapshot)]
    return roles.length === 0 ? [] : [{ name: nameOf(pod), roles, pod, container, set, deployment, absent: null }]
  })
  const absent = snapshot.sets.known ? snapshot.sets.value.flatMap((set) => absentOf(set, snapshot, pods, selectors)) : []
  const away = snapshot.deployments.known ? snapshot.deployments.value.flatMap((deployment) => scaledAway(deployment, present, selectors)) : []
  return [...present, ...absent, ...away].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}
