// One deterministic world with every port over it: the same seed and the same calls give the same run, to
// the byte. Lives of the kdr process come and go in it; the world, its disks and the run folders stay.
import type { TargetIdentity } from '../../model/member.ts'
import type { SchemaKey } from '../../model/schemas.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Faults } from '../../ports/faults.ts'
import type { GroupOffsets } from '../../ports/kafka-backup.ts'
import type { Lock, RunStore } from '../../ports/run-store.ts'
import type { ReadPorts, WritePorts } from '../../ports/world.ts'
import { createBackupReader } from './backup.ts'
import { createRestoreWriter } from './backup-write.ts'
import { buildCluster, type TopicOptions } from './build.ts'
import { createCall } from './call.ts'
import { createClock, VirtualTime } from './clock.ts'
import type { Cluster, Mode } from './cluster.ts'
import { createCoordinationReader } from './coordination.ts'
import { createFaults } from './faults.ts'
import { createKafkaReader } from './kafka.ts'
import { createKafkaProbe, createKafkaWriter } from './kafka-write.ts'
import { Life } from './life.ts'
import { createLock, LockTable } from './lock.ts'
import type { SimulatedFaults } from './misbehaviour.ts'
import { createPlatformReader, createPlatformWriter, identityOf } from './platform.ts'
import { createRandom, type Random } from './random.ts'
import { catchUp, registriesOf } from './registry.ts'
import { createRegistryReader, createRegistryWriter } from './registry-port.ts'
import type { RightsOptions } from './rights.ts'
import { CrashPlan, createFiles, createRunStore, Disk } from './store.ts'
import type { AcknowledgedRecord, World } from './truth.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly mode: Mode
  /** 3 when left out. */
  readonly brokers?: number
  /** Name of the cluster, as `--confirm` wants it; `simulated` when left out. */
  readonly cluster?: string
  /** Partitions of the topic `orders`; 6 when left out. */
  readonly partitions?: number
  /** Instead of `orders` and `__consumer_offsets`. */
  readonly topics?: readonly TopicOptions[]
  readonly faults?: SimulatedFaults
  /** `always`: whatever ends is started again, with a growing back-off, as pods are; `never` when left out. */
  readonly revives?: 'never' | 'always'
  /** Schema registries over `_schemas`; none when left out. */
  readonly registries?: number
  /** They all advertise the first one's URL. */
  readonly sameUrl?: boolean
  /** Brokers are pods kafka-0 …, and ZooKeepers zookeeper-0 …, of StatefulSets that make them in order; whatever ends is started again. */
  readonly set?: boolean
  /** ACLs (with them an authorizer), quotas and SCRAM users; none when left out. */
  readonly rights?: RightsOptions
  /** What groups have committed before anything happens; nothing when left out. */
  readonly groups?: readonly GroupOffsets[]
}

export interface Simulation {
  readonly identity: TargetIdentity
  readonly ports: ReadPorts
  readonly write: WritePorts
  readonly faults: Faults
  readonly clock: Clock
  readonly store: RunStore
  readonly lock: Lock
  readonly world: World
  /** What the operator's files hold, by path; every life reads the same. */
  readonly files: Map<string, string>
  /** Every broker's `host:port`. */
  readonly endpoints: readonly string[]
  /** Client addresses; empty under KRaft. */
  readonly zookeeperServers: readonly string[]
  /** What an operator does by hand: `kafka-storage format` on a controller's empty disk. */
  format(member: string): void
  /** Puts something on a member's disk that it cannot start with, or takes it away again. */
  spoil(member: string, broken: boolean): void
  /** Kills this life right after the nth journal line it appends is durable: `append` throws `Killed`, and so does every later call. */
  crashAfterLine(line: number): void
  /** Kills this life half-way through writing its nth journal line, which is left torn. */
  crashBeforeLine(line: number): void
  /** Kills this life now. */
  kill(): void
  /** Ends this life, if it still goes on, and begins another on the same world and disks. */
  reboot(): Simulation
  /** Another process beside this one: a second kdr, or a workload that a kill of this one leaves alone. */
  beside(): Simulation
}

interface Stage {
  readonly cluster: Cluster
  readonly disk: Disk
  readonly locks: LockTable
  readonly random: Random
  readonly files: Map<string, string>
  lives: number
}

const defaultTopics = (partitions: number): readonly TopicOptions[] => [
  { name: 'orders', partitions, configs: { 'min.insync.replicas': '2' } },
  { name: '__consumer_offsets', partitions: 5, configs: { 'min.insync.replicas': '2', 'cleanup.policy': 'compact' } },
]

const versionWords = ({ subject, version, id, deleted }: SchemaKey): string => `${subject} ${version} ${id}${deleted ? ' deleted' : ''}`

/** What really is, for invariants. */
const inspect = (cluster: Cluster): World => {
  const acknowledged = (): readonly AcknowledgedRecord[] =>
    [...cluster.truth.acknowledged].flatMap(([partition, records]) =>
      records.map((record) => ({
        topic: partition.topic.name,
        partition: partition.index,
        offset: record.offset,
        value: record.value,
        copies: partition.replicas.filter((id) => cluster.logOf(id, partition).has(record)).length,
        readable: partition.leader < 0 ? null : cluster.logOf(partition.leader, partition).has(record),
      })),
    )
  return {
    effects: cluster.truth.effects,
    elections: cluster.truth.elections,
    acknowledged,
    lost: () => acknowledged().filter((record) => record.copies === 0 || record.readable === false),
    members: () => cluster.members,
    partitions: () => [...cluster.partitions()],
    emptied: () => cluster.ensemble.emptied,
    registered: () => [...cluster.registrations.keys()].sort((a, b) => a - b),
    registries: () => registriesOf(cluster).map((member) => catchUp(cluster, member).set().versions.map(versionWords)),
    log: (broker, topic, index) => {
      const partition = cluster.partition(topic, index)
      if (partition === undefined) throw new Error(`there is no partition ${topic}-${index}`)
      return cluster.logOf(broker, partition)
    },
  }
}

const begin = (stage: Stage): Simulation => {
  const { cluster } = stage
  stage.lives += 1
  const life = new Life(stage.lives)
  const plan = new CrashPlan()
  const call = createCall(cluster.time, stage.random, life, cluster.misbehaviour)
  const clock = createClock(cluster.time, createRandom(life.number, `identifiers of ${cluster.clusterId}`), life)
  const addresses = (role: string) => cluster.members.filter((member) => member.role === role).map((member) => member.address)
  return {
    identity: identityOf(cluster),
    ports: {
      clock,
      platform: createPlatformReader(cluster, life, call),
      kafka: createKafkaReader(cluster, call),
      backup: createBackupReader(cluster, call),
      coordination: cluster.mode === 'zookeeper' ? createCoordinationReader(cluster, call) : null,
      connect: null,
      registry: createRegistryReader(cluster, call),
      files: createFiles(stage.files, life),
    },
    write: {
      platform: createPlatformWriter(cluster, life, call),
      kafka: createKafkaWriter(cluster, life, call),
      probe: createKafkaProbe(cluster, life, call),
      restore: createRestoreWriter(cluster, life, call),
      registry: createRegistryWriter(cluster, life, call),
    },
    faults: createFaults(cluster, call),
    clock,
    store: createRunStore(stage.disk, life, plan),
    lock: createLock(stage.locks, life, () => clock.now()),
    world: inspect(cluster),
    files: stage.files,
    endpoints: addresses('broker'),
    zookeeperServers: addresses('zookeeper'),
    format: (name) => {
      for (const member of cluster.members) if (member.name === name) member.formatted = true
    },
    spoil: (name, broken) => {
      for (const member of cluster.members) if (member.name === name) member.broken = broken
    },
    crashAfterLine: (line) => plan.set({ line, torn: false }),
    crashBeforeLine: (line) => plan.set({ line, torn: true }),
    kill: () => life.kill(),
    reboot: () => {
      life.kill()
      return begin(stage)
    },
    beside: () => begin(stage),
  }
}

/** Throws nothing and starts nothing: time stands still until somebody waits. */
export const createSimulation = (options: SimulationOptions): Simulation => {
  const world = {
    seed: options.seed,
    mode: options.mode,
    brokers: options.brokers ?? 3,
    cluster: options.cluster ?? 'simulated',
    topics: options.topics ?? defaultTopics(options.partitions ?? 6),
    faults: options.faults ?? {},
    revives: options.revives ?? (options.set === true ? 'always' : 'never'),
    registries: options.registries ?? 0,
    sameUrl: options.sameUrl ?? false,
    set: options.set ?? false,
    rights: options.rights ?? {},
    groups: options.groups ?? [],
  }
  return begin({
    cluster: buildCluster(world, new VirtualTime()),
    disk: new Disk(),
    locks: new LockTable(),
    random: createRandom(options.seed, 'calls'),
    files: new Map(),
    lives: 0,
  })
}
