// What a client reads of the simulated logs: where they end, in which epochs, and their records.
import { KdrError } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { EpochAnswer, KafkaRecord, OffsetAnswer, OffsetQuestion, TopicPartition } from '../../ports/kafka.ts'
import type { Millis } from '../../units.ts'
import { pass } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { isUp, type SimMember, type SimPartition } from './state.ts'
import { highWatermark, kafkaError } from './topics.ts'

/** How long a silent broker is waited for before the others' answers are taken without it. */
export const PATIENCE: Millis = 2000

/** Waits as a client does for a peer that accepts but never answers. */
export const outwait = async (cluster: Cluster, signal: AbortSignal): Promise<void> => pass(cluster.time, PATIENCE, signal)

/** A broker that answers; throws `no-broker-answered` like a client that tried them all. */
export const anyBroker = async (cluster: Cluster, signal: AbortSignal): Promise<SimMember> => {
  const up = cluster.brokers.find(isUp)
  if (up !== undefined) return up
  if (cluster.brokers.some((broker) => broker.state === 'paused')) await outwait(cluster, signal)
  throw new KdrError(`no broker of ${cluster.name} answered`, { code: 'no-broker-answered', hint: 'see kdr diagnose' })
}

/** Why broker `id` cannot be asked, or null; a silent one costs the time to find out. */
export const unreachable = async (cluster: Cluster, id: number, signal: AbortSignal): Promise<string | null> => {
  const member = cluster.broker(id)
  if (member === undefined || member.state === 'stopped') return `broker ${id} refused the connection`
  if (member.state === 'paused') {
    await outwait(cluster, signal)
    return `broker ${id} did not answer in time`
  }
  return member.serving ? null : `broker ${id} refused the connection`
}

/** One answer per partition from its leader, or why there is none. */
export const fromLeader = async <T>(
  cluster: Cluster,
  at: TopicPartition,
  signal: AbortSignal,
  read: (partition: SimPartition) => Known<T>,
): Promise<Known<T>> => {
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
  const log = cluster.logOf(broker, partition)
  return known(BigInt(end ? log.end : log.start), by)
}

/** Of the last record in its own log; an empty one answers -1. */
const answerLocalEpoch = async (cluster: Cluster, at: TopicPartition, broker: number, signal: AbortSignal): Promise<OffsetAnswer> => {
  const end = await localOffset(cluster, at, broker, true, signal)
  const partition = cluster.partition(at.topic, at.partition)
  if (!end.known || partition === undefined) return { ...at, offset: end, leaderEpoch: null }
  const last = cluster.logOf(broker, partition).records.at(-1)
  return { ...at, offset: known(BigInt(last?.offset ?? -1), end.by), leaderEpoch: last?.epoch ?? null }
}

/** Before what nobody has decided about yet: an open transaction holds it back. */
export const lastStable = (cluster: Cluster, partition: SimPartition): number => {
  const open = cluster.hanging.get(partition)?.openSince ?? null
  return Math.min(highWatermark(cluster, partition), open === null ? Number.POSITIVE_INFINITY : Number(open))
}

const markOf = (cluster: Cluster, ask: 'high-watermark' | 'last-stable' | 'log-start', partition: SimPartition): number => {
  if (ask === 'log-start') return cluster.logOf(partition.leader, partition).start
  return ask === 'last-stable' ? lastStable(cluster, partition) : highWatermark(cluster, partition)
}

export const answerOffset = async (cluster: Cluster, question: OffsetQuestion, at: TopicPartition, signal: AbortSignal): Promise<OffsetAnswer> => {
  const leaderEpoch = cluster.partition(at.topic, at.partition)?.epoch ?? null
  if (question.ask === 'local-epoch') return answerLocalEpoch(cluster, at, question.broker, signal)
  if ('broker' in question) {
    const offset = await localOffset(cluster, at, question.broker, question.ask === 'local-end', signal)
    return { ...at, offset, leaderEpoch: offset.known ? leaderEpoch : null }
  }
  const read = (partition: SimPartition) => known(BigInt(markOf(cluster, question.ask, partition)), `ListOffsets from broker ${partition.leader}`)
  const offset = await fromLeader(cluster, at, signal, read)
  return { ...at, offset, leaderEpoch: offset.known ? leaderEpoch : null }
}

export const answerEpoch = async (cluster: Cluster, at: TopicPartition & { readonly epoch: number }, signal: AbortSignal): Promise<EpochAnswer> => {
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

export const fetchFrom = async (cluster: Cluster, at: TopicPartition, offset: bigint, options: { maxBytes: number; maxWait: Millis }, signal: AbortSignal) => {
  const found = await fromLeader(cluster, at, signal, (partition) => known(partition, 'Metadata'))
  if (!found.known) throw new KdrError(`cannot fetch ${at.topic}-${at.partition}: ${found.why}`, { code: 'no-leader' })
  const partition = found.value
  const from = Number(offset)
  const log = cluster.logOf(partition.leader, partition)
  if (from < log.start || from > log.end) throw kafkaError('OFFSET_OUT_OF_RANGE', `cannot fetch ${at.topic}-${at.partition}`)
  const leader = partition.leader
  await until(cluster, options.maxWait, signal, () => partition.leader !== leader || !cluster.up(leader) || highWatermark(cluster, partition) > from)
  if (partition.leader !== leader || !cluster.up(leader)) throw kafkaError('NOT_LEADER_OR_FOLLOWER', `cannot fetch ${at.topic}-${at.partition}`)
  const records = readable(cluster, partition, from, options.maxBytes)
  return { records, next: (records.at(-1)?.offset ?? offset - 1n) + 1n }
}
