// What can be said of a Schema Registry from a survey: what it depends on, which instances need a restart,
// and what is where. Reads come from memory, so that it answers proves neither a leader nor its topic.

import type { Settings } from '../model/configured.ts'
import { coordinatorPartition, OFFSETS_TOPIC } from '../model/groups.ts'
import { isKnownFalse, isKnownTrue } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import { partitionName } from '../model/partitions.ts'
import type { RegistryInstance, RegistryView } from '../model/registry.ts'
import { type SchemaKey, schemaIdentity } from '../model/schemas.ts'
import { memberOf, type Survey } from '../model/survey.ts'
import { minutes } from '../units.ts'

/** A registry that runs for less than this may still be reading its topic (kafkastore.init.timeout.ms is 60 s). */
const START_UP = minutes(2)

export const registryOf = ({ registry }: Survey): RegistryView | null => (registry.known ? registry.value : null)

/** In the way of any restart. `blind`: it was not seen. */
export interface Dependency {
  readonly because: string
  readonly protects: readonly string[]
  readonly blind: boolean
  /** What to do about it, where that is no repair of Kafka's. */
  readonly instead?: string
}

const seen = (because: string, ...protects: readonly string[]): Dependency => ({ because, protects, blind: false })
const notSeen = (because: string, ...protects: readonly string[]): Dependency => ({ because, protects, blind: true })

const topicProblem = (now: Survey, topic: string): Dependency | null => {
  if (!now.partitions.known) return notSeen(`the partitions were not seen: ${now.partitions.why}`, topic)
  const table = now.partitions.value
  const info = table.topic(topic)
  const [row, ...more] = Array.from(table.rows()).filter((each) => each.topic === topic)
  if (info === undefined || row === undefined)
    return {
      ...seen(`${topic} does not exist: a registry that starts now would make an empty one without a word`, topic),
      instead: `if it was deleted, make it anew (kafka-topics --create --topic ${topic} --partitions 1 --config cleanup.policy=compact, with its replication factor), then again with --schemas <file>; if its name is another one, set schemaRegistry.topic`,
    }
  if (more.length > 0) return seen(`${topic} has ${more.length + 1} partitions instead of one: the order of what it says is lost`, topic)
  if (!info.cleanupPolicy.known) return notSeen(`cleanup.policy of ${topic} was not seen: ${info.cleanupPolicy.why}`, topic)
  if (info.cleanupPolicy.value !== 'compact')
    return seen(`cleanup.policy of ${topic} is ${info.cleanupPolicy.value}, not compact: a registry refuses to start, and schemas expire`, topic)
  const name = partitionName(row)
  if (row.leader < 0) return seen(`${name} has no leader`, name)
  if (!info.minIsr.known) return notSeen(`min.insync.replicas of ${topic} was not seen: ${info.minIsr.why}`, name)
  if (row.isr.length < info.minIsr.value) return seen(`the ISR of ${name} is [${row.isr.join(',')}], below min.insync.replicas ${info.minIsr.value}`, name)
  return null
}

/** A registry has to join its group within 60 s of its start, else it exits (kafkastore.init.timeout.ms). */
const coordinatorProblem = (now: Survey, group: string): Dependency | null => {
  if (!now.partitions.known) return notSeen(`the partitions were not seen: ${now.partitions.why}`, OFFSETS_TOPIC)
  const rows = Array.from(now.partitions.value.rows()).filter(({ topic }) => topic === OFFSETS_TOPIC)
  // Made when the first group is looked for.
  if (rows.length === 0) return null
  const row = rows.find(({ partition }) => partition === coordinatorPartition(group, rows.length))
  if (row === undefined) return notSeen(`the partition of ${OFFSETS_TOPIC} that keeps group ${group} was not seen`, OFFSETS_TOPIC)
  return row.leader < 0 ? seen(`${partitionName(row)}, which keeps group ${group}, has no leader: no instance could join`, partitionName(row)) : null
}

/** The first that is in the way, null when nothing is: io.confluent.kafka.schemaregistry KafkaStore and KafkaGroupLeaderElector, 7.5. */
export const dependencyProblem = (now: Survey): Dependency | null => {
  const view = registryOf(now)
  if (view === null) return notSeen('the registry was not seen')
  return topicProblem(now, view.topic) ?? coordinatorProblem(now, view.group)
}

/** URLs that more than one member of the group advertises: nobody is elected then (SchemaRegistryCoordinator, DUPLICATE_URLS). */
export const duplicateUrls = (now: Survey): readonly string[] => {
  const view = registryOf(now)
  const joined = view?.identities.known === true ? view.identities.value.map(({ url }) => url) : []
  const members = now.members.known ? now.members.value.filter(({ roles }) => roles.includes('schema-registry')) : []
  return [...new Set([joined, members.flatMap((member) => configuredUrl(member) ?? [])].flatMap(twice))]
}

const twice = (urls: readonly string[]): readonly string[] => urls.filter((url, at) => urls.indexOf(url) !== at)

/** What it will advertise, as far as its own configuration says: where it names no host it takes its machine's, and nothing is said. Only one of those that share a URL need be in the group. */
const configuredUrl = ({ configured }: Member): string | null => {
  const settings: Settings = configured?.known === true ? configured.value : {}
  const host = settings['host.name']
  const listeners = (settings['listeners'] ?? 'http://0.0.0.0:8081').split(',').map((each) => /^\s*(\w+):\/\/.*:(\d+)\s*$/.exec(each))
  const [, scheme, port] = listeners.find((each) => each !== null) ?? []
  return host === undefined || scheme === undefined || port === undefined ? null : `${scheme.toLowerCase()}://${host}:${port}`
}

/** Why writes fail, as far as the group tells; null when there is a leader that answers, undefined when that was not seen. */
export const leaderProblem = (view: RegistryView): string | null | undefined => {
  if (!view.leader.known) return undefined
  const leader = view.leader.value
  if (leader === null) return `group ${view.group} has no leader`
  if (isKnownFalse(leader.answers)) return `its leader ${leader.url} does not answer`
  return leader.answers.known ? null : undefined
}

const youngAt = (now: Survey, { startedAt }: Member): boolean => startedAt.known && startedAt.value !== null && now.takenAt - startedAt.value < START_UP

export interface Need {
  readonly instance: RegistryInstance
  readonly member: Member
  readonly because: string
}

const needOf = (now: Survey, view: RegistryView, instance: RegistryInstance): Need | null => {
  const member = instance.member === null ? undefined : memberOf(now, instance.member)
  if (member === undefined || !member.state.known || member.state.value === 'pending') return null
  if (member.state.value !== 'running') {
    return member.revives === 'always' && member.state.value === 'stopped' ? null : { instance, member, because: `it is ${member.state.value}` }
  }
  if (isKnownFalse(instance.reads)) return youngAt(now, member) ? null : { instance, member, because: 'it runs, but does not answer' }
  const problem = leaderProblem(view)
  return typeof problem === 'string' && isKnownTrue(instance.reads) ? { instance, member, because: problem } : null
}

/** Instances that a restart is for, those that serve nothing first; the others are left to serve reads. */
export const restartNeeds = (now: Survey): readonly Need[] => {
  const view = registryOf(now)
  if (view === null) return []
  const needs = view.instances.flatMap((instance) => needOf(now, view, instance) ?? [])
  const rank = ({ instance }: Need) => (isKnownTrue(instance.reads) ? 1 : 0)
  const down = needs.filter((need) => rank(need) === 0)
  // With one of them back, by us or by its platform, there may be a leader again.
  return down.length > 0 || view.instances.some(({ reads }) => !isKnownTrue(reads)) ? down : needs
}

/** Keys of `wanted` that `held` lacks. */
export const lacking = (wanted: readonly SchemaKey[], held: readonly SchemaKey[]): readonly SchemaKey[] => {
  const there = new Set(held.map(schemaIdentity))
  return wanted.filter((key) => !there.has(schemaIdentity(key)))
}

/** A version that was soft-deleted since the manifest was written is not lost: it is taken as what it is now. */
export const agedBy = (manifest: readonly SchemaKey[], stored: readonly SchemaKey[]): readonly SchemaKey[] => {
  const deleted = new Set(stored.filter((key) => key.deleted).map(schemaIdentity))
  return manifest.map((key) => (deleted.has(schemaIdentity({ ...key, deleted: true })) ? { ...key, deleted: true } : key))
}

/** What is stored that the manifest does not have. Soft deletion follows registration: while a restore is under way, a version may still be listed. */
export const foreignTo = (manifest: readonly SchemaKey[], stored: readonly SchemaKey[]): readonly SchemaKey[] =>
  lacking(stored, [...manifest, ...manifest.map((key) => ({ ...key, deleted: false }))])
