// The containers of one compose project as the engine shows them. Selected by compose's own labels, never by
// name: a container that is merely called kafka-4 is none of ours.
import type Docker from 'dockerode'
import type { Role } from '../../model/member.ts'
import type { Instant } from '../../units.ts'
import { type Environment, environmentOf, rolesOf } from './configured.ts'
import { type Engine, statusOf } from './engine.ts'

export const PROJECT = 'com.docker.compose.project'
const SERVICE = 'com.docker.compose.service'
/** `docker compose run` makes such; they are nobody's member. */
const ONE_OFF = 'com.docker.compose.oneoff'

export interface Container {
  readonly id: string
  /** Without the slash. */
  readonly name: string
  readonly service: string
  readonly labels: Readonly<Record<string, string>>
  readonly env: Environment
  readonly roles: readonly Role[]
  /** created, running, paused, restarting, removing, exited, dead. */
  readonly status: string
  /** Of the latest start; null before the first. */
  readonly startedAt: Instant | null
  /** Of the latest end; null before the first. */
  readonly finishedAt: Instant | null
  readonly inspected: Docker.ContainerInspectInfo
}

/** Go's zero time stands for never. */
const instantOf = (text: string): Instant | null => (text === '' || text.startsWith('0001-') ? null : Date.parse(text))

const containerOf = (inspected: Docker.ContainerInspectInfo): Container => {
  const env = environmentOf(inspected.Config.Env)
  const labels = inspected.Config.Labels ?? {}
  return {
    id: inspected.Id,
    name: inspected.Name.replace(/^\//, ''),
    service: labels[SERVICE] ?? '',
    labels,
    env,
    roles: rolesOf(env),
    status: inspected.State.Status,
    startedAt: instantOf(inspected.State.StartedAt),
    finishedAt: instantOf(inspected.State.FinishedAt),
    inspected,
  }
}

/** Running or frozen: it has a process. */
export const lives = ({ status }: Container): boolean => status === 'running' || status === 'paused'

/** Names one incarnation: the engine's own start time, to the nanosecond, tells a restart of the same container. */
export const uidOf = (container: Container): string | null => (lives(container) ? `${container.id.slice(0, 12)}@${container.inspected.State.StartedAt}` : null)

export const networksOf = ({ inspected }: Container): readonly string[] => Object.keys(inspected.NetworkSettings.Networks ?? {})

/** null when it is gone. */
export const inspect = async (engine: Engine, id: string, signal: AbortSignal): Promise<Container | null> => {
  try {
    return containerOf(
      await engine.call(`look at container ${id.slice(0, 12)}`, signal, (abortSignal) => engine.docker.getContainer(id).inspect({ abortSignal })),
    )
  } catch (thrown) {
    if (statusOf(thrown) === 404) return null
    throw thrown
  }
}

/** Every container of the project, running or not, by name. Throws what `Engine.call` throws. */
export const containersOf = async (engine: Engine, project: string, signal: AbortSignal): Promise<readonly Container[]> => {
  const filters = { label: [`${PROJECT}=${project}`] }
  const listed = await engine.call(`list the containers of ${project}`, signal, (abortSignal) =>
    engine.docker.listContainers({ all: true, filters, abortSignal }),
  )
  const ours = listed.filter(({ Labels }) => Labels[SERVICE] !== undefined && Labels[ONE_OFF]?.toLowerCase() !== 'true')
  const seen = await Promise.all(ours.map(({ Id }) => inspect(engine, Id, signal)))
  return seen.filter((container) => container !== null).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}

/** Containers configured for the same; for one of its kind, all others. */
const peersOf = (container: Container, all: readonly Container[]): readonly Container[] => {
  const others = all.filter(({ id }) => id !== container.id)
  const alike = others.filter(({ roles }) => roles.some((role) => role !== 'service' && container.roles.includes(role)))
  return alike.length > 0 ? alike : others
}

/** Modes that are no network of their own. */
const NO_NETWORK = /^(?:none|host|bridge|default|container:.*|)$/

/** Networks it should be on and is not: its peers', and the one it was created with (the engine remembers that after a disconnect). */
export const missingNetworks = (container: Container, all: readonly Container[]): readonly string[] => {
  const mode = container.inspected.HostConfig.NetworkMode ?? ''
  if (NO_NETWORK.test(mode)) return []
  const theirs = peersOf(container, all).flatMap(networksOf)
  const own = networksOf(container)
  return [...new Set([mode, ...theirs])].filter((name) => !NO_NETWORK.test(name) && !own.includes(name))
}

/** Attached to none of its peers' networks: it runs, and nobody can talk to it. */
export const isCutOff = (container: Container, all: readonly Container[]): boolean => {
  const missing = missingNetworks(container, all)
  const theirs = new Set([container.inspected.HostConfig.NetworkMode ?? '', ...peersOf(container, all).flatMap(networksOf)])
  return missing.length > 0 && !networksOf(container).some((name) => theirs.has(name))
}
