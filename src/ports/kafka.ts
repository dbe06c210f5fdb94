// What kdr asks of Kafka, in Kafka's words. One leaderless partition or one hung broker never makes a
// call fail: what could not be seen is said per broker or per partition.
import type { GroupDescription } from '../model/groups.ts'
import type { Known } from '../model/known.ts'
import type { PartitionTable } from '../model/partitions.ts'
import type { GroupInfo, LogDir, Voter } from '../model/survey.ts'
import type { Millis } from '../units.ts'

interface BrokerView {
  readonly id: number
  readonly endpoint: string
  readonly rack: string | null
}

export interface MetadataView {
  readonly clusterId: string | null
  /** Meaningful in ZooKeeper mode only: in KRaft it is an arbitrary broker. */
  readonly controllerId: number
  readonly brokers: readonly BrokerView[]
  readonly partitions: PartitionTable
  /** True when it was proven that no topic is hidden from this principal; else why not. */
  readonly complete: Known<true>
  /** Endpoint that answered. */
  readonly by: string
}

/** `ready`: answered ApiVersions. `refused`: nobody listens, or the connection was reset. `silent`: no answer in time. */
export interface Ping {
  readonly endpoint: string
  readonly answer: 'ready' | 'refused' | 'silent'
  /** Broker id it says it is, where it says. */
  readonly id: number | null
  readonly detail: string
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/**
 * `high-watermark`, `last-stable` and `log-start` are answered by the leader; `local-…` asks one broker about its own log (replica
 * id -2), led or not. `local-epoch` is about the record with the latest timestamp: only its epoch means anything; an
 * empty log has none. A replica that led since may say the epoch it led in, of which there is no record yet (3.5).
 */
export type OffsetQuestion =
  | { readonly ask: 'high-watermark' | 'last-stable' | 'log-start' }
  | { readonly ask: 'local-end' | 'local-start' | 'local-epoch'; readonly broker: number }

export interface OffsetAnswer extends TopicPartition {
  readonly offset: Known<bigint>
  readonly leaderEpoch: number | null
}

export interface EpochAnswer extends TopicPartition {
  readonly endOffset: Known<bigint>
  readonly epoch: number | null
}

export interface KafkaRecord {
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface RecordInput {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface QuorumState {
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly highWatermark: bigint
  readonly voters: readonly Voter[]
}

/** The cluster as the controllers of KRaft have it on record, by their own log. */
export interface RecordedView {
  readonly partitions: PartitionTable
  /** Brokers that the controllers hold to be alive: registered and not fenced. */
  readonly registered: readonly number[]
  /** Endpoint that answered. */
  readonly by: string
}

/** A partition that is being moved (KIP-455): `replicas` are all it has meanwhile, those being added and removed included. */
export interface Reassigning extends TopicPartition {
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

/** A producer as the leader of a partition knows it (KIP-664). */
export interface ProducerState {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly lastTimestamp: number
  /** Where its open transaction begins in this partition; null when none is open. */
  readonly openSince: bigint | null
}

export interface ProducersAnswer extends TopicPartition {
  readonly producers: Known<readonly ProducerState[]>
}

/** A transactional id as its coordinator knows it. */
export interface TransactionState {
  readonly transactionalId: string
  readonly producerId: bigint
  /** Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Empty, Dead, PrepareEpochFence. */
  readonly state: string
}

/** Values by key; null where it has none. */
export type Configs = ReadonlyMap<string, string | null>

export interface KafkaReader {
  /** Asks these endpoints (`host:port`) all at once. */
  ping(endpoints: readonly string[], signal: AbortSignal): Promise<readonly Ping[]>
  /** Tolerant Metadata of all topics with ids, effective min ISR, and ELR where the cluster has it (API 75). Throws `no-broker-answered`. */
  metadata(signal: AbortSignal): Promise<MetadataView>
  /** Log directories per broker, DescribeLogDirs. */
  logDirs(brokers: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, Known<readonly LogDir[]>>>
  /**
   * DescribeQuorum; null when the cluster is not KRaft. Asked of the brokers (`controllers` null), or of these controllers themselves
   * (`host:port`), which answer on their own listener whether or not any broker lives. Throws when no leader answers.
   */
  quorum(controllers: readonly string[] | null, signal: AbortSignal): Promise<QuorumState | null>
  /**
   * Partitions, ISRs and settings as these controllers (`host:port`) have them on record, whether or not any broker lives. A setting is what
   * the controllers themselves go by (KIP-919, Kafka 3.7 and later), else what is on record for it; unknown where only a file could say it.
   * Throws `no-quorum-leader`, `metadata-record-unknown`, Kafka's own errors by name.
   */
  onRecord(controllers: readonly string[], signal: AbortSignal): Promise<RecordedView>
  offsets(question: OffsetQuestion, partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly OffsetAnswer[]>
  /** OffsetForLeaderEpoch, answered by leaders only. */
  endOfEpoch(partitions: readonly (TopicPartition & { readonly epoch: number })[], signal: AbortSignal): Promise<readonly EpochAnswer[]>
  /** ListPartitionReassignments. */
  reassigning(signal: AbortSignal): Promise<readonly Reassigning[]>
  /** Effective values of `keys`, DescribeConfigs; a broker is asked itself, a topic's of whoever answers. Unknown by name where it could not be read. */
  configs(type: 'topic' | 'broker', names: readonly string[], keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Known<Configs>>>
  /** DescribeProducers, answered by leaders only. */
  producers(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly ProducersAnswer[]>
  /** ListTransactions of every broker: each coordinates its own. Throws `transactions-incomplete` when one did not answer. */
  transactions(signal: AbortSignal): Promise<readonly TransactionState[]>
  groups(signal: AbortSignal): Promise<readonly GroupInfo[]>
  /** DescribeGroups, asked of the coordinator only; a group nobody has heard of is `Dead`. Never creates `__consumer_offsets`. Throws `no-coordinator`. */
  describeGroup(group: string, signal: AbortSignal): Promise<GroupDescription>
  /** Records from `offset` on, read_committed; empty at the end. Every codec (none, gzip, snappy, lz4, zstd). */
  fetch(
    at: TopicPartition,
    offset: bigint,
    options: { readonly maxBytes: number; readonly maxWait: Millis },
    signal: AbortSignal,
  ): Promise<{ readonly records: readonly KafkaRecord[]; readonly next: bigint }>
  close(): Promise<void>
}

/** What probes may do: only to topics kdr created for the purpose, which every name given here must say by its prefix `__kdr_`. */
export interface KafkaProbe {
  /** Partition i gets `assignments[i]`, preferred leader first. Resolves when Metadata shows every leader. */
  createTopic(name: string, assignments: readonly (readonly number[])[], configs: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>
  /** Topics kdr left behind by their prefix are its own to delete. */
  deleteTopic(name: string, signal: AbortSignal): Promise<void>
  /** acks=all; resolves to the base offset once acknowledged. Throws on any error, retries nothing. */
  produce(at: TopicPartition, records: readonly RecordInput[], signal: AbortSignal): Promise<bigint>
}

export interface KafkaWriter {
  /** Puts records back where they were lost, acks=all, to any topic; a null value is a tombstone. Resolves to the base offset. Throws on any error, retries nothing. */
  append(at: TopicPartition, records: readonly RecordInput[], signal: AbortSignal): Promise<bigint>
  /** One-shot ElectLeaders (KIP-460), never all partitions. Returns Kafka's error name per partition that was not elected. */
  electLeaders(kind: 'preferred' | 'unclean', partitions: readonly TopicPartition[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>
  /** IncrementalAlterConfigs: only the keys named change. null deletes the override. A topic's go to the leader of the controllers where no broker answers and `onRecord` has found it (KIP-919). */
  alterConfigs(
    resource: { readonly type: 'topic' | 'broker'; readonly name: string },
    changes: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<void>
  /** AlterPartitionReassignments (KIP-455): replicas, preferred leader first; null cancels. Returns Kafka's error name per partition that was refused. */
  reassign(moves: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>
}
