// The platform port over one compose project of a Docker engine.

import { KdrError } from '../../errors.ts'
import { TOOL_ENVIRONMENT } from '../../model/kafka-tools.ts'
import type { ExitStatus } from '../../model/member.ts'
import type { PlatformReader, PlatformWriter } from '../../ports/platform.ts'
import { absentServices } from './absent.ts'
import { commandsOf, type LastLook } from './commands.ts'
import { openCompose } from './compose.ts'
import { type Container, containersOf } from './containers.ts'
import { reconnectContainer, startContainer, still, stopContainer } from './control.ts'
import { dataOf, placeOn, replicasOf } from './data.ts'
import { dialer } from './dial.ts'
import { diskReader } from './disk.ts'
import { resolveEndpoint } from './endpoint.ts'
import { openEngine } from './engine.ts'
import { eventsOf } from './events.ts'
import { runInside } from './exec.ts'
import { logOf } from './logs.ts'
import { membersOf } from './members.ts'

export interface DockerSettings {
  /** The name the operator knows it by. */
  readonly cluster: string
  /** Compose's project name: what its labels say, whatever the containers are called. */
  readonly project: string
  /** As DOCKER_HOST; null: by `context`, else by the surroundings, as the docker command decides it. */
  readonly host: string | null
  readonly context: string | null
  /** Compose files, absolute; empty: those that the containers' labels name, where they exist on this machine. */
  readonly files: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

interface Found extends LastLook {
  readonly container: Container | null
}

/**
 * One compose project. Connects to nothing until it is asked. Throws `docker-endpoint-invalid` (exit usage); its calls
 * throw `docker-unreachable` (nothing was seen, which proves nothing), `docker-refused`, `no-such-project` and
 * `no-such-member` (exit usage).
 */
export const openDocker = ({ cluster, project, host, context, files, env }: DockerSettings): PlatformReader & PlatformWriter => {
  const engine = openEngine(resolveEndpoint({ host, context }, env))
  const compose = openCompose({ project, files, host: engine.endpoint.host, certs: engine.endpoint.certs, env })
  const disk = diskReader(engine)
  const exits = new Map<string, ExitStatus>()
  let last: LastLook = { all: [], absent: [] }
  const absentNames = () => last.absent.flatMap(({ name, service, hostname }) => [name, service, ...(hostname === null ? [] : [hostname])])
  const dial = dialer(engine, project, absentNames)

  const look = async (signal: AbortSignal) => {
    const [node, all] = await Promise.all([engine.info(signal), containersOf(engine, project, signal)])
    const wanted = await compose.wanted(all, signal)
    if (all.length === 0 && !wanted.known) {
      throw new KdrError(
        `the engine at ${engine.endpoint.host} has no container of the compose project ${project}, and its files were not read: ${wanted.why}`,
        {
          code: 'no-such-project',
          exit: 'usage',
          hint: 'docker compose ls --all lists the projects',
        },
      )
    }
    last = { all, absent: absentServices(wanted, all) }
    return { engine, node, all, wanted, disk, exits }
  }

  /** By the engine alone where it has the container: the compose command takes seconds, and the container changes meanwhile. */
  const find = async (name: string, signal: AbortSignal): Promise<Found> => {
    const present = await containersOf(engine, project, signal)
    const there = present.find((each) => each.name === name)
    if (there !== undefined) return { container: there, all: present, absent: [] }
    const { all } = await look(signal)
    const { absent } = last
    const container = all.find((each) => each.name === name) ?? null
    if (container !== null || absent.some((each) => each.name === name)) return { container, all, absent }
    throw new KdrError(`${cluster} has no member ${name}`, {
      code: 'no-such-member',
      exit: 'usage',
      hint: `It has ${[...all, ...absent].map((each) => each.name).join(', ')}`,
    })
  }

  return {
    kind: 'docker',
    commands: commandsOf({ project, host, context, files }, () => last),
    identity: async (signal) => ({ platform: 'docker', cluster, identity: `compose project ${project} on engine ${(await engine.info(signal)).id}` }),
    members: async (signal) => membersOf(await look(signal), signal),
    logs: async (member, options, signal) => {
      const { container } = await find(member, signal)
      // The log goes with the container.
      return container === null ? [] : logOf(engine, container, options, signal)
    },
    data: async (member, signal) => {
      const { container } = await find(member, signal)
      if (container === null) throw new KdrError(`${member} has no container, and nothing else reaches its volumes`, { code: 'data-unreachable' })
      return dataOf(engine, container, signal)
    },
    replicas: async (member, signal) => {
      const { container } = await find(member, signal)
      if (container === null) throw new KdrError(`${member} has no container, and nothing else reaches its volumes`, { code: 'data-unreachable' })
      return replicasOf(engine, container, signal)
    },
    events: async (since, signal) => {
      const { all, wanted } = await look(signal)
      const mounted = all.flatMap(({ inspected }) => inspected.Mounts.flatMap(({ Name }) => Name ?? []))
      const volumes = wanted.known ? wanted.value.flatMap((service) => service.volumes.map(({ volume }) => volume)) : []
      return eventsOf(engine, project, all, [...mounted, ...volumes], since, signal)
    },
    dial,
    // The engine lets whoever reaches it do everything.
    permissions: async () => [],
    close: async () => engine.close(),
    stop: async (ref, { grace }, signal) => {
      const { container } = await find(ref.name, signal)
      const now = await still(engine, ref, container, signal)
      if (now !== null) await stopContainer(engine, now, grace, signal)
    },
    start: async (ref, signal) => {
      const { container, all, absent } = await find(ref.name, signal)
      const now = await still(engine, ref, container, signal)
      if (now !== null) return startContainer(engine, ref, now, signal)
      await compose.up(absent.find(({ name }) => name === ref.name)?.service ?? ref.name, all, signal)
    },
    reconnect: async (ref, signal) => {
      const { container, all } = await find(ref.name, signal)
      const wanted = await compose.wanted(all, signal)
      const own = wanted.known ? wanted.value.find(({ service }) => service === container?.service) : undefined
      const now = await still(engine, ref, container, signal)
      if (now === null) throw notThere(ref.name, 'it has no container')
      await reconnectContainer(engine, now, all, own, signal)
    },
    exec: async (ref, argv, signal) => {
      const { container } = await find(ref.name, signal)
      const now = await still(engine, ref, container, signal)
      if (now?.status !== 'running') throw notThere(ref.name, 'it does not run')
      return runInside(engine, now, [...TOOL_ENVIRONMENT, ...argv], signal)
    },
    inspect: async ({ name }, _, signal) => {
      await find(name, signal)
      throw new KdrError(`the disk of ${name} is seen through the engine, whether it runs or not`, { code: 'not-on-this-platform', exit: 'usage' })
    },
    place: async (ref, files, signal) => {
      const { container } = await find(ref.name, signal)
      const now = await still(engine, ref, container, signal)
      if (now === null) throw notThere(ref.name, 'it has no container')
      return placeOn(engine, now, files, signal)
    },
    workloads: null,
  }
}

const notThere = (name: string, why: string): KdrError =>
  new KdrError(`${name} cannot be used for this: ${why}`, { code: 'member-not-running', exit: 'refused' })
