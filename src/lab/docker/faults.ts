// Breaks a Docker lab on purpose, as an operator's mistakes, the kernel and the network break containers.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Container, containersOf } from '../../adapters/docker/containers.ts'
import type { Engine } from '../../adapters/docker/engine.ts'
import { valueOr } from '../../model/known.ts'
import type { Role } from '../../model/member.ts'
import type { Fault, Faults } from '../../ports/faults.ts'
import { ALIVE, type Candidate, choose, idOf, noSuchRole, notHere, oneRunning, toAll, usage } from '../choice.ts'
import { listedBrokers } from '../probe.ts'
import { deleteSchemas, leaveOneReplica } from '../schemas-faults.ts'
import { isrApart, loseIsr } from '../sequences.ts'
import { engineOf } from './down.ts'
import { type DockerLabFile, readDockerLab } from './lab-file.ts'
import { dockerMembers } from './members.ts'
import { killByMemory } from './oom.ts'
import { wipeVolumes } from './wipe.ts'

/** Controlled shutdown tries three times, up to some 30 s each. */
const GRACE_SECONDS = 120
const FREEZE_LOOKS = 50

interface Ground {
  readonly lab: DockerLabFile
  readonly stateFile: string
  readonly engine: Engine
  readonly signal: AbortSignal
}

type Act = (ground: Ground, container: Container) => Promise<void>

const brokersOf = async ({ lab, stateFile, engine, signal }: Ground): Promise<readonly Candidate<Container>[]> => {
  const [members, containers] = await Promise.all([dockerMembers(stateFile, signal), containersOf(engine, lab.project, signal)])
  return members.flatMap((member) => {
    const container = containers.find(({ name }) => name === member.name)
    if (container === undefined || !member.roles.includes('broker')) return []
    return [{ id: idOf(member), state: valueOr(member.state, 'unknown' as const), target: container }]
  })
}

/** All members that have this role and no other. */
const allOf = async ({ lab, engine, signal }: Ground, role: Role): Promise<readonly Container[]> => {
  const found = (await containersOf(engine, lab.project, signal)).filter(({ roles }) => roles.length === 1 && roles[0] === role)
  if (found.length > 0) return found
  throw noSuchRole(lab.name, role, lab.mode === 'zookeeper')
}

/** `docker kill`: the engine takes it for a manual stop, so no restart policy revives it. */
const kill: Act = async ({ engine, signal }, { id, name }) => {
  await engine.call(`kill ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).kill({ signal: 'SIGKILL', abortSignal }))
}

const hang: Act = async ({ engine, stateFile, signal }, { id, name }) => {
  await engine.call(`stop ${name} in its tracks`, signal, (abortSignal) => engine.docker.getContainer(id).kill({ signal: 'SIGSTOP', abortSignal }))
  // Until every thread has stopped it may still answer. On an engine elsewhere that cannot be seen.
  for (let look = 0; engine.endpoint.kind === 'socket' && look < FREEZE_LOOKS; look += 1) {
    const member = (await dockerMembers(stateFile, signal)).find((each) => each.name === name)
    if (valueOr(member?.state ?? { known: false, why: '', by: '' }, 'unknown' as const) === 'paused') return
    await sleep(100, undefined, { signal })
  }
}

const wipe: Act = async (ground, container) => {
  if (container.status === 'running' || container.status === 'paused') await kill(ground, container)
  await wipeVolumes(ground.engine, container, ground.signal)
}

const stop: Act = async ({ engine, signal }, { id, name }) => {
  await engine.call(`stop ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).stop({ t: GRACE_SECONDS, abortSignal }))
}

const pause: Act = async ({ engine, signal }, { id, name }) => {
  await engine.call(`pause ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).pause({ abortSignal }))
}

const disconnect: Act = async ({ engine, signal }, { id, name, inspected }) => {
  for (const network of Object.keys(inspected.NetworkSettings.Networks)) {
    await engine.call(`disconnect ${name} from ${network}`, signal, (abortSignal) =>
      engine.docker.getNetwork(network).disconnect({ Container: id, Force: true, abortSignal } as object),
    )
  }
}

/** The container and every named volume of it: what `docker compose rm -v` and a hasty `volume rm` leave. */
const remove: Act = async ({ engine, signal }, { id, name, inspected }) => {
  await engine.call(`remove ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).remove({ force: true, abortSignal }))
  for (const { Type, Name: volume } of inspected.Mounts) {
    if (Type !== 'volume' || volume === undefined) continue
    await engine.call(`remove volume ${volume}`, signal, (abortSignal) => engine.docker.getVolume(volume).remove({ abortSignal }))
  }
}

const oom: Act = ({ engine, signal }, container) => killByMemory(engine, container, signal)

/** The last one that runs. */
const someOf = async (ground: Ground, role: Role): Promise<readonly Container[]> =>
  oneRunning(await allOf(ground, role), ({ status }) => status === 'running', role)

/** All of them stopped first: a member that still ran would tell the others what they knew. */
const wipeQuorum = async (ground: Ground, role: Role, kept: number): Promise<readonly Container[]> => {
  const all = await allOf(ground, role)
  await Promise.all(all.filter(({ status }) => status === 'running' || status === 'paused').map((container) => kill(ground, container)))
  await Promise.all(all.slice(kept).map((container) => wipeVolumes(ground.engine, container, ground.signal)))
  return all
}

/** The engine minds being asked to stop what has ended. */
const stopRegistries = async (ground: Ground): Promise<readonly Container[]> => {
  const all = await allOf(ground, 'schema-registry')
  await Promise.all(all.filter(({ status }) => status === 'running').map((container) => stop(ground, container)))
  return all
}

/** Stopped and started around it: an empty `_schemas` is what the first of them leaves. */
const loseSchemas = async (ground: Ground): Promise<readonly Container[]> => {
  const { engine, lab, signal } = ground
  const all = await stopRegistries(ground)
  await deleteSchemas(lab, signal)
  for (const { id, name } of all) await engine.call(`start ${name}`, signal, (abortSignal) => engine.docker.getContainer(id).start({ abortSignal }))
  return all
}

const schemasLeaderless = async (ground: Ground, wanted: number | undefined): Promise<readonly Container[]> => {
  await allOf(ground, 'schema-registry')
  const broker = await leaveOneReplica(ground.lab, wanted, ground.signal)
  return toAll(some(ground, { broker, from: PROCESSES }), (container) => kill(ground, container))
}

type Injection = (ground: Ground, broker: number | undefined) => Promise<readonly Container[]>

const ONE: readonly Candidate<unknown>['state'][] = ['running']
/** What a signal can be sent to: a container between two restarts has no process. */
const PROCESSES = ALIVE.filter((state) => state !== 'pending')

const some = async (ground: Ground, wish: Parameters<typeof choose>[2]) => choose(ground.lab.name, await brokersOf(ground), wish)

const one =
  (act: Act, from: readonly Candidate<unknown>['state'][]): Injection =>
  (ground, broker) =>
    toAll(some(ground, { broker, from }), (container) => act(ground, container))

const inTurn =
  (sequence: typeof loseIsr): Injection =>
  async (ground, broker) => {
    const brokers = new Map((await brokersOf(ground)).filter(({ state }) => state === 'running').map(({ id, target }) => [id, target]))
    const of = (id: number): Container => {
      const found = brokers.get(id)
      if (found === undefined) throw usage(`broker ${id} of ${ground.lab.name} does not run`, 'nothing-to-break')
      return found
    }
    const { engine, signal } = ground
    const verbs = {
      kill: (id: number) => kill(ground, of(id)),
      wipe: async (id: number) => {
        await kill(ground, of(id))
        await wipeVolumes(engine, of(id), signal)
      },
      start: (id: number) => engine.call(`start ${of(id).name}`, signal, (abortSignal) => engine.docker.getContainer(of(id).id).start({ abortSignal })),
      listed: (id: number) => listedBrokers(ground.lab.bootstrap[id - 1] ?? ''),
    }
    return (await sequence(verbs, [...brokers.keys()], broker, signal)).map(of)
  }

const INJECTIONS: Readonly<Partial<Record<Fault, Injection>>> = {
  'kill-broker': one(kill, PROCESSES),
  'hang-broker': one(hang, ONE),
  'wipe-broker': one(wipe, [...PROCESSES, 'stopped']),
  'stop-broker': one(stop, ONE),
  'kill-two': (ground, broker) => toAll(some(ground, { count: 2, broker, from: PROCESSES }), (container) => kill(ground, container)),
  'lose-isr': inTurn(loseIsr),
  'isr-apart': inTurn(isrApart),
  'stop-zookeeper': (ground) => toAll(allOf(ground, 'zookeeper'), (container) => kill(ground, container)),
  'stop-controllers': (ground) => toAll(allOf(ground, 'controller'), (container) => kill(ground, container)),
  'kill-zookeeper': (ground) => toAll(someOf(ground, 'zookeeper'), (container) => kill(ground, container)),
  'kill-controller': (ground) => toAll(someOf(ground, 'controller'), (container) => kill(ground, container)),
  'wipe-controller': (ground) => toAll(someOf(ground, 'controller'), (container) => wipe(ground, container)),
  'wipe-zookeeper-majority': (ground) => wipeQuorum(ground, 'zookeeper', 1),
  'wipe-controller-majority': (ground) => wipeQuorum(ground, 'controller', 1),
  'lose-zookeeper': (ground) => wipeQuorum(ground, 'zookeeper', 0),
  'stop-registry': stopRegistries,
  'kill-registry': (ground) => toAll(someOf(ground, 'schema-registry'), (container) => kill(ground, container)),
  'lose-schemas': loseSchemas,
  'schemas-leaderless': schemasLeaderless,
  'pause-broker': one(pause, ONE),
  'disconnect-broker': one(disconnect, ONE),
  'remove-broker': one(remove, [...ALIVE, 'stopped']),
  'oom-broker': one(oom, ONE),
}

const KNOWN = Object.keys(INJECTIONS) as Fault[]

/** Throws what `openFaults` says, and what the engine refuses. */
export const openDockerFaults = (stateFile: string): Faults => ({
  known: KNOWN,
  inject: async (fault, { broker }, signal) => {
    signal.throwIfAborted()
    const injection = INJECTIONS[fault]
    if (injection === undefined) throw notHere(fault, 'containers', KNOWN)
    const lab = readDockerLab(stateFile)
    const engine = engineOf(lab)
    try {
      return (await injection({ lab, stateFile, engine, signal }, broker)).map(({ name }) => name)
    } finally {
      engine.close()
    }
  },
})
