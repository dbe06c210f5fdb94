// CreateTopics v5, DeleteTopics v5 and DeleteRecords v2.
import type { TopicPartition } from '../../../ports/kafka.ts'
import { byTopic, type Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

export interface TopicOutcome {
  readonly name: string
  readonly error: number
  readonly message: string | null
}

/** Replicas as they are assigned (`assignments[i]` are those of partition i, preferred leader first), or as many as the controller is to place. */
type Placement =
  | { readonly assignments: readonly (readonly number[])[] }
  | { readonly assignments?: never; readonly partitions: number; readonly replicationFactor: number }

export type CreatableTopic = Placement & { readonly name: string; readonly configs: Readonly<Record<string, string>> }

/** What is assigned follows from the assignment: then both counts are -1. */
const FROM_ASSIGNMENT = { partitions: -1, replicationFactor: -1 }

const skipConfig = (config: WireReader): void => {
  config.string()
  config.nullableString()
  config.bool()
  config.i8()
  config.bool()
  config.tags()
}

/** `timeout` is the broker's, in milliseconds. `only`: nothing is made, and only said whether it could be. */
export const CreateTopics: Message<
  { readonly topics: readonly CreatableTopic[]; readonly timeout: number; readonly only?: 'validate' },
  readonly TopicOutcome[]
> = {
  name: 'CreateTopics',
  key: 19,
  version: 5,
  flexible: true,
  encode: (writer, { topics, timeout, only }) => {
    writer.array(topics, (each, topic) => {
      const counts = topic.assignments === undefined ? topic : FROM_ASSIGNMENT
      each
        .string(topic.name)
        .i32(counts.partitions)
        .i16(counts.replicationFactor)
        .array([...(topic.assignments ?? []).entries()], (list, [partition, replicas]) =>
          list
            .i32(partition)
            .array(replicas, (ids, id) => ids.i32(id))
            .tags(),
        )
        .array(Object.entries(topic.configs), (list, [key, value]) => list.string(key).string(value).tags())
        .tags()
    })
    writer
      .i32(timeout)
      .bool(only === 'validate')
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array((each) => {
      const outcome = { name: each.string(), error: each.i16(), message: each.nullableString() }
      each.i32() // partitions
      each.i16() // replication factor
      each.nullableArray(skipConfig)
      each.tags()
      return outcome
    })
  },
}

export const DeleteTopics: Message<{ readonly names: readonly string[]; readonly timeout: number }, readonly TopicOutcome[]> = {
  name: 'DeleteTopics',
  key: 20,
  version: 5,
  flexible: true,
  encode: (writer, { names, timeout }) => {
    writer
      .array(names, (each, name) => each.string(name))
      .i32(timeout)
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array((each) => {
      const outcome = { name: each.string(), error: each.i16(), message: each.nullableString() }
      each.tags()
      return outcome
    })
  },
}

/** Answered by leaders, once their followers have it; `before` -1 is the high watermark. */
export const DeleteRecords: Message<
  { readonly rows: readonly (TopicPartition & { readonly before: bigint })[]; readonly timeout: number },
  readonly (TopicPartition & { readonly error: number })[]
> = {
  name: 'DeleteRecords',
  key: 21,
  version: 2,
  flexible: true,
  encode: (writer, { rows, timeout }) => {
    writer.array(byTopic(rows), (each, topic) =>
      each
        .string(topic.topic)
        .array(topic.partitions, (list, row) => list.i32(row.partition).i64(row.before).tags())
        .tags(),
    )
    writer.i32(timeout).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row) => {
        const partition = row.i32()
        row.i64() // low watermark
        const answer = { topic, partition, error: row.i16() }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return topics.flat()
  },
}
