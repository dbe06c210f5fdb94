// Messages the controller answers; in KRaft any broker forwards them, in ZooKeeper mode only the
// controller takes them (NOT_CONTROLLER elsewhere). DescribeQuorum exists in KRaft only.
import type { Reassigning, TopicPartition } from '../../../ports/kafka.ts'
import { answerHead, byTopic, type Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

export interface ReplicaState {
  readonly id: number
  readonly logEndOffset: bigint
  /** Milliseconds since the epoch by the leader's clock; -1 where it does not know. */
  readonly lastFetch: bigint
  readonly lastCaughtUp: bigint
}

export interface QuorumAnswer {
  readonly error: number
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly highWatermark: bigint
  readonly voters: readonly ReplicaState[]
}

const readReplica = (reader: WireReader): ReplicaState => {
  const replica = { id: reader.i32(), logEndOffset: reader.i64(), lastFetch: reader.i64(), lastCaughtUp: reader.i64() }
  reader.tags()
  return replica
}

const readQuorum = (reader: WireReader): QuorumAnswer => {
  reader.i32() // partition
  const quorum = {
    error: reader.i16(),
    leaderId: reader.i32(),
    leaderEpoch: reader.i32(),
    highWatermark: reader.i64(),
    voters: reader.array(readReplica),
  }
  reader.array(readReplica) // observers: the brokers
  reader.tags()
  return quorum
}

export const DescribeQuorum: Message<null, QuorumAnswer> = {
  name: 'DescribeQuorum',
  key: 55,
  version: 1,
  flexible: true,
  encode: (writer) => {
    writer.array(['__cluster_metadata'], (each, name) =>
      each
        .string(name)
        .array([0], (list, partition) => list.i32(partition).tags())
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    const none = { error: reader.i16(), leaderId: -1, leaderEpoch: -1, highWatermark: -1n, voters: [] }
    if (none.error !== 0) return none
    const topics = reader.array((each) => {
      each.string()
      const partitions = each.array(readQuorum)
      each.tags()
      return partitions
    })
    return topics.flat()[0] ?? { ...none, error: -1 }
  },
}

/** All partitions with a reassignment under way (KIP-455). `timeout` is the broker's, in milliseconds. */
export const ListPartitionReassignments: Message<
  { readonly timeout: number },
  { readonly error: number; readonly message: string | null; readonly partitions: readonly Reassigning[] }
> = {
  name: 'ListPartitionReassignments',
  key: 46,
  version: 0,
  flexible: true,
  encode: (writer, { timeout }) => {
    writer
      .i32(timeout)
      .array(null, () => {})
      .tags()
  },
  decode: (reader) => {
    const { error, message } = answerHead(reader)
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row) => {
        const moving = { topic, partition: row.i32(), replicas: row.i32s(), adding: row.i32s(), removing: row.i32s() }
        row.tags()
        return moving
      })
      each.tags()
      return rows
    })
    return { error, message, partitions: topics.flat() }
  },
}

interface ElectionRow extends TopicPartition {
  readonly error: number
  readonly message: string | null
}

/** Outcomes of one topic's partitions: elections and reassignments are answered alike. */
const readRows = (reader: WireReader): readonly ElectionRow[] => {
  const topic = reader.string()
  const rows = reader.array((row): ElectionRow => {
    const answer = { topic, partition: row.i32(), error: row.i16(), message: row.nullableString() }
    row.tags()
    return answer
  })
  reader.tags()
  return rows
}

/** Replicas for each partition, null to cancel (KIP-455). `timeout` is the broker's, in milliseconds. */
export const AlterPartitionReassignments: Message<
  { readonly moves: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[]; readonly timeout: number },
  { readonly error: number; readonly message: string | null; readonly rows: readonly ElectionRow[] }
> = {
  name: 'AlterPartitionReassignments',
  key: 45,
  version: 0,
  flexible: true,
  encode: (writer, { moves, timeout }) => {
    writer.i32(timeout)
    writer.array(byTopic(moves), (each, { topic, partitions }) =>
      each
        .string(topic)
        .array(partitions, (list, { partition, replicas }) =>
          list
            .i32(partition)
            .array(replicas, (ids, id) => ids.i32(id))
            .tags(),
        )
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    const { error, message } = answerHead(reader)
    return { error, message, rows: reader.array(readRows).flat() }
  },
}

/** One-shot election (KIP-460) of the partitions named. `timeout` is the broker's, in milliseconds. */
export const ElectLeaders: Message<
  { readonly kind: 'preferred' | 'unclean'; readonly partitions: readonly TopicPartition[]; readonly timeout: number },
  { readonly error: number; readonly rows: readonly ElectionRow[] }
> = {
  name: 'ElectLeaders',
  key: 43,
  version: 2,
  flexible: true,
  encode: (writer, { kind, partitions, timeout }) => {
    writer.i8(kind === 'preferred' ? 0 : 1)
    writer.array(byTopic(partitions), (each, topic) =>
      each
        .string(topic.topic)
        .array(topic.partitions, (list, row) => list.i32(row.partition))
        .tags(),
    )
    writer.i32(timeout).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    return { error, rows: reader.array(readRows).flat() }
  },
}
