// DescribeAcls v3 (of everything) and CreateAcls v3, with Kafka's codes by the names its own tools print.
import { KdrError } from '../../../errors.ts'
import type { AclBinding } from '../../../model/contents.ts'
import { answerHead, type Message } from '../message.ts'

const ANY = 1
const RESOURCES = ['UNKNOWN', 'ANY', 'TOPIC', 'GROUP', 'CLUSTER', 'TRANSACTIONAL_ID', 'DELEGATION_TOKEN', 'USER'] as const
const PATTERNS = ['UNKNOWN', 'ANY', 'MATCH', 'LITERAL', 'PREFIXED'] as const
const OPERATIONS = [
  'UNKNOWN',
  'ANY',
  'ALL',
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
  'CREATE_TOKENS',
  'DESCRIBE_TOKENS',
  'TWO_PHASE_COMMIT',
] as const
const PERMISSIONS = ['UNKNOWN', 'ANY', 'DENY', 'ALLOW'] as const

/** A code that a later Kafka has and kdr does not know keeps its number: `CODE_17`. */
const nameOf = (names: readonly string[], code: number): string => names[code] ?? `CODE_${code}`

/** Operations by their bits, as KIP-430 has them. */
export const operationsIn = (bits: number): ReadonlySet<string> => new Set(OPERATIONS.filter((_, code) => (bits & (1 << code)) !== 0))

/** What may be done where nobody is asked whether he may. */
export const ALL_OPERATIONS: ReadonlySet<string> = new Set(OPERATIONS.slice(OPERATIONS.indexOf('READ')))

const codeOf = (names: readonly string[], name: string): number => {
  const code = /^CODE_(\d+)$/.exec(name)?.[1]
  const found = code === undefined ? names.indexOf(name) : Number(code)
  if (found < 0) throw new KdrError(`an ACL says ${name}, which Kafka does not know`, { code: 'acl-not-readable' })
  return found
}

export const DescribeAllAcls: Message<null, { readonly error: number; readonly message: string | null; readonly bindings: readonly AclBinding[] }> = {
  name: 'DescribeAcls',
  key: 29,
  version: 3,
  flexible: true,
  encode: (writer) => {
    writer.i8(ANY).string(null).i8(ANY).string(null).string(null).i8(ANY).i8(ANY).tags()
  },
  decode: (reader) => {
    const { error, message } = answerHead(reader)
    const resources = reader.array((each) => {
      const resourceType = nameOf(RESOURCES, each.i8())
      const resourceName = each.string()
      const patternType = nameOf(PATTERNS, each.i8())
      const bindings = each.array((entry): AclBinding => {
        const [principal, host] = [entry.string(), entry.string()]
        const [operation, permission] = [nameOf(OPERATIONS, entry.i8()), nameOf(PERMISSIONS, entry.i8())]
        entry.tags()
        return { resourceType, resourceName, patternType, principal, host, operation, permission }
      })
      each.tags()
      return bindings
    })
    return { error, message, bindings: resources.flat() }
  },
}

/** Answers in the order asked. */
export const CreateAcls: Message<readonly AclBinding[], readonly { readonly error: number; readonly message: string | null }[]> = {
  name: 'CreateAcls',
  key: 30,
  version: 3,
  flexible: true,
  encode: (writer, bindings) => {
    writer.array(bindings, (each, acl) =>
      each
        .i8(codeOf(RESOURCES, acl.resourceType))
        .string(acl.resourceName)
        .i8(codeOf(PATTERNS, acl.patternType))
        .string(acl.principal)
        .string(acl.host)
        .i8(codeOf(OPERATIONS, acl.operation))
        .i8(codeOf(PERMISSIONS, acl.permission))
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array((each) => {
      const answer = { error: each.i16(), message: each.nullableString() }
      each.tags()
      return answer
    })
  },
}
