// Every member, put together from one snapshot of the API, from what its disks and logs say, and from the
// events of those that do not run.
import { configuredBy, type Settings } from '../../model/configured.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Member, Volume } from '../../model/member.ts'
import { addressesOf } from './addresses.ts'
import type { KubeClient } from './client.ts'
import { uidOf } from './containers.ts'
import { disruptionOf } from './disruption.ts'
import { claimsOf, type Inside } from './inside.ts'
import { nodeTrouble } from './node-trouble.ts'
import { lastExitOf, startedAtOf, stateOf } from './pod-state.ts'
import type { RoleSelectors } from './roles.ts'
import { type Entry, rosterOf } from './roster.ts'
import { eventsOf, type Snapshot, takeSnapshot } from './snapshot.ts'
import { volumesOf } from './volumes.ts'
import { lostOf, namesToAsk, nodeOf, type Told, waitsFor } from './whereabouts.ts'
import { managerOf, revivesOf, workloadOf } from './workloads.ts'

const API = 'Kubernetes API'

type Life = Pick<Member, 'uid' | 'state' | 'startedAt' | 'restarts' | 'lastExit'>

/** Of a pod on a node that is lost, everything its kubelet once said is unknown by now. */
const lifeOf = ({ pod, name }: Entry, lost: string | null): Life => {
  if (pod === null)
    return {
      uid: known(null, API),
      state: known('stopped', API),
      startedAt: known(null, API),
      restarts: known(0, API),
      lastExit: unknown('its pod is gone, and its record with it', API),
    }
  const restarts = pod.status?.containerStatuses?.reduce((sum, { restartCount }) => sum + restartCount, 0) ?? 0
  const state = stateOf(pod, lost)
  const by = `status of pod ${name}`
  if (!state.known) return { uid: state, state, startedAt: state, restarts: known(restarts, by), lastExit: state }
  const uid = known(uidOf(pod), by)
  return { uid, state, startedAt: startedAtOf(pod), restarts: known(restarts, by), lastExit: lastExitOf(pod) }
}

interface Looking {
  readonly client: KubeClient
  readonly snapshot: Snapshot
  readonly inside: Inside
  readonly signal: AbortSignal
}

const events = async ({ client, signal }: Looking, entry: Entry, volumes: readonly Volume[]): Promise<Told> => {
  const names = namesToAsk(entry, volumes)
  return new Map(await Promise.all(names.map(async (name) => [name, await eventsOf(client, signal, name)] as const)))
}

const placeOf = ({ pod, set, name }: Entry, namespace: string) => ({
  pod: name,
  service: pod?.spec?.subdomain ?? set?.spec?.serviceName ?? null,
  namespace,
  ip: pod?.status?.podIP ?? null,
})

const keepsData = ({ roles }: Entry): boolean => roles.some((role) => role === 'broker' || role === 'controller' || role === 'zookeeper')

const SERVICE: Awaited<ReturnType<Inside['look']>> = { disks: unknown('it keeps no data', API), id: unknown('services have no id', API) }

const memberOf = async (look: Looking, entry: Entry): Promise<Member> => {
  const { client, snapshot, inside, signal } = look
  const { namespace } = client
  const { name, roles, pod, container } = entry
  const lost = lostOf(entry, snapshot)
  const life = lifeOf(entry, lost)
  const running = life.state.known && life.state.value === 'running'
  const { disks, id } = keepsData(entry) ? await inside.look(entry, running, lost === null, claimsOf(entry, snapshot), signal) : SERVICE
  const volumes = keepsData(entry) ? volumesOf(entry, disks, snapshot, namespace) : []
  const told: Told = running && pod?.metadata?.deletionTimestamp === undefined ? new Map() : await events(look, entry, volumes)
  const backings = volumes.flatMap(({ backing }) => (backing === null ? [] : [backing]))
  const node = nodeOf(entry, backings, told)
  return {
    name,
    roles,
    id,
    ...life,
    waiting: waitsFor(entry, volumes, snapshot, told, Date.now()),
    revives: revivesOf(entry),
    node,
    nodeTrouble: nodeTrouble(node, snapshot.nodes),
    disruption: pod === null ? known(null, API) : disruptionOf(pod, snapshot.budgets),
    workload: workloadOf(entry, snapshot),
    addresses: addressesOf(placeOf(entry, namespace), roles, container),
    volumes,
    configured: configuredOf(container, roles),
    owner: managerOf(entry, snapshot, namespace),
    signals: unknown('logs were not read', API),
  }
}

/** Containers that nothing tells anything are configured by their image, which nobody looks into. */
const configuredOf = (container: Entry['container'], roles: Entry['roles']): Known<Settings> => {
  const env = container?.env ?? []
  if (!env.some(({ name }) => /^(?:KAFKA|SCHEMA_REGISTRY)_/.test(name))) return unknown('its container is given no configuration in its environment', API)
  return configuredBy(roles, {
    variable: (name) => env.find((each) => each.name === name)?.value,
    mounts: (container?.volumeMounts ?? []).map(({ mountPath }) => mountPath),
    args: [...(container?.command ?? []), ...(container?.args ?? [])].flatMap((word) => word.split(/\s+/)),
    unread: [...env.flatMap(({ name, valueFrom }) => (valueFrom === undefined ? [] : [name])), ...((container?.envFrom ?? []).length > 0 ? ['*'] : [])],
  })
}

/** Throws what listing the pods throws. The roster is what the members were read from, for those who must know more of them. */
export const readMembers = async (
  client: KubeClient,
  inside: Inside,
  selectors: RoleSelectors,
  signal: AbortSignal,
): Promise<{ readonly members: readonly Member[]; readonly roster: readonly Entry[] }> => {
  const snapshot = await takeSnapshot(client, signal)
  const look = { client, snapshot, inside, signal }
  const roster = rosterOf(snapshot, selectors)
  return { members: await Promise.all(roster.map((entry) => memberOf(look, entry))), roster }
}
