// Surveys for tests: healthy clusters of three kinds, and the few changes that make them sick. Everything
// is plain data, so a test says exactly what was seen and what was not.
import { type Known, known, unknown } from '../../src/model/known.ts'
import type { LogSignal, Member, Role, Volume } from '../../src/model/member.ts'
import { type PartitionRow, PartitionTable, type TopicInfo } from '../../src/model/partitions.ts'
import type { Broker, LogDir, QuorumView, Survey, ZooKeeperServer, ZooKeeperView } from '../../src/model/survey.ts'
import { memberOfBroker } from '../../src/model/survey.ts'

export const BY = 'test'
export const NOW = 1_768_440_000_000
const HOUR = 3_600_000
const CLUSTER_ID = 'tc9Wt3pXQ2-simulated'

export const seen = <T>(value: T): Known<T> => known(value, BY)
export const blind: Known<never> = unknown('the port timed out', BY)

const volume = (name: string, change: Partial<Volume> = {}): Volume => ({
  name: `${name}-data`,
  path: `/var/lib/kafka/${name}`,
  state: seen('intact'),
  usableBytes: seen(60e9),
  totalBytes: seen(100e9),
  clusterId: seen(CLUSTER_ID),
  backing: null,
  ...change,
})

export const member = (name: string, roles: readonly Role[], id: number, change: Partial<Member> = {}): Member => ({
  name,
  roles,
  id: seen(id),
  uid: seen(`${name}-uid`),
  state: seen('running'),
  startedAt: seen(NOW - HOUR),
  restarts: seen(0),
  lastExit: seen(null),
  waiting: seen(null),
  revives: 'never',
  node: seen('laptop'),
  addresses: [`127.0.0.1:${19_000 + id}`],
  volumes: [volume(name)],
  owner: seen(null),
  nodeTrouble: seen(null),
  disruption: seen(null),
  workload: seen(null),
  signals: seen([]),
  ...change,
})

const DIR: LogDir = { path: '/var/lib/kafka', error: null, usableBytes: 60e9, totalBytes: 100e9 }

const broker = (id: number, change: Partial<Broker> = {}): Broker => ({
  id,
  member: seen(`kafka${id}`),
  registered: seen(true),
  reachable: seen(true),
  incarnation: seen(BigInt(4_294_967_296 + id)),
  rack: null,
  endpoint: `127.0.0.1:${19_000 + id}`,
  logDirs: seen([DIR]),
  ...change,
})

export const topic = (name: string, change: Partial<TopicInfo> = {}): TopicInfo => ({
  name,
  id: `id-of-${name}`,
  internal: name.startsWith('__'),
  minIsr: seen(2),
  uncleanElection: seen(false),
  cleanupPolicy: seen('delete'),
  ...change,
})

export const row = (name: string, partition: number, replicas: readonly number[], change: Partial<PartitionRow> = {}): PartitionRow => ({
  topic: name,
  partition,
  leader: replicas[0] ?? -1,
  leaderEpoch: 0,
  replicas,
  isr: replicas,
  elr: [],
  lastKnownElr: [],
  ...change,
})

/** `partitions` of a topic, replicas round robin over `brokers`. */
export const spread = (name: string, partitions: number, brokers: number, factor = 3): readonly PartitionRow[] =>
  Array.from({ length: partitions }, (_, p) =>
    row(
      name,
      p,
      Array.from({ length: Math.min(factor, brokers) }, (_unused, r) => ((p + r) % brokers) + 1),
    ),
  )

export const table = (topics: readonly TopicInfo[], rows: readonly PartitionRow[]): Known<PartitionTable> => seen(PartitionTable.of(topics, rows))

const zooKeeperView = (): ZooKeeperView => ({
  kind: 'zookeeper',
  servers: [1, 2, 3].map(
    (id): ZooKeeperServer => ({ member: `zk${id}`, id: seen(id), mode: seen(id === 3 ? 'leader' : 'follower'), syncedFollowers: seen(id === 3 ? 2 : null) }),
  ),
  quorum: seen(true),
  clusterId: seen(CLUSTER_ID),
  brokerIds: seen([1, 2, 3]),
  controller: seen(1),
  migrating: seen(false),
})

const quorumView = (voters: readonly number[]): QuorumView => ({
  kind: 'kraft',
  quorum: seen(true),
  leaderId: seen(voters[0] ?? null),
  voters: seen(voters.map((id) => ({ id, logEndOffset: 1000n, lastFetchAgo: 100, lastCaughtUpAgo: 100 }))),
  expectedVoters: seen(voters),
})

export type Kind = 'zookeeper' | 'kraft' | 'combined'

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1)

const membersOf = (kind: Kind, brokers: number): readonly Member[] => [
  ...(kind === 'zookeeper' ? range(3).map((id) => member(`zk${id}`, ['zookeeper'], 10 + id)) : []),
  ...(kind === 'kraft' ? range(3).map((id) => member(`ctl${id}`, ['controller'], 100 + id)) : []),
  ...range(brokers).map((id) => member(`kafka${id}`, kind === 'combined' ? ['broker', 'controller'] : ['broker'], id)),
]

/** Everything up for an hour; topic `orders` (6 partitions, RF 3, min ISR 2) and `__consumer_offsets`. */
export const healthy = (kind: Kind = 'zookeeper', brokers = 3): Survey => ({
  takenAt: NOW,
  target: { platform: 'process', cluster: 'lab', identity: 'lab:/tmp/lab' },
  clusterId: seen(CLUSTER_ID),
  members: seen(membersOf(kind, brokers)),
  brokers: seen(range(brokers).map((id) => broker(id))),
  coordination: seen(kind === 'zookeeper' ? zooKeeperView() : quorumView(kind === 'combined' ? range(brokers) : [101, 102, 103])),
  partitions: table([topic('orders'), topic('__consumer_offsets')], [...spread('orders', 6, brokers), ...spread('__consumer_offsets', 3, brokers)]),
  reassigning: seen([]),
  groups: seen([]),
  connect: seen([]),
  logs: blind,
  throttles: blind,
  transactions: blind,
  contents: blind,
  rights: blind,
  registry: seen(null),
  schemas: unknown('no schema was tried', BY),
  canary: seen({ at: NOW, sent: 30, received: 30, p99: 40, ledBy: range(brokers), lost: 0, problem: null }),
})

export const changeMember = (survey: Survey, name: string, change: Partial<Member>): Survey => ({
  ...survey,
  members: survey.members.known ? seen(survey.members.value.map((one) => (one.name === name ? { ...one, ...change } : one))) : survey.members,
})

export const changeBroker = (survey: Survey, id: number, change: Partial<Broker>): Survey => ({
  ...survey,
  brokers: survey.brokers.known ? seen(survey.brokers.value.map((one) => (one.id === id ? { ...one, ...change } : one))) : survey.brokers,
})

export const changeRows = (survey: Survey, change: (one: PartitionRow) => PartitionRow): Survey => ({
  ...survey,
  partitions: survey.partitions.known ? seen(survey.partitions.value.map(change)) : survey.partitions,
})

export const changeZooKeeper = (survey: Survey, change: Partial<ZooKeeperView>): Survey => {
  if (!survey.coordination.known || survey.coordination.value.kind !== 'zookeeper') throw new Error('not a ZooKeeper cluster')
  return { ...survey, coordination: seen({ ...survey.coordination.value, ...change }) }
}

export const changeQuorum = (survey: Survey, change: Partial<QuorumView>): Survey => {
  if (!survey.coordination.known || survey.coordination.value.kind !== 'kraft') throw new Error('not a KRaft cluster')
  return { ...survey, coordination: seen({ ...survey.coordination.value, ...change }) }
}

export const changeVolume = (survey: Survey, name: string, change: Partial<Volume>): Survey => changeMember(survey, name, { volumes: [volume(name, change)] })

/** Right after SIGKILL: the platform knows, its registration and the ISRs do not yet. */
export const killed = (survey: Survey, id: number): Survey =>
  changeBroker(
    changeMember(survey, memberOfBroker(survey, id)?.name ?? '', {
      state: seen('stopped'),
      uid: seen(null),
      startedAt: seen(null),
      lastExit: seen({ code: null, signal: 'SIGKILL', oomKilled: false }),
    }),
    id,
    { reachable: seen(false) },
  )

/** Its registration has expired, and the controller has moved leaders and ISRs; the last ISR member stays on record. */
export const expired = (survey: Survey, id: number): Survey =>
  changeRows(changeBroker(survey, id, { registered: seen(false), incarnation: blind }), (one) => {
    const isr = one.isr.filter((replica) => replica !== id)
    const leader = one.leader === id ? (isr[0] ?? -1) : one.leader
    return { ...one, isr: isr.length === 0 ? one.isr : isr, leader }
  })

export const dead = (survey: Survey, id: number): Survey => expired(killed(survey, id), id)

/** SIGSTOP, by the platform's word; still registered, silent. */
export const paused = (survey: Survey, id: number): Survey =>
  changeBroker(changeMember(survey, `kafka${id}`, { state: seen('paused') }), id, { reachable: unknown('silent', BY) })

export const signals = (...kinds: readonly LogSignal['kind'][]): Known<readonly LogSignal[]> =>
  seen(kinds.map((kind) => ({ kind, line: `a line that says ${kind}` })))

/** Copies of a survey in which one Known after the other was not seen: what judgement must never take for good news. */
export const dimmed = (survey: Survey): readonly { readonly path: string; readonly survey: Survey }[] => {
  const found: { path: string; survey: Survey }[] = []
  const isKnown = (value: unknown): value is Known<unknown> => typeof value === 'object' && value !== null && 'known' in value && 'by' in value
  const walk = (value: unknown, path: string, rebuild: (replacement: unknown) => unknown): void => {
    if (isKnown(value)) {
      if (!value.known) return
      found.push({ path, survey: rebuild(blind) as Survey })
      walk(value.value, path, (replacement) => rebuild({ ...value, value: replacement }))
    } else if (value instanceof PartitionTable) {
      value.topics.forEach((info, at) => {
        const topics = (change: Partial<TopicInfo>) => value.topics.map((one, index) => (index === at ? { ...one, ...change } : one))
        found.push({ path: `${path}.${info.name}.minIsr`, survey: rebuild(PartitionTable.of(topics({ minIsr: blind }), [...value.rows()])) as Survey })
      })
      found.push({ path: `${path}.elr`, survey: rebuild(value.map((one) => ({ ...one, elr: null, lastKnownElr: null }))) as Survey })
    } else if (Array.isArray(value)) {
      value.forEach((item, at) => {
        walk(item, `${path}[${at}]`, (replacement) => rebuild(value.map((other, index) => (index === at ? replacement : other))))
      })
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value))
        walk(item, path === '' ? key : `${path}.${key}`, (replacement) => rebuild({ ...value, [key]: replacement }))
    }
  }
  walk(survey, '', (replacement) => replacement)
  return found
}
