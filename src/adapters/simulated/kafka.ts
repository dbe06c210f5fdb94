// Kafka's read half over the simulated cluster: what a client sees, including a Metadata cache that stays
// as it was while nobody governs.
import { KdrError } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { type PartitionRow, PartitionTable, type TopicInfo } from '../../model/partitions.ts'
import type { LogDir } from '../../model/survey.ts'
import type { Configs, KafkaReader, MetadataView, Ping, ProducersAnswer, QuorumState, Reassigning, RecordedView, TopicPartition } from '../../ports/kafka.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { uncleanAllowed } from './controller.ts'
import { answerEpoch, answerOffset, anyBroker, fetchFrom, fromLeader, outwait, PATIENCE, unreachable, until } from './kafka-logs.ts'
import { dataOf } from './lifecycle.ts'
import { describeGroup } from './registry-group.ts'
import { isUp, type SimMember, type SimPartition, type SimTopic } from './state.ts'

const SIZE = { total: 64 * 1024 ** 3, usable: 48 * 1024 ** 3 }

const topicInfo = (cluster: Cluster, topic: SimTopic, by: string): TopicInfo => ({
  name: topic.name,
  id: topic.id,
  internal: topic.internal,
  minIsr: known(Number(topic.configs.get('min.insync.replicas') ?? '1'), by),
  uncleanElection: known(uncleanAllowed(cluster, topic), by),
  cleanupPolicy: known(topic.configs.get('cleanup.policy') ?? 'delete', by),
})

const rowOf = (partition: SimPartition): PartitionRow => ({
  topic: partition.topic.name,
  partition: partition.index,
  leader: partition.leader,
  leaderEpoch: partition.epoch,
  replicas: partition.replicas,
  isr: partition.isr,
  elr: partition.elr,
  lastKnownElr: partition.lastKnownElr,
})

const tableOf = (cluster: Cluster, by: string): PartitionTable =>
  PartitionTable.of(
    [...cluster.topics.values()].map((topic) => topicInfo(cluster, topic, by)),
    [...cluster.partitions()].map(rowOf),
  )

const metadata = (cluster: Cluster, answering: SimMember): MetadataView => {
  const by = `Metadata from ${answering.address}`
  const brokers = cluster.announced.flatMap((id) => {
    const member = cluster.broker(id)
    return member === undefined ? [] : [{ id, endpoint: member.address, rack: null }]
  })
  return {
    clusterId: cluster.clusterId,
    controllerId: cluster.mode === 'zookeeper' ? (cluster.controller ?? -1) : (cluster.announced[0] ?? -1),
    brokers,
    partitions: tableOf(cluster, by),
    complete: known(true, by),
    by: answering.address,
  }
}

const pingOne = async (cluster: Cluster, endpoint: string, signal: AbortSignal): Promise<Ping> => {
  const member = cluster.brokers.find((broker) => broker.address === endpoint)
  const silent = (detail: string): Ping => ({ endpoint, answer: 'silent', id: null, detail })
  if (member === undefined || member.state === 'stopped' || (member.state === 'running' && !member.serving)) {
    return { endpoint, answer: 'refused', id: null, detail: `connect ECONNREFUSED ${endpoint}` }
  }
  if (member.state === 'paused' || cluster.misbehaviour.pingIsLost()) {
    await outwait(cluster, signal)
    return silent('no answer to ApiVersions in time')
  }
  return { endpoint, answer: 'ready', id: member.id, detail: 'answered ApiVersions' }
}

const quorum = (cluster: Cluster): QuorumState | null => {
  if (cluster.mode === 'zookeeper') return null
  const { leader, epoch, members } = cluster.ensemble
  if (leader === null) throw new KdrError('no controller of the quorum leads', { code: 'no-quorum-leader', hint: 'see kdr diagnose' })
  const end = BigInt(1000 + Math.floor(cluster.time.now() / 500))
  const voters = members.map((member) => {
    const behind = isUp(member) ? 0 : 30_000
    return { id: member.id, logEndOffset: isUp(member) ? end : end - 60n, lastFetchAgo: behind, lastCaughtUpAgo: behind }
  })
  return { leaderId: leader, leaderEpoch: epoch, highWatermark: end - 1n, voters }
}

/** Throws where none of these controllers answers, or none leads. */
const askControllers = (cluster: Cluster, controllers: readonly string[]): SimMember => {
  const { leader, members } = cluster.ensemble
  const found = members.find((member) => controllers.includes(member.address) && isUp(member))
  if (found === undefined || leader === null) throw new KdrError('no controller answered', { code: 'no-quorum-leader', hint: 'see kdr diagnose' })
  return found
}

const onRecord = (cluster: Cluster, controllers: readonly string[]): RecordedView => {
  const { address: by } = askControllers(cluster, controllers)
  return { partitions: tableOf(cluster, `the log of controller ${by}`), registered: cluster.announced, by }
}

const logDirs = async (cluster: Cluster, brokers: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, Known<readonly LogDir[]>>> => {
  const answers = await Promise.all(
    brokers.map(async (id): Promise<readonly [number, Known<readonly LogDir[]>]> => {
      const by = `DescribeLogDirs from broker ${id}`
      const problem = await unreachable(cluster, id, signal)
      const member = cluster.broker(id)
      if (problem !== null || member === undefined) return [id, unknown(problem ?? 'no such broker', by)]
      const error = cluster.misbehaviour.losesDir(id) ? 'KAFKA_STORAGE_ERROR' : null
      return [id, known([{ path: dataOf(member), error, usableBytes: SIZE.usable, totalBytes: SIZE.total }], by)]
    }),
  )
  return new Map(answers)
}

const reassigning = (cluster: Cluster): readonly Reassigning[] =>
  [...cluster.partitions()].flatMap(({ topic, index, replicas, moving }) => {
    if (moving === null) return []
    const adding = moving.to.filter((id) => !moving.from.includes(id))
    return [{ topic: topic.name, partition: index, replicas, adding, removing: moving.from.filter((id) => !moving.to.includes(id)) }]
  })

/** Overrides, and the defaults of what kdr asks for. */
const configs = async (cluster: Cluster, type: 'topic' | 'broker', names: readonly string[], keys: readonly string[], signal: AbortSignal) => {
  await anyBroker(cluster, signal)
  const answers = await Promise.all(
    names.map(async (name): Promise<readonly [string, Known<Configs>]> => {
      const by = `DescribeConfigs of ${name}`
      const problem = type === 'broker' ? await unreachable(cluster, Number(name), signal) : null
      const own = type === 'broker' ? cluster.configsOf(name) : cluster.topics.get(name)?.configs
      if (problem !== null || own === undefined) return [name, unknown(problem ?? 'UNKNOWN_TOPIC_OR_PARTITION', by)]
      const files: Readonly<Record<string, string>> = cluster.rights.acls === null ? DEFAULTS : { ...DEFAULTS, ...SECURED }
      return [name, known(new Map(keys.map((key) => [key, own.get(key) ?? cluster.configsOf('')?.get(key) ?? files[key] ?? null])), by)]
    }),
  )
  return new Map(answers)
}

const DEFAULTS: Readonly<Record<string, string>> = { 'unclean.leader.election.enable': 'false', 'min.insync.replicas': '1', 'authorizer.class.name': '' }
const SECURED = { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer' }

const producers = (cluster: Cluster, at: TopicPartition, signal: AbortSignal): Promise<ProducersAnswer> =>
  fromLeader(cluster, at, signal, (partition) => {
    const open = cluster.hanging.get(partition)
    return known(open === undefined ? [] : [open], `DescribeProducers from broker ${partition.leader}`)
  }).then((answer) => ({ topic: at.topic, partition: at.partition, producers: answer }))

export const createKafkaReader = (cluster: Cluster, call: Call): KafkaReader => ({
  ping: (endpoints, signal) => call('kafka.ping', signal, () => Promise.all(endpoints.map((endpoint) => pingOne(cluster, endpoint, signal)))),
  metadata: (signal) => call('kafka.metadata', signal, async () => metadata(cluster, await anyBroker(cluster, signal))),
  logDirs: (brokers, signal) => call('kafka.logDirs', signal, () => logDirs(cluster, brokers, signal)),
  quorum: (controllers, signal) =>
    call('kafka.quorum', signal, async () => {
      if (controllers === null) await anyBroker(cluster, signal)
      else askControllers(cluster, controllers)
      return quorum(cluster)
    }),
  onRecord: (controllers, signal) => call('kafka.onRecord', signal, async () => onRecord(cluster, controllers)),
  offsets: (question, partitions, signal) =>
    call('kafka.offsets', signal, () => Promise.all(partitions.map((at) => answerOffset(cluster, question, at, signal)))),
  endOfEpoch: (partitions, signal) => call('kafka.endOfEpoch', signal, () => Promise.all(partitions.map((at) => answerEpoch(cluster, at, signal)))),
  reassigning: (signal) =>
    call('kafka.reassigning', signal, async () => {
      await anyBroker(cluster, signal)
      if (!(await until(cluster, PATIENCE, signal, () => cluster.governed)))
        throw new KdrError('no controller listed the reassignments', { code: 'no-controller' })
      return reassigning(cluster)
    }),
  configs: (type, names, keys, signal) => call('kafka.configs', signal, () => configs(cluster, type, names, keys, signal)),
  producers: (partitions, signal) => call('kafka.producers', signal, () => Promise.all(partitions.map((at) => producers(cluster, at, signal)))),
  transactions: (signal) =>
    call('kafka.transactions', signal, async () => {
      await anyBroker(cluster, signal)
      const problems = await Promise.all(cluster.announced.map((id) => unreachable(cluster, id, signal)))
      const problem = problems.find((words) => words !== null)
      if (problem !== undefined) throw new KdrError(`not every coordinator listed its transactions: ${problem}`, { code: 'transactions-incomplete' })
      return []
    }),
  groups: (signal) =>
    call('kafka.groups', signal, async () => {
      await anyBroker(cluster, signal)
      const problems = await Promise.all(cluster.announced.map((id) => unreachable(cluster, id, signal)))
      const problem = problems.find((words) => words !== null)
      if (problem !== undefined) throw new KdrError(`not every broker listed its groups: ${problem}`, { code: 'groups-incomplete' })
      return [...cluster.groups].map(([id, { state }]) => ({ id, state }))
    }),
  describeGroup: (group, signal) =>
    call('kafka.describeGroup', signal, async () => {
      await anyBroker(cluster, signal)
      return describeGroup(cluster, group)
    }),
  fetch: (at, offset, options, signal) => call('kafka.fetch', signal, () => fetchFrom(cluster, at, offset, options, signal)),
  close: async () => undefined,
})
