// Every broker expected, put together from what its member, its registration, Metadata and its own
// answer say. A member is matched by the id on its disk and by what it advertises, never by its name.
import type { Known } from '../model/known.ts'
import { isKnownTrue, known, mapKnown, unknown } from '../model/known.ts'
import { isLeftover, type Member } from '../model/member.ts'
import type { PartitionTable } from '../model/partitions.ts'
import type { Broker, LogDir } from '../model/survey.ts'
import type { MetadataView, Ping } from '../ports/kafka.ts'
import type { Registration } from './zookeeper.ts'

export interface Sightings {
  readonly members: Known<readonly Member[]>
  readonly metadata: Known<MetadataView>
  /** null: the cluster has no ZooKeeper. */
  readonly registrations: Known<readonly Registration[]> | null
  /** Whether a live quorum stands behind registrations and Metadata. */
  readonly quorum: Known<boolean>
  readonly pings: readonly Ping[]
  readonly logDirs: ReadonlyMap<number, Known<readonly LogDir[]>>
  /** Brokers that KRaft's controllers hold to be alive, where no broker says so; null where that was not asked. */
  readonly unfenced: Known<readonly number[]> | null
  /** Partitions as they are on record, for their replica lists: where no broker answers Metadata, and no member says whose disk it has, they say who ought to be there. */
  readonly recorded: Known<PartitionTable>
}

const brokerMembers = (members: Known<readonly Member[]>): readonly Member[] =>
  members.known ? members.value.filter((member) => member.roles.includes('broker')) : []

const registrationsOf = (seen: Sightings): readonly Registration[] => (seen.registrations?.known ? seen.registrations.value : [])

/** By members, registration, Metadata and replica lists. Unknown only if none of them was seen. */
const idsOf = (seen: Sightings): Known<readonly number[]> => {
  const { members, metadata, registrations, recorded } = seen
  if (!members.known && !metadata.known && registrations?.known !== true && !recorded.known) return unknown(members.why, `${members.by}, ${metadata.by}`)
  const ids = new Set<number>()
  for (const member of brokerMembers(members)) if (member.id.known) ids.add(member.id.value)
  for (const registration of registrationsOf(seen)) ids.add(registration.id)
  if (metadata.known) {
    for (const broker of metadata.value.brokers) ids.add(broker.id)
    for (const row of metadata.value.partitions.rows()) for (const id of row.replicas) ids.add(id)
  }
  if (recorded.known) for (const row of recorded.value.rows()) for (const id of row.replicas) ids.add(id)
  const by = [members, metadata, registrations, recorded].flatMap((source) => (source?.known ? [source.by] : [])).join(', ')
  return known(
    [...ids].filter((id) => id >= 0).sort((a, b) => a - b),
    by,
  )
}

/** What it advertises, by its registration and by Metadata. */
const advertised = (id: number, seen: Sightings): readonly string[] => {
  const registration = registrationsOf(seen).find((candidate) => candidate.id === id)
  const view = seen.metadata.known ? seen.metadata.value.brokers.find((broker) => broker.id === id) : undefined
  return [...new Set([...(view === undefined ? [] : [view.endpoint]), ...(registration?.endpoints ?? [])])]
}

const matchOf = (id: number, endpoints: readonly string[], members: Known<readonly Member[]>): Known<string> => {
  if (!members.known) return unknown(members.why, members.by)
  const all = brokerMembers(members)
  const byId = all.filter((member) => member.id.known && member.id.value === id)
  const byAddress = all.filter((member) => member.addresses.some((address) => endpoints.includes(address)))
  const [first] = byId
  const [other] = byAddress
  if (byId.length > 1) return unknown(`${byId.map((member) => member.name).join(' and ')} both carry broker id ${id}`, members.by)
  if (first !== undefined) {
    if (byAddress.length === 0 || byAddress.includes(first)) return known(first.name, first.id.by)
    return unknown(
      `its disk is ${first.name}'s, but it advertises ${endpoints.join(', ')}, which is ${byAddress.map((member) => member.name).join(', ')}`,
      members.by,
    )
  }
  if (byAddress.length === 1 && other !== undefined) {
    if (other.id.known) return unknown(`it advertises ${endpoints.join(', ')}, but ${other.name} carries broker id ${other.id.value}`, members.by)
    return known(other.name, `advertised ${endpoints.join(', ')}`)
  }
  return unknown(
    byAddress.length > 1
      ? `${byAddress.map((member) => member.name).join(' and ')} both listen where it advertises`
      : 'no member carries its id or listens where it advertises',
    members.by,
  )
}

/** Ids and member names count in step on most platforms (pod kafka-2 is broker 3): what the others show must hold for this one too. */
const inStep = (id: number, name: string, matched: ReadonlyMap<number, string>): boolean => {
  const ordinal = (of: string): number => Number(/-(\d+)$/.exec(of)?.[1] ?? Number.NaN)
  const offsets = new Set([...matched].map(([each, member]) => each - ordinal(member)).filter((offset) => !Number.isNaN(offset)))
  const own = id - ordinal(name)
  return offsets.size === 0 || Number.isNaN(own) || (offsets.size === 1 && offsets.has(own))
}

/** The only broker and the only member that are left belong together: a pod that is gone can say no id any more. */
const byElimination = (matches: ReadonlyMap<number, Known<string>>, members: Known<readonly Member[]>): ReadonlyMap<number, Known<string>> => {
  const matched = new Map([...matches].flatMap(([id, match]): [number, string][] => (match.known ? [[id, match.value]] : [])))
  const taken = new Set(matched.values())
  const left = brokerMembers(members).filter((member) => !taken.has(member.name))
  const [id, ...others] = [...matches.keys()].filter((each) => !matched.has(each))
  // Claims that old scale-downs left behind stand back for what is wanted.
  const wanted = left.filter((each) => !isLeftover(each))
  const [member, ...more] = wanted.length > 0 ? wanted : left
  if (id === undefined || others.length > 0 || member === undefined || more.length > 0 || member.id.known) return matches
  if (!inStep(id, member.name, matched)) return matches
  return new Map([...matches, [id, known(member.name, `the only member that is left, as broker ${id} is the only broker`)]])
}

const matchesOf = (ids: readonly number[], seen: Sightings): ReadonlyMap<number, Known<string>> =>
  byElimination(new Map(ids.map((id): [number, Known<string>] => [id, matchOf(id, advertised(id, seen), seen.members)])), seen.members)

/** ZooKeeper answers for registrations only while it has a quorum; in KRaft Metadata lists unfenced brokers only (KIP-631). */
const registeredOf = (id: number, seen: Sightings): Known<boolean> => {
  if (!isKnownTrue(seen.quorum)) return seen.quorum.known ? unknown('the quorum is lost', seen.quorum.by) : unknown(seen.quorum.why, seen.quorum.by)
  if (seen.registrations !== null) return mapKnown(seen.registrations, (all) => all.some((registration) => registration.id === id))
  if (!seen.metadata.known && seen.unfenced !== null) return mapKnown(seen.unfenced, (ids) => ids.includes(id))
  return mapKnown(seen.metadata, (view) => view.brokers.some((broker) => broker.id === id))
}

const reachableOf = (id: number, endpoints: readonly string[], pings: readonly Ping[]): Known<boolean> => {
  const own = pings.filter((ping) => ping.id === id || (ping.id === null && endpoints.includes(ping.endpoint)))
  const strange = pings.filter((ping) => ping.id !== null && ping.id !== id && endpoints.includes(ping.endpoint))
  const ready = own.find((ping) => ping.answer === 'ready')
  if (ready !== undefined) return known(true, `ApiVersions from ${ready.endpoint}`)
  if (own.length === 0) {
    const [other] = strange
    return unknown(other === undefined ? 'no endpoint of it is known' : `${other.endpoint} is answered by broker ${other.id}`, 'ApiVersions')
  }
  const silent = own.find((ping) => ping.answer === 'silent')
  if (silent !== undefined) return unknown(`${silent.endpoint} is silent: ${silent.detail}`, `ApiVersions from ${silent.endpoint}`)
  return known(false, `connection to ${own.map((ping) => ping.endpoint).join(', ')}`)
}

/** What changes with every start: ZooKeeper's czxid of the registration; in KRaft the start of the registered process. */
const incarnationOf = (id: number, registered: Known<boolean>, member: Member | undefined, seen: Sightings): Known<bigint> => {
  if (!isKnownTrue(registered)) return unknown('it is not known to be registered', registered.by)
  if (seen.registrations !== null) {
    const registration = registrationsOf(seen).find((candidate) => candidate.id === id)
    return registration === undefined ? unknown('its registration was not read', registered.by) : known(registration.czxid, `czxid of /brokers/ids/${id}`)
  }
  if (member === undefined) return unknown('its member was not seen', registered.by)
  if (!member.startedAt.known) return unknown(member.startedAt.why, member.startedAt.by)
  return member.startedAt.value === null
    ? unknown('its process does not run', member.startedAt.by)
    : known(BigInt(Math.trunc(member.startedAt.value)), member.startedAt.by)
}

const brokerOf = (id: number, match: Known<string>, seen: Sightings): Broker => {
  const endpoints = advertised(id, seen)
  const member = match.known ? brokerMembers(seen.members).find((candidate) => candidate.name === match.value) : undefined
  const registered = registeredOf(id, seen)
  const view = seen.metadata.known ? seen.metadata.value.brokers.find((broker) => broker.id === id) : undefined
  return {
    id,
    member: match,
    registered,
    reachable: reachableOf(id, [...new Set([...endpoints, ...(member?.addresses ?? [])])], seen.pings),
    incarnation: incarnationOf(id, registered, member, seen),
    rack: view?.rack ?? registrationsOf(seen).find((candidate) => candidate.id === id)?.rack ?? null,
    endpoint: endpoints[0] ?? null,
    logDirs: seen.logDirs.get(id) ?? unknown('not asked', 'DescribeLogDirs'),
  }
}

export const brokersOf = (seen: Sightings): Known<readonly Broker[]> =>
  mapKnown(idsOf(seen), (ids) => [...matchesOf(ids, seen)].map(([id, match]) => brokerOf(id, match, seen)))

/** Every endpoint worth a connection: what brokers advertise, and where their members listen under the first of their names. */
export const endpointsOf = (seen: Pick<Sightings, 'members' | 'metadata' | 'registrations'>): readonly string[] => [
  ...new Set([
    ...(seen.metadata.known ? seen.metadata.value.brokers.map((broker) => broker.endpoint) : []),
    ...(seen.registrations?.known ? seen.registrations.value.flatMap((registration) => registration.endpoints) : []),
    ...brokerMembers(seen.members).flatMap((member) => member.addresses.slice(0, 1)),
  ]),
]
