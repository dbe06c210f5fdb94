// The partition table as ZooKeeper has it on record, for when no broker is left: assignments, the persisted
// leader and ISR, and the settings that are kept there. Paths and JSON as in kafka.zk.ZkData.

import { commonSetting } from '../model/configured.ts'
import { type Known, known, mapKnown, unknown } from '../model/known.ts'
import type { Member } from '../model/member.ts'
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

/** What holds for every topic that sets nothing itself. */
interface Ground {
  readonly defaults: Overrides
  /** Set for a single broker: that goes before the default of all of them. */
  readonly single: ReadonlySet<string>
  readonly members: Known<readonly Member[]>
}

const FILES: Readonly<Record<string, string>> = { 'unclean.leader.election.enable': 'false', 'min.insync.replicas': '1' }

/** The topic's override, else the brokers' dynamic default, else what all of their own files say alike. */
const setting = (key: string, own: Overrides, { defaults, single, members }: Ground): Known<string> => {
  const value = own[key] ?? (single.has(key) ? undefined : defaults[key])
  if (typeof value === 'string') return known(value, BY)
  if (single.has(key)) return unknown(`${key} is set in ZooKeeper for single brokers, and no broker answers`, BY)
  const otherwise = FILES[key]
  if (otherwise === undefined) return unknown(`${key} is not set in ZooKeeper, and no broker answers for its own file`, BY)
  const file = commonSetting(members, 'broker', key, otherwise)
  return file.known ? file : unknown(`${key} is not set in ZooKeeper, no broker answers, and ${file.why}`, BY)
}

interface TopicRead {
  readonly info: TopicInfo
  readonly rows: readonly PartitionRow[]
}

const readTopic = async (zk: CoordinationReader, name: string, ground: Ground, live: ReadonlySet<number>, signal: AbortSignal): Promise<TopicRead> => {
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
    minIsr: mapKnown(setting('min.insync.replicas', own, ground), Number),
    uncleanElection: mapKnown(setting('unclean.leader.election.enable', own, ground), (value) => value === 'true'),
    cleanupPolicy: setting('cleanup.policy', own, ground),
  }
  return { info, rows }
}

const DEFAULT = '<default>'

const readGround = async (zk: CoordinationReader, members: Known<readonly Member[]>, signal: AbortSignal): Promise<Ground> => {
  const names = ((await zk.children('/config/brokers', signal)) ?? []).filter((name) => name !== DEFAULT)
  const [defaults, ...single] = await Promise.all([DEFAULT, ...names].map((name) => overridesOf(zk, `/config/brokers/${name}`, signal)))
  return { defaults: defaults ?? {}, single: new Set(single.flatMap((own) => Object.keys(own))), members }
}

/** Unknown as a whole when any part of it could not be read. */
export const readZnodeTable = (
  stage: Stage,
  zk: CoordinationReader,
  read: ZooKeeperReading,
  members: Known<readonly Member[]>,
  length: Millis,
): Promise<Known<PartitionTable>> =>
  reading(stage, length, BY, async (signal) => {
    if (!read.topics.known) throw new Error(read.topics.why)
    if (!read.registrations.known) throw new Error(read.registrations.why)
    const live = new Set(read.registrations.value.map(({ id }) => id))
    const ground = await readGround(zk, members, signal)
    const topics = await each(read.topics.value, WIDTH, (name) => readTopic(zk, name, ground, live, signal))
    return PartitionTable.of(
      topics.map(({ info }) => info),
      topics.flatMap(({ rows }) => rows),
    )
  })
