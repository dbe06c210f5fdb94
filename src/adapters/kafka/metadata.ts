// The partition table: one tolerant Metadata answer, completed by what it lacks (effective settings,
// eligible leader replicas, proof that nothing is hidden). What could not be read is unknown, never assumed.
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { type PartitionRow, PartitionTable, type TopicInfo } from '../../model/partitions.ts'
import type { MetadataView } from '../../ports/kafka.ts'
import { type Cluster, endpointOf, type MetadataFrom } from './cluster.ts'
import { proveComplete } from './completeness.ts'
import { errorName, errorWords } from './error-codes.ts'
import { type ConfigsAnswer, DescribeConfigs } from './messages/configs.ts'
import type { MetadataAnswer, PartitionAnswer, TopicAnswer } from './messages/metadata.ts'
import { type Cursor, DescribeTopicPartitions, type ElrPartition } from './messages/topic-partitions.ts'

export const MIN_ISR = 'min.insync.replicas'
export const UNCLEAN = 'unclean.leader.election.enable'
export const CLEANUP = 'cleanup.policy'
const TOPICS_PER_REQUEST = 1000

export interface Policy {
  readonly minIsr: Known<number>
  readonly uncleanElection: Known<boolean>
  readonly cleanupPolicy: Known<string>
}

const unknownPolicy = (why: string, source: string): Policy => ({
  minIsr: unknown(why, source),
  uncleanElection: unknown(why, source),
  cleanupPolicy: unknown(why, source),
})

const policyOf = (answer: ConfigsAnswer, source: string): Policy => {
  if (answer.error !== 0) return unknownPolicy(errorWords(answer.error, answer.message), source)
  const minIsr = Number(answer.values.get(MIN_ISR) ?? Number.NaN)
  const unclean = answer.values.get(UNCLEAN)
  const cleanup = answer.values.get(CLEANUP)
  return {
    minIsr: Number.isInteger(minIsr) ? known(minIsr, source) : unknown(`the answer lacks ${MIN_ISR}`, source),
    uncleanElection: unclean === 'true' || unclean === 'false' ? known(unclean === 'true', source) : unknown(`the answer lacks ${UNCLEAN}`, source),
    cleanupPolicy: cleanup ? known(cleanup, source) : unknown(`the answer lacks ${CLEANUP}`, source),
  }
}

/** Effective settings per topic. In ZooKeeper mode the broker reads them from ZooKeeper: with that down they are unknown, and asked for only once. */
export const readPolicies = async (cluster: Cluster, by: string, topics: readonly string[], signal: AbortSignal): Promise<(topic: string) => Policy> => {
  const source = `DescribeConfigs from ${by}`
  const policies = new Map<string, Policy>()
  const owing = cluster.owesConfigs()
  if (owing !== undefined) return () => unknownPolicy(`${owing} has not yet answered an earlier DescribeConfigs: is ZooKeeper down?`, source)
  let why = 'the answer lacks the topic'
  try {
    for (let at = 0; at < topics.length; at += TOPICS_PER_REQUEST) {
      const names = topics.slice(at, at + TOPICS_PER_REQUEST)
      const answers = await cluster.ask(by, 'configs', DescribeConfigs, { type: 'topic', names, keys: [MIN_ISR, UNCLEAN, CLEANUP] }, signal)
      for (const answer of answers) policies.set(answer.name, policyOf(answer, source))
    }
  } catch (error) {
    signal.throwIfAborted()
    why = wordsOf(error)
  }
  return (topic) => policies.get(topic) ?? unknownPolicy(why, source)
}

/** Only a partition with replicas out of its ISR can have eligible leader replicas (KIP-966). */
const mayHaveElr = (row: PartitionAnswer): boolean => row.leader < 0 || row.isr.length < row.replicas.length

const LEADER_NOT_AVAILABLE = 5

/**
 * Eligible leader replicas of the partitions that may have some, by `partitionKey`; null where the
 * cluster keeps none (no API 75). Missing entries could not be read.
 */
const readElr = async (cluster: Cluster, { answer, by }: MetadataFrom, signal: AbortSignal): Promise<ReadonlyMap<string, ElrPartition> | null> => {
  const rows = new Map<string, ElrPartition>()
  try {
    if (!(await cluster.link(by, 'look').offers(DescribeTopicPartitions, signal))) return null
    const topics = answer.topics.filter((topic) => topic.partitions.some(mayHaveElr)).map((topic) => topic.name)
    let cursor: Cursor | null = null
    while (topics.length > 0) {
      const page: { readonly topics: readonly { name: string; partitions: readonly ElrPartition[] }[]; readonly next: Cursor | null } = await cluster.ask(
        by,
        'look',
        DescribeTopicPartitions,
        { topics, cursor },
        signal,
      )
      for (const topic of page.topics) for (const row of topic.partitions) rows.set(partitionKey(topic.name, row.partition), row)
      if (page.next === null) break
      cursor = page.next
    }
  } catch {
    signal.throwIfAborted() // what was not read stays missing, which is unknown
  }
  return rows
}

const partitionKey = (topic: string, partition: number): string => `${topic} ${partition}`
const NONE: readonly number[] = []

const rowOf = (topic: string, row: PartitionAnswer, elr: ReadonlyMap<string, ElrPartition> | null): PartitionRow => {
  const { partition, leader, leaderEpoch, replicas, isr } = row
  const plain = { topic, partition, leader, leaderEpoch, replicas, isr }
  if (elr === null || !mayHaveElr(row)) return { ...plain, elr: NONE, lastKnownElr: NONE }
  const found = elr.get(partitionKey(topic, partition))
  // Two answers of one broker: the later one must not be older, and is taken whole so that it fits together.
  if (found === undefined || (found.error !== 0 && found.error !== LEADER_NOT_AVAILABLE) || found.leaderEpoch < leaderEpoch) {
    return { ...plain, elr: null, lastKnownElr: null }
  }
  return {
    topic,
    partition,
    leader: found.leader,
    leaderEpoch: found.leaderEpoch,
    replicas: found.replicas,
    isr: found.isr,
    elr: found.elr,
    lastKnownElr: found.lastKnownElr,
  }
}

/** A topic that could not be described is named with the reason, and has no rows. */
const infoOf = (topic: TopicAnswer, policy: Policy, source: string): TopicInfo => {
  const broken = topic.error !== 0 && topic.error !== LEADER_NOT_AVAILABLE
  return { name: topic.name, id: topic.id, internal: topic.internal, ...(broken ? unknownPolicy(errorName(topic.error), source) : policy) }
}

/** A topic whose rows Metadata did not give makes the whole table incomplete. */
const unreadable = (answer: MetadataAnswer): string | null => {
  const broken = answer.topics.find((topic) => topic.error !== 0 && topic.partitions.length === 0)
  return broken === undefined ? null : `topic ${broken.name} could not be described: ${errorName(broken.error)}`
}

/** Throws `no-broker-answered`. */
export const readMetadata = async (cluster: Cluster, signal: AbortSignal): Promise<MetadataView> => {
  const best = await cluster.freshest(null, signal)
  const { answer, by } = best
  const source = `Metadata from ${by}`
  const names = answer.topics.map((topic) => topic.name)
  const [policy, elr, complete] = await Promise.all([
    readPolicies(cluster, by, names, signal),
    readElr(cluster, best, signal),
    proveComplete(cluster, best, signal),
  ])
  const missing = unreadable(answer)
  return {
    clusterId: answer.clusterId,
    controllerId: answer.controllerId,
    brokers: answer.brokers.map((broker) => ({ id: broker.id, endpoint: endpointOf(broker), rack: broker.rack })),
    partitions: PartitionTable.of(
      answer.topics.map((topic) => infoOf(topic, policy(topic.name), source)),
      answer.topics.flatMap((topic) => topic.partitions.map((row) => rowOf(topic.name, row, elr))),
    ),
    complete: missing === null ? complete : unknown(missing, source),
    by,
  }
}
