// The messages of a group's member, and what registries say in them: Confluent's elect their leader by Kafka's group
// protocol, protocol type `sr` (leaderelector/kafka/SchemaRegistryProtocol).
import type { Message } from '../../adapters/kafka/message.ts'
import type { Identity } from './settings.ts'

const PROTOCOL_TYPE = 'sr'
const PROTOCOL = 'v0'

const NO_ERROR = 0
/** Two members advertise one address: none of them knows whom it would forward to. */
export const DUPLICATE_URLS = 1

export interface Assignment {
  readonly error: number
  /** Member id of the leader; null when no member may lead. */
  readonly master: string | null
  readonly identity: Identity | null
}

const identityJson = ({ host, port, eligible, scheme }: Identity): object => ({ version: 1, host, port, master_eligibility: eligible, scheme })

const identityOf = (json: unknown): Identity | null => {
  const { host, port, master_eligibility: eligible } = (json ?? {}) as Record<string, unknown>
  return typeof host === 'string' && typeof port === 'number' ? { scheme: 'http', host, port, eligible: eligible === true } : null
}

export const encodeIdentity = (identity: Identity): Buffer => Buffer.from(JSON.stringify(identityJson(identity)))
export const decodeIdentity = (bytes: Buffer): Identity | null => identityOf(JSON.parse(bytes.toString('utf8')))

export const encodeAssignment = ({ error, master, identity }: Assignment): Buffer =>
  Buffer.from(JSON.stringify({ version: 1, error, master, master_identity: identity === null ? null : identityJson(identity) }))

export const decodeAssignment = (bytes: Buffer): Assignment => {
  const { error, master, master_identity: identity } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
  return { error: Number(error), master: typeof master === 'string' ? master : null, identity: identityOf(identity) }
}

/** The eligible member with the smallest id leads; duplicates are told to all. */
export const assign = (members: readonly { readonly memberId: string; readonly identity: Identity | null }[]): Assignment => {
  const eligible = members.filter(({ identity }) => identity?.eligible).sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const urls = new Set(members.map(({ identity }) => `${identity?.host}:${identity?.port}`))
  const error = urls.size === members.length ? NO_ERROR : DUPLICATE_URLS
  return { error, master: eligible[0]?.memberId ?? null, identity: eligible[0]?.identity ?? null }
}

interface Membership {
  readonly group: string
  readonly generation: number
  readonly memberId: string
}

export const FindCoordinator: Message<{ readonly group: string }, { readonly error: number; readonly endpoint: string }> = {
  name: 'FindCoordinator',
  key: 10,
  version: 0,
  flexible: false,
  encode: (writer, { group }) => writer.oldString(group),
  decode: (reader) => {
    const error = reader.i16()
    reader.i32() // node id
    return { error, endpoint: `${reader.oldString()}:${reader.i32()}` }
  },
}

interface Joined {
  readonly error: number
  readonly generation: number
  readonly leader: string
  readonly memberId: string
  /** Given to the group's leader only. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

/** v3: the newest before a first answer only hands out a member id (KIP-394). Time-outs in milliseconds. */
export const JoinGroup: Message<
  { readonly group: string; readonly memberId: string; readonly session: number; readonly rebalance: number; readonly metadata: Buffer },
  Joined
> = {
  name: 'JoinGroup',
  key: 11,
  version: 3,
  flexible: false,
  encode: (writer, { group, memberId, session, rebalance, metadata }) => {
    writer.oldString(group).i32(session).i32(rebalance).oldString(memberId).oldString(PROTOCOL_TYPE)
    writer.oldArray([PROTOCOL], (each, name) => each.oldString(name).i32(metadata.length).raw(metadata))
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    const generation = reader.i32()
    reader.oldString() // protocol
    const [leader, memberId] = [reader.oldString(), reader.oldString()]
    const members = reader.oldArray((each) => ({ memberId: each.oldString(), metadata: each.raw(each.i32()) }))
    return { error, generation, leader, memberId, members }
  },
}

/** The leader sends everybody's assignment, the others none. */
export const SyncGroup: Message<
  Membership & { readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[] },
  { readonly error: number; readonly assignment: Buffer }
> = {
  name: 'SyncGroup',
  key: 14,
  version: 2,
  flexible: false,
  encode: (writer, { group, generation, memberId, assignments }) => {
    writer.oldString(group).i32(generation).oldString(memberId)
    writer.oldArray(assignments, (each, one) => each.oldString(one.memberId).i32(one.assignment.length).raw(one.assignment))
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return { error: reader.i16(), assignment: reader.raw(Math.max(0, reader.i32())) }
  },
}

const errorOnly = (reader: Parameters<Message<never, unknown>['decode']>[0]): number => {
  reader.i32() // throttle time
  return reader.i16()
}

export const Heartbeat: Message<Membership, number> = {
  name: 'Heartbeat',
  key: 12,
  version: 2,
  flexible: false,
  encode: (writer, { group, generation, memberId }) => writer.oldString(group).i32(generation).oldString(memberId),
  decode: errorOnly,
}

export const LeaveGroup: Message<Pick<Membership, 'group' | 'memberId'>, number> = {
  name: 'LeaveGroup',
  key: 13,
  version: 2,
  flexible: false,
  encode: (writer, { group, memberId }) => writer.oldString(group).oldString(memberId),
  decode: errorOnly,
}
