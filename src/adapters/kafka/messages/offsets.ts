// Where logs start and end: ListOffsets v7 and OffsetForLeaderEpoch v4.
import type { EpochAnswer, TopicPartition } from '../../../ports/kafka.ts'
import { byTopic, type Message } from '../message.ts'

/** Replica -1 is a client, answered by the leader. -2 is Kafka's debugging consumer: any replica answers for its own log, whatever the isolation. */
export const CLIENT = -1
export const LOCAL = -2
export const LATEST = -1n
export const EARLIEST = -2n
/** The record with the latest timestamp (KIP-734). */
export const MAX_TIMESTAMP = -3n
export const READ_UNCOMMITTED = 0
export const READ_COMMITTED = 1

export interface OffsetRow extends TopicPartition {
  readonly error: number
  readonly offset: bigint
  readonly leaderEpoch: number
}

export const ListOffsets: Message<
  { readonly replica: number; readonly isolation: number; readonly timestamp: bigint; readonly partitions: readonly TopicPartition[] },
  readonly OffsetRow[]
> = {
  name: 'ListOffsets',
  key: 2,
  version: 7,
  flexible: true,
  encode: (writer, { replica, isolation, timestamp, partitions }) => {
    writer.i32(replica).i8(isolation)
    writer.array(byTopic(partitions), (each, topic) =>
      each
        .string(topic.topic)
        .array(topic.partitions, (list, row) => list.i32(row.partition).i32(-1).i64(timestamp).tags())
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row): OffsetRow => {
        const partition = row.i32()
        const error = row.i16()
        row.i64() // timestamp
        const answer = { topic, partition, error, offset: row.i64(), leaderEpoch: row.i32() }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return topics.flat()
  },
}

export interface EpochRow extends TopicPartition {
  readonly error: number
  readonly epoch: EpochAnswer['epoch']
  readonly endOffset: bigint
}

/** Only leaders answer; an unknown epoch is answered with the nearest lower one and its end (-1 where there is none). */
export const OffsetForLeaderEpoch: Message<readonly (TopicPartition & { readonly epoch: number })[], readonly EpochRow[]> = {
  name: 'OffsetForLeaderEpoch',
  key: 23,
  version: 4,
  flexible: true,
  encode: (writer, partitions) => {
    writer.i32(CLIENT)
    writer.array(byTopic(partitions), (each, topic) =>
      each
        .string(topic.topic)
        .array(topic.partitions, (list, row) => list.i32(row.partition).i32(-1).i32(row.epoch).tags())
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row): EpochRow => {
        const answer = { topic, error: row.i16(), partition: row.i32(), epoch: row.i32(), endOffset: row.i64() }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return topics.flat()
  },
}
