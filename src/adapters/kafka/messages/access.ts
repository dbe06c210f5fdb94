// ListGroups v4 and DescribeGroups v5 (of the groups one broker coordinates), and DescribeAcls v2 (of topics).
import type { GroupDescription } from '../../../model/groups.ts'
import type { GroupInfo } from '../../../model/survey.ts'
import { answerHead, type Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

export interface ListedGroup extends GroupInfo {
  /** `consumer` of members that use a consumer, empty where offsets were only ever committed, `share` (KIP-932), `sr`, `connect`. */
  readonly protocolType: string
}

export const ListGroups: Message<null, { readonly error: number; readonly groups: readonly ListedGroup[] }> = {
  name: 'ListGroups',
  key: 16,
  version: 4,
  flexible: true,
  encode: (writer) => {
    writer.array([], () => {}).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    const groups = reader.array((each) => {
      const id = each.string()
      const protocolType = each.string()
      const state = each.string()
      each.tags()
      return { id, state, protocolType }
    })
    return { error, groups }
  },
}

interface DescribedGroup extends GroupDescription {
  readonly group: string
  readonly error: number
  readonly operations: number
}

const readGroup = (reader: WireReader): DescribedGroup => {
  const error = reader.i16()
  const group = reader.string()
  const state = reader.string()
  const protocolType = reader.string()
  reader.string() // protocol
  const members = reader.array((one) => {
    const id = one.string()
    one.nullableString() // group instance id
    one.string() // client id
    one.string() // host
    const member = { id, metadata: one.bytes(), assignment: one.bytes() }
    one.tags()
    return member
  })
  const operations = reader.i32()
  reader.tags()
  return { error, group, state, protocolType, members, operations }
}

/** NOT_COORDINATOR (16) by whoever does not lead the group's partition; a group without members is Dead or Empty. */
export const DescribeGroups: Message<string, { readonly error: number } & GroupDescription> = {
  name: 'DescribeGroups',
  key: 15,
  version: 5,
  flexible: true,
  encode: (writer, group) => {
    writer
      .array([group], (each, name) => each.string(name))
      .bool(false)
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const [first] = reader.array(readGroup)
    if (first === undefined) return { error: -1, state: 'Dead', protocolType: '', members: [] }
    const { error, state, protocolType, members } = first
    return { error, state, protocolType, members }
  },
}

/** What this principal may do with each group (KIP-430), a bit for each operation; said by its coordinator only, but refused (30) by anybody. */
export const GroupRights: Message<readonly string[], readonly { readonly name: string; readonly error: number; readonly operations: number }[]> = {
  name: 'DescribeGroups',
  key: 15,
  version: 5,
  flexible: true,
  encode: (writer, groups) => {
    writer
      .array(groups, (each, name) => each.string(name))
      .bool(true)
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return reader.array(readGroup).map(({ group, error, operations }) => ({ name: group, error, operations }))
  },
}

/** A topic pattern that some ACL is written for. */
export interface AclPattern {
  readonly name: string
  readonly prefixed: boolean
}

const ANY = 1
const TOPIC = 2
const PREFIXED = 4

/** Patterns of all topic ACLs. SECURITY_DISABLED (54) without an authorizer; error 31 without DESCRIBE on the cluster. */
export const DescribeAcls: Message<null, { readonly error: number; readonly message: string | null; readonly patterns: readonly AclPattern[] }> = {
  name: 'DescribeAcls',
  key: 29,
  version: 2,
  flexible: true,
  encode: (writer) => {
    writer.i8(TOPIC).string(null).i8(ANY).string(null).string(null).i8(ANY).i8(ANY).tags()
  },
  decode: (reader) => {
    const { error, message } = answerHead(reader)
    const patterns = reader.array((each) => {
      each.i8() // resource type
      const pattern = { name: each.string(), prefixed: each.i8() === PREFIXED }
      each.array((entry) => {
        entry.string()
        entry.string()
        entry.i8()
        entry.i8()
        entry.tags()
      })
      each.tags()
      return pattern
    })
    return { error, message, patterns }
  },
}
