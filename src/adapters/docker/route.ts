// Where an advertised `host:port` is dialled from here: the published port on the engine's host, or the
// container's own address where that can be reached.
import { isIP } from 'node:net'
import { EVERYWHERE, isLoopback } from './configured.ts'
import { type Container, lives } from './containers.ts'
import type { Endpoint } from './endpoint.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** `refused`: proven that nobody listens. `unreachable`: nothing leads there from here, which proves nothing. */
export type Route = Address | { readonly refused: string } | { readonly unreachable: string }

interface Ground {
  readonly endpoint: Endpoint
  readonly reachesContainers: boolean
  /** Names of services without a container. */
  readonly absent: readonly string[]
}

/** Everything other containers may call it. */
const namesOf = ({ id, name, service, inspected }: Container): readonly string[] => {
  const aliases = Object.values(inspected.NetworkSettings.Networks ?? {}).flatMap(({ Aliases }): readonly string[] => (Array.isArray(Aliases) ? Aliases : []))
  const { Hostname: hostname, Domainname: domain } = inspected.Config
  return [name, service, id.slice(0, 12), hostname, `${hostname}.${domain}`, ...aliases].map((each) => each.toLowerCase())
}

const ownAddresses = ({ inspected }: Container): readonly string[] =>
  Object.values(inspected.NetworkSettings.Networks ?? {}).flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address].filter((each) => each))

/** Its own name before a name it shares with others of its service; one that runs before one that does not. */
const containerOf = (host: string, all: readonly Container[]): Container | undefined => {
  const name = host.toLowerCase().replace(/\.$/, '')
  const called = all.filter((container) => (isIP(host) === 0 ? namesOf(container) : ownAddresses(container)).includes(name))
  const rank = (container: Container) => (container.name.toLowerCase() === name ? 0 : 2) + (lives(container) ? 0 : 1)
  return [...called].sort((a, b) => rank(a) - rank(b))[0]
}

const published = (container: Container, port: number, { endpoint }: Ground): Route | null => {
  const bindings = container.inspected.NetworkSettings.Ports?.[`${port}/tcp`] ?? []
  const remote = endpoint.kind !== 'socket'
  const reachable = bindings.find(({ HostIp }) => !remote || !isLoopback(HostIp))
  if (reachable === undefined) {
    const [only] = bindings
    return only === undefined
      ? null
      : { unreachable: `${container.name} publishes ${port} on the loopback of ${endpoint.hostname} only (${only.HostIp}:${only.HostPort})` }
  }
  const { HostIp: ip, HostPort: hostPort } = reachable
  return { host: EVERYWHERE.has(ip) || isLoopback(ip) ? endpoint.hostname : ip, port: Number(hostPort) }
}

const toContainer = (container: Container, port: number, ground: Ground): Route => {
  if (!lives(container)) return { refused: `${container.name} does not run (${container.status})` }
  if (container.inspected.HostConfig.NetworkMode === 'host') return { host: ground.endpoint.hostname, port }
  const route = published(container, port, ground)
  if (route !== null) return route
  const [address] = ownAddresses(container)
  if (address === undefined) return { unreachable: `${container.name} is on no network` }
  if (ground.reachesContainers) return { host: address, port }
  return { unreachable: `${container.name} does not publish port ${port}, and its own address cannot be reached from here` }
}

/** Published ports of this engine's host, by the container that has them. */
const publisherOf = (port: number, all: readonly Container[]): Container | undefined =>
  all.find((container) => Object.values(container.inspected.HostConfig.PortBindings ?? {}).some((bindings) => hasPort(bindings, port)))

const hasPort = (bindings: unknown, port: number): boolean =>
  Array.isArray(bindings) && bindings.some((binding: { readonly HostPort?: string }) => binding.HostPort === String(port))

const toHost = (port: number, all: readonly Container[], ground: Ground): Route => {
  const publisher = publisherOf(port, all)
  if (publisher === undefined) return { host: ground.endpoint.hostname, port }
  // What it was told to publish is said even when it does not run: then nobody else may answer for it.
  if (!lives(publisher)) return { refused: `${publisher.name} does not run (${publisher.status})` }
  const inside = Object.entries(publisher.inspected.NetworkSettings.Ports ?? {}).find(([, bindings]) => hasPort(bindings, port))
  if (inside === undefined) return { unreachable: `${publisher.name} no longer publishes port ${port}: it is on no network` }
  return published(publisher, Number.parseInt(inside[0], 10), ground) ?? { host: ground.endpoint.hostname, port }
}

/** Pure. A name that no container goes by, and no loopback, is dialled as it stands. */
export const routeTo = ({ host, port }: Address, all: readonly Container[], ground: Ground): Route => {
  const container = containerOf(host, all)
  if (container !== undefined) return toContainer(container, port, ground)
  if (ground.absent.includes(host)) return { refused: `${host} has no container` }
  return isLoopback(host) ? toHost(port, all, ground) : { host, port }
}
