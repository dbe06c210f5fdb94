// How everything reaches the containers: a name as advertised inside becomes an address that can be dialled from
// here. Where that is changes with every start of a container.
import type { Duplex } from 'node:stream'
import { type Container, containersOf } from './containers.ts'
import type { Engine } from './engine.ts'
import { lateSocket } from './late-socket.ts'
import { type Address, routeTo } from './route.ts'

/** A survey dials every endpoint several times within a second; a container may be another one after that. */
const KEPT_FOR = 1000

const failing = (code: string, words: string): Error => Object.assign(new Error(words), { code })

/** Connections to `host:port` as advertised inside the project. Errors arrive on the stream. */
export const dialer = (engine: Engine, project: string): ((host: string, port: number) => Duplex) => {
  let kept: { readonly at: number; readonly all: Promise<readonly Container[]> } | null = null

  const containers = (signal: AbortSignal): Promise<readonly Container[]> => {
    if (kept !== null && performance.now() - kept.at < KEPT_FOR) return kept.all
    const all = containersOf(engine, project, signal)
    kept = { at: performance.now(), all }
    return all
  }

  const find = async (wanted: Address, signal: AbortSignal): Promise<Address> => {
    const { reachesContainers } = await engine.info(signal)
    const all = await containers(signal).catch(() => {
      // The one who asked first may have given up meanwhile.
      kept = null
      return containers(signal)
    })
    const route = routeTo(wanted, all, { endpoint: engine.endpoint, reachesContainers })
    if ('refused' in route) throw failing('ECONNREFUSED', `${wanted.host}:${wanted.port}: ${route.refused}`)
    if ('unreachable' in route) throw failing('EHOSTUNREACH', `${wanted.host}:${wanted.port}: ${route.unreachable}`)
    return route
  }
  return (host, port) => lateSocket((signal) => find({ host, port }, signal))
}
