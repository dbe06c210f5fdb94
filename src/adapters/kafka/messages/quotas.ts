// Who may use how much, and who may log in how: DescribeClientQuotas v1, AlterClientQuotas v1 (KIP-546) and
// DescribeUserScramCredentials v0 (KIP-554), which gives no secret away.
import type { ClientQuota } from '../../../model/contents.ts'
import type { ScramUser } from '../../../ports/kafka-backup.ts'
import { answerHead, type Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

const readEntity = (reader: WireReader): ClientQuota['entity'][number] => {
  const entity = { type: reader.string(), name: reader.nullableString() }
  reader.tags()
  return entity
}

/** Every quota of every entity. */
export const DescribeClientQuotas: Message<null, { readonly error: number; readonly message: string | null; readonly quotas: readonly ClientQuota[] }> = {
  name: 'DescribeClientQuotas',
  key: 48,
  version: 1,
  flexible: true,
  encode: (writer) => {
    writer
      .array([], () => {})
      .bool(false)
      .tags()
  },
  decode: (reader) => {
    const { error, message } = answerHead(reader)
    const quotas = reader.array((each): ClientQuota => {
      const entity = each.array(readEntity)
      const values = each.array((value) => {
        const pair = [value.string(), value.f64()] as const
        value.tags()
        return pair
      })
      each.tags()
      return { entity, values: Object.fromEntries(values) }
    })
    return { error, message, quotas }
  },
}

export const AlterClientQuotas: Message<
  readonly ClientQuota[],
  readonly { readonly error: number; readonly message: string | null; readonly entity: ClientQuota['entity'] }[]
> = {
  name: 'AlterClientQuotas',
  key: 49,
  version: 1,
  flexible: true,
  encode: (writer, quotas) => {
    writer.array(quotas, (each, { entity, values }) =>
      each
        .array(entity, (list, { type, name }) => list.string(type).string(name).tags())
        .array(Object.entries(values), (list, [key, value]) => list.string(key).f64(value).bool(false).tags())
        .tags(),
    )
    writer.bool(false).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array((each) => {
      const answer = { error: each.i16(), message: each.nullableString(), entity: each.array(readEntity) }
      each.tags()
      return answer
    })
  },
}

const MECHANISMS = ['UNKNOWN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

/** Of all users; 31 without DESCRIBE on the cluster. */
export const DescribeScramUsers: Message<
  null,
  { readonly error: number; readonly message: string | null; readonly users: readonly (ScramUser & { readonly error: number })[] }
> = {
  name: 'DescribeUserScramCredentials',
  key: 50,
  version: 0,
  flexible: true,
  encode: (writer) => {
    // Not null, which means the same: 4.3 never answers a principal to whom it refuses that.
    writer.array([], () => {}).tags()
  },
  decode: (reader) => {
    const { error, message } = answerHead(reader)
    const users = reader.array((each) => {
      const user = each.string()
      const failed = each.i16()
      each.nullableString() // in words
      const mechanisms = each.array((one) => {
        const code = one.i8()
        const row = { mechanism: MECHANISMS[code] ?? `CODE_${code}`, iterations: one.i32() }
        one.tags()
        return row
      })
      each.tags()
      return { user, error: failed, mechanisms }
    })
    return { error, message, users }
  },
}
