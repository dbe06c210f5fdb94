// Topics as the controller makes, changes and deletes them, and appends as a leader accepts them.
import { KdrError } from '../../errors.ts'
import { OFFSETS_TOPIC } from '../../model/groups.ts'
import type { Cluster } from './cluster.ts'
import { applyChange, minIsrOf, replicate, settle } from './controller.ts'
import type { SimPartition, SimRecord, SimTopic } from './state.ts'

export interface TopicPlan {
  readonly name: string
  readonly assignments: readonly (readonly number[])[]
  readonly configs: Readonly<Record<string, string>>
}

/** A refusal in Kafka's words: its error name, as the real adapter says it. */
export const kafkaError = (name: string, what: string): KdrError =>
  new KdrError(`${what}: ${name}`, { code: `kafka-${name.toLowerCase().replaceAll('_', '-')}` })

/** As Kafka writes ids (Uuid.toString): base64url. */
export const uuid = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')

export const makeTopic = (cluster: Cluster, plan: TopicPlan): SimTopic => {
  if (cluster.topics.has(plan.name)) throw kafkaError('TOPIC_ALREADY_EXISTS', `cannot create ${plan.name}`)
  const topic: SimTopic = {
    name: plan.name,
    id: uuid(cluster.random.hex(16)),
    internal: plan.name === OFFSETS_TOPIC || plan.name === '__transaction_state',
    configs: new Map(Object.entries(plan.configs)),
    partitions: [],
    czxid: cluster.nextZxid(),
  }
  for (const [index, replicas] of plan.assignments.entries()) {
    const isr = replicas.filter((id) => cluster.live(id))
    const leader = isr[0]
    if (leader === undefined) throw kafkaError('INVALID_REPLICA_ASSIGNMENT', `no live replica for ${plan.name}-${index}`)
    topic.partitions.push({ topic, index, replicas, moving: null, leader, epoch: 0, isr, elr: [], lastKnownElr: [], version: 0 })
  }
  cluster.topics.set(plan.name, topic)
  settle(cluster)
  return topic
}

/** A topic that is gone already is as wanted. */
export const dropTopic = (cluster: Cluster, name: string): void => {
  const topic = cluster.topics.get(name)
  if (topic === undefined) return
  cluster.topics.delete(name)
  for (const partition of topic.partitions) cluster.forget(partition)
  // Their coordinators forget what was committed of it, and without their own topic everything.
  for (const { offsets } of cluster.groups.values()) for (const [key, row] of offsets) if (row.topic === name) offsets.delete(key)
  if (name === OFFSETS_TOPIC) cluster.groups.clear()
  settle(cluster)
}

/** One-shot ElectLeaders (KIP-460) for one partition: Kafka's error name, or null when it was elected. */
export const electOne = (cluster: Cluster, kind: 'preferred' | 'unclean', partition: SimPartition | undefined): string | null => {
  if (partition === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (kind === 'unclean') return electUnclean(cluster, partition)
  const preferred = partition.replicas[0]
  if (preferred === undefined || !cluster.live(preferred) || !partition.isr.includes(preferred)) return 'PREFERRED_LEADER_NOT_AVAILABLE'
  if (partition.leader === preferred) return 'ELECTION_NOT_NEEDED'
  applyChange(cluster, partition, { leader: preferred, isr: partition.isr })
  return null
}

/** The first live replica in assignment order, not the one with the longest log. */
const electUnclean = (cluster: Cluster, partition: SimPartition): string | null => {
  if (partition.leader >= 0) return 'ELECTION_NOT_NEEDED'
  const next = partition.replicas.find((id) => cluster.live(id))
  if (next === undefined) return 'ELIGIBLE_LEADERS_NOT_AVAILABLE'
  applyChange(cluster, partition, { leader: next, isr: [next], unclean: true })
  return null
}

export interface Append {
  readonly partition: SimPartition
  readonly leader: number
  readonly records: readonly SimRecord[]
}

/** The leader takes the records and its running followers fetch them. Refuses below min ISR, as acks=all does. */
export const append = (
  cluster: Cluster,
  partition: SimPartition,
  inputs: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[],
): Append => {
  if (partition.isr.length < minIsrOf(partition)) throw kafkaError('NOT_ENOUGH_REPLICAS', `cannot produce to ${partition.topic.name}-${partition.index}`)
  const log = cluster.logOf(partition.leader, partition)
  const records = inputs.map((input, at) => ({ offset: log.end + at, epoch: partition.epoch, timestamp: cluster.now, key: input.key, value: input.value }))
  log.records.push(...records)
  replicate(cluster, partition)
  cluster.changed()
  return { partition, leader: partition.leader, records }
}

/** How it went so far: acknowledged once every member of the ISR has it, by whatever size the ISR then is. */
export const judgeAppend = (cluster: Cluster, made: Append): 'waiting' | 'acknowledged' | KdrError => {
  const { partition, leader, records } = made
  const what = `cannot produce to ${partition.topic.name}-${partition.index}`
  const last = records.at(-1)
  if (last === undefined) return 'acknowledged'
  if (cluster.partition(partition.topic.name, partition.index) !== partition) return kafkaError('UNKNOWN_TOPIC_OR_PARTITION', what)
  if (cluster.broker(leader)?.state === 'stopped') return new KdrError(`${what}: broker ${leader} closed the connection`, { code: 'broker-refused' })
  if (partition.leader !== leader) return kafkaError('NOT_LEADER_OR_FOLLOWER', what)
  if (!cluster.up(leader) || !partition.isr.every((id) => cluster.logOf(id, partition).has(last))) return 'waiting'
  return partition.isr.length < minIsrOf(partition) ? kafkaError('NOT_ENOUGH_REPLICAS_AFTER_APPEND', what) : 'acknowledged'
}

/** What consumers may read: the least that every ISR member has. */
export const highWatermark = (cluster: Cluster, partition: SimPartition): number =>
  partition.isr.length === 0 ? 0 : Math.min(...partition.isr.map((id) => cluster.logOf(id, partition).end))
