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
}

const readConfig = (reader: WireReader): readonly [string, string | null] => {
  const entry = [reader.string(), reader.nullableString()] as const
  reader.bool() // read-only
  reader.i8() // source
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
  return entry
}

const readResource = (reader: WireReader): ConfigsAnswer => {
  const error = reader.i16()
  const message = reader.nullableString()
  reader.i8() // resource type
  const resource = { error, message, name: reader.string(), values: new Map(reader.array(readConfig)) }
  reader.tags()
  return resource
}

/** Effective values of `keys` for each of the resources. */
export const DescribeConfigs: Message<
  { readonly type: ResourceType; readonly names: readonly string[]; readonly keys: readonly string[] },
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
