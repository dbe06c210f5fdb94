// The members of a compose project as the engine and the compose files show them right now.
import { type Known, known, unknown } from '../../model/known.ts'
import type { ExitStatus, Member, MemberState, Owner, Volume } from '../../model/member.ts'
import type { WantedService } from './compose.ts'
import { addressesOf, dataPaths, isLoopback, rolesOf } from './configured.ts'
import { type Container, isCutOff, lives, networksOf, uidOf } from './containers.ts'
import { configuredIdOf, type Disk } from './disk.ts'
import { type Engine, statusOf } from './engine.ts'
import { rememberedExit } from './events.ts'
import { exitStatus } from './exits.ts'
import { isFrozen } from './frozen.ts'

const INSPECT = 'docker inspect'

/** `created` was never started; `restarting` waits for its policy's next try; `removing` and `dead` are on their way out. */
const STATES: Readonly<Record<string, MemberState>> = {
  running: 'running',
  paused: 'paused',
  restarting: 'pending',
  created: 'stopped',
  exited: 'stopped',
  dead: 'stopped',
  removing: 'pending',
}

/** Health is told, never believed: the runbook's own deployment calls healthy brokers unhealthy. */
const stateOf = (container: Container, frozen: boolean): Known<MemberState> => {
  const health = lives(container) ? container.inspected.State.Health?.Status : undefined
  const by = health === undefined ? INSPECT : `${INSPECT} (its health check says ${health})`
  if (frozen && container.status === 'running') return known('paused', `process ${container.inspected.State.Pid} is stopped (SIGSTOP)`)
  const state = STATES[container.status]
  return state === undefined ? unknown(`the engine calls it ${container.status}`, by) : known(state, by)
}

const waitingOf = (container: Container, all: readonly Container[]): Member['waiting'] => {
  const { State: state, RestartCount: restarts } = container.inspected
  if (container.status === 'restarting')
    return known({ reason: 'Restarting', message: `it exited with ${state.ExitCode}; ${restarts} restarts so far` }, INSPECT)
  if (container.status === 'removing') return known({ reason: 'Removing', message: 'its container is being removed' }, INSPECT)
  if (lives(container) && isCutOff(container, all)) {
    const theirs = networksOf(container)
    return known({ reason: 'NoNetwork', message: `it is on ${theirs.length === 0 ? 'no network' : theirs.join(', ')}, where none of its peers are` }, INSPECT)
  }
  return known(!lives(container) && state.Error !== '' ? { reason: 'StartError', message: state.Error } : null, INSPECT)
}

/** Of a container that runs again the engine keeps only that it once ended; how, only its events may tell. */
const lastExitOf = async (engine: Engine, container: Container, signal: AbortSignal): Promise<Known<ExitStatus | null>> => {
  const { State: state } = container.inspected
  if (container.finishedAt === null) return known(null, `${INSPECT}: it never ended`)
  if (!lives(container)) return known(exitStatus(state.ExitCode, state.OOMKilled), INSPECT)
  const exit = await rememberedExit(engine, container, signal)
  return exit === null ? unknown('the engine no longer remembers how its last run ended', 'docker events') : known(exit, 'docker events')
}

const SWARM_SERVICE = 'com.docker.swarm.service.name'

const ownerOf = ({ labels }: Container): Owner | null => {
  const service = labels[SWARM_SERVICE]
  return service === undefined ? null : { name: 'Docker Swarm', minds: 'restart', instead: `docker service update --force ${service}`, pause: null }
}

const revivesOf = (policy: string | undefined): Member['revives'] => (policy === undefined || policy === '' || policy === 'no' ? 'never' : 'crashes')

export interface Look {
  readonly engine: Engine
  readonly all: readonly Container[]
  readonly wanted: Known<readonly WantedService[]>
  readonly node: { readonly name: string; readonly reachesContainers: boolean }
  readonly disk: (container: Container, node: string, signal: AbortSignal) => Promise<Disk>
}

/** Where only published ports can be reached, what is advertised for them comes first. */
const addressesFor = ({ env, roles, service }: Container, reachesContainers: boolean): readonly string[] => {
  const all = addressesOf(env, roles, service)
  const outside = (address: string) => isLoopback(address.slice(0, address.lastIndexOf(':')))
  return reachesContainers ? all : [...all.filter(outside), ...all.filter((address) => !outside(address))]
}

const workloadOf = ({ wanted }: Look): Member['workload'] =>
  wanted.known ? known(null, 'Docker has none') : unknown(`services without a container would not be seen: ${wanted.why}`, wanted.by)

const same = (node: Look['node']) => ({
  restartsBy: INSPECT,
  node: known(node.name, 'docker info'),
  nodeTrouble: known(null, 'the engine answers'),
  disruption: known(null, 'Docker has no disruption budgets'),
  signals: unknown('logs were not read', INSPECT),
})

const memberOf = async (look: Look, container: Container, signal: AbortSignal): Promise<Member> => {
  const [{ id, volumes }, lastExit, frozen] = await Promise.all([
    look.disk(container, look.node.name, signal),
    lastExitOf(look.engine, container, signal),
    isFrozen(look.engine, container, signal),
  ])
  const { restartsBy, ...rest } = same(look.node)
  return {
    ...rest,
    name: container.name,
    roles: container.roles,
    id,
    uid: known(uidOf(container), INSPECT),
    state: stateOf(container, frozen),
    startedAt: known(lives(container) ? container.startedAt : null, INSPECT),
    restarts: known(container.inspected.RestartCount, restartsBy),
    lastExit,
    waiting: waitingOf(container, look.all),
    revives: revivesOf(container.inspected.HostConfig.RestartPolicy?.Name),
    workload: workloadOf(look),
    addresses: addressesFor(container, look.node.reachesContainers),
    volumes,
    owner: known(ownerOf(container), 'container labels'),
  }
}

/** A volume that outlived its container holds what it held, but nothing can look into it until it is mounted again. */
const volumeWithout = async (look: Look, { path, volume, external }: WantedService['volumes'][number], signal: AbortSignal): Promise<Volume> => {
  const by = 'docker volume inspect'
  const space = unknown<number>('no container has it mounted', by)
  const base = { name: volume, path, usableBytes: space, totalBytes: space }
  const backing = { claim: volume, phase: 'Bound', volume, reclaim: null, node: look.node.name }
  try {
    const { engine } = look
    await engine.call(`look at volume ${volume}`, signal, (abortSignal) => engine.docker.getVolume(volume).inspect({ abortSignal }))
    const why = 'its container is gone: what is on it is seen once it has one again'
    return { ...base, state: unknown(why, by), clusterId: unknown(why, by), backing }
  } catch (thrown) {
    if (statusOf(thrown) !== 404) throw thrown
    // Compose makes its own volumes anew, and empty; one that is not its own it only looks for.
    const state = external
      ? known('gone' as const, `${by}: there is no ${volume}`)
      : known('blank' as const, `${by}: there is no ${volume}; compose makes it anew, empty`)
    return { ...base, state, clusterId: known(null, state.by), backing: { ...backing, phase: 'Lost', volume: null } }
  }
}

/** A service of the compose files that has no container: it does not run, and everything known of it is what the files say. */
const absentOf = async (look: Look, wanted: WantedService, signal: AbortSignal): Promise<Member> => {
  const roles = rolesOf(wanted.env)
  const by = look.wanted.by
  const { said, usual } = dataPaths(wanted.env, roles)
  const holdsData = (path: string) => [...said, ...usual].some((each) => each === path || each.startsWith(`${path}/`) || path.startsWith(`${each}/`))
  const volumes = await Promise.all(wanted.volumes.filter(({ path }) => holdsData(path)).map((each) => volumeWithout(look, each, signal)))
  const { restartsBy: _, ...rest } = same(look.node)
  return {
    ...rest,
    name: wanted.name,
    roles,
    id: configuredIdOf(wanted.service, wanted.env, roles, 'its container is gone'),
    uid: known(null, by),
    state: known('stopped', `${by}: ${wanted.service} has no container`),
    startedAt: known(null, by),
    restarts: unknown('its container is gone', by),
    lastExit: unknown('its container is gone', by),
    waiting: known({ reason: 'NoContainer', message: `${wanted.service} has no container` }, by),
    revives: revivesOf(wanted.restart),
    workload: workloadOf(look),
    addresses: addressesOf(wanted.env, roles, wanted.service),
    volumes,
    owner: known(null, by),
  }
}

/** Services of the files that no container was made for. */
export const absentServices = (wanted: Known<readonly WantedService[]>, all: readonly Container[]): readonly WantedService[] =>
  wanted.known ? wanted.value.filter(({ service }) => !all.some((container) => container.service === service)) : []

/** Everyone, by name: containers, running or not, and services that lost theirs. */
export const membersOf = async (look: Look, signal: AbortSignal): Promise<readonly Member[]> => {
  const here = look.all.map((container) => memberOf(look, container, signal))
  const gone = absentServices(look.wanted, look.all).map((service) => absentOf(look, service, signal))
  const members = await Promise.all([...here, ...gone])
  return members.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}
