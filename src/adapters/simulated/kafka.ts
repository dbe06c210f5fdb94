// Kafka's read half over the simulated cluster: what a client sees, including a Metadata cache that stays
// as it was while nobody governs.
import { KdrError } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { type PartitionRow, PartitionTable, type TopicInfo } from '../../model/partitions.ts'
import type { LogDir } from '../../model/survey.ts'
import type {
  Configs,
  EpochAnswer,
  KafkaReader,
  KafkaRecord,
  MetadataView,
  OffsetAnswer,
  OffsetQuestion,
  Ping,
  ProducersAnswer,
  QuorumState,
  Reassigning,
  TopicPartition,
} from '../../ports/kafka.ts'
import type { Millis } from '../../units.ts'
import type { Call } from './call.ts'
import { pass } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { uncleanAllowed } from './controller.ts'
import { dataOf } from './lifecycle.ts'
import { describeGroup } from './registry-group.ts'
import { isUp, type SimMember, type SimPartition, type SimTopic } from './state.ts'
import { highWatermark, kafkaError } from './topics.ts'

/** How long a silent broker is waited for before the others' answers are taken without it. */
export const PATIENCE: Millis = 2000

const SIZE = { total: 64 * 1024 ** 3, usable: 48 * 1024 ** 3 }

/** Waits as a client does for a peer that accepts but never answers. */
const outwait = async (cluster: Cluster, signal: AbortSignal): Promise<void> => pass(cluster.time, PATIENCE, signal)

/** A broker that answers; throws `no-broker-answered` like a client that tried them all. */
export const anyBroker = async (cluster: Cluster, signal: AbortSignal): Promise<SimMember> => {
  const up = cluster.brokers.find(isUp)
  if (up !== undefined) return up
  if (cluster.brokers.some((broker) => broker.state === 'paused')) await outwait(cluster, signal)
  throw new KdrError(`no broker of ${cluster.name} answered`, { code: 'no-broker-answered', hint: 'see kdr diagnose' })
}

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
    partitions: PartitionTable.of(
      [...cluster.topics.values()].map((topic) => topicInfo(cluster, topic, by)),
      [...cluster.partitions()].map(rowOf),
    ),
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

/** Why broker `id` cannot be asked, or null; a silent one costs the time to find out. */
const unreachable = async (cluster: Cluster, id: number, signal: AbortSignal): Promise<string | null> => {
  const member = cluster.broker(id)
  if (member === undefined || member.state === 'stopped') return `broker ${id} refused the connection`
  if (member.state === 'paused') {
    await outwait(cluster, signal)
    return `broker ${id} did not answer in time`
  }
  return member.serving ? null : `broker ${id} refused the connection`
}

/** One answer per partition from its leader, or why there is none. */
const fromLeader = async <T>(cluster: Cluster, at: TopicPartition, signal: AbortSignal, read: (partition: SimPartition) => Known<T>): Promise<Known<T>> => {
  const partition = cluster.partition(at.topic, at.partition)
  if (partition === undefined) return unknown('UNKNOWN_TOPIC_OR_PARTITION', 'Metadata')
  if (partition.leader < 0) return unknown('LEADER_NOT_AVAILABLE', 'Metadata')
  const problem = await unreachable(cluster, partition.leader, signal)
  return problem === null ? read(partition) : unknown(problem, `broker ${partition.leader}`)
}

const localOffset = async (cluster: Cluster, at: TopicPartition, broker: number, end: boolean, signal: AbortSignal): Promise<Known<bigint>> => {
  const by = `ListOffsets from broker ${broker}`
  const problem = await unreachable(cluster, broker, signal)
  if (problem !== null) return unknown(problem, by)
  const partition = cluster.partition(at.topic, at.partition)
  if (partition === undefined) return unknown('UNKNOWN_TOPIC_OR_PARTITION', by)
  if (!partition.replicas.includes(broker)) return unknown('NOT_LEADER_OR_FOLLOWER', by)
  return known(end ? BigInt(cluster.logOf(broker, partition).end) : 0n, by)
}

/** Of the last record in its own log; an empty one answers -1. */
const answerLocalEpoch = async (cluster: Cluster, at: TopicPartition, broker: number, signal: AbortSignal): Promise<OffsetAnswer> => {
  const end = await localOffset(cluster, at, broker, true, signal)
  const partition = cluster.partition(at.topic, at.partition)
  if (!end.known || partition === undefined) return { ...at, offset: end, leaderEpoch: null }
  const last = cluster.logOf(broker, partition).records.at(-1)
  return { ...at, offset: known(BigInt(last?.offset ?? -1), end.by), leaderEpoch: last?.epoch ?? null }
}

const answerOffset = async (cluster: Cluster, question: OffsetQuestion, at: TopicPartition, signal: AbortSignal): Promise<OffsetAnswer> => {
  const leaderEpoch = cluster.partition(at.topic, at.partition)?.epoch ?? null
  if (question.ask === 'local-epoch') return answerLocalEpoch(cluster, at, question.broker, signal)
  if (question.ask === 'local-end' || question.ask === 'local-start') {
    const offset = await localOffset(cluster, at, question.broker, question.ask === 'local-end', signal)
    return { ...at, offset, leaderEpoch: offset.known ? leaderEpoch : null }
  }
  const read = (partition: SimPartition) =>
    known(question.ask === 'log-start' ? 0n : BigInt(highWatermark(cluster, partition)), `ListOffsets from broker ${partition.leader}`)
  const offset = await fromLeader(cluster, at, signal, read)
  return { ...at, offset, leaderEpoch: offset.known ? leaderEpoch : null }
}

const answerEpoch = async (cluster: Cluster, at: TopicPartition & { readonly epoch: number }, signal: AbortSignal): Promise<EpochAnswer> => {
  let epoch: number | null = null
  const endOffset = await fromLeader(cluster, at, signal, (partition) => {
    const by = `OffsetForLeaderEpoch from broker ${partition.leader}`
    const log = cluster.logOf(partition.leader, partition)
    const found = at.epoch >= partition.epoch ? { epoch: partition.epoch, end: log.end } : log.endOfEpoch(at.epoch)
    if (found === null) return unknown<bigint>('no such epoch', by)
    epoch = found.epoch
    return known(BigInt(found.end), by)
  })
  return { topic: at.topic, partition: at.partition, endOffset, epoch }
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

const logDirs = async (cluster: Cluster, brokers: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, Known<readonly LogDir[]>>> => {
  const answers = await Promise.all(
    brokers.map(async (id): Promise<readonly [number, Known<readonly LogDir[]>]> => {
      const by = `DescribeLogDirs from broker ${id}`
      const problem = await unreachable(cluster, id, signal)
      const member = cluster.broker(id)
      if (problem !== null || member === undefined) return [id, unknown(problem ?? 'no such broker', by)]
      return [id, known([{ path: dataOf(member), error: null, usableBytes: SIZE.usable, totalBytes: SIZE.total }], by)]
    }),
  )
  return new Map(answers)
}

const readable = (cluster: Cluster, partition: SimPartition, from: number, maxBytes: number): readonly KafkaRecord[] => {
  const records: KafkaRecord[] = []
  let bytes = 0
  for (const record of cluster.logOf(partition.leader, partition).records.slice(from, highWatermark(cluster, partition))) {
    bytes += 70 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
    if (bytes > maxBytes && records.length > 0) break
    records.push({ offset: BigInt(record.offset), timestamp: record.timestamp, key: record.key, value: record.value })
  }
  return records
}

/** Waits for `ready`, asked after every change; false after `length`. */
export const until = async (cluster: Cluster, length: Millis, signal: AbortSignal, ready: () => boolean): Promise<boolean> => {
  if (ready()) return true
  const woken = new AbortController()
  const unwatch = cluster.watch(() => {
    if (ready()) woken.abort()
  })
  const either = AbortSignal.any([woken.signal, signal])
  try {
    await pass(cluster.time, length, either)
    return false
  } catch (thrown) {
    if (!woken.signal.aborted) throw thrown
    return true
  } finally {
    unwatch()
  }
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
      return [name, known(new Map(keys.map((key) => [key, own.get(key) ?? cluster.configsOf('')?.get(key) ?? DEFAULTS[key] ?? null])), by)]
    }),
  )
  return new Map(answers)
}

const DEFAULTS: Readonly<Record<string, string>> = { 'unclean.leader.election.enable': 'false', 'min.insync.replicas': '1' }

const producers = (cluster: Cluster, at: TopicPartition, signal: AbortSignal): Promise<ProducersAnswer> =>
  fromLeader(cluster, at, signal, (partition) => {
    const open = cluster.hanging.get(partition)
    return known(open === undefined ? [] : [open], `DescribeProducers from broker ${partition.leader}`)
  }).then((answer) => ({ topic: at.topic, partition: at.partition, producers: answer }))

const fetchFrom = async (cluster: Cluster, at: TopicPartition, offset: bigint, options: { maxBytes: number; maxWait: Millis }, signal: AbortSignal) => {
  const found = await fromLeader(cluster, at, signal, (partition) => known(partition, 'Metadata'))
  if (!found.known) throw new KdrError(`cannot fetch ${at.topic}-${at.partition}: ${found.why}`, { code: 'no-leader' })
  const partition = found.value
  const from = Number(offset)
  if (from < 0 || from > cluster.logOf(partition.leader, partition).end) throw kafkaError('OFFSET_OUT_OF_RANGE', `cannot fetch ${at.topic}-${at.partition}`)
  const leader = partition.leader
  await until(cluster, options.maxWait, signal, () => partition.leader !== leader || !cluster.up(leader) || highWatermark(cluster, partition) > from)
  if (partition.leader !== leader || !cluster.up(leader)) throw kafkaError('NOT_LEADER_OR_FOLLOWER', `cannot fetch ${at.topic}-${at.partition}`)
  const records = readable(cluster, partition, from, options.maxBytes)
  return { records, next: (records.at(-1)?.offset ?? offset - 1n) + 1n }
}

export const createKafkaReader = (cluster: Cluster, call: Call): KafkaReader => ({
  ping: (endpoints, signal) => call('kafka.ping', signal, () => Promise.all(endpoints.map((endpoint) => pingOne(cluster, endpoint, signal)))),
  metadata: (signal) => call('kafka.metadata', signal, async () => metadata(cluster, await anyBroker(cluster, signal))),
  logDirs: (brokers, signal) => call('kafka.logDirs', signal, () => logDirs(cluster, brokers, signal)),
  quorum: (controllers, signal) =>
    call('kafka.quorum', signal, async () => {
      if (controllers === null) await anyBroker(cluster, signal)
      else if (!cluster.ensemble.members.some((member) => controllers.includes(member.address) && isUp(member)))
        throw new KdrError('no controller answered', { code: 'no-quorum-leader', hint: 'see kdr diagnose' })
      return quorum(cluster)
    }),
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
      return []
    }),
  describeGroup: (group, signal) =>
    call('kafka.describeGroup', signal, async () => {
      await anyBroker(cluster, signal)
      return describeGroup(cluster, group)
    }),
  fetch: (at, offset, options, signal) => call('kafka.fetch', signal, () => fetchFrom(cluster, at, offset, options, signal)),
  close: async () => undefined,
})
