// The state of the simulated cluster: who runs, who is registered, which topics exist and what is on the
// disks. The rules that change it are in controller.ts (elections), lifecycle.ts (processes) and topics.ts.
import type { ProducerState } from '../../ports/kafka.ts'
import type { Millis } from '../../units.ts'
import { EPOCH, type VirtualTime } from './clock.ts'
import type { Ensemble } from './ensemble.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { Random } from './random.ts'
import type { Registries } from './registry.ts'
import type { Rights, SimGroup } from './rights.ts'
import { isUp, ReplicaLog, type SimMember, type SimPartition, type SimSet, type SimTopic } from './state.ts'
import { type Cause, Truth, type WorldEffect } from './truth.ts'

export type Mode = 'zookeeper' | 'kraft'

/** Both labs set it: zookeeper.session.timeout.ms and broker.session.timeout.ms. */
export const SESSION_TIMEOUT: Millis = 6000

/** A broker's session, as the ensemble has it: it outlives the process until it expires. */
export interface Registration {
  readonly broker: number
  readonly boot: number
  /** ZooKeeper: of /brokers/ids/N. KRaft: the broker epoch. */
  readonly czxid: bigint
  readonly since: number
  /** Its process no longer sends heartbeats. */
  silent: boolean
}

export interface ClusterParts {
  readonly name: string
  readonly clusterId: string
  readonly mode: Mode
  /** Whether a platform starts again whatever ended. */
  readonly revives: 'never' | 'always'
  readonly time: VirtualTime
  readonly random: Random
  readonly misbehaviour: Misbehaviour
  readonly members: readonly SimMember[]
  readonly ensemble: Ensemble
  readonly registries: Registries
  readonly sets: readonly SimSet[]
  readonly rights: Rights
}

export class Cluster {
  readonly name: string
  readonly clusterId: string
  readonly mode: Mode
  /** Whether a platform starts again whatever ended. */
  readonly revives: 'never' | 'always'
  readonly time: VirtualTime
  readonly random: Random
  readonly misbehaviour: Misbehaviour
  readonly members: readonly SimMember[]
  readonly ensemble: Ensemble
  readonly registries: Registries
  /** What makes brokers and ZooKeepers; empty: nobody, each is there. */
  readonly sets: readonly SimSet[]
  readonly rights: Rights
  /** What groups have committed, and whether anybody is in them. */
  readonly groups = new Map<string, SimGroup>()
  /** Ids handed out to idempotent producers. */
  lastProducer = 1000n
  readonly truth = new Truth()
  readonly topics = new Map<string, SimTopic>()
  readonly registrations = new Map<number, Registration>()
  /** Brokers as the last working controller told every broker: Metadata answers from this, however old. */
  announced: readonly number[] = []
  /** ZooKeeper's active controller, a broker. */
  controller: number | null = null
  controllerEpoch = 0
  /** Brokers in controlled shutdown: no leadership comes back to them. */
  readonly leaving = new Set<number>()
  /** Catching up, by `broker/topic id/partition`. */
  readonly catchingUp = new Set<string>()
  /** Transactions that no coordinator knows of, as a lost marker leaves them (KAFKA-20716). */
  readonly hanging = new Map<SimPartition, ProducerState>()
  readonly #brokerConfigs = new Map<string, Map<string, string>>()
  readonly #disks = new Map<number, Map<SimPartition, ReplicaLog>>()
  readonly #watchers = new Set<() => void>()
  #zxid = 0x100000000n

  constructor(parts: ClusterParts) {
    this.name = parts.name
    this.clusterId = parts.clusterId
    this.mode = parts.mode
    this.revives = parts.revives
    this.time = parts.time
    this.random = parts.random
    this.misbehaviour = parts.misbehaviour
    this.members = parts.members
    this.ensemble = parts.ensemble
    this.registries = parts.registries
    this.sets = parts.sets
    this.rights = parts.rights
  }

  get now(): number {
    return EPOCH + this.time.now()
  }

  get brokers(): readonly SimMember[] {
    return this.members.filter((member) => member.role === 'broker')
  }

  broker(id: number): SimMember | undefined {
    return this.members.find((member) => member.role === 'broker' && member.id === id)
  }

  /** The set that makes this member; null for what is not made by one. */
  setOf(member: SimMember): SimSet | null {
    return this.sets.find(({ role }) => role === member.role) ?? null
  }

  /** Answers requests now. */
  up(id: number): boolean {
    const member = this.broker(id)
    return member !== undefined && isUp(member)
  }

  /** Registered, by the controller's book: a broker that died a moment ago still is. */
  live(id: number): boolean {
    return this.registrations.has(id) && !this.leaving.has(id)
  }

  /** Whether anybody can elect, change an ISR or a topic now. */
  get governed(): boolean {
    return this.ensemble.serving && !this.ensemble.emptied && (this.mode === 'kraft' || (this.controller !== null && this.up(this.controller)))
  }

  nextZxid(): bigint {
    this.#zxid += 1n
    return this.#zxid
  }

  *partitions(): IterableIterator<SimPartition> {
    for (const topic of this.topics.values()) yield* topic.partitions
  }

  partition(topic: string, index: number): SimPartition | undefined {
    return this.topics.get(topic)?.partitions[index]
  }

  logOf(broker: number, partition: SimPartition): ReplicaLog {
    const disk = this.#disks.get(broker) ?? new Map<SimPartition, ReplicaLog>()
    this.#disks.set(broker, disk)
    const log = disk.get(partition) ?? new ReplicaLog()
    disk.set(partition, log)
    return log
  }

  /** Dynamic overrides of one broker, or with an empty name of all of them; undefined when there is no such broker. */
  configsOf(broker: string): Map<string, string> | undefined {
    if (broker !== '' && this.broker(Number(broker)) === undefined) return undefined
    const configs = this.#brokerConfigs.get(broker) ?? new Map<string, string>()
    this.#brokerConfigs.set(broker, configs)
    return configs
  }

  wipe(broker: number): void {
    this.#disks.delete(broker)
  }

  drop(broker: number, partition: SimPartition): void {
    this.#disks.get(broker)?.delete(partition)
  }

  forget(partition: SimPartition): void {
    for (const disk of this.#disks.values()) disk.delete(partition)
    this.truth.acknowledged.delete(partition)
  }

  /** Calls `look` after every change, until what it returns is called. */
  watch(look: () => void): () => void {
    this.#watchers.add(look)
    return () => this.#watchers.delete(look)
  }

  changed(): void {
    for (const look of [...this.#watchers]) look()
  }

  note(by: Cause, life: number, what: WorldEffect['what'], target: string): void {
    this.truth.effects.push({ at: this.time.now(), by, life, what, target })
  }
}
