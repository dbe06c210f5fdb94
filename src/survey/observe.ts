// Takes a survey: all ports at once, each reading with its own deadline, what fails or is late unknown with
// the reason. One hung broker, leaderless partition or dead server never fails or delays the whole.
import type { Known } from '../model/known.ts'
import { isKnownTrue, known, mapKnown, unknown } from '../model/known.ts'
import type { Member, TargetIdentity } from '../model/member.ts'
import { partitionName } from '../model/partitions.ts'
import type { Aspect, LogDir, QuorumView, Survey, ZooKeeperView } from '../model/survey.ts'
import type { MetadataView, Ping, QuorumState, RecordedView } from '../ports/kafka.ts'
import type { ReadPorts } from '../ports/world.ts'
import { brokersOf, endpointsOf, type Sightings } from './brokers.ts'
import { readLogs, readOpenTransactions, readThrottles } from './closer.ts'
import { readConnect } from './connect.ts'
import { readContents, readRights } from './contents.ts'
import { controllerAddresses, quorumView, readRecorded } from './kraft.ts'
import { type Looking, NOT_ASKED, notAsked, type ObserverSettings, WAVES } from './looking.ts'
import { partitionsOf, readPersisted, recordedTable } from './partitions.ts'
import { reading } from './reading.ts'
import { DEFAULT_REGISTRY, readRegistry } from './registry.ts'
import { readSignals } from './signals.ts'
import { readZnodeTable } from './znode-table.ts'
import { readZooKeeper, type ZooKeeperReading, zooKeeperAddresses, zooKeeperView } from './zookeeper.ts'

interface First {
  readonly target: TargetIdentity
  readonly members: Known<readonly Member[]>
  readonly metadata: Known<MetadataView>
  readonly coordination: Known<ZooKeeperView | QuorumView>
  readonly zookeeper: ZooKeeperReading | null
  readonly reassigning: Survey['reassigning']
  readonly groups: Survey['groups']
  readonly connect: Survey['connect']
  readonly early: Promise<readonly Ping[]>
}

const readMembers = async (look: Looking): Promise<Known<readonly Member[]>> => {
  if (!look.asked('members', 'signals')) return look.base?.members ?? notAsked('platform')
  return reading(look, look.left('first'), 'platform', (signal) => look.ports.platform.members(signal))
}

const readCoordination = async (look: Looking, members: Promise<Known<readonly Member[]>>): Promise<Pick<First, 'coordination' | 'zookeeper'>> => {
  const { coordination: zk, kafka } = look.ports
  // Registrations and partitions are worth what the quorum behind them is: it is read afresh with either.
  if (!look.asked('coordination', 'brokers', 'partitions')) return { coordination: look.base?.coordination ?? notAsked('coordination'), zookeeper: null }
  if (zk !== null) {
    const named = zooKeeperAddresses(look.settings.zookeeper, await members)
    const read = await readZooKeeper(look, zk, named, look.left('first'))
    return { coordination: known(zooKeeperView(read, named, await members), 'ZooKeeper'), zookeeper: read }
  }
  const told = await reading(look, look.left('first'), 'DescribeQuorum', (signal) => kafka.quorum(null, signal))
  const state = told.known ? told : await readQuorumItself(look, await members, told)
  if (state.known && state.value === null)
    return { coordination: unknown('the cluster is not KRaft, and no ZooKeeper server is configured', state.by), zookeeper: null }
  const quorum = state.known && state.value !== null ? known(state.value, state.by) : (state as Known<never>)
  return { coordination: known(quorumView(quorum, await members), 'DescribeQuorum, platform'), zookeeper: null }
}

/** Where no broker says how the quorum is, its controllers are asked on their own listeners. */
const readQuorumItself = async (look: Looking, members: Known<readonly Member[]>, told: Known<never>): Promise<Known<QuorumState | null>> => {
  const addresses = controllerAddresses(members)
  if (addresses.length === 0) return told
  const own = await reading(look, look.left('first'), 'DescribeQuorum of the controllers', (signal) => look.ports.kafka.quorum(addresses, signal))
  return own.known ? own : told
}

const readTarget = async (look: Looking): Promise<TargetIdentity> => {
  const { platform } = look.ports
  const seen = await reading(look, look.left('first'), 'platform', (signal) => platform.identity(signal))
  // Empty names nothing: whoever pins a run to it must refuse.
  return seen.known ? seen.value : (look.base?.target ?? { platform: platform.kind, cluster: '', identity: '' })
}

const readPings = async (look: Looking, endpoints: readonly string[], wave: keyof typeof WAVES): Promise<readonly Ping[]> => {
  if (endpoints.length === 0 || !look.asked('brokers')) return []
  const pings = await reading(look, look.left(wave), 'ApiVersions', (signal) => look.ports.kafka.ping(endpoints, signal))
  if (pings.known) return pings.value
  return endpoints.map((endpoint): Ping => ({ endpoint, answer: 'silent', id: null, detail: pings.why }))
}

const readConnectors = async (look: Looking, members: Promise<Known<readonly Member[]>>): Promise<Survey['connect']> => {
  const { connect } = look.ports
  if (!look.asked('connect')) return look.base?.connect ?? notAsked('Connect')
  if (connect === null) return known(null, 'configuration')
  return readConnect(look, connect, look.settings.connect ?? null, await members, look.left('second'))
}

const readFirst = async (look: Looking): Promise<First> => {
  const { kafka } = look.ports
  const wanted = look.asked('brokers', 'partitions', 'log-dirs', 'logs', 'throttles', 'transactions')
  const length = look.left('first')
  const members = readMembers(look)
  // A hung broker is waited for beside the second wave, not before it.
  const early = readPings(look, look.settings.endpoints, 'first')
  early.catch(() => {})
  const [target, seen, metadata, coordination, reassigning, groups, connect] = await Promise.all([
    readTarget(look),
    members,
    wanted ? reading(look, length, 'Metadata', (signal) => kafka.metadata(signal)) : notAsked('Metadata'),
    readCoordination(look, members),
    look.asked('reassigning')
      ? reading(look, length, 'ListPartitionReassignments', async (signal) => (await kafka.reassigning(signal)).map(partitionName))
      : (look.base?.reassigning ?? notAsked('ListPartitionReassignments')),
    look.asked('groups') ? reading(look, length, 'ListGroups', (signal) => kafka.groups(signal)) : (look.base?.groups ?? notAsked('ListGroups')),
    readConnectors(look, members),
  ])
  return { target, members: seen, metadata, ...coordination, reassigning, groups, connect, early }
}

const readLogDirs = async (look: Looking, ids: readonly number[]): Promise<Sightings['logDirs']> => {
  if (!look.asked('log-dirs')) return new Map((look.base?.brokers.known ? look.base.brokers.value : []).map((broker) => [broker.id, broker.logDirs]))
  const seen = await reading(look, look.left('second'), 'DescribeLogDirs', (signal) => look.ports.kafka.logDirs(ids, signal))
  return seen.known ? seen.value : new Map(ids.map((id): [number, Known<readonly LogDir[]>] => [id, seen]))
}

const registrationsOf = (first: First): Sightings['registrations'] => first.zookeeper?.registrations ?? null

const quorumOf = (first: First): Known<boolean> =>
  first.coordination.known ? first.coordination.value.quorum : unknown(first.coordination.why, first.coordination.by)

/** null: the cluster has ZooKeeper, or a broker answers. */
const readRecord = async (look: Looking, first: First): Promise<Known<RecordedView> | null> => {
  const kraft = first.coordination.known && first.coordination.value.kind === 'kraft'
  if (first.metadata.known || !kraft || !isKnownTrue(quorumOf(first)) || !look.asked('brokers', 'partitions')) return null
  return readRecorded(look, look.ports.kafka, first.members, look.left('second'))
}

const readBrokers = async (
  look: Looking,
  first: First,
  table: Promise<Survey['partitions']>,
  record: Promise<Known<RecordedView> | null>,
): Promise<Survey['brokers']> => {
  if (!look.asked('brokers', 'log-dirs')) return look.base?.brokers ?? notAsked('brokers')
  const registrations = registrationsOf(first)
  const late = endpointsOf({ members: first.members, metadata: first.metadata, registrations }).filter(
    (endpoint) => !look.settings.endpoints.includes(endpoint),
  )
  const listed = first.metadata.known ? first.metadata.value.brokers.map((broker) => broker.id) : []
  const [early, pings, logDirs] = await Promise.all([first.early, readPings(look, late, 'second'), readLogDirs(look, listed)])
  const brokers = brokersOf({
    members: first.members,
    metadata: first.metadata,
    registrations,
    quorum: quorumOf(first),
    pings: [...early, ...pings],
    logDirs,
    unfenced: mapRecord(await record),
    // Whoever answers Metadata has listed them already.
    recorded: first.metadata.known ? notAsked('replica lists on record') : await table,
  })
  if (look.asked('brokers') || look.base?.brokers.known !== true) return brokers
  // Only log directories were asked for: everything else about the brokers is carried over.
  return mapKnown(look.base.brokers, (all) =>
    all.map((broker) => ({ ...broker, logDirs: logDirs.get(broker.id) ?? unknown('it is not listed in Metadata', 'DescribeLogDirs') })),
  )
}

const mapRecord = (record: Known<RecordedView> | null): Sightings['unfenced'] => (record === null ? null : mapKnown(record, ({ registered }) => registered))

const readPartitions = async (look: Looking, first: First, record: Promise<Known<RecordedView> | null>): Promise<Survey['partitions']> => {
  if (!look.asked('partitions')) return look.base?.partitions ?? notAsked('Metadata')
  const { metadata, zookeeper } = first
  const zk = look.ports.coordination
  const quorum = quorumOf(first)
  if (zk === null || zookeeper === null) {
    const recorded = await record
    return recorded === null ? partitionsOf({ metadata, quorum, zookeeper: null }) : recordedTable(recorded)
  }
  const { registrations } = zookeeper
  // Where nobody is left, what is on record is all there is: the order in which they must come back follows from it.
  if (!metadata.known && isKnownTrue(quorum) && registrations.known && registrations.value.length === 0) {
    const table = await readZnodeTable(look, zk, zookeeper, first.members, look.left('second'))
    return table.known ? table : metadata
  }
  const persisted = metadata.known ? await readPersisted(look, zk, metadata.value.partitions, look.left('second')) : new Map()
  return partitionsOf({ metadata, quorum, zookeeper: { topics: zookeeper.topics, persisted } })
}

const readSchemas = async ({ clock, outer, ports, settings, asked, left, base }: Looking, members: First['members']): Promise<Survey['registry']> => {
  if (!asked('registry', 'schemas')) return base?.registry ?? notAsked('Schema Registry')
  return readRegistry({ clock, outer, ports, settings: settings.registry ?? DEFAULT_REGISTRY, length: left('second'), deep: asked('schemas') }, members)
}

/** What only some steps ask for, of every partition or every broker. */
const readCloser = async (look: Looking, first: First): Promise<Pick<Survey, 'logs' | 'throttles' | 'transactions'>> => {
  const { kafka } = look.ports
  const ask = <T>(aspect: 'logs' | 'throttles' | 'transactions', by: string, read: (view: MetadataView, signal: AbortSignal) => Promise<T>) => {
    if (!look.asked(aspect)) return (look.base?.[aspect] as Known<T> | undefined) ?? notAsked(by)
    const { metadata } = first
    return metadata.known ? reading(look, look.left('last'), by, (signal) => read(metadata.value, signal)) : metadata
  }
  const [logs, throttles, transactions] = await Promise.all([
    ask('logs', 'ListOffsets', (view, signal) => readLogs(kafka, view, signal)),
    ask('throttles', 'DescribeConfigs', (view, signal) => readThrottles(kafka, view, signal)),
    ask('transactions', 'DescribeProducers, ListTransactions', (view, signal) => readOpenTransactions(kafka, view, signal)),
  ])
  return { logs, throttles, transactions }
}

/** What only a restore asks for. */
const readHoldings = async ({ asked, base, ports, left, ...stage }: Looking): Promise<Pick<Survey, 'contents' | 'rights'>> => {
  const [contents, rights] = await Promise.all([
    asked('contents')
      ? reading(stage, left('last'), 'Metadata, ListOffsets', (signal) => readContents(ports, signal))
      : (base?.contents ?? notAsked('contents')),
    asked('rights') ? reading(stage, left('last'), 'ACLs, quotas, groups', (signal) => readRights(ports, signal)) : (base?.rights ?? notAsked('rights')),
  ])
  return { contents, rights }
}

/** ZooKeeper's and Metadata's must agree: a disagreement names both. */
const clusterIdOf = (look: Looking, first: First): Known<string> => {
  const { metadata, coordination } = first
  if (!look.asked('brokers', 'partitions', 'coordination') && look.base !== null) return look.base.clusterId
  const told: Known<string> = metadata.known
    ? metadata.value.clusterId === null
      ? unknown('Metadata names none', metadata.by)
      : known(metadata.value.clusterId, `Metadata from ${metadata.value.by}`)
    : metadata
  const kept = coordination.known && coordination.value.kind === 'zookeeper' ? coordination.value.clusterId : null
  if (kept === null) return told.known ? told : carriedClusterId(look, told)
  if (kept.known && told.known && kept.value !== told.value)
    return unknown(`ZooKeeper ${kept.value === null ? 'has none' : `says ${kept.value}`}, Metadata says ${told.value}`, `${kept.by}, ${told.by}`)
  if (!kept.known) return told
  return kept.value === null ? unknown('ZooKeeper has none', kept.by) : known(kept.value, kept.by)
}

/** A wait that asked for no Metadata has not lost sight of the cluster id. */
const carriedClusterId = (look: Looking, told: Known<string>): Known<string> => (!told.known && told.why === NOT_ASKED ? (look.base?.clusterId ?? told) : told)

/**
 * The survey's only way in. With `base`, only `aspects` are read again and the rest is carried over; what was never
 * read is unknown. Never throws, except the reason of an aborted `signal`; takes no longer than its deadline, or than every
 * schema takes where those were asked for.
 */
export const observer =
  (ports: ReadPorts, settings: ObserverSettings) =>
  async (aspects: readonly Aspect[], base: Survey | null, signal: AbortSignal): Promise<Survey> => {
    const start = ports.clock.monotonic()
    const takenAt = ports.clock.now()
    const left = (wave: keyof typeof WAVES) => settings.deadline * WAVES[wave] - (ports.clock.monotonic() - start)
    const asked = (...wanted: readonly Aspect[]) => wanted.some((aspect) => aspects.includes(aspect))
    const look: Looking = { clock: ports.clock, outer: signal, ports, settings, asked, base, left }
    const first = await readFirst(look)
    // Nothing else waits for every schema there is.
    const schemas = readSchemas(look, first.members)
    schemas.catch(() => {})
    const holdings = readHoldings(look)
    holdings.catch(() => {})
    const record = readRecord(look, first)
    const table = readPartitions(look, first, record)
    const [brokers, partitions] = await Promise.all([readBrokers(look, first, table, record), table])
    const [members, closer, registry] = await Promise.all([readSignals(look, first.members, brokers), readCloser(look, first), schemas])
    return {
      takenAt,
      target: first.target,
      clusterId: clusterIdOf(look, first),
      members,
      brokers,
      coordination: first.coordination,
      partitions,
      reassigning: first.reassigning,
      groups: first.groups,
      connect: first.connect,
      ...closer,
      ...(await holdings),
      registry,
      schemas: base?.schemas ?? unknown('no schema was tried', 'probe'),
      canary: base?.canary ?? unknown('no canary was sent', 'canary'),
    }
  }
