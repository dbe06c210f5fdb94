// What ZooKeeper says of itself and of the cluster. A quorum is told by `srvr` of each server, never by
// `ruok`, which proves a process only; paths and JSON as in kafka.zk.ZkData.
import type { Known } from '../model/known.ts'
import { isKnownTrue, known, mapKnown, unknown } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import type { ZooKeeperServer, ZooKeeperView } from '../model/survey.ts'
import type { CoordinationReader, ZNode } from '../ports/coordination.ts'
import type { Millis } from '../units.ts'
import type { Stage } from './reading.ts'
import { each, reading } from './reading.ts'

/** A broker as it registered itself under /brokers/ids. */
export interface Registration {
  readonly id: number
  readonly czxid: bigint
  /** `host:port` of every listener. */
  readonly endpoints: readonly string[]
  readonly rack: string | null
}

export interface ZooKeeperReading {
  readonly words: Known<{ readonly srvr: ReadonlyMap<string, Known<string>>; readonly mntr: ReadonlyMap<string, Known<string>> }>
  readonly registrations: Known<readonly Registration[]>
  /** null: there is none. */
  readonly clusterId: Known<string | null>
  readonly controller: Known<number | null>
  readonly migrating: Known<boolean>
  readonly topics: Known<readonly string[]>
}

const json = (node: ZNode): Record<string, unknown> => {
  const value: unknown = JSON.parse(node.data.toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Error('znode holds no JSON object')
  return value as Record<string, unknown>
}

const LISTENER = /^[^:]*:\/\/(.+):(\d+)$/

const registrationOf = (id: number, node: ZNode): Registration => {
  const data = json(node)
  const listeners = Array.isArray(data.endpoints) ? data.endpoints.map(String) : []
  const endpoints = listeners.flatMap((listener) => {
    const [, host, port] = LISTENER.exec(listener) ?? []
    return host === undefined || port === undefined ? [] : [`${host.replace(/^\[|\]$/g, '')}:${port}`]
  })
  return { id, czxid: node.czxid, endpoints, rack: typeof data.rack === 'string' ? data.rack : null }
}

const readRegistrations = async (zk: CoordinationReader, signal: AbortSignal): Promise<readonly Registration[]> => {
  const ids = (await zk.children('/brokers/ids', signal)) ?? []
  const found = await each(ids.map(Number).filter(Number.isInteger), 16, async (id) => {
    const node = await zk.get(`/brokers/ids/${id}`, signal)
    return node === null ? null : registrationOf(id, node)
  })
  return found.filter((registration) => registration !== null)
}

const readClusterId = async (zk: CoordinationReader, signal: AbortSignal): Promise<string | null> => {
  const node = await zk.get('/cluster/id', signal)
  if (node === null) return null
  const { id } = json(node)
  if (typeof id !== 'string') throw new Error('/cluster/id holds no id')
  return id
}

const controllerOf = (node: ZNode | null): number | null => {
  const id = node === null ? null : json(node).brokerid
  return typeof id === 'number' && id >= 0 ? id : null
}

/**
 * KIP-866: /controller names a KRaft controller's epoch, or /migration names one (ZkMigrationLeadershipState, where
 * NONE has controller id -1). Anything there that does not say so plainly counts as a migration.
 */
const readMigrating = async (zk: CoordinationReader, controller: ZNode | null, signal: AbortSignal): Promise<boolean> => {
  const epoch = controller === null ? undefined : json(controller).kraftControllerEpoch
  if (typeof epoch === 'number' && epoch >= 0) return true
  const node = await zk.get('/migration', signal)
  return node !== null && json(node).kraft_controller_id !== -1
}

/** All at once; each part unknown by itself when it fails. */
export const readZooKeeper = async (stage: Stage, zk: CoordinationReader, servers: readonly string[], length: Millis): Promise<ZooKeeperReading> => {
  const by = 'ZooKeeper'
  const ask = <T>(what: string, read: (signal: AbortSignal) => Promise<T>) => reading(stage, length, `${by} ${what}`, read)
  const [words, registrations, clusterId, controller, migrating, topics] = await Promise.all([
    ask('srvr, mntr', async (signal) => {
      const [srvr, mntr] = await Promise.all([zk.word('srvr', servers, signal), zk.word('mntr', servers, signal)])
      return { srvr, mntr }
    }),
    ask('/brokers/ids', (signal) => readRegistrations(zk, signal)),
    ask('/cluster/id', (signal) => readClusterId(zk, signal)),
    ask('/controller', async (signal) => controllerOf(await zk.get('/controller', signal))),
    ask('/controller, /migration', async (signal) => readMigrating(zk, await zk.get('/controller', signal), signal)),
    ask('/brokers/topics', async (signal) => (await zk.children('/brokers/topics', signal)) ?? []),
  ])
  return { words, registrations, clusterId, controller, migrating, topics }
}

const MODE = /^Mode: (leader|follower|observer|standalone)\s*$/m

const modeOf = (answer: Known<string>, member: Member | undefined): ZooKeeperServer['mode'] => {
  if (answer.known) {
    const mode = MODE.exec(answer.value)?.[1]
    if (mode === 'leader' || mode === 'follower' || mode === 'standalone') return known(mode, answer.by)
    if (/not currently serving requests/.test(answer.value)) return known('not-serving', answer.by)
    return unknown(mode === 'observer' ? 'an observer has no vote' : 'srvr names no mode', answer.by)
  }
  // A refused or silent connection needs a second witness: the platform.
  if (member?.state.known === true && member.state.value !== 'running') return known('not-serving', member.state.by)
  return answer
}

const serverOf = (address: string, words: ZooKeeperReading['words'], members: Known<readonly Member[]>): ZooKeeperServer => {
  const member = members.known ? members.value.find((candidate) => candidate.roles.includes('zookeeper') && candidate.addresses.includes(address)) : undefined
  const none = unknown('was not asked', address)
  const srvr = words.known ? (words.value.srvr.get(address) ?? none) : words
  const mntr = words.known ? (words.value.mntr.get(address) ?? none) : words
  const mode = modeOf(srvr, member)
  const synced = mapKnown(mntr, (text) => {
    const count = /^zk_synced_followers\s+([\d.]+)/m.exec(text)?.[1]
    return count === undefined ? null : Math.trunc(Number(count))
  })
  return { member: member?.name ?? address, id: member?.id ?? unknown('not matched to a member', address), mode, syncedFollowers: synced }
}

/** Held: a leader and its followers are a majority of the servers. Lost: that is no longer possible. */
const quorumOf = (servers: readonly ZooKeeperServer[]): Known<boolean> => {
  const by = `srvr of ${servers.length} servers`
  const count = (mode: string) => servers.filter((server) => server.mode.known && server.mode.value === mode).length
  const majority = Math.floor(servers.length / 2) + 1
  if (servers.length === 0) return unknown('no ZooKeeper server is known', by)
  if (servers.length === 1 && count('standalone') === 1) return known(true, by)
  if (count('leader') === 1 && count('leader') + count('follower') >= majority) return known(true, by)
  if (servers.length - count('not-serving') < majority) return known(false, by)
  const blind = servers.filter((server) => !server.mode.known).map((server) => server.member)
  return unknown(blind.length > 0 ? `${blind.join(', ')} did not say` : `${count('leader')} leaders and ${count('follower')} followers`, by)
}

export const zooKeeperView = (read: ZooKeeperReading, addresses: readonly string[], members: Known<readonly Member[]>): ZooKeeperView => {
  const servers = addresses.map((address) => serverOf(address, read.words, members))
  const quorum = quorumOf(servers)
  // Without a quorum nobody answers for the tree: what a lone server still says is not the cluster's word.
  const tree = <T>(value: Known<T>): Known<T> => (isKnownTrue(quorum) || !value.known ? value : unknown('the quorum is not known to be held', value.by))
  return {
    kind: 'zookeeper',
    servers,
    quorum,
    clusterId: tree(read.clusterId),
    brokerIds: tree(mapKnown(read.registrations, (all) => all.map((registration) => registration.id))),
    controller: tree(read.controller),
    migrating: tree(read.migrating),
  }
}

/**
 * As configured, as far as those are its members' own. A published port is nobody's address: what is asked there could be
 * matched to no member, and a server that does not answer would have no second witness.
 */
export const zooKeeperAddresses = (configured: readonly string[], members: Known<readonly Member[]>): readonly string[] => {
  const own = members.known ? members.value.filter((member) => member.roles.includes('zookeeper')) : []
  const addresses = own.flatMap((member) => member.addresses.slice(0, 1))
  const matched = configured.some((address) => own.some((member) => member.addresses.includes(address)))
  return configured.length > 0 && (matched || addresses.length === 0) ? configured : addresses
}
