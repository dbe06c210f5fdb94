// The Schema Registry: each instance asked by itself, the leader by its group's own word. Silence of an
// instance is unknown; that it refuses connections or answers with an error is seen.
import { KdrError, wordsOf } from '../errors.ts'
import type { GroupDescription } from '../model/groups.ts'
import { type Known, known, mapKnown, unknown } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import { REGISTRY_DEFAULTS, type RegistryIdentity, type RegistryInstance, type RegistryLeader, type RegistryView } from '../model/registry.ts'
import { keyOf, type SchemaKey } from '../model/schemas.ts'
import type { ReadPorts } from '../ports/world.ts'
import { type Millis, minutes } from '../units.ts'
import { reading, type Stage } from './reading.ts'
import { extentOf, foldRecords, readTopic, readVersions } from './schemas.ts'

export interface RegistrySettings {
  /** Instances by configuration, `http://host:port`; empty: where the platform's members listen. */
  readonly urls: readonly string[]
  /** kafkastore.topic. */
  readonly topic: string
  /** schema.registry.group.id. */
  readonly group: string
}

export const DEFAULT_REGISTRY: RegistrySettings = { urls: [], ...REGISTRY_DEFAULTS }

export interface RegistryLook extends Stage {
  readonly ports: Pick<ReadPorts, 'registry' | 'kafka'>
  readonly settings: RegistrySettings
  /** One reading of one instance. */
  readonly length: Millis
  /** Read everything it holds, too, however long the rest of the survey takes. */
  readonly deep: boolean
}

/** For every schema there is: thousands of them through a tunnel take their time. */
const DEEP: Millis = minutes(2)

/** `host:port` of a URL, as addresses are written. */
const addressOf = (url: string): string => {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname.replace(/^\[|\]$/g, '')}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`
}

interface Place {
  readonly url: string
  readonly member: Member | null
}

const placesOf = ({ settings }: RegistryLook, members: Known<readonly Member[]>): readonly Place[] => {
  const all = members.known ? members.value.filter(({ roles }) => roles.includes('schema-registry')) : []
  const at = (url: string) => all.find(({ addresses }) => addresses.includes(addressOf(url))) ?? null
  const named = settings.urls.map((url) => ({ url, member: at(url) }))
  const scheme = settings.urls[0]?.startsWith('https:') === true ? 'https' : 'http'
  const rest = all.filter((member) => named.every((place) => place.member !== member))
  // One that no configured URL reaches may still be the one that is down.
  return [...named, ...rest.flatMap((member) => (member.addresses[0] === undefined ? [] : [{ url: `${scheme}://${member.addresses[0]}`, member }]))]
}

/** Seen not to answer, as against not seen to answer. */
const PLAIN = /^registry-(unreachable|5\d\d|5\d{4})$/

const answers = (look: RegistryLook, url: string): Promise<Known<boolean>> =>
  reading(look, look.length, `GET /subjects of ${url}`, async (signal) => {
    try {
      await look.ports.registry.subjects(url, { deleted: false }, signal)
      return known(true, url)
    } catch (thrown) {
      if (thrown instanceof KdrError && PLAIN.test(thrown.code)) return known(false, wordsOf(thrown))
      throw thrown
    }
  }).then((seen) => (seen.known ? seen.value : seen))

const NOT_READ = (url: string): Known<never> => unknown('not asked', url)

/** Who answers at all is asked for everything; whoever does not would only be waited for once more. */
const heldBy = (look: RegistryLook, url: string, reads: Known<boolean>): Promise<Known<readonly SchemaKey[]>> | Known<never> => {
  if (!look.deep) return NOT_READ(url)
  if (!reads.known) return reads
  if (!reads.value) return unknown('it does not answer', reads.by)
  return reading(look, DEEP, `schemas of ${url}`, async (signal) => (await readVersions(look.ports.registry, url, signal)).map(keyOf))
}

/** What its platform has stopped answers nobody: there is nothing to wait for. */
const stoppedBy = (member: Member | null): Known<false> | null =>
  member?.state.known === true && member.state.value === 'stopped' ? known(false, `${member.name} is stopped`) : null

const instanceOf = async (look: RegistryLook, { url, member }: Place): Promise<RegistryInstance> => {
  const stopped = stoppedBy(member)
  if (stopped !== null) {
    const nothing = unknown('it does not run', stopped.by)
    return { url, member: member?.name ?? null, reads: stopped, mode: nothing, held: nothing }
  }
  const asked = answers(look, url)
  const [reads, mode, held] = await Promise.all([
    asked,
    reading(look, look.length, `GET /mode of ${url}`, async (signal) => (await look.ports.registry.mode(url, null, signal)) ?? 'READWRITE'),
    asked.then((seen) => heldBy(look, url, seen)),
  ])
  return { url, member: member?.name ?? null, reads, mode, held }
}

interface Group {
  readonly identities: readonly RegistryIdentity[]
  readonly leader: RegistryIdentity | null
}

interface SaidIdentity {
  readonly scheme?: unknown
  readonly host?: unknown
  readonly port?: unknown
  readonly master_eligibility?: unknown
}

const identityOf = (said: SaidIdentity): RegistryIdentity => ({
  url: `${typeof said.scheme === 'string' ? said.scheme : 'http'}://${String(said.host)}:${String(said.port)}`,
  eligible: said.master_eligibility === true,
})

const jsonOf = (bytes: Buffer): Record<string, unknown> => {
  const value: unknown = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'))
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** SchemaRegistryProtocol: metadata is the identity, assignment names the leader; error 1 means that two advertise the same URL. */
const groupOf = ({ state, members }: GroupDescription): Group => {
  const identities = members.map(({ metadata }) => identityOf(jsonOf(metadata)))
  if (state === 'Empty' || state === 'Dead') return { identities: [], leader: null }
  if (state !== 'Stable') throw new Error(`the group is rebalancing (${state})`)
  for (const { assignment } of members) {
    const { error, master_identity: master } = jsonOf(assignment)
    if (error === 0 && typeof master === 'object' && master !== null) return { identities, leader: identityOf(master) }
  }
  return { identities, leader: null }
}

const isAt = (place: Place, address: string): boolean => addressOf(place.url) === address || place.member?.addresses.includes(address) === true

/** An answer of the leader as an instance counts; elsewhere it is asked where it says it is. */
const leaderOf = async (
  look: RegistryLook,
  leader: RegistryIdentity | null,
  places: readonly Place[],
  instances: readonly RegistryInstance[],
): Promise<RegistryLeader | null> => {
  if (leader === null) return null
  const index = places.findIndex((place) => isAt(place, addressOf(leader.url)))
  return { url: leader.url, answers: instances[index]?.reads ?? (await answers(look, leader.url)) }
}

/** Its end is asked for first, in the survey's time: a topic that nobody leads is not waited for. */
const storedIn = async (look: RegistryLook): Promise<RegistryView['stored']> => {
  const { topic } = look.settings
  const { kafka } = look.ports
  if (!look.deep) return NOT_READ(topic)
  const at = { topic, partition: 0 }
  const extent = await reading(look, look.length, `records of ${topic}`, (signal) => extentOf(kafka, at, signal))
  if (!extent.known) return extent
  return reading(look, DEEP, `records of ${topic}`, async (signal) => {
    const records = await readTopic(kafka, at, extent.value, signal)
    const { versions, configs, modes } = foldRecords(records)
    return { records: records.length, keys: versions.map(keyOf), configs, modes }
  })
}

/** null when none is expected: neither the configuration nor the platform names one. */
export const readRegistry = async (look: RegistryLook, members: Known<readonly Member[]>): Promise<Known<RegistryView | null>> => {
  const { topic, group } = look.settings
  const places = placesOf(look, members)
  if (places.length === 0) return members.known ? known(null, members.by) : unknown(members.why, members.by)
  const described = reading(look, look.length, `DescribeGroups of ${group}`, async (signal) => groupOf(await look.ports.kafka.describeGroup(group, signal)))
  const stored = storedIn(look)
  const instances = await Promise.all(places.map((place) => instanceOf(look, place)))
  const seen = await described
  const leader = seen.known ? known(await leaderOf(look, seen.value.leader, places, instances), seen.by) : seen
  return known({ topic, group, instances, identities: mapKnown(seen, ({ identities }) => identities), leader, stored: await stored }, 'Schema Registry')
}
