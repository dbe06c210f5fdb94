// The world as it is before anything breaks: everything has been up for an hour, every replica in sync, every
// leader the preferred one.
import { REGISTRY_DEFAULTS } from '../../model/registry.ts'
import type { GroupOffsets } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import { EPOCH, type VirtualTime } from './clock.ts'
import { Cluster, type Mode } from './cluster.ts'
import { settle } from './controller.ts'
import { Ensemble } from './ensemble.ts'
import { bringUp, ensembleChanged } from './lifecycle.ts'
import { createMisbehaviour, type SimulatedFaults } from './misbehaviour.ts'
import { createRandom } from './random.ts'
import { bootRegistry, createRegistries, makeSchemas } from './registry.ts'
import { createRights, type RightsOptions, seedGroups } from './rights.ts'
import { reviewSet } from './set.ts'
import type { SimMember, SimSet } from './state.ts'
import { makeTopic, uuid } from './topics.ts'

export interface TopicOptions {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string>>
}

export interface WorldOptions {
  readonly seed: number
  readonly mode: Mode
  readonly brokers: number
  readonly cluster: string
  readonly topics: readonly TopicOptions[]
  readonly faults: SimulatedFaults
  readonly revives: 'never' | 'always'
  /** Schema registries; they are there before any topic has a record. */
  readonly registries: number
  readonly sameUrl: boolean
  /** The brokers, and the ZooKeepers, are pods of a StatefulSet each that makes them in order. */
  readonly set: boolean
  readonly rights: RightsOptions
  readonly groups: readonly GroupOffsets[]
}

const AN_HOUR: Millis = 3_600_000

const blankMember = (name: string, role: SimMember['role'], id: number, port: number): SimMember => ({
  name,
  role,
  id,
  address: `127.0.0.1:${port}`,
  state: 'stopped',
  serving: false,
  pid: 0,
  startedAt: null,
  boot: 0,
  lastExit: null,
  exits: 0,
  log: [],
  previousLog: [],
  disk: 'intact',
  formatted: true,
  broken: false,
  claimed: true,
  cleanShutdown: true,
})

/** Ports as in a lab of processes, so that one configuration reads the same for both. */
const membersOf = (options: WorldOptions): readonly SimMember[] => {
  const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1)
  const ensemble =
    options.mode === 'zookeeper'
      ? upTo(3).map((at) => blankMember(options.set ? `zookeeper-${at - 1}` : `zk${at}`, 'zookeeper', at, 19010 + at))
      : upTo(3).map((at) => blankMember(`ctl${at}`, 'controller', 100 + at, 19040 + at))
  return [
    ...ensemble,
    ...upTo(options.brokers).map((at) => blankMember(options.set ? `kafka-${at - 1}` : `kafka${at}`, 'broker', at, 19000 + at)),
    ...upTo(options.registries).map((at) => blankMember(`registry${at}`, 'schema-registry', at, 19080 + at)),
  ]
}

const setNamed = (name: string, role: SimSet['role'], replicas: number): SimSet => ({
  name,
  role,
  version: 1,
  replicas,
  first: 0,
  ordered: true,
  held: false,
  review: () => {},
})

const setsFor = ({ brokers, mode }: WorldOptions): readonly SimSet[] => [
  setNamed('kafka', 'broker', brokers),
  ...(mode === 'zookeeper' ? [setNamed('zookeeper', 'zookeeper', 3)] : []),
]

/** Leaders round robin over the brokers, followers after them. */
const spread = (brokers: number, partitions: number, factor: number): readonly (readonly number[])[] =>
  Array.from({ length: partitions }, (_, index) => Array.from({ length: Math.min(factor, brokers) }, (__, at) => ((index + at) % brokers) + 1))

export const buildCluster = (options: WorldOptions, time: VirtualTime): Cluster => {
  const random = createRandom(options.seed, 'world')
  const members = membersOf(options)
  const ensembleMembers = members.filter(({ role }) => role === 'zookeeper' || role === 'controller')
  for (const member of ensembleMembers) {
    member.state = 'running'
    member.serving = true
  }
  const misbehaviour = createMisbehaviour(options.faults, createRandom(options.seed, 'misbehaviour'))
  const cluster = new Cluster({
    name: options.cluster,
    clusterId: uuid(random.hex(16)),
    mode: options.mode,
    revives: options.revives,
    time,
    random,
    misbehaviour,
    members,
    ensemble: new Ensemble(ensembleMembers, time, random, misbehaviour.elects),
    registries: createRegistries(options.sameUrl),
    sets: options.set ? setsFor(options) : [],
    rights: createRights(options.rights),
  })
  for (const set of cluster.sets) set.review = () => reviewSet(cluster, set)
  for (const [at, member] of members.entries()) bringUp(cluster, member, EPOCH - AN_HOUR + at * 900)
  settle(cluster)
  for (const topic of options.topics) {
    makeTopic(cluster, { name: topic.name, assignments: spread(options.brokers, topic.partitions, topic.replicationFactor ?? 3), configs: topic.configs ?? {} })
  }
  seedGroups(cluster.groups, options.groups)
  const hanging = options.faults.hangingTransaction
  const partition = hanging === undefined ? undefined : cluster.partition(hanging.topic, hanging.partition)
  if (partition !== undefined) cluster.hanging.set(partition, { producerId: 4711n, producerEpoch: 3, lastTimestamp: EPOCH - AN_HOUR, openSince: 0n })
  if (options.registries > 0 && !cluster.topics.has(REGISTRY_DEFAULTS.topic)) makeSchemas(cluster)
  const process = { later: () => {}, exit: () => {}, serve: () => {} }
  for (const member of members) if (member.role === 'schema-registry') bootRegistry(cluster, member, process)
  cluster.ensemble.onChange(() => ensembleChanged(cluster))
  return cluster
}
