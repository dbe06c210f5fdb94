// Breaks a disposable Kubernetes cluster on purpose, through its API alone. Only in a namespace that says
// of itself that it may be broken.
import { setTimeout as sleep } from 'node:timers/promises'
import { type KubeClient, openClient } from '../../adapters/kubernetes/client.ts'
import { type KubernetesSettings, openKubernetes } from '../../adapters/kubernetes/open-kubernetes.ts'
import { readPod } from '../../adapters/kubernetes/pod-look.ts'
import { specVersion } from '../../adapters/kubernetes/spec-version.ts'
import { scaleTo } from '../../adapters/kubernetes/workload-writes.ts'
import { KdrError } from '../../errors.ts'
import { valueOr } from '../../model/known.ts'
import type { Member, Role, Workload } from '../../model/member.ts'
import type { Fault, Faults } from '../../ports/faults.ts'
import type { PlatformReader } from '../../ports/platform.ts'
import { ALIVE, type Candidate, choose, idOf, noSuchRole, notHere, oneRunning, toAll, usage } from '../choice.ts'
import { deleteSchemas, leaveOneReplica, type SchemasGround } from '../schemas-faults.ts'
import { scaleToZero } from './scale.ts'

const MARK = 'kdr.dev/disposable'
const POLL = 300

interface Cluster {
  readonly name: string
  readonly client: KubeClient
  readonly members: (signal: AbortSignal) => Promise<readonly Member[]>
  readonly dial: PlatformReader['dial']
}

/** By a label or an annotation of the namespace itself. Throws `not-disposable` (exit refused). */
export const mustBeDisposable = async ({ client, name }: Pick<Cluster, 'client' | 'name'>, signal: AbortSignal): Promise<void> => {
  const { namespace } = client
  const ask = { verb: 'get', resource: 'namespaces', name: namespace }
  const { metadata } = await client.call(signal, ask, (options) => client.core.readNamespace({ name: namespace }, options))
  if (metadata?.labels?.[MARK] === 'true' || metadata?.annotations?.[MARK] === 'true') return
  throw new KdrError(`${name} is not marked disposable: namespace ${namespace} does not say ${MARK}=true`, {
    code: 'not-disposable',
    exit: 'refused',
    hint: `only where everything in it may be lost: kubectl label namespace ${namespace} ${MARK}=true`,
  })
}

const setOf = ({ name, workload }: Member): Workload => {
  if (workload.known && workload.value?.kind === 'StatefulSet') return workload.value
  throw new KdrError(`${name} belongs to no StatefulSet: ${workload.known ? 'something else runs it' : workload.why}`, {
    code: 'nothing-to-break',
    exit: 'usage',
  })
}

const untilOther = async ({ client }: Cluster, name: string, uid: string, signal: AbortSignal): Promise<void> => {
  while ((await readPod(client, name, signal))?.metadata?.uid === uid) await sleep(POLL, undefined, { signal })
}

/** One second is the least that still waits for the kubelet's word; with none, the old and the new pod may run side by side on one disk. */
const kill = async (cluster: Cluster, { name }: Member, signal: AbortSignal): Promise<void> => {
  const { core, namespace } = cluster.client
  const uid = (await readPod(cluster.client, name, signal))?.metadata?.uid
  if (uid === undefined) return
  const body = { gracePeriodSeconds: 1, preconditions: { uid } }
  await cluster.client.call(signal, { verb: 'delete', resource: 'pods', name }, (options) => core.deleteNamespacedPod({ name, namespace, body }, options))
  await untilOther(cluster, name, uid, signal)
}

/** Deletes its claims, which go with the pod that uses them. Resolves when new ones are there: it comes back blank. */
const wipe = async (cluster: Cluster, member: Member, signal: AbortSignal): Promise<void> => {
  const { client } = cluster
  const { core, namespace } = client
  const claims = [...new Set(member.volumes.flatMap(({ backing }) => (backing === null ? [] : [backing.claim])))]
  if (claims.length === 0) throw usage(`${member.name} has no claim: its disk goes with its pod anyway`, 'nothing-to-break')
  const read = (name: string) =>
    client.call(signal, { verb: 'get', resource: 'persistentvolumeclaims', name }, (options) =>
      core.readNamespacedPersistentVolumeClaim({ name, namespace }, options),
    )
  const old = await Promise.all(claims.map(async (name) => ({ name, uid: (await read(name)).metadata?.uid })))
  for (const { name } of old) {
    await client.call(signal, { verb: 'delete', resource: 'persistentvolumeclaims', name }, (options) =>
      core.deleteNamespacedPersistentVolumeClaim({ name, namespace }, options),
    )
  }
  await kill(cluster, member, signal)
  const isNew = async ({ name, uid }: (typeof old)[number]): Promise<boolean> => {
    const now = await read(name).catch((thrown: unknown) => {
      if (thrown instanceof KdrError && thrown.code === 'not-found') return null
      throw thrown
    })
    return now !== null && now.metadata?.uid !== uid
  }
  while (!(await Promise.all(old.map(isNew))).every(Boolean)) await sleep(POLL, undefined, { signal })
}

/** Only the last one of a StatefulSet can stay stopped: whatever is below it is created again. */
const stop = async (cluster: Cluster, member: Member, signal: AbortSignal): Promise<void> => {
  const set = setOf(member)
  const uid = (await readPod(cluster.client, member.name, signal))?.metadata?.uid
  if (member.name !== `${set.name}-${set.replicas - 1}`)
    throw usage(`${member.name} is not the last one of StatefulSet ${set.name}: Kubernetes would start it again`, 'nothing-to-break')
  await scaleTo(cluster.client, set, set.replicas - 1, signal)
  if (uid !== undefined) await untilOther(cluster, member.name, uid, signal)
}

/** Every StatefulSet whose members have this role and no other, scaled to nothing. */
const stopAll = async (cluster: Cluster, role: Role, signal: AbortSignal): Promise<readonly Member[]> => {
  const members = await cluster.members(signal)
  const own = members.filter(({ roles }) => roles.length === 1 && roles[0] === role)
  if (own.length === 0)
    throw noSuchRole(
      cluster.name,
      role,
      members.some(({ roles }) => roles.includes('zookeeper')),
    )
  const sets = new Map(own.map((member) => [setOf(member).name, member]))
  for (const member of sets.values()) await scaleTo(cluster.client, setOf(member), 0, signal)
  const running = own.filter(({ state }) => !state.known || state.value !== 'stopped')
  await Promise.all(
    running.map(async ({ name }) => {
      while ((await readPod(cluster.client, name, signal)) !== null) await sleep(POLL, undefined, { signal })
    }),
  )
  return own
}

const ownOf = async (cluster: Cluster, role: Role, signal: AbortSignal): Promise<readonly Member[]> =>
  (await cluster.members(signal)).filter(({ roles }) => roles.length === 1 && roles[0] === role)

/** It comes back by itself. */
const killOne = async (cluster: Cluster, role: Role, signal: AbortSignal): Promise<readonly Member[]> => {
  const [member] = oneRunning(await ownOf(cluster, role, signal), ({ state }) => state.known && state.value === 'running', role)
  if (member === undefined) return []
  await kill(cluster, member, signal)
  return [member]
}

const deleteClaims = async ({ client }: Cluster, members: readonly Member[], signal: AbortSignal): Promise<void> => {
  const claims = members.flatMap(({ volumes }) => volumes.flatMap(({ backing }) => (backing === null ? [] : [backing.claim])))
  const { core, namespace } = client
  for (const name of new Set(claims)) {
    await client.call(signal, { verb: 'delete', resource: 'persistentvolumeclaims', name }, (options) =>
      core.deleteNamespacedPersistentVolumeClaim({ name, namespace }, options),
    )
  }
}

/** The last of the set, scaled away: any other one would be back before anybody looked. */
const wipeLast = async (cluster: Cluster, role: Role, signal: AbortSignal): Promise<readonly Member[]> => {
  const [member] = oneRunning(await ownOf(cluster, role, signal), ({ state }) => state.known && state.value === 'running', role)
  if (member === undefined) return []
  await stop(cluster, member, signal)
  await deleteClaims(cluster, [member], signal)
  return [member]
}

/** Scaled to nothing first, so that none of them can come back blank by itself; the lowest ordinals keep their claims. */
const wipeQuorum = async (cluster: Cluster, role: Role, kept: number, signal: AbortSignal): Promise<readonly Member[]> => {
  const before = await ownOf(cluster, role, signal)
  const all = await stopAll(cluster, role, signal)
  await deleteClaims(cluster, before.slice(kept), signal)
  return all
}

const registriesOf = async (cluster: Cluster, signal: AbortSignal): Promise<readonly Member[]> => {
  const found = (await cluster.members(signal)).filter(({ roles }) => roles.includes('schema-registry'))
  if (found.length > 0) return found
  throw noSuchRole(cluster.name, 'schema-registry', false)
}

/** What makes their pods anew, by name, and how many it makes. */
const deploymentsOf = (members: readonly Member[]): ReadonlyMap<string, number> =>
  new Map(
    members.map(({ name, workload }) => {
      if (workload.known && workload.value?.kind === 'Deployment') return [workload.value.name, workload.value.replicas]
      throw usage(`${name} belongs to no Deployment`, 'nothing-to-break')
    }),
  )

/** Whatever its version is by now: this is a fault, not a recovery. */
const scaleDeployment = async ({ client }: Cluster, name: string, replicas: number, signal: AbortSignal): Promise<void> => {
  const ask = { verb: 'get', resource: 'deployments.apps', name }
  const found = await client.call(signal, ask, (options) => client.apps.readNamespacedDeployment({ name, namespace: client.namespace }, options))
  await scaleTo(client, { kind: 'Deployment', name, version: specVersion(found.metadata) }, replicas, signal)
}

const stopRegistries = async (cluster: Cluster, signal: AbortSignal): Promise<readonly Member[]> => {
  const members = await registriesOf(cluster, signal)
  for (const name of deploymentsOf(members).keys()) await scaleDeployment(cluster, name, 0, signal)
  for (const { name } of members) while ((await readPod(cluster.client, name, signal)) !== null) await sleep(POLL, undefined, { signal })
  return members
}

/** Stopped and started around it: an empty `_schemas` is what the first of them leaves. */
const loseSchemas = async (cluster: Cluster, ground: SchemasGround, signal: AbortSignal): Promise<readonly Member[]> => {
  const members = await stopRegistries(cluster, signal)
  await deleteSchemas(ground, signal)
  for (const [name, replicas] of deploymentsOf(members)) await scaleDeployment(cluster, name, replicas, signal)
  return members
}

type Act = (broker: number | undefined, signal: AbortSignal) => Promise<readonly Member[]>

const actsOn = (cluster: Cluster): Readonly<Partial<Record<Fault, Act>>> => {
  const brokers = async (signal: AbortSignal): Promise<readonly Candidate<Member>[]> => {
    const members = (await cluster.members(signal)).filter(({ roles }) => roles.includes('broker'))
    return members.map((member) => ({ id: idOf(member), target: member, state: valueOr(member.state, 'unknown' as const) }))
  }
  const some = async (signal: AbortSignal, wish: Parameters<typeof choose>[2]) => choose(cluster.name, await brokers(signal), wish)
  const ground = async (signal: AbortSignal): Promise<SchemasGround> => ({
    bootstrap: (await brokers(signal)).flatMap(({ target }) => target.addresses.slice(0, 1)),
    dial: cluster.dial,
  })
  /** The last of the set, unless another one is asked for: only that one stays stopped. */
  const leaderless: Act = async (wanted, signal) => {
    await registriesOf(cluster, signal)
    const last = wanted ?? Math.max(...(await brokers(signal)).map(({ id }) => id))
    const broker = await leaveOneReplica(await ground(signal), last, signal)
    return toAll(some(signal, { broker, from: ['running'] }), (member) => stop(cluster, member, signal))
  }
  const scaled: Act = async (wanted, signal) => {
    const all = await brokers(signal)
    const [last, ...others] = choose(cluster.name, all, { count: all.length, broker: wanted, from: ['running'] })
    if (last === undefined) return []
    const id = idOf(last)
    await scaleToZero(cluster, setOf(last), { last: { id, member: last }, others }, signal)
    return [last, ...others]
  }
  return {
    'kill-broker': (broker, signal) => toAll(some(signal, { broker, from: ALIVE }), (member) => kill(cluster, member, signal)),
    'wipe-broker': (broker, signal) => toAll(some(signal, { broker, from: ALIVE }), (member) => wipe(cluster, member, signal)),
    'stop-broker': (broker, signal) => toAll(some(signal, { broker, from: ['running'] }), (member) => stop(cluster, member, signal)),
    'kill-two': (broker, signal) => toAll(some(signal, { count: 2, broker, from: ALIVE }), (member) => kill(cluster, member, signal)),
    'scale-to-zero': scaled,
    'stop-zookeeper': (_, signal) => stopAll(cluster, 'zookeeper', signal),
    'stop-controllers': (_, signal) => stopAll(cluster, 'controller', signal),
    'stop-registry': (_, signal) => stopRegistries(cluster, signal),
    'kill-registry': (_, signal) =>
      toAll(
        registriesOf(cluster, signal).then((all) => all.slice(-1)),
        (member) => kill(cluster, member, signal),
      ),
    'lose-schemas': async (_, signal) => loseSchemas(cluster, await ground(signal), signal),
    'schemas-leaderless': leaderless,
    'kill-zookeeper': (_, signal) => killOne(cluster, 'zookeeper', signal),
    'kill-controller': (_, signal) => killOne(cluster, 'controller', signal),
    'wipe-controller': (_, signal) => wipeLast(cluster, 'controller', signal),
    'wipe-zookeeper-majority': (_, signal) => wipeQuorum(cluster, 'zookeeper', 1, signal),
    'wipe-controller-majority': (_, signal) => wipeQuorum(cluster, 'controller', 1, signal),
    'lose-zookeeper': (_, signal) => wipeQuorum(cluster, 'zookeeper', 0, signal),
  }
}

/**
 * Faults of one namespace; whatever is killed comes back by itself. Hanging a broker is not among them: its process is the
 * first of its container, which takes no SIGSTOP from inside. Throws `not-disposable` (exit refused), `no-such-broker`,
 * `nothing-to-break`, `no-such-role`, `not-on-this-platform` (exit usage).
 */
export const openKubernetesFaults = (settings: KubernetesSettings): Faults => {
  const platform = openKubernetes(settings)
  const cluster: Cluster = { name: settings.cluster, client: openClient(settings), members: (signal) => platform.members(signal), dial: platform.dial }
  const acts = actsOn(cluster)
  const known = Object.keys(acts) as Fault[]
  return {
    known,
    inject: async (fault, { broker }, signal) => {
      const act = acts[fault]
      if (act === undefined) throw notHere(fault, 'Kubernetes', known)
      await mustBeDisposable(cluster, signal)
      return (await act(broker, signal)).map(({ name }) => name)
    },
  }
}
