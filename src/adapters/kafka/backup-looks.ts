// What a backup wants to know of topics: their partitions with ids, and what somebody set on them.
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Configs } from '../../ports/kafka.ts'
import type { BackupTopic, BackupTopics } from '../../ports/kafka-backup.ts'
import { type Cluster, endpointOf } from './cluster.ts'
import { proveComplete } from './completeness.ts'
import { pages } from './controller-requests.ts'
import { errorName, errorWords } from './error-codes.ts'
import { DescribeConfigs } from './messages/configs.ts'
import type { TopicAnswer } from './messages/metadata.ts'

/** Every key of every topic is answered, whoever set it: some 10 KB a topic. */
const NAMES_PER_REQUEST = 200
const LEADER_NOT_AVAILABLE = 5

const isReadable = ({ error, partitions }: TopicAnswer): boolean => error === 0 || (error === LEADER_NOT_AVAILABLE && partitions.length > 0)

const topicOf = ({ name, id, internal, partitions }: TopicAnswer): BackupTopic => ({
  name,
  id,
  internal,
  partitions: partitions
    .map(({ partition, replicas, leader, leaderEpoch }) => ({ partition, replicas, leader, leaderEpoch }))
    .sort((a, b) => a.partition - b.partition),
})

/** Throws `no-broker-answered`. */
export const readBackupTopics = async (cluster: Cluster, names: readonly string[] | null, signal: AbortSignal): Promise<BackupTopics> => {
  const all = await cluster.freshest(null, signal)
  const { answer } = names === null ? all : await cluster.freshest(names, signal)
  return {
    clusterId: answer.clusterId,
    brokers: answer.brokers.map((broker) => ({ id: broker.id, endpoint: endpointOf(broker), rack: broker.rack })),
    topics: answer.topics.filter(isReadable).map(topicOf),
    missing: answer.topics.filter((topic) => !isReadable(topic)).map(({ name, error }) => ({ topic: name, error: errorName(error) })),
    complete: await proveComplete(cluster, all, signal),
  }
}

/** Unknown by name where it could not be read. Throws `no-broker-answered` only when there is nobody to ask. */
export const readOverrides = async (cluster: Cluster, topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Known<Configs>>> => {
  const { by: endpoint } = await cluster.freshest([], signal)
  const by = `DescribeConfigs from ${endpoint}`
  const found = new Map<string, Known<Configs>>()
  for (const names of pages(topics, NAMES_PER_REQUEST)) {
    try {
      for (const { name, error, message, own } of await cluster.ask(endpoint, 'configs', DescribeConfigs, { type: 'topic', names, keys: null }, signal))
        found.set(name, error === 0 ? known(own, by) : unknown(errorWords(error, message), by))
    } catch (error) {
      signal.throwIfAborted()
      for (const name of names) found.set(name, unknown(wordsOf(error), by))
    }
  }
  return new Map(topics.map((name) => [name, found.get(name) ?? unknown('the answer lacks it', by)]))
}
