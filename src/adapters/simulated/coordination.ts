// ZooKeeper over the simulated cluster: four-letter words and znodes with the contents Kafka writes there.
import { KdrError } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { CoordinationReader, ZNode } from '../../ports/coordination.ts'
import type { Call } from './call.ts'
import { pass } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { PATIENCE } from './kafka-logs.ts'
import { isUp, type SimMember } from './state.ts'

const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests\n'
/** Last transaction: as of every server that has data. */
export const ZXID = '0x10000006e'
const VERSION = '3.6.4--d65253dcf68e9097c6e95a126463fd5fdeb4521c, built on 12/18/2022 18:10 GMT'

const modeOf = (cluster: Cluster, member: SimMember): string =>
  cluster.ensemble.members.length === 1 ? 'standalone' : cluster.ensemble.leader === member.id ? 'leader' : 'follower'

const srvr = (cluster: Cluster, member: SimMember): string =>
  [
    `Zookeeper version: ${VERSION}`,
    'Latency min/avg/max: 0/0.6/21',
    'Received: 1204',
    'Sent: 1215',
    'Connections: 3',
    'Outstanding: 0',
    `Zxid: ${ZXID}`,
    `Mode: ${modeOf(cluster, member)}`,
    'Node count: 152',
    '',
  ].join('\n')

const mntr = (cluster: Cluster, member: SimMember): string => {
  const mode = modeOf(cluster, member)
  const followers = cluster.ensemble.members.filter((other) => other !== member && cluster.ensemble.serves(other)).length
  const lines = [`zk_version\t${VERSION}`, `zk_server_state\t${mode}`, 'zk_znode_count\t152', 'zk_ephemerals_count\t4']
  if (mode === 'leader') lines.push(`zk_synced_followers\t${followers}.0`, `zk_followers\t${followers}`)
  return `${lines.join('\n')}\n`
}

const answer = async (cluster: Cluster, word: string, server: string, signal: AbortSignal): Promise<Known<string>> => {
  const by = `${word} from ${server}`
  const member = cluster.ensemble.members.find((candidate) => candidate.address === server)
  if (member?.state === 'paused') {
    await pass(cluster.time, PATIENCE, signal).catch(() => undefined)
    return unknown('no answer in time', by)
  }
  if (member === undefined || !isUp(member)) return unknown(`connect ECONNREFUSED ${server}`, by)
  if (word === 'ruok') return known('imok', by)
  if (!cluster.ensemble.serves(member)) return known(NOT_SERVING, by)
  return known(word === 'srvr' ? srvr(cluster, member) : mntr(cluster, member), by)
}

type Node = { readonly data: string; readonly czxid: bigint; readonly version?: number } | { readonly children: readonly string[] }

const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  '/': [
    'admin',
    'brokers',
    'cluster',
    'config',
    'consumers',
    'controller',
    'controller_epoch',
    'feature',
    'isr_change_notification',
    'latest_producer_id_block',
    'log_dir_event_notification',
    'zookeeper',
  ],
  '/brokers': ['ids', 'seqid', 'topics'],
  '/cluster': ['id'],
  '/admin': ['delete_topics'],
  '/admin/delete_topics': [],
}

const brokerNode = (cluster: Cluster, id: number): Node | null => {
  const registration = cluster.registrations.get(id)
  const address = cluster.broker(id)?.address
  if (registration === undefined || address === undefined) return null
  const [host, port] = address.split(':')
  const data = {
    features: {},
    listener_security_protocol_map: { PLAINTEXT: 'PLAINTEXT' },
    endpoints: [`PLAINTEXT://${address}`],
    jmx_port: -1,
    port: Number(port),
    host,
    version: 5,
    timestamp: String(registration.since),
  }
  return { data: JSON.stringify(data), czxid: registration.czxid }
}

const controllerNode = (cluster: Cluster): Node | null =>
  cluster.controller === null
    ? null
    : {
        data: JSON.stringify({ version: 2, brokerid: cluster.controller, timestamp: String(cluster.now), kraftControllerEpoch: -1 }),
        czxid: BigInt(cluster.controllerEpoch),
      }

const topicNode = (cluster: Cluster, rest: readonly string[]): Node | null => {
  const [name, folder, index, leaf] = rest
  const topic = cluster.topics.get(name ?? '')
  if (topic === undefined) return null
  if (folder === undefined) {
    const partitions = Object.fromEntries(topic.partitions.map((partition) => [partition.index, partition.replicas]))
    return { data: JSON.stringify({ removing_replicas: {}, partitions, topic_id: topic.id, adding_replicas: {}, version: 3 }), czxid: topic.czxid }
  }
  if (folder !== 'partitions') return null
  if (index === undefined) return { children: topic.partitions.map((partition) => String(partition.index)) }
  const partition = topic.partitions[Number(index)]
  if (partition === undefined) return null
  if (leaf === undefined) return { children: ['state'] }
  if (leaf !== 'state') return null
  const old = cluster.ensemble.epoch > 1 ? cluster.misbehaviour.recordBehind(topic.name, partition.index) : 0
  const leaderEpoch = Math.max(0, partition.epoch - old)
  const state = { controller_epoch: cluster.controllerEpoch, leader: partition.leader, version: 1, leader_epoch: leaderEpoch, isr: partition.isr }
  return { data: JSON.stringify(state), czxid: topic.czxid, version: partition.version }
}

const configured = (cluster: Cluster, name: string): readonly string[] => ((cluster.configsOf(name)?.size ?? 0) === 0 ? [] : [name === '' ? '<default>' : name])

/** kafka.zk.ConfigEntityZNode: overrides alone; `<default>` is the brokers' dynamic default. */
const configNode = (cluster: Cluster, kind: string | undefined, [name = '']: readonly string[]): Node | null => {
  const configs = kind === 'topics' ? cluster.topics.get(name)?.configs : cluster.configsOf(name === '<default>' ? '' : name)
  if (configs === undefined || (kind === 'brokers' && configs.size === 0)) return null
  return { data: JSON.stringify({ version: 1, config: Object.fromEntries(configs) }), czxid: 0x100000020n }
}

export const lookUp = (cluster: Cluster, path: string): Node | null => {
  const [first, second, ...rest] = path.split('/').filter((part) => part !== '')
  const folder = FOLDERS[path]
  if (cluster.ensemble.emptied) return path === '/' ? { children: ['zookeeper'] } : null
  if (folder !== undefined) return { children: folder }
  if (path === '/cluster/id') return { data: JSON.stringify({ version: '1', id: cluster.clusterId }), czxid: 0x100000018n }
  if (path === '/controller') return controllerNode(cluster)
  if (path === '/controller_epoch') return { data: String(cluster.controllerEpoch), czxid: 0x100000019n, version: cluster.controllerEpoch }
  if (path === '/config/brokers') return { children: ['', ...cluster.brokers.map(({ id }) => `${id}`)].flatMap((name) => configured(cluster, name)) }
  if (first === 'config') return configNode(cluster, second, rest)
  if (first !== 'brokers') return null
  if (second === 'ids') return rest.length === 0 ? { children: [...cluster.registrations.keys()].sort().map(String) } : brokerNode(cluster, Number(rest[0]))
  if (second === 'topics') return rest.length === 0 ? { children: [...cluster.topics.keys()] } : topicNode(cluster, rest)
  return null
}

/** A client's session: found only where a majority serves. */
const mustServe = async (cluster: Cluster, signal: AbortSignal): Promise<void> => {
  if (cluster.ensemble.serving) return
  await pass(cluster.time, PATIENCE, signal)
  if (!cluster.ensemble.serving) throw new KdrError('no ZooKeeper server serves', { code: 'zookeeper-unreachable', hint: 'see kdr diagnose' })
}

const toZNode = (node: Node): ZNode =>
  'children' in node
    ? { data: Buffer.alloc(0), czxid: 0x100000005n, version: 0 }
    : { data: Buffer.from(node.data), czxid: node.czxid, version: node.version ?? 0 }

export const createCoordinationReader = (cluster: Cluster, call: Call): CoordinationReader => ({
  word: (word, servers, signal) =>
    call(`coordination.${word}`, signal, async () => {
      const answers = await Promise.all(
        servers.map(async (server): Promise<readonly [string, Known<string>]> => [server, await answer(cluster, word, server, signal)]),
      )
      return new Map(answers)
    }),
  get: (path, signal) =>
    call('coordination.get', signal, async () => {
      await mustServe(cluster, signal)
      const node = lookUp(cluster, path)
      return node === null ? null : toZNode(node)
    }),
  children: (path, signal) =>
    call('coordination.children', signal, async () => {
      await mustServe(cluster, signal)
      const node = lookUp(cluster, path)
      return node === null ? null : 'children' in node ? node.children : path.startsWith('/brokers/topics/') ? ['partitions'] : []
    }),
  close: async () => undefined,
})
