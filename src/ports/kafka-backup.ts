// What a backup reads of Kafka and what a restore writes: raw record batches, and everything about topics,
// groups and rights that has to come back with them.
import type { AclBinding, ClientQuota } from '../model/contents.ts'
import type { Known } from '../model/known.ts'
import type { Millis } from '../units.ts'
import type { Configs, TopicPartition } from './kafka.ts'

interface BackupPartition {
  readonly partition: number
  readonly replicas: readonly number[]
  /** -1 when there is none. */
  readonly leader: number
  readonly leaderEpoch: number
}

export interface BackupTopic {
  readonly name: string
  /** Topic id as Kafka prints it (base64); null where the cluster has none. */
  readonly id: string | null
  readonly internal: boolean
  readonly partitions: readonly BackupPartition[]
}

export interface BackupTopics {
  readonly clusterId: string | null
  readonly brokers: readonly { readonly id: number; readonly endpoint: string; readonly rack: string | null }[]
  readonly topics: readonly BackupTopic[]
  /** Topics named that the cluster does not have or does not show, with Kafka's error name. */
  readonly missing: readonly { readonly topic: string; readonly error: string }[]
  /** True when it was proven that no topic is hidden from this principal. */
  readonly complete: Known<true>
}

/** Never a secret: Kafka does not give it away (KIP-554). */
export interface ScramUser {
  readonly user: string
  readonly mechanisms: readonly { readonly mechanism: string; readonly iterations: number }[]
}

export interface GroupOffset extends TopicPartition {
  readonly offset: bigint
  /** -1 when the consumer gave none. */
  readonly leaderEpoch: number
  /** Kept to the byte: Kafka Streams keeps state in it. */
  readonly metadata: string | null
}

export interface GroupOffsets {
  readonly group: string
  readonly state: string
  readonly protocolType: string
  readonly offsets: readonly GroupOffset[]
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

export interface RawFetch {
  /** Kafka's error name (`OFFSET_OUT_OF_RANGE`); null when there was none. */
  readonly error: string | null
  readonly logStart: bigint
  readonly lastStable: bigint
  readonly highWatermark: bigint
  readonly aborted: readonly AbortedTransaction[]
  /** Whole record batches as stored; may begin before the offset asked for. Good until `release`. */
  readonly batches: Buffer
  /** Gives the memory back; must be called once. */
  release(): void
}

export interface RawFetchOptions {
  readonly maxBytes: number
  readonly rack: string | null
  /** How long the broker may look for something where it has nothing at hand; else it answers almost at once. */
  readonly wait?: Millis
}

/** As Kafka's own tools name them: `WRITE`, `ALTER_CONFIGS`. */
export type Operations = ReadonlySet<string>

/** Everything where there is no authorizer. Of a name that nobody uses yet, what the rules say of it. */
export interface Permits {
  /** `User:kdr`, as brokers name who logs in as kdr does unless they map names; null where that cannot be told. */
  readonly principal: string | null
  readonly cluster: Known<Operations>
  readonly topics: ReadonlyMap<string, Known<Operations>>
  readonly groups: ReadonlyMap<string, Known<Operations>>
}

/** The halves that only look. Errors: as KafkaReader's. */
export interface KafkaBackupReader {
  /** null: all that can be seen, internal ones included. */
  topics(names: readonly string[] | null, signal: AbortSignal): Promise<BackupTopics>
  /** Only what somebody set on the topic itself (DYNAMIC_TOPIC_CONFIG). */
  topicOverrides(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Known<Configs>>>
  /** Known and empty where no authorizer is set up (SECURITY_DISABLED). */
  acls(signal: AbortSignal): Promise<Known<readonly AclBinding[]>>
  quotas(signal: AbortSignal): Promise<Known<readonly ClientQuota[]>>
  scramUsers(signal: AbortSignal): Promise<Known<readonly ScramUser[]>>
  /** null: every group of every broker, each of which has to answer; of named groups only their coordinators. A group whose offsets could not be read throws `groups-incomplete`, naming it. */
  groupOffsets(groups: readonly string[] | null, signal: AbortSignal): Promise<readonly GroupOffsets[]>
  /** Groups that can be found at all: of every broker that answers, so that nothing says that none is missing. */
  groupNames(signal: AbortSignal): Promise<readonly string[]>
  /** read_committed, of the leader or of a follower in `rack` (KIP-392), which the adapter finds and follows by itself. Whoever leads now is asked; `no-leader` after the request's time. */
  fetchRaw(at: TopicPartition, offset: bigint, options: RawFetchOptions, signal: AbortSignal): Promise<RawFetch>
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly configs: Readonly<Record<string, string>>
}

/** What a restore looks at besides: whether it will be let. */
export interface KafkaRestoreReader extends KafkaBackupReader {
  /** What this principal may do (KIP-430). Makes no topic, `__consumer_offsets` neither: where that is missing, what may be done with groups is unknown. */
  permits(topics: readonly string[], groups: readonly string[], signal: AbortSignal): Promise<Permits>
  /** Whether these topics could be created (CreateTopics that only validates): Kafka's error name and words for each that would be refused. */
  judgeTopics(topics: readonly NewTopic[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>
}

/** An idempotent producer's identity (InitProducerId); one does for every partition. */
export interface ProducerIdentity {
  readonly id: bigint
  readonly epoch: number
}

/** A batch ready to be stored: base offset 0, leader epoch -1, the producer's id, epoch and sequence in it, its CRC right. */
export interface RawProduce extends TopicPartition {
  readonly batch: Buffer
}

export interface RawProduced extends TopicPartition {
  /** Kafka's error name; null when stored. DUPLICATE_SEQUENCE_NUMBER is an error here too. */
  readonly error: string | null
  readonly message: string | null
  readonly baseOffset: bigint
}

/** The halves that change. Every refusal throws Kafka's own error by name (`kafka-topic-already-exists`) unless said otherwise. */
export interface KafkaRestoreWriter {
  /** Resolves when every leader of every one of them serves. Kafka's error name and words per topic that was refused. */
  createTopics(topics: readonly NewTopic[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>
  /** Resolves when they are gone from every broker that answers. */
  deleteTopics(topics: readonly string[], signal: AbortSignal): Promise<void>
  /** DeleteRecords: the log starts at `before` afterwards; -1 is its end. */
  deleteRecords(rows: readonly (TopicPartition & { readonly before: bigint })[], signal: AbortSignal): Promise<void>
  createAcls(bindings: readonly AclBinding[], signal: AbortSignal): Promise<void>
  alterQuotas(quotas: readonly ClientQuota[], signal: AbortSignal): Promise<void>
  /** As no member of the group: Kafka takes it only while the group is empty (`kafka-unknown-member-id` otherwise). */
  commitOffsets(group: string, offsets: readonly GroupOffset[], signal: AbortSignal): Promise<void>
  producer(signal: AbortSignal): Promise<ProducerIdentity>
  /** acks=all, one batch per partition, sent to the leaders in one request each; never repeated by itself. Rejects only when nothing is known of an answer (`broker-silent`, `broker-refused`, `broker-unreachable`); up to 5 may be under way per partition. */
  produceRaw(rows: readonly RawProduce[], signal: AbortSignal): Promise<readonly RawProduced[]>
}
