// Everything beside the records: overrides, rights, quotas, users, schemas and groups. What could not be read
// is left out in the open: each is a reason why the backup is incomplete.
import { KdrError, wordsOf } from '../../errors.ts'
import { SHARE } from '../../model/groups.ts'
import type { Known } from '../../model/known.ts'
import { unknown } from '../../model/known.ts'
import type { Configs } from '../../ports/kafka.ts'
import type { BackupTopic, GroupOffset, GroupOffsets } from '../../ports/kafka-backup.ts'
import { each } from '../../survey/reading.ts'
import type { BackupMetadata, GroupBackup, TopicBackup } from '../manifest.ts'
import { placeOf } from './ends.ts'
import type { PositionCounter } from './positions.ts'
import type { CreatePorts } from './types.ts'

/** Topics per DescribeConfigs. */
const CHUNK = 500
/** Groups asked one by one, side by side. */
const WIDTH = 8

/** A reason why the backup is incomplete. */
export type Lacking = (why: string) => void

/** The values, or none and the reason told. */
const orNone = <T>(what: string, read: Known<readonly T[]>, lacking: Lacking): readonly T[] => {
  if (read.known) return read.value
  lacking(`${what} could not be read: ${read.why}`)
  return []
}

const asKnown = async <T>(read: Promise<Known<T>>, by: string, signal: AbortSignal): Promise<Known<T>> => {
  try {
    return await read
  } catch (thrown) {
    signal.throwIfAborted()
    return unknown(wordsOf(thrown), by)
  }
}

const overridesOf = async (backup: CreatePorts['backup'], names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Known<Configs>>> => {
  const all = new Map<string, Known<Configs>>()
  for (let at = 0; at < names.length; at += CHUNK) {
    const chunk = names.slice(at, at + CHUNK)
    const failed = (thrown: unknown): ReadonlyMap<string, Known<Configs>> => {
      signal.throwIfAborted()
      return new Map(chunk.map((name) => [name, unknown(wordsOf(thrown), 'DescribeConfigs')]))
    }
    for (const [name, configs] of await backup.topicOverrides(chunk, signal).catch(failed)) all.set(name, configs)
  }
  return all
}

const topicOf = ({ name, id, internal, partitions }: BackupTopic, configs: Known<Configs> | undefined, lacking: Lacking): TopicBackup => {
  if (configs?.known !== true) lacking(`settings of ${name} could not be read: ${configs?.why ?? 'no answer'}`)
  return {
    name,
    id,
    internal,
    partitions: partitions.length,
    replicationFactor: Math.max(...partitions.map(({ replicas }) => replicas.length)),
    configs: configs?.known === true ? Object.fromEntries(configs.value) : null,
  }
}

const schemasOf = async ({ schemas }: CreatePorts, lacking: Lacking, signal: AbortSignal): Promise<unknown> => {
  try {
    const exported = await schemas(signal)
    for (const what of exported?.missing ?? []) lacking(`schemas: ${what}`)
    return exported?.content ?? null
  } catch (thrown) {
    signal.throwIfAborted()
    lacking(`the schemas could not be read: ${wordsOf(thrown)}`)
    return null
  }
}

/** Throws only the signal's reason. */
export const describeCluster = async (
  ports: CreatePorts,
  topics: readonly BackupTopic[],
  lacking: Lacking,
  signal: AbortSignal,
): Promise<Omit<BackupMetadata, 'groups'>> => {
  const { backup } = ports
  const [overrides, acls, quotas, users, schemas] = await Promise.all([
    overridesOf(
      backup,
      topics.map(({ name }) => name),
      signal,
    ),
    asKnown(backup.acls(signal), 'DescribeAcls', signal),
    asKnown(backup.quotas(signal), 'DescribeClientQuotas', signal),
    asKnown(backup.scramUsers(signal), 'DescribeUserScramCredentials', signal),
    schemasOf(ports, lacking, signal),
  ])
  return {
    topics: topics.map((topic) => topicOf(topic, overrides.get(topic.name), lacking)),
    acls: orNone('ACLs', acls, lacking),
    quotas: orNone('quotas', quotas, lacking),
    scramUsers: orNone('SCRAM users', users, lacking),
    schemas,
  }
}

const oneByOne = async ({ backup }: CreatePorts, lacking: Lacking, signal: AbortSignal): Promise<readonly GroupOffsets[]> => {
  const names = await backup.groupNames(signal)
  const found = await each(names, WIDTH, async (id) => {
    try {
      return await backup.groupOffsets([id], signal)
    } catch (thrown) {
      signal.throwIfAborted()
      lacking(`offsets of group ${id} could not be read: ${wordsOf(thrown)}`)
      return []
    }
  })
  return found.flat()
}

/** The error where it could not be read. */
const orError = async <T>(read: Promise<T>, signal: AbortSignal): Promise<T | KdrError> => {
  try {
    return await read
  } catch (thrown) {
    signal.throwIfAborted()
    if (!(thrown instanceof KdrError)) throw thrown
    return thrown
  }
}

/**
 * Before the ends of the partitions, so that every commit has its place in them. One group that does not answer costs no other, but where
 * any broker did not list its groups, nobody knows which are missing. Throws only the signal's reason.
 */
export const captureGroups = async (ports: CreatePorts, lacking: Lacking, signal: AbortSignal): Promise<readonly GroupOffsets[]> => {
  const { backup } = ports
  const first = await orError(backup.groupOffsets(null, signal), signal)
  if (!(first instanceof KdrError)) return first
  // A connection that broke may not break twice.
  const again = await orError(backup.groupOffsets(null, signal), signal)
  if (!(again instanceof KdrError)) return again
  lacking(`groups may be missing, or their offsets: ${wordsOf(again)}`)
  const some = await orError(oneByOne(ports, lacking, signal), signal)
  return some instanceof KdrError ? [] : some
}

/** Offsets that groups committed, by partition. */
export const committedBy = (groups: readonly GroupOffsets[]): ReadonlyMap<string, readonly bigint[]> => {
  const places = new Map<string, bigint[]>()
  for (const { offsets } of groups)
    for (const row of offsets) {
      const place = placeOf(row)
      const known = places.get(place)
      if (known === undefined) places.set(place, [row.offset])
      else known.push(row.offset)
    }
  return places
}

/** Of kept partitions only, with their places among the kept records; groups without any are left out, but share groups, which a restore has to name. */
export function* groupsWithPlaces(groups: readonly GroupOffsets[], counters: ReadonlyMap<string, PositionCounter>): Generator<GroupBackup> {
  for (const { group, state, protocolType, offsets } of groups) {
    const rows = offsets.flatMap((row: GroupOffset) => {
      const counter = counters.get(placeOf(row))
      return counter === undefined ? [] : [{ ...row, offset: String(row.offset), archivedIndex: counter.indexOf(row.offset) }]
    })
    if (rows.length > 0 || protocolType === SHARE) yield { group, state, protocolType, offsets: rows }
  }
}

/** Thousands of groups may have a hundred thousand offsets: group by group, it takes no memory but that of the text. */
export const groupsText = (groups: Iterable<GroupBackup>): Buffer => {
  const pieces: Buffer[] = []
  for (const group of groups) pieces.push(Buffer.from(`${pieces.length === 0 ? '[' : ','}\n ${JSON.stringify(group, null, 1).replaceAll('\n', '\n ')}`))
  return Buffer.concat([...pieces, Buffer.from(pieces.length === 0 ? '[]\n' : '\n]\n')])
}
