// Configuration: DescribeConfigs v4 gives effective values, IncrementalAlterConfigs v1 changes only the
// keys named (the old AlterConfigs replaces the whole set, which can drop `compact` from a topic).
import type { Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

const RESOURCE = { topic: 2, broker: 4 } as const
export type ResourceType = keyof typeof RESOURCE

export interface ConfigsAnswer {
  readonly error: number
  readonly message: string | null
  readonly name: string
  readonly values: ReadonlyMap<string, string | null>
  /** Only what was set on the topic itself. */
  readonly own: ReadonlyMap<string, string | null>
}

const DYNAMIC_TOPIC_CONFIG = 1

interface Entry {
  readonly pair: readonly [string, string | null]
  readonly source: number
}

const readConfig = (reader: WireReader): Entry => {
  const pair = [reader.string(), reader.nullableString()] as const
  reader.bool() // read-only
  const source = reader.i8()
  reader.bool() // sensitive
  reader.array((synonym) => {
    synonym.string()
    synonym.nullableString()
    synonym.i8()
    synonym.tags()
  })
  reader.i8() // type
  reader.nullableString() // documentation
  reader.tags()
  return { pair, source }
}

const readResource = (reader: WireReader): ConfigsAnswer => {
  const error = reader.i16()
  const message = reader.nullableString()
  reader.i8() // resource type
  const name = reader.string()
  const entries = reader.array(readConfig)
  reader.tags()
  const own = entries.filter(({ source }) => source === DYNAMIC_TOPIC_CONFIG)
  return { error, message, name, values: new Map(entries.map(({ pair }) => pair)), own: new Map(own.map(({ pair }) => pair)) }
}

/** Effective values of `keys` (null: of every key) for each of the resources. */
export const DescribeConfigs: Message<
  { readonly type: ResourceType; readonly names: readonly string[]; readonly keys: readonly string[] | null },
  readonly ConfigsAnswer[]
> = {
  name: 'DescribeConfigs',
  key: 32,
  version: 4,
  flexible: true,
  encode: (writer, { type, names, keys }) => {
    writer.array(names, (each, name) =>
      each
        .i8(RESOURCE[type])
        .string(name)
        .array(keys, (list, key) => list.string(key))
        .tags(),
    )
    writer.bool(false).bool(false).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array(readResource)
  },
}

const SET = 0
const DELETE = 1

/** null deletes the override. Answers the first error. */
export const IncrementalAlterConfigs: Message<
  { readonly type: ResourceType; readonly name: string; readonly changes: Readonly<Record<string, string | null>> },
  { readonly error: number; readonly message: string | null }
> = {
  name: 'IncrementalAlterConfigs',
  key: 44,
  version: 1,
  flexible: true,
  encode: (writer, { type, name, changes }) => {
    writer.array([name], (each) =>
      each
        .i8(RESOURCE[type])
        .string(name)
        .array(Object.entries(changes), (list, [key, value]) =>
          list
            .string(key)
            .i8(value === null ? DELETE : SET)
            .string(value)
            .tags(),
        )
        .tags(),
    )
    writer.bool(false).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const answers = reader.array((each) => {
      const answer = { error: each.i16(), message: each.nullableString() }
      each.i8()
      each.string()
      each.tags()
      return answer
    })
    return answers.find((answer) => answer.error !== 0) ?? { error: 0, message: null }
  },
}
