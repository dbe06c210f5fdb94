// One plain, immutable picture of the whole system, taken through every adapter at once. What could
// not be seen is unknown, never assumed; every value says who saw it.
import type { Instant, Millis } from '../units.ts'
import type { Contents, Rights } from './contents.ts'
import type { Known } from './known.ts'
import { isLeftover, type Member, type TargetIdentity } from './member.ts'
import type { PartitionTable } from './partitions.ts'
import type { RegistryProof, RegistryView } from './registry.ts'

export interface LogDir {
  readonly path: string
  /** Kafka's error name, null when the directory is online. */
  readonly error: string | null
  readonly usableBytes: number | null
  readonly totalBytes: number | null
}

export interface Broker {
  readonly id: number
  /** Name of the member that runs it, matched by observation. */
  readonly member: Known<string>
  /** ZooKeeper: /brokers/ids/N exists. KRaft: registered and not fenced. */
  readonly registered: Known<boolean>
  /** Answered our own request within its deadline. A time-out is unknown, a refused connection is false. */
  readonly reachable: Known<boolean>
  /** ZooKeeper: czxid of /brokers/ids/N. KRaft: start time of its process. Changes with every start. */
  readonly incarnation: Known<bigint>
  readonly rack: string | null
  /** `host:port` it advertises to clients. */
  readonly endpoint: string | null
  readonly logDirs: Known<readonly LogDir[]>
}

export interface ZooKeeperServer {
  readonly member: string
  readonly id: Known<number>
  /** Answers `srvr` with a mode: `ruok` alone proves a process, not a quorum. */
  readonly mode: Known<'leader' | 'follower' | 'standalone' | 'not-serving'>
  /** Of the leader's `mntr`; null elsewhere. */
  readonly syncedFollowers: Known<number | null>
}

export interface ZooKeeperView {
  readonly kind: 'zookeeper'
  readonly servers: readonly ZooKeeperServer[]
  readonly quorum: Known<boolean>
  /** null: the quorum is held, and there is no /cluster/id: the tree is empty. */
  readonly clusterId: Known<string | null>
  readonly brokerIds: Known<readonly number[]>
  readonly controller: Known<number | null>
  /** The ZooKeeper-to-KRaft migration znode says a migration is under way: kdr refuses such clusters. */
  readonly migrating: Known<boolean>
}

export interface Voter {
  readonly id: number
  readonly logEndOffset: bigint
  /** Milliseconds behind by the leader's own clock; null where the leader does not say. */
  readonly lastFetchAgo: Millis | null
  readonly lastCaughtUpAgo: Millis | null
}

export interface QuorumView {
  readonly kind: 'kraft'
  /** A live leader confirmed it through DescribeQuorum. */
  readonly quorum: Known<boolean>
  readonly leaderId: Known<number | null>
  readonly voters: Known<readonly Voter[]>
  /** Voter ids by configuration, where no leader answers. */
  readonly expectedVoters: Known<readonly number[]>
}

/** Result of a round trip through kdr's own canary topic. */
export interface CanaryResult {
  readonly at: Instant
  readonly sent: number
  readonly received: number
  readonly p99: Millis
  /** Brokers that led a canary partition through which a record came back. */
  readonly ledBy: readonly number[]
  readonly lost: number
  readonly problem: string | null
}

export interface GroupInfo {
  readonly id: string
  readonly state: string
}

interface ConnectTask {
  readonly id: number
  /** RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING, as Connect says it. */
  readonly state: string
}

export interface Connector {
  readonly name: string
  readonly state: string
  readonly tasks: readonly ConnectTask[]
}

/** One Connect worker, and what it says of every connector of its group. */
export interface ConnectWorker {
  readonly member: string
  readonly connectors: Known<readonly Connector[]>
}

/** Where the copies of one partition's log end. Offsets are safe as numbers: below 2^53. */
export interface LogEnds {
  /** By its leader; null while it has none, or did not answer. */
  readonly highWatermark: number | null
  /** Of its leader, as the brokers have it: from a frozen cache where the quorum is lost. */
  readonly leaderEpoch: number
  /** Every replica that answered for itself, led or not; `epoch` of its last record, null where that was not seen or the log is empty. */
  readonly local: readonly { readonly broker: number; readonly end: number; readonly epoch: number | null }[]
}

/** A broker or a topic that carries a replication throttle (KIP-73). */
export interface Throttled {
  readonly type: 'broker' | 'topic'
  readonly name: string
  /** What is set there, by key. */
  readonly values: Readonly<Record<string, string>>
}

/** A transaction that is open on a partition: read_committed readers wait where it began. */
export interface OpenTransaction {
  /** `orders-3`. */
  readonly partition: string
  readonly producerId: bigint
  readonly openSince: bigint
  /** What a coordinator says of this producer; null: none knows it. */
  readonly state: string | null
}

export interface Survey {
  readonly takenAt: Instant
  readonly target: TargetIdentity
  /** By ZooKeeper or Metadata; differing answers are unknown. */
  readonly clusterId: Known<string>
  readonly members: Known<readonly Member[]>
  /** Every broker expected: by members, registration or a replica list. */
  readonly brokers: Known<readonly Broker[]>
  readonly coordination: Known<ZooKeeperView | QuorumView>
  readonly partitions: Known<PartitionTable>
  /** Partitions with a reassignment under way, as `topic-partition`. */
  readonly reassigning: Known<readonly string[]>
  readonly groups: Known<readonly GroupInfo[]>
  /** By its REST interface; empty where there is none, null where it is not wanted that anybody looks. */
  readonly connect: Known<readonly ConnectWorker[] | null>
  /** By partition name. */
  readonly logs: Known<ReadonlyMap<string, LogEnds>>
  readonly throttles: Known<readonly Throttled[]>
  readonly transactions: Known<readonly OpenTransaction[]>
  /** null: no Schema Registry is expected. */
  readonly registry: Known<RegistryView | null>
  readonly schemas: Known<RegistryProof>
  readonly contents: Known<Contents>
  readonly rights: Known<Rights>
  readonly canary: Known<CanaryResult>
}

/** Parts of a survey a waiting step polls; the rest is carried over from the last full survey. */
export type Aspect =
  | 'members'
  | 'signals'
  | 'brokers'
  | 'coordination'
  | 'partitions'
  | 'log-dirs'
  | 'reassigning'
  | 'groups'
  | 'connect'
  | 'logs'
  | 'throttles'
  | 'transactions'
  | 'registry'
  | 'schemas'
  | 'contents'
  | 'rights'

export const ALL_ASPECTS: readonly Aspect[] = ['members', 'signals', 'brokers', 'coordination', 'partitions', 'log-dirs', 'reassigning', 'connect', 'registry']

export const brokerOf = (survey: Survey, id: number): Broker | undefined =>
  survey.brokers.known ? survey.brokers.value.find((broker) => broker.id === id) : undefined

export const memberOf = (survey: Survey, name: string): Member | undefined =>
  survey.members.known ? survey.members.value.find((member) => member.name === name) : undefined

/** The member that runs broker `id`, by observation. */
export const memberOfBroker = (survey: Survey, id: number): Member | undefined => {
  const broker = brokerOf(survey, id)
  return broker?.member.known ? memberOf(survey, broker.member.value) : undefined
}

/** Members that are brokers and that no broker id was matched to: each may be a broker that is missing. */
export const unmatchedBrokers = ({ members, brokers }: Survey): readonly string[] => {
  const matched = new Set((brokers.known ? brokers.value : []).flatMap(({ member }) => (member.known ? [member.value] : [])))
  const all = members.known ? members.value.filter(({ roles }) => roles.includes('broker')) : []
  return all.filter((member) => !matched.has(member.name) && !isLeftover(member)).map(({ name }) => name)
}

/** What a probe learned: carried into every later survey of the run. */
export type Finding = Partial<Pick<Survey, 'canary' | 'schemas'>>

/** A word for the whole cluster, by `judgement/diagnose.ts`; each recoverable one names its scenario. */
export type Verdict =
  | 'single-broker'
  | 'multi-broker'
  | 'complete-loss'
  | 'zookeeper'
  | 'schema-registry'
  | 'connect'
  | 'applications'
  | 'at-risk'
  | 'healthy'
  | 'unknown'
