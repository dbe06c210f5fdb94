// How everything reaches the containers: a name as advertised inside becomes an address that can be dialled from
// here. Where that is changes with every start of a container.
import type { Duplex } from 'node:stream'
import type { Intake } from '../../ports/platform.ts'
import { type Container, containersOf } from './containers.ts'
import type { Engine } from './engine.ts'
import { lateSocket } from './late-socket.ts'
import { type Address, type Route, routeTo } from './route.ts'

/** A survey dials every endpoint several times within a second; a container may be another one after that. */
const KEPT_FOR = 1000

const failing = (code: string, words: string): Error => Object.assign(new Error(words), { code })

/**
 * Connections to `host:port` as advertised inside the project. Errors arrive on the stream. `absent` are the names of
 * services that were last seen without a container: they are not looked for in the world's DNS.
 */
export const dialer = (engine: Engine, project: string, absent: () => readonly string[]): ((host: string, port: number, intake?: Intake) => Duplex) => {
  let kept: { readonly at: number; readonly all: readonly Container[] } | null = null

  const look = async (signal: AbortSignal): Promise<readonly Container[]> => {
    const at = performance.now()
    const all = await containersOf(engine, project, signal)
    kept = { at, all }
    return all
  }

  const find = async (wanted: Address, signal: AbortSignal): Promise<Address> => {
    const { reachesContainers } = await engine.info(signal)
    const routeAmong = (all: readonly Container[]): Route => routeTo(wanted, all, { endpoint: engine.endpoint, reachesContainers, absent: absent() })
    const known = kept !== null && performance.now() - kept.at < KEPT_FOR ? routeAmong(kept.all) : null
    // That nothing leads there is never taken from memory: it may have come back since.
    const route = known !== null && 'host' in known ? known : routeAmong(await look(signal))
    if ('refused' in route) throw failing('ECONNREFUSED', `${wanted.host}:${wanted.port}: ${route.refused}`)
    if ('unreachable' in route) throw failing('EHOSTUNREACH', `${wanted.host}:${wanted.port}: ${route.unreachable}`)
    return route
  }
  return (host, port, intake) => lateSocket((signal) => find({ host, port }, signal), intake)
}
