// Kafka's write half over the simulated cluster: probes on kdr's own topics, elections and configs.
import { KdrError } from '../../errors.ts'
import type { KafkaProbe, KafkaWriter, RecordInput, TopicPartition } from '../../ports/kafka.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { settle } from './controller.ts'
import { anyBroker, until } from './kafka-logs.ts'
import type { Life } from './life.ts'
import { reassignOne } from './reassign.ts'
import { append, dropTopic, electOne, judgeAppend, kafkaError, makeTopic } from './topics.ts'

/** How long a request may wait: for the controller, and for the ISR to have the records. */
export const REQUEST_TIMEOUT = 5000

const mustBeOwn = (topic: string): void => {
  if (!topic.startsWith('__kdr_')) throw new KdrError(`${topic} is not a topic of kdr`, { code: 'not-a-canary' })
}

/** Waits until somebody can change topics; Kafka's own answer when nobody can. */
export const governed = async (cluster: Cluster, what: string, signal: AbortSignal): Promise<void> => {
  // Where no broker is left, the leader of KRaft's controllers takes what they would have forwarded.
  if (cluster.mode === 'zookeeper' || cluster.ensemble.leader === null) await anyBroker(cluster, signal)
  if (!(await until(cluster, REQUEST_TIMEOUT, signal, () => cluster.governed))) throw kafkaError('REQUEST_TIMED_OUT', what)
}

const produce = async (cluster: Cluster, at: TopicPartition, inputs: readonly RecordInput[], signal: AbortSignal): Promise<bigint> => {
  const what = `cannot produce to ${at.topic}-${at.partition}`
  const partition = cluster.partition(at.topic, at.partition)
  if (partition === undefined || partition.leader < 0) throw new KdrError(`${what}: the partition has no leader`, { code: 'no-leader' })
  const leader = cluster.broker(partition.leader)
  if (leader?.state === 'paused') {
    await until(cluster, REQUEST_TIMEOUT, signal, () => leader.state !== 'paused')
    throw new KdrError(`${what}: broker ${leader.id} did not answer in time`, { code: 'broker-silent' })
  }
  if (!cluster.up(partition.leader)) throw new KdrError(`${what}: broker ${partition.leader} refused the connection`, { code: 'broker-refused' })
  const made = append(cluster, partition, inputs)
  let verdict = judgeAppend(cluster, made)
  await until(cluster, REQUEST_TIMEOUT, signal, () => {
    verdict = judgeAppend(cluster, made)
    return verdict !== 'waiting'
  })
  if (verdict === 'waiting') throw kafkaError('REQUEST_TIMED_OUT', what)
  if (verdict !== 'acknowledged') throw verdict
  cluster.truth.acknowledge(partition, made.records)
  return BigInt(made.records[0]?.offset ?? cluster.logOf(made.leader, partition).end)
}

export const createKafkaProbe = (cluster: Cluster, life: Life, call: Call): KafkaProbe => ({
  createTopic: async (name, assignments, configs, signal) => {
    mustBeOwn(name)
    await call(
      'probe.createTopic',
      signal,
      async () => {
        await governed(cluster, `cannot create ${name}`, signal)
        makeTopic(cluster, { name, assignments, configs })
        cluster.note('kdr', life.number, 'create-topic', name)
      },
      cluster.random.between(40, 120),
    )
  },
  deleteTopic: async (name, signal) => {
    mustBeOwn(name)
    await call(
      'probe.deleteTopic',
      signal,
      async () => {
        await governed(cluster, `cannot delete ${name}`, signal)
        dropTopic(cluster, name)
        cluster.note('kdr', life.number, 'delete-topic', name)
      },
      cluster.random.between(20, 60),
    )
  },
  produce: async (at, records, signal) => {
    mustBeOwn(at.topic)
    return call('probe.produce', signal, () => produce(cluster, at, records, signal))
  },
})

export const createKafkaWriter = (cluster: Cluster, life: Life, call: Call): KafkaWriter => ({
  append: (at, records, signal) =>
    call('kafka.append', signal, async () => {
      const base = await produce(cluster, at, records, signal)
      cluster.note('kdr', life.number, 'append', `${at.topic}-${at.partition}`)
      return base
    }),
  electLeaders: (kind, partitions, signal) =>
    call('kafka.electLeaders', signal, async () => {
      await governed(cluster, 'cannot elect leaders', signal)
      const refused = new Map<string, string>()
      for (const at of partitions) {
        const name = `${at.topic}-${at.partition}`
        const error = electOne(cluster, kind, cluster.partition(at.topic, at.partition))
        if (error !== null) refused.set(name, error)
        else cluster.note('kdr', life.number, 'elect', `${kind} ${name}`)
      }
      settle(cluster)
      return refused
    }),
  alterConfigs: (resource, changes, signal) =>
    call('kafka.alterConfigs', signal, async () => {
      await governed(cluster, `cannot change ${resource.type} ${resource.name}`, signal)
      const configs = resource.type === 'topic' ? cluster.topics.get(resource.name)?.configs : cluster.configsOf(resource.name)
      if (configs === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `cannot change ${resource.type} ${resource.name}`)
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) configs.delete(key)
        else configs.set(key, value)
      }
      cluster.note('kdr', life.number, 'alter-configs', resource.name)
      settle(cluster)
    }),
  reassign: (moves, signal) =>
    call('kafka.reassign', signal, async () => {
      await governed(cluster, 'cannot reassign partitions', signal)
      const refused = new Map<string, string>()
      for (const { topic, partition, replicas } of moves) {
        const name = `${topic}-${partition}`
        const error = reassignOne(cluster, cluster.partition(topic, partition), replicas)
        if (error !== null) refused.set(name, error)
        else cluster.note('kdr', life.number, 'reassign', `${name} ${replicas?.join() ?? 'cancelled'}`)
      }
      settle(cluster)
      return refused
    }),
})
