// The partition table as far as it can be trusted: brokers answer Metadata from a frozen cache while the
// quorum is lost, Metadata hides what a principal may not see, and it forgets the ISR of leaderless partitions.
import type { Known } from '../model/known.ts'
import { isKnownTrue, known, unknown } from '../model/known.ts'
import type { PartitionRow, PartitionTable } from '../model/partitions.ts'
import { partitionName } from '../model/partitions.ts'
import type { CoordinationReader } from '../ports/coordination.ts'
import type { MetadataView, RecordedView } from '../ports/kafka.ts'
import type { Millis } from '../units.ts'
import type { Stage } from './reading.ts'
import { each, reading } from './reading.ts'

/** /brokers/topics/T/partitions/P/state, kafka.zk.TopicPartitionStateZNode. */
interface PersistedState {
  readonly leader: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
}

export const stateOf = (data: Buffer): PersistedState | null => {
  const value = JSON.parse(data.toString('utf8')) as { leader?: unknown; leader_epoch?: unknown; isr?: unknown }
  const { leader, leader_epoch: leaderEpoch, isr } = value
  if (typeof leader !== 'number' || typeof leaderEpoch !== 'number' || !Array.isArray(isr)) return null
  return { leader, leaderEpoch, isr: isr.filter((id): id is number => typeof id === 'number') }
}

/** What ZooKeeper has on record for the partitions that Metadata shows without a leader; those that could not be read are left out. */
export const readPersisted = async (
  stage: Stage,
  zk: CoordinationReader,
  table: PartitionTable,
  length: Millis,
): Promise<ReadonlyMap<string, PersistedState>> => {
  const found = new Map<string, PersistedState>()
  const leaderless = Array.from(table.rows()).filter((row) => row.leader < 0)
  await reading(stage, length, 'znodes', (signal) =>
    each(leaderless, 32, async (row) => {
      if (signal.aborted) return
      const node = await zk.get(`/brokers/topics/${row.topic}/partitions/${row.partition}/state`, signal)
      const state = node === null ? null : stateOf(node.data)
      if (state !== null) found.set(partitionName(row), state)
    }),
  )
  return found
}

/** A leaderless row without its persisted state has no ISR on record: `elr: null` says so (model/partitions.ts). */
const withRecord = (row: PartitionRow, persisted: ReadonlyMap<string, PersistedState>): PartitionRow => {
  if (row.leader >= 0) return row
  const state = persisted.get(partitionName(row))
  return state === undefined
    ? { ...row, elr: null }
    : { ...row, leader: state.leader, leaderEpoch: state.leaderEpoch, isr: state.isr, elr: [], lastKnownElr: [] }
}

/** A broker that is still held to be alive may lead what it led: nothing is said before its session is over. */
export const recordedTable = (record: Known<RecordedView>): Known<PartitionTable> => {
  if (!record.known) return record
  const { registered, partitions, by } = record.value
  const source = `the log of controller ${by}; no broker answers`
  if (registered.length > 0) return unknown(`no broker answers, and broker ${registered.join(', ')} is not given up yet by the controllers`, source)
  return known(partitions, source)
}

export interface TableSightings {
  readonly metadata: Known<MetadataView>
  readonly quorum: Known<boolean>
  /** null: the cluster has no ZooKeeper. */
  readonly zookeeper: { readonly topics: Known<readonly string[]>; readonly persisted: ReadonlyMap<string, PersistedState> } | null
}

const incomplete = ({ zookeeper }: TableSightings, view: MetadataView): string | null => {
  if (view.complete.known) return null
  if (zookeeper === null || !zookeeper.topics.known) return view.complete.why
  const shown = new Set(view.partitions.topics.map((topic) => topic.name))
  const hidden = zookeeper.topics.value.filter((topic) => !shown.has(topic))
  return hidden.length === 0 ? null : `${hidden.length} topics are in ZooKeeper, but not in Metadata (${hidden.slice(0, 3).join(', ')})`
}

export const partitionsOf = (seen: TableSightings): Known<PartitionTable> => {
  const { metadata, quorum, zookeeper } = seen
  if (!metadata.known) return metadata
  const by = `Metadata from ${metadata.value.by}`
  if (!isKnownTrue(quorum)) return unknown('Metadata may be a frozen cache: the quorum is not known to be held', by)
  const why = incomplete(seen, metadata.value)
  if (why !== null) return unknown(`topics may be hidden: ${why}`, by)
  if (zookeeper === null) return known(metadata.value.partitions, by)
  return known(
    metadata.value.partitions.map((row) => withRecord(row, zookeeper.persisted)),
    `${by}, znodes where leaderless`,
  )
}
