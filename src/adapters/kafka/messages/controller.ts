// Messages the controller answers; in KRaft any broker forwards them, in ZooKeeper mode only the
// controller takes them (NOT_CONTROLLER elsewhere). DescribeQuorum exists in KRaft only.
import type { TopicPartition } from '../../../ports/kafka.ts'
import { byTopic, type Message } from '../message.ts'
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
  { readonly error: number; readonly message: string | null; readonly partitions: readonly TopicPartition[] }
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
    reader.i32() // throttle time
    const error = reader.i16()
    const message = reader.nullableString()
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row) => {
        const partition = row.i32()
        for (let list = 0; list < 3; list += 1) row.i32s() // replicas, adding, removing
        row.tags()
        return { topic, partition }
      })
      each.tags()
      return rows
    })
    return { error, message, partitions: topics.flat() }
  },
}

export interface ElectionRow extends TopicPartition {
  readonly error: number
  readonly message: string | null
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
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row): ElectionRow => {
        const answer = { topic, partition: row.i32(), error: row.i16(), message: row.nullableString() }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return { error, rows: topics.flat() }
  },
}
