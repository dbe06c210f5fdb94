// What a restore writes, over the simulated cluster.
import { KdrError } from '../../errors.ts'
import { coordinatorPartition, OFFSETS_TOPIC } from '../../model/groups.ts'
import { partitionName } from '../../model/partitions.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { GroupOffset, KafkaRestoreWriter, NewTopic } from '../../ports/kafka-backup.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { replicate } from './controller.ts'
import { anyBroker, unreachable, until } from './kafka-logs.ts'
import { governed, REQUEST_TIMEOUT } from './kafka-write.ts'
import type { Life } from './life.ts'
import { produceBatches } from './raw.ts'
import { addAcls, addQuotas } from './rights.ts'
import { dropTopic, highWatermark, kafkaError, makeTopic } from './topics.ts'

const NAME = /^(?!\.{1,2}$)[\w.-]{1,249}$/

/** As the controller refuses it; null when it would not. */
export const judgeTopic = (cluster: Cluster, { name, partitions, replicationFactor }: NewTopic): string | null => {
  if (!NAME.test(name)) return `INVALID_TOPIC_EXCEPTION: Topic name is invalid: ${name}`
  if (cluster.topics.has(name)) return `TOPIC_ALREADY_EXISTS: Topic '${name}' already exists.`
  if (partitions < 1) return 'INVALID_PARTITIONS: Number of partitions must be larger than 0.'
  const live = cluster.brokers.filter(({ id }) => cluster.live(id)).length
  if (replicationFactor < 1 || replicationFactor > live) {
    return `INVALID_REPLICATION_FACTOR: Unable to replicate the partition ${replicationFactor} time(s): only ${live} broker(s) are registered.`
  }
  return null
}

const place = (cluster: Cluster, topic: NewTopic): void => {
  const live = cluster.brokers.map(({ id }) => id).filter((id) => cluster.live(id))
  const first = cluster.topics.size
  const assignments = Array.from({ length: topic.partitions }, (_, partition) =>
    Array.from({ length: topic.replicationFactor }, (__, at) => live[(first + partition + at) % live.length] as number),
  )
  makeTopic(cluster, { name: topic.name, assignments, configs: topic.configs })
}

const createTopics = (cluster: Cluster, life: Life, topics: readonly NewTopic[]): ReadonlyMap<string, string> => {
  const refused = new Map<string, string>()
  for (const topic of topics) {
    const why = judgeTopic(cluster, topic)
    if (why === null) {
      place(cluster, topic)
      cluster.note('kdr', life.number, 'create-topic', topic.name)
    } else refused.set(topic.name, why)
  }
  return refused
}

/** Waits for a leader that answers; throws as a client that gave up. */
const leaderFor = async (cluster: Cluster, { topic, partition: index }: TopicPartition, what: string, signal: AbortSignal) => {
  const partition = cluster.partition(topic, index)
  if (partition === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', what)
  if (!(await until(cluster, REQUEST_TIMEOUT, signal, () => partition.leader >= 0))) throw new KdrError(`${what}: no leader`, { code: 'no-leader' })
  const why = await unreachable(cluster, partition.leader, signal)
  if (why !== null) throw new KdrError(`${what}: ${why}`, { code: why.includes('in time') ? 'broker-silent' : 'broker-refused' })
  return partition
}

const deleteRecords = async (cluster: Cluster, life: Life, row: TopicPartition & { readonly before: bigint }, signal: AbortSignal): Promise<void> => {
  const what = `records of ${partitionName(row)} were not deleted`
  const partition = await leaderFor(cluster, row, what, signal)
  if (!(partition.topic.configs.get('cleanup.policy') ?? 'delete').includes('delete')) throw kafkaError('POLICY_VIOLATION', what)
  const end = highWatermark(cluster, partition)
  const before = row.before === -1n ? end : Number(row.before)
  if (before < 0 || before > end) throw kafkaError('OFFSET_OUT_OF_RANGE', what)
  const log = cluster.logOf(partition.leader, partition)
  log.startAt(Math.max(log.start, before), cluster.now)
  replicate(cluster, partition)
  cluster.note('kdr', life.number, 'delete-records', `${partitionName(row)} before ${before}`)
  cluster.changed()
}

const commitOffsets = async (cluster: Cluster, life: Life, group: string, offsets: readonly GroupOffset[], signal: AbortSignal): Promise<void> => {
  const what = `offsets were not committed for group ${group}`
  if (!cluster.topics.has(OFFSETS_TOPIC)) {
    await governed(cluster, what, signal)
    place(cluster, { name: OFFSETS_TOPIC, partitions: 5, replicationFactor: Math.min(3, cluster.announced.length), configs: { 'cleanup.policy': 'compact' } })
  }
  const partitions = cluster.topics.get(OFFSETS_TOPIC)?.partitions.length ?? 1
  await leaderFor(cluster, { topic: OFFSETS_TOPIC, partition: coordinatorPartition(group, partitions) }, what, signal)
  const found = cluster.groups.get(group) ?? { state: 'Empty', protocolType: '', offsets: new Map<string, GroupOffset>() }
  if (found.state !== 'Empty' && found.state !== 'Dead') throw kafkaError('UNKNOWN_MEMBER_ID', what)
  const missing = offsets.find((row) => cluster.partition(row.topic, row.partition) === undefined)
  if (missing !== undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `offset of ${partitionName(missing)} was not committed for group ${group}`)
  found.state = 'Empty'
  for (const { topic, partition, offset, metadata } of offsets) {
    found.offsets.set(partitionName({ topic, partition }), { topic, partition, offset, leaderEpoch: -1, metadata: metadata ?? '' })
  }
  cluster.groups.set(group, found)
  cluster.note('kdr', life.number, 'commit-offsets', group)
}

/** What only the controller can do; the rest is asked of leaders. */
export const createRestoreWriter = (cluster: Cluster, life: Life, call: Call): KafkaRestoreWriter => ({
  createTopics: (topics, signal) =>
    call('restore.createTopics', signal, async () => {
      await governed(cluster, 'cannot create topics', signal)
      return createTopics(cluster, life, topics)
    }),
  deleteTopics: (topics, signal) =>
    call('restore.deleteTopics', signal, async () => {
      await governed(cluster, 'cannot delete topics', signal)
      for (const topic of topics) {
        if (!cluster.topics.has(topic)) continue
        dropTopic(cluster, topic)
        cluster.note('kdr', life.number, 'delete-topic', topic)
      }
    }),
  deleteRecords: (rows, signal) =>
    call('restore.deleteRecords', signal, async () => {
      await anyBroker(cluster, signal)
      for (const row of rows) await deleteRecords(cluster, life, row, signal)
    }),
  createAcls: (bindings, signal) =>
    call('restore.createAcls', signal, async () => {
      await governed(cluster, 'cannot create ACLs', signal)
      if (bindings.length === 0) return
      if (cluster.rights.acls === null) throw kafkaError('SECURITY_DISABLED', 'ACLs were not created')
      addAcls(cluster.rights.acls, bindings)
      cluster.note('kdr', life.number, 'create-acls', `${bindings.length}`)
    }),
  alterQuotas: (quotas, signal) =>
    call('restore.alterQuotas', signal, async () => {
      await governed(cluster, 'cannot set quotas', signal)
      addQuotas(cluster.rights.quotas, quotas)
      if (quotas.length > 0) cluster.note('kdr', life.number, 'alter-quotas', `${quotas.length}`)
    }),
  commitOffsets: (group, offsets, signal) =>
    call('restore.commitOffsets', signal, async () => {
      await anyBroker(cluster, signal)
      await commitOffsets(cluster, life, group, offsets, signal)
    }),
  producer: (signal) =>
    call('restore.producer', signal, async () => {
      await anyBroker(cluster, signal)
      cluster.lastProducer += 1n
      return { id: cluster.lastProducer, epoch: 0 }
    }),
  produceRaw: (rows, signal) =>
    call('restore.produceRaw', signal, async () => {
      const stored = await produceBatches(cluster, rows, signal)
      for (const row of stored) if (row.error === null) cluster.note('kdr', life.number, 'produce', partitionName(row))
      return stored
    }),
})
