// Reaches what the cluster's own names mean: from outside through a tunnel to the right pod, from a pod of
// the same cluster directly.

import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { V1Pod, V1Service } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { isReady } from './containers.ts'
import { isClusterName, type Meaning, meaningsOf } from './names.ts'
import { type Spot, socketError, Tunnel } from './tunnel.ts'

const LOOK: Millis = 15_000
const NO_SUCH_NAME = 'no-such-name'

interface Dialling {
  dial(host: string, port: number): Duplex
  /** Ends every tunnel. */
  close(): void
}

const isNotFound = (thrown: unknown): boolean => thrown instanceof KdrError && thrown.code === 'not-found'

type Of<K extends Meaning['kind']> = Extract<Meaning, { kind: K }>
type Options = Parameters<Parameters<KubeClient['call']>[2]>[0]

const orNull = <T>(look: Promise<T>): Promise<T | null> =>
  look.catch((thrown: unknown) => {
    if (isNotFound(thrown)) return null
    throw thrown
  })

const spotOf = ({ metadata }: V1Pod, port: number): Spot => ({
  namespace: metadata?.namespace ?? '',
  pod: metadata?.name ?? '',
  uid: metadata?.uid ?? '',
  port,
})

/** A service's port as its pods have it. Headless services map none: their name stands for the pods themselves. */
export const targetPort = ({ metadata, spec }: V1Service, { spec: podSpec }: V1Pod, port: number): number => {
  if (spec?.clusterIP === 'None') return port
  const entry = (spec?.ports ?? []).find((candidate) => candidate.port === port)
  if (entry === undefined) {
    const ports = (spec?.ports ?? []).map((candidate) => candidate.port).join(', ')
    throw new KdrError(`service ${metadata?.name} has no port ${port}: it has ${ports || 'none'}`, { code: 'no-such-port' })
  }
  const target = entry.targetPort ?? port
  if (typeof target === 'number') return target
  const named = (podSpec?.containers ?? []).flatMap(({ ports = [] }) => ports).find(({ name }) => name === target)
  if (named !== undefined) return named.containerPort
  throw new KdrError(`service ${metadata?.name} means port ${target}, which no container of its pods has`, { code: 'no-such-port' })
}

/** Why not a pod that is not ready: nothing inside the cluster would reach it by the service either. */
const notReady = (name: string, pods: readonly V1Pod[]): KdrError => {
  const words = pods.map(({ metadata, status }) => `${metadata?.name} (${metadata?.deletionTimestamp === undefined ? status?.phase : 'Terminating'})`)
  return new KdrError(`no pod of service ${name} is ready: ${words.join(', ') || 'it has none'}`, { code: 'nobody-ready' })
}

/** What a host means, found in the cluster. */
const finder = (client: KubeClient) => {
  let turn = 0
  const podNamed = async ({ namespace, pod, subdomain }: Of<'pod'>, port: number, signal: AbortSignal): Promise<Spot | null> => {
    const ask = { verb: 'get', resource: 'pods', name: pod, namespace }
    const found = await orNull(client.call(signal, ask, (options) => client.core.readNamespacedPod({ name: pod, namespace }, options)))
    return found === null || (subdomain !== null && found.spec?.subdomain !== subdomain) ? null : spotOf(found, port)
  }
  const podAt = async ({ namespace, ip }: Of<'address'>, port: number, signal: AbortSignal): Promise<Spot | null> => {
    const list = (options: Options) => client.core.listNamespacedPod({ namespace, fieldSelector: `status.podIP=${ip}` }, options)
    const { items } = await client.call(signal, { verb: 'list', resource: 'pods', namespace }, list)
    // A pod that is over keeps its address in its status, and another may have it by now.
    const found = items.find(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending')
    return found === undefined ? null : spotOf(found, port)
  }
  const behind = async ({ namespace, service: name }: Of<'service'>, port: number, signal: AbortSignal): Promise<Spot | null> => {
    const ask = { verb: 'get', resource: 'services', name, namespace }
    const service = await orNull(client.call(signal, ask, (options) => client.core.readNamespacedService({ name, namespace }, options)))
    if (service === null) return null
    const labels = Object.entries(service.spec?.selector ?? {})
    if (labels.length === 0) throw new KdrError(`service ${name} selects no pods`, { code: 'nobody-ready' })
    const labelSelector = labels.map(([key, value]) => `${key}=${value}`).join(',')
    const list = (options: Options) => client.core.listNamespacedPod({ namespace, labelSelector }, options)
    const { items } = await client.call(signal, { verb: 'list', resource: 'pods', namespace }, list)
    const ready = items
      .filter((pod) => pod.metadata?.deletionTimestamp === undefined && isReady(pod))
      .sort((a, b) => String(a.metadata?.name).localeCompare(String(b.metadata?.name)))
    turn += 1
    const chosen = ready[turn % Math.max(1, ready.length)]
    if (chosen === undefined) throw notReady(name, items)
    return spotOf(chosen, targetPort(service, chosen, port))
  }
  const look = (meaning: Meaning, port: number, signal: AbortSignal): Promise<Spot | null> => {
    if (meaning.kind === 'pod') return podNamed(meaning, port, signal)
    return meaning.kind === 'service' ? behind(meaning, port, signal) : podAt(meaning, port, signal)
  }
  /** null: nothing of the cluster's, and so a host of the world outside, if any. */
  return async (host: string, port: number, signal: AbortSignal): Promise<Spot | null> => {
    for (const meaning of meaningsOf(host, client.namespace)) {
      const spot = await look(meaning, port, signal)
      if (spot !== null) return spot
    }
    if (host !== '' && !isClusterName(host)) return null
    throw new KdrError(`${host || 'an empty name'} is the name of no pod and no service of the cluster, seen from namespace ${client.namespace}`, {
      code: NO_SUCH_NAME,
    })
  }
}

/** Open tunnels by pod. A pod that was replaced takes its tunnels with it: what hangs on the old one will never answer. */
const registry = () => {
  const open = new Map<string, { readonly uid: string; readonly tunnels: Set<Tunnel> }>()
  return {
    add: ({ namespace, pod, uid }: Spot, tunnel: Tunnel): void => {
      const key = `${namespace}/${pod}`
      let entry = open.get(key)
      if (entry !== undefined && entry.uid !== uid) {
        for (const old of entry.tunnels) old.destroy(socketError(`pod ${pod} was replaced by another of the same name`, 'ETUNNEL'))
        entry = undefined
      }
      entry ??= { uid, tunnels: new Set() }
      open.set(key, entry)
      const { tunnels } = entry
      tunnels.add(tunnel)
      tunnel.once('close', () => {
        tunnels.delete(tunnel)
        if (tunnels.size === 0 && open.get(key)?.tunnels === tunnels) open.delete(key)
      })
    },
  }
}

const direct = (host: string, port: number): Duplex => {
  const socket = connect({ host, port })
  socket.setNoDelay(true)
  return socket
}

/**
 * `dial` of the platform port: hosts as advertised inside the cluster. Errors arrive on the stream with a code as
 * net.Socket's: ECONNREFUSED only when the pod itself refused, ENOTFOUND for a name that means nothing, else ETUNNEL,
 * which says nothing about the pod. What is none of the cluster's is dialled directly, and fails as net.Socket does.
 */
export const kubernetesDial = (client: KubeClient): Dialling => {
  const find = finder(client)
  const pods = registry()
  const all = new Set<Tunnel>()
  const looks = new Map<string, Promise<Spot | null>>()
  /** Dials at the same moment share one look: a survey opens a dozen sockets at once. Never older: the pod may be another by then. */
  const looked = (host: string, port: number): Promise<Spot | null> => {
    const key = `${host}:${port}`
    const running = looks.get(key)
    if (running !== undefined) return running
    const look = find(host, port, AbortSignal.timeout(LOOK))
    looks.set(key, look)
    return look.finally(() => looks.delete(key))
  }
  const open = async (tunnel: Tunnel, host: string, port: number): Promise<void> => {
    try {
      const spot = await looked(host, port)
      if (tunnel.destroyed) return
      if (spot === null) return await tunnel.connectTo({ host, port })
      pods.add(spot, tunnel)
      await tunnel.connect(client, spot)
    } catch (error) {
      tunnel.destroy(socketError(wordsOf(error), error instanceof KdrError && error.code === NO_SUCH_NAME ? 'ENOTFOUND' : 'ETUNNEL'))
    }
  }
  const tunnelled = (host: string, port: number): Tunnel => {
    const tunnel = new Tunnel()
    all.add(tunnel)
    tunnel.once('close', () => all.delete(tunnel))
    void open(tunnel, host, port)
    return tunnel
  }
  return {
    dial: client.inCluster ? direct : tunnelled,
    close: () => {
      for (const tunnel of all) tunnel.destroy()
    },
  }
}
