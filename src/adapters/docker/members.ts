// The members of a compose project as the engine and the compose files show them right now.
import { configuredBy, type Settings } from '../../model/configured.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { ExitStatus, Member, MemberState, Owner } from '../../model/member.ts'
import { absentMember, absentServices, type CommonFacts, revivesOf } from './absent.ts'
import type { WantedService } from './compose.ts'
import { addressesOf, isLoopback } from './configured.ts'
import { type Container, isCutOff, lives, networksOf, uidOf } from './containers.ts'
import type { Disk } from './disk.ts'
import type { Engine } from './engine.ts'
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
    const own = networksOf(container)
    const message = own.length === 0 ? 'it is on no network' : `it is on ${own.join(', ')}, where none of its peers are`
    return known({ reason: 'NoNetwork', message }, INSPECT)
  }
  return known(!lives(container) && state.Error !== '' ? { reason: 'StartError', message: state.Error } : null, INSPECT)
}

/** Of a container that runs again the engine keeps only that it once ended; how, only its events may tell. */
const lastExitOf = async ({ engine, exits }: Look, container: Container, signal: AbortSignal): Promise<Known<ExitStatus | null>> => {
  const { State: state } = container.inspected
  if (container.finishedAt === null) return known(null, `${INSPECT}: it never ended`)
  if (!lives(container)) return known(exitStatus(state.ExitCode, state.OOMKilled), INSPECT)
  const uid = uidOf(container) ?? ''
  const exit = exits.get(uid) ?? (await rememberedExit(engine, container, signal))
  if (exit === null) return unknown('the engine no longer remembers how its last run ended', 'docker events')
  exits.set(uid, exit)
  return known(exit, 'docker events')
}

const SWARM_SERVICE = 'com.docker.swarm.service.name'

const ownerOf = ({ labels }: Container): Owner | null => {
  const service = labels[SWARM_SERVICE]
  return service === undefined ? null : { name: 'Docker Swarm', minds: 'restart', instead: `docker service update --force ${service}`, pause: null }
}

export interface Look {
  readonly engine: Engine
  readonly all: readonly Container[]
  readonly wanted: Known<readonly WantedService[]>
  readonly node: { readonly name: string; readonly reachesContainers: boolean }
  readonly disk: (container: Container, node: string, signal: AbortSignal) => Promise<Disk>
  /** How the run before ended, by the uid of the present one: events are forgotten within minutes. */
  readonly exits: Map<string, ExitStatus>
}

/** Where only published ports can be reached, what is advertised for them comes first. */
const addressesFor = ({ env, roles, service }: Container, reachesContainers: boolean): readonly string[] => {
  const all = addressesOf(env, roles, service)
  const outside = (address: string) => isLoopback(address.slice(0, address.lastIndexOf(':')))
  return reachesContainers ? all : [...all.filter(outside), ...all.filter((address) => !outside(address))]
}

const workloadOf = ({ wanted }: Look): Member['workload'] =>
  wanted.known ? known(null, 'Docker has none') : unknown(`services without a container would not be seen: ${wanted.why}`, wanted.by)

const configuredOf = ({ env, roles, inspected }: Container): Known<Settings> =>
  configuredBy(roles, {
    variable: (name) => env.get(name),
    mounts: (inspected.Mounts ?? []).map(({ Destination }) => Destination),
    args: [inspected.Path, ...inspected.Args],
    unread: [],
  })

const common = (look: Look): CommonFacts => ({
  node: known(look.node.name, 'docker info'),
  nodeTrouble: known(null, 'the engine answers'),
  disruption: known(null, 'Docker has no disruption budgets'),
  workload: workloadOf(look),
  signals: unknown('logs were not read', INSPECT),
})

const memberOf = async (look: Look, container: Container, signal: AbortSignal): Promise<Member> => {
  const [{ id, volumes }, lastExit, frozen] = await Promise.all([
    look.disk(container, look.node.name, signal),
    lastExitOf(look, container, signal),
    isFrozen(look.engine, container, signal),
  ])
  return {
    ...common(look),
    name: container.name,
    roles: container.roles,
    id,
    uid: known(uidOf(container), INSPECT),
    state: stateOf(container, frozen),
    startedAt: known(lives(container) ? container.startedAt : null, INSPECT),
    restarts: known(container.inspected.RestartCount, INSPECT),
    lastExit,
    waiting: waitingOf(container, look.all),
    revives: revivesOf(container.inspected.HostConfig.RestartPolicy?.Name),
    addresses: addressesFor(container, look.node.reachesContainers),
    volumes,
    configured: configuredOf(container),
    owner: known(ownerOf(container), 'container labels'),
  }
}

/** Everyone, by name: containers, running or not, and services that lost theirs. */
export const membersOf = async (look: Look, signal: AbortSignal): Promise<readonly Member[]> => {
  const here = look.all.map((container) => memberOf(look, container, signal))
  const gone = absentServices(look.wanted, look.all).map((service) => absentMember(look.engine, service, common(look), signal))
  const members = await Promise.all([...here, ...gone])
  return members.sort((x, y) => x.name.localeCompare(y.name, 'en', { numeric: true }))
}
