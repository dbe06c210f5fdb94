// The picture once a step has worked, for `expect`: a dry run goes on from it. Every value written here
// says `projected`, so that nothing projected is ever taken for seen.
import type { Extent, Rights, TopicContents } from '../model/contents.ts'
import type { Known } from '../model/known.ts'
import { known, unknown } from '../model/known.ts'
import { type Member, ordinalOf } from '../model/member.ts'
import type { PartitionRow } from '../model/partitions.ts'
import { PartitionTable, partitionName } from '../model/partitions.ts'
import type { RegistryView } from '../model/registry.ts'
import type { Broker, QuorumView, Survey, ZooKeeperView } from '../model/survey.ts'

const BY = 'projected'

/** What was unknown stays so, whatever is projected onto it. */
const projected = <T>(observed: Known<T>, change: (value: T) => T): Known<T> => (observed.known ? known(change(observed.value), BY) : observed)

/** Marks every known value in a change. */
const marked = <T extends object>(change: Partial<T>): Partial<T> => {
  const isKnown = (value: unknown): value is Known<unknown> => typeof value === 'object' && value !== null && 'known' in value && 'by' in value
  return Object.fromEntries(Object.entries(change).map(([key, value]) => [key, isKnown(value) ? { ...value, by: BY } : value])) as Partial<T>
}

export const withMember = (survey: Survey, name: string, change: Partial<Member>): Survey => ({
  ...survey,
  members: projected(survey.members, (members) => members.map((member) => (member.name === name ? { ...member, ...marked(change) } : member))),
})

export const withBroker = (survey: Survey, id: number, change: Partial<Broker>): Survey => ({
  ...survey,
  brokers: projected(survey.brokers, (brokers) => brokers.map((broker) => (broker.id === id ? { ...broker, ...marked(change) } : broker))),
})

const withDisk = (member: Member, id: number): Member => ({
  ...member,
  id: known(id, BY),
  volumes: member.volumes.map((volume) => ({ ...volume, state: known('intact', BY) })),
})

/** Their disks hold what they ought to. Which broker each is can only be supposed before: in the order of both. */
export const withDisksSeen = (survey: Survey, names: readonly string[]): Survey => {
  const all = survey.brokers.known ? survey.brokers.value : []
  const left = all.filter(({ member }) => !member.known).map(({ id }) => id)
  const ids = new Map(names.map((name, at) => [name, left[at] ?? ordinalOf(name) + 1]))
  const byId = new Map([...ids].map(([name, id]) => [id, name]))
  const added = [...byId.keys()].filter((id) => !all.some((broker) => broker.id === id)).map(absentBroker)
  return {
    ...survey,
    members: projected(survey.members, (members) =>
      members.map((member) => {
        const id = ids.get(member.name)
        return id === undefined ? member : withDisk(member, id)
      }),
    ),
    brokers: projected(survey.brokers, (brokers) =>
      [...brokers, ...added].map((broker) => ({ ...broker, member: byId.has(broker.id) ? known(byId.get(broker.id) ?? '', BY) : broker.member })),
    ),
  }
}

const absentBroker = (id: number): Broker => ({
  id,
  member: unknown('not matched', BY),
  registered: unknown('nobody answers who could say', BY),
  reachable: known(false, BY),
  incarnation: unknown('it is not known to be registered', BY),
  rack: null,
  endpoint: null,
  logDirs: unknown('not asked', BY),
})

/** The set makes its members in no order any more, and again in theirs. */
export const withOrderOfSet = (survey: Survey, name: string, ordered: boolean): Survey => ({
  ...survey,
  members: projected(survey.members, (members) =>
    members.map((member) => {
      const { workload, waiting } = member
      if (!workload.known || workload.value?.name !== name) return member
      const freed = !ordered && waiting.known && waiting.value?.reason === 'NotCreated'
      return {
        ...member,
        workload: known({ ...workload.value, ordered }, BY),
        ...(freed ? { state: known('pending' as const, BY), waiting: known(null, BY) } : {}),
      }
    }),
  ),
})

export const withRegistry = (survey: Survey, change: (view: RegistryView) => RegistryView): Survey => ({
  ...survey,
  registry: projected(survey.registry, (view) => (view === null ? null : change(view))),
})

const withRows = (survey: Survey, change: (row: PartitionRow) => PartitionRow): Survey => ({
  ...survey,
  partitions: projected(survey.partitions, (table) => table.map(change)),
})

/** A leaderless partition is led again by a member of its ISR on record; the first in assignment order that came back. */
const rejoin = (row: PartitionRow, id: number): PartitionRow => {
  if (!row.replicas.includes(id)) return row
  const record = [...row.isr, ...(row.elr ?? []), ...(row.lastKnownElr ?? [])]
  const canLead = row.leader < 0 && record.includes(id)
  if (row.leader < 0 && !canLead) return row
  return {
    ...row,
    leader: canLead ? id : row.leader,
    leaderEpoch: canLead ? row.leaderEpoch + 1 : row.leaderEpoch,
    isr: row.isr.includes(id) ? row.isr : [...row.isr, id],
    elr: row.elr === null ? null : row.elr.filter((replica) => replica !== id),
  }
}

/** Registered, reachable, and in the ISR of all its replicas; leads what is leaderless and may be led by it. */
export const withBrokerBack = (survey: Survey, id: number): Survey =>
  withRows(withBroker(survey, id, { registered: known(true, BY), reachable: known(true, BY) }), (row) => rejoin(row, id))

/** The controller elects it at once for whatever has no leader and has it on record. */
export const withLed = (id: number, survey: Survey): Survey => withRows(survey, (row) => (row.leader < 0 ? rejoin(row, id) : row))

const leave = (row: PartitionRow, id: number): PartitionRow => {
  if (!row.replicas.includes(id)) return row
  const isr = row.isr.filter((replica) => replica !== id)
  const leader = row.leader === id ? (row.replicas.find((replica) => isr.includes(replica)) ?? -1) : row.leader
  const epoch = leader === row.leader ? row.leaderEpoch : row.leaderEpoch + 1
  // The controller keeps the last ISR member on record, and elects nobody (PartitionStateMachine, offline leader election).
  return { ...row, isr: isr.length === 0 ? row.isr : isr, leader, leaderEpoch: epoch }
}

/** Unregistered and unreachable, out of every ISR but those it is the last member of. */
export const withBrokerOut = (survey: Survey, id: number): Survey =>
  withRows(withBroker(survey, id, { registered: known(false, BY), reachable: known(false, BY) }), (row) => leave(row, id))

/** The preferred leader leads, where it is in the ISR. */
export const withLeadersPreferred = (survey: Survey, partitions: readonly { readonly topic: string; readonly partition: number }[]): Survey => {
  const wanted = new Set(partitions.map(partitionName))
  return withRows(survey, (row) => {
    const [preferred] = row.replicas
    const moves = wanted.has(partitionName(row)) && preferred !== undefined && preferred !== row.leader && row.isr.includes(preferred)
    return moves ? { ...row, leader: preferred, leaderEpoch: row.leaderEpoch + 1 } : row
  })
}

const serving = (view: ZooKeeperView, running: ReadonlySet<string>): ZooKeeperView => {
  const held = running.size > view.servers.length / 2
  const up = view.servers.filter(({ member }) => running.has(member))
  const leader = up.find(({ mode }) => mode.known && mode.value === 'leader') ?? up[0]
  const modeOf = (member: string) => (!held || !running.has(member) ? 'not-serving' : member === leader?.member ? 'leader' : 'follower')
  return {
    ...view,
    servers: view.servers.map((server) => ({
      ...server,
      mode: known(modeOf(server.member), BY),
      syncedFollowers: known(held && server.member === leader?.member ? up.length - 1 : null, BY),
    })),
    quorum: known(held, BY),
  }
}

const voting = (view: QuorumView, ids: readonly number[], total: number): QuorumView => {
  const held = ids.length > total / 2
  const voters = ids.map((id) => ({ id, logEndOffset: 0n, lastFetchAgo: 0, lastCaughtUpAgo: 0 }))
  return { ...view, quorum: known(held, BY), leaderId: known(held ? (ids[0] ?? null) : null, BY), voters: held ? known(voters, BY) : view.voters }
}

/** It runs with its peers' data on its disk; where that makes a majority, the quorum is held. */
export const withQuorumMember = (survey: Survey, name: string): Survey => {
  const whole = (member: Member): Partial<Member> => ({
    state: known('running', BY),
    uid: known('projected', BY),
    waiting: known(null, BY),
    volumes: member.volumes.map((volume) => ({ ...volume, state: known('intact', BY) })),
  })
  const before = survey.members.known ? survey.members.value.find((member) => member.name === name) : undefined
  const now = before === undefined ? survey : withMember(survey, name, whole(before))
  const members = now.members.known ? now.members.value : []
  const running = members.filter(({ state }) => state.known && state.value === 'running')
  return {
    ...now,
    coordination: projected(now.coordination, (view) => {
      if (view.kind === 'zookeeper') return serving(view, new Set(running.map((member) => member.name)))
      const all = members.filter(({ roles }) => roles.includes('controller'))
      const ids = running.flatMap(({ roles, id }) => (roles.includes('controller') && id.known ? [id.value] : []))
      return voting(view, ids, all.length)
    }),
  }
}

/** A partition that was elected a leader for: it leads alone until others have caught up. */
export const withElected = (survey: Survey, elected: { readonly topic: string; readonly partition: number }, leader: number): Survey =>
  withRows(survey, (row) =>
    row.topic === elected.topic && row.partition === elected.partition
      ? { ...row, leader, leaderEpoch: row.leaderEpoch + 1, isr: [leader], elr: [], lastKnownElr: [] }
      : row,
  )

/** The same replicas, the first of them preferred. */
export const withOrder = (survey: Survey, at: { readonly topic: string; readonly partition: number }, replicas: readonly number[]): Survey =>
  withRows(survey, (row) => (row.topic === at.topic && row.partition === at.partition ? { ...row, replicas } : row))

/** Replicas as they were assigned anew, all in sync. */
export const withReassigned = (
  survey: Survey,
  moves: readonly { readonly topic: string; readonly partition: number; readonly after: readonly number[] }[],
): Survey => {
  const to = new Map(moves.map((move) => [partitionName(move), move.after]))
  return withRows(survey, (row) => {
    const replicas = to.get(partitionName(row))
    if (replicas === undefined) return row
    return { ...row, replicas, isr: replicas, leader: replicas.includes(row.leader) ? row.leader : (replicas[0] ?? -1) }
  })
}

/** Every topic's unclean election is off. */
export const withUncleanOff = (survey: Survey): Survey => ({
  ...survey,
  partitions: projected(survey.partitions, (table) =>
    PartitionTable.of(
      table.topics.map((topic) => ({ ...topic, uncleanElection: known(false, BY) })),
      [...table.rows()],
    ),
  ),
})

/** What nobody could say of it is taken for off: it is switched off wherever it is on before anybody else is started. */
export const withUncleanSeen = (survey: Survey): Survey => ({
  ...survey,
  partitions: projected(survey.partitions, (table) =>
    PartitionTable.of(
      table.topics.map((topic) => (topic.uncleanElection.known ? topic : { ...topic, uncleanElection: known(false, BY) })),
      [...table.rows()],
    ),
  ),
})

/** Whether any of it was never seen: a dry run that went on from what it expects. */
export const isProjected = ({ brokers, coordination, partitions }: Survey): boolean => [brokers, coordination, partitions].some(({ by }) => by === BY)

const BLANK: Extent = { start: 0n, end: 0n }

/** These topics as they are after `change`; one that is not there is given empty. null takes it away. */
export const withTopics = (
  survey: Survey,
  topics: readonly { readonly name: string; readonly partitions: number; readonly replicationFactor: number }[],
  change: (topic: TopicContents, name: string) => TopicContents | null,
): Survey => ({
  ...survey,
  contents: projected(survey.contents, (contents) => {
    const all = new Map(contents.topics)
    for (const { name, partitions, replicationFactor } of topics) {
      const fresh: TopicContents = {
        partitions: Array.from({ length: partitions }, () => known(BLANK, BY)),
        replicationFactor,
        overrides: known(new Map(), BY),
      }
      const after = change(all.get(name) ?? fresh, name)
      if (after === null) all.delete(name)
      else all.set(name, after)
    }
    return { ...contents, topics: all }
  }),
})

export const withRights = (survey: Survey, change: (rights: Rights) => Rights): Survey => ({ ...survey, rights: projected(survey.rights, change) })
