// CreateTopics v5 and DeleteTopics v5, one topic at a time: what probes need.
import type { Message } from '../message.ts'

export interface TopicOutcome {
  readonly error: number
  readonly message: string | null
}

/** `assignments[i]` are the replicas of partition i, preferred leader first. `timeout` is the broker's, in milliseconds. */
export const CreateTopics: Message<
  {
    readonly name: string
    readonly assignments: readonly (readonly number[])[]
    readonly configs: Readonly<Record<string, string>>
    readonly timeout: number
  },
  TopicOutcome
> = {
  name: 'CreateTopics',
  key: 19,
  version: 5,
  flexible: true,
  encode: (writer, { name, assignments, configs, timeout }) => {
    writer.array([name], (each) =>
      each
        .string(name)
        .i32(-1) // partitions and replication factor follow from the assignment
        .i16(-1)
        .array([...assignments.entries()], (list, [partition, replicas]) =>
          list
            .i32(partition)
            .array(replicas, (ids, id) => ids.i32(id))
            .tags(),
        )
        .array(Object.entries(configs), (list, [key, value]) => list.string(key).string(value).tags())
        .tags(),
    )
    writer.i32(timeout).bool(false).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const answers = reader.array((each) => {
      each.string()
      const outcome = { error: each.i16(), message: each.nullableString() }
      each.i32() // partitions
      each.i16() // replication factor
      each.nullableArray((config) => {
        config.string()
        config.nullableString()
        config.bool()
        config.i8()
        config.bool()
        config.tags()
      })
      each.tags()
      return outcome
    })
    return answers[0] ?? { error: -1, message: 'the answer names no topic' }
  },
}

export const DeleteTopics: Message<{ readonly name: string; readonly timeout: number }, TopicOutcome> = {
  name: 'DeleteTopics',
  key: 20,
  version: 5,
  flexible: true,
  encode: (writer, { name, timeout }) => {
    writer
      .array([name], (each) => each.string(name))
      .i32(timeout)
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const answers = reader.array((each) => {
      each.nullableString()
      const outcome = { error: each.i16(), message: each.nullableString() }
      each.tags()
      return outcome
    })
    return answers[0] ?? { error: -1, message: 'the answer names no topic' }
  },
}
