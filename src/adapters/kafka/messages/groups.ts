// Offsets of consumer groups: FindCoordinator v4, OffsetFetch v8 (several groups at once) and OffsetCommit v8;
// and DescribeCluster v0, which says whether every group is listed to us.
import type { GroupOffset } from '../../../ports/kafka-backup.ts'
import { answerHead, byTopic, type Message } from '../message.ts'

export interface Coordinator {
  readonly error: number
  readonly message: string | null
  readonly host: string
  readonly port: number
}

const GROUP = 0

/** Makes `__consumer_offsets` where it is missing. */
export const FindCoordinator: Message<string, Coordinator> = {
  name: 'FindCoordinator',
  key: 10,
  version: 4,
  flexible: true,
  encode: (writer, group) => {
    writer
      .i8(GROUP)
      .array([group], (each, key) => each.string(key))
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const found = reader.array((each) => {
      each.string() // key
      each.i32() // broker id
      const place = { host: each.string(), port: each.i32(), error: each.i16(), message: each.nullableString() }
      each.tags()
      return place
    })
    return found[0] ?? { error: -1, message: 'the answer names no coordinator', host: '', port: -1 }
  },
}

interface FetchedOffset extends GroupOffset {
  readonly error: number
}

export interface FetchedGroup {
  readonly group: string
  readonly error: number
  readonly offsets: readonly FetchedOffset[]
}

/** All that each group has committed; topics the principal may not describe are left out in silence. Pending transactional commits do not count. */
export const OffsetFetch: Message<readonly string[], readonly FetchedGroup[]> = {
  name: 'OffsetFetch',
  key: 9,
  version: 8,
  flexible: true,
  encode: (writer, groups) => {
    writer
      .array(groups, (each, group) =>
        each
          .string(group)
          .array(null, () => {})
          .tags(),
      )
      .bool(false)
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array((each): FetchedGroup => {
      const group = each.string()
      const topics = each.array((list) => {
        const topic = list.string()
        const rows = list.array((row): FetchedOffset => {
          const partition = row.i32()
          const offset = row.i64()
          const leaderEpoch = row.i32()
          const metadata = row.nullableString()
          const error = row.i16()
          row.tags()
          return { topic, partition, offset, leaderEpoch, metadata, error }
        })
        list.tags()
        return rows
      })
      const answer = { group, error: each.i16(), offsets: topics.flat() }
      each.tags()
      return answer
    })
  },
}

const NO_GENERATION = -1
/** Of another cluster's log it would say nothing. */
const NO_EPOCH = -1

/** As no member of the group (a simple consumer), which only an empty group takes. */
export const OffsetCommit: Message<
  { readonly group: string; readonly offsets: readonly GroupOffset[] },
  readonly { readonly topic: string; readonly partition: number; readonly error: number }[]
> = {
  name: 'OffsetCommit',
  key: 8,
  version: 8,
  flexible: true,
  encode: (writer, { group, offsets }) => {
    writer.string(group).i32(NO_GENERATION).string('').string(null)
    writer.array(byTopic(offsets), (each, topic) =>
      each
        .string(topic.topic)
        .array(topic.partitions, (list, row) => list.i32(row.partition).i64(row.offset).i32(NO_EPOCH).string(row.metadata).tags())
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row) => {
        const answer = { topic, partition: row.i32(), error: row.i16() }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return topics.flat()
  },
}

/** Bits of org.apache.kafka.common.acl.AclOperation by code. */
export const DESCRIBE_BIT = 1 << 8

/** What this principal may do on the cluster, a bit for each operation; all of them where there is no authorizer. */
export const ClusterRights: Message<null, { readonly error: number; readonly message: string | null; readonly operations: number }> = {
  name: 'DescribeCluster',
  key: 60,
  version: 0,
  flexible: true,
  encode: (writer) => {
    writer.bool(true).tags()
  },
  decode: (reader) => {
    const answer = answerHead(reader)
    reader.string() // cluster id
    reader.i32() // controller
    reader.array((broker) => {
      broker.i32()
      broker.string()
      broker.i32()
      broker.nullableString()
      broker.tags()
    })
    return { ...answer, operations: reader.i32() }
  },
}
