// The partition table as ZooKeeper has it on record, for when no broker is left: assignments, the persisted
// leader and ISR, and the settings that are kept there. Paths and JSON as in kafka.zk.ZkData.
import { type Known, known, mapKnown, unknown } from '../model/known.ts'
import { type PartitionRow, PartitionTable, type TopicInfo } from '../model/partitions.ts'
import type { CoordinationReader, ZNode } from '../ports/coordination.ts'
import type { Millis } from '../units.ts'
import { stateOf } from './partitions.ts'
import { each, reading, type Stage } from './reading.ts'
import type { ZooKeeperReading } from './zookeeper.ts'

const BY = 'znodes; no broker answers'
const WIDTH = 32

const jsonOf = (node: ZNode | null, path: string): Record<string, unknown> => {
  const value: unknown = node === null ? null : JSON.parse(node.data.toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Error(`${path} does not exist`)
  return value as Record<string, unknown>
}

type Overrides = Readonly<Record<string, unknown>>

const overridesOf = async (zk: CoordinationReader, path: string, signal: AbortSignal): Promise<Overrides> => {
  const node = await zk.get(path, signal)
  return node === null ? {} : ((jsonOf(node, path)['config'] ?? {}) as Overrides)
}

/** The topic's override, else the brokers' dynamic default; what stands in the brokers' files cannot be seen from here. */
const setting = (key: string, own: Overrides, defaults: Overrides): Known<string> => {
  const value = own[key] ?? defaults[key]
  return typeof value === 'string' ? known(value, BY) : unknown(`${key} is not set in ZooKeeper, and no broker answers for its own file`, BY)
}

interface TopicRead {
  readonly info: TopicInfo
  readonly rows: readonly PartitionRow[]
}

const readTopic = async (zk: CoordinationReader, name: string, defaults: Overrides, live: ReadonlySet<number>, signal: AbortSignal): Promise<TopicRead> => {
  const path = `/brokers/topics/${name}`
  const [node, own] = await Promise.all([zk.get(path, signal), overridesOf(zk, `/config/topics/${name}`, signal)])
  const { partitions, topic_id: id } = jsonOf(node, path)
  const rows = await each(Object.entries((partitions ?? {}) as Record<string, readonly number[]>), WIDTH, async ([index, replicas]): Promise<PartitionRow> => {
    const found = await zk.get(`${path}/partitions/${index}/state`, signal)
    const state = found === null ? null : stateOf(found.data)
    const row = { topic: name, partition: Number(index), replicas }
    if (state === null) return { ...row, leader: -1, leaderEpoch: -1, isr: [], elr: null, lastKnownElr: null }
    // Whoever led it when the last controller died stays written down.
    return { ...row, leader: live.has(state.leader) ? state.leader : -1, leaderEpoch: state.leaderEpoch, isr: state.isr, elr: [], lastKnownElr: [] }
  })
  const info: TopicInfo = {
    name,
    id: typeof id === 'string' ? id : null,
    internal: name.startsWith('__'),
    minIsr: mapKnown(setting('min.insync.replicas', own, defaults), Number),
    uncleanElection: mapKnown(setting('unclean.leader.election.enable', own, defaults), (value) => value === 'true'),
    cleanupPolicy: setting('cleanup.policy', own, defaults),
  }
  return { info, rows }
}

/** Unknown as a whole when any part of it could not be read. */
export const readZnodeTable = (stage: Stage, zk: CoordinationReader, read: ZooKeeperReading, length: Millis): Promise<Known<PartitionTable>> =>
  reading(stage, length, BY, async (signal) => {
    if (!read.topics.known) throw new Error(read.topics.why)
    if (!read.registrations.known) throw new Error(read.registrations.why)
    const live = new Set(read.registrations.value.map(({ id }) => id))
    const defaults = await overridesOf(zk, '/config/brokers/<default>', signal)
    const topics = await each(read.topics.value, WIDTH, (name) => readTopic(zk, name, defaults, live, signal))
    return PartitionTable.of(
      topics.map(({ info }) => info),
      topics.flatMap(({ rows }) => rows),
    )
  })
