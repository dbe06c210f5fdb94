// Schema registries over the simulated `_schemas`: what each has in its memory, who leads them, and what a
// start needs. Reads go on from memory whatever happens to the topic; writes need a leader and the topic.
import { KdrError } from '../../errors.ts'
import { coordinatorPartition, OFFSETS_TOPIC } from '../../model/groups.ts'
import { REGISTRY_DEFAULTS } from '../../model/registry.ts'
import { SchemaFold } from '../../model/schema-records.ts'
import type { Millis } from '../../units.ts'
import type { Cluster } from './cluster.ts'
import { registryTimedOut } from './log-lines.ts'
import { isUp, type SimMember, type SimPartition } from './state.ts'
import { append, judgeAppend, makeTopic } from './topics.ts'

/** kafkastore.init.timeout.ms: joining the group and reading `_schemas` to its end. */
const INIT_TIMEOUT: Millis = 60_000
/** Until the coordinator misses a member that died (session.timeout.ms of the group). */
const GROUP_SESSION: Millis = 10_000
/** Until everybody who is left has joined again (heartbeat.interval.ms of the group). */
const REJOIN: Millis = 3000
const POLL: Millis = 500

/** What one instance knows, gone when it ends. */
interface Memory {
  readonly fold: SchemaFold
  /** The incarnation of the topic it reads: it never notices that it was replaced. */
  readonly topic: string | null
  next: number
}

export interface Registries {
  readonly memories: Map<string, Memory>
  /** In the group by the coordinator's book: one that died a moment ago still is. */
  readonly joined: Set<string>
  /** Its coordinator waits for everybody to join again. */
  rebalancing: boolean
  leader: string | null
  /** All advertise the first one's URL. */
  readonly sameUrl: boolean
}

export const createRegistries = (sameUrl: boolean): Registries => ({ memories: new Map(), joined: new Set(), rebalancing: false, leader: null, sameUrl })

export const registriesOf = (cluster: Cluster): readonly SimMember[] => cluster.members.filter(({ role }) => role === 'schema-registry')

export const urlOf = (member: SimMember): string => `http://${member.address}`

export const advertisedBy = (cluster: Cluster, member: SimMember): string => {
  const [first] = registriesOf(cluster)
  return urlOf(cluster.registries.sameUrl && first !== undefined ? first : member)
}

const online = (cluster: Cluster, partition: SimPartition | undefined): partition is SimPartition =>
  partition !== undefined && partition.leader >= 0 && cluster.up(partition.leader)

const topicOf = (cluster: Cluster): SimPartition | undefined => cluster.partition(REGISTRY_DEFAULTS.topic, 0)

/** A group's partition of `__consumer_offsets`, where its leader answers. */
export const groupPartition = (cluster: Cluster, group: string = REGISTRY_DEFAULTS.group): SimPartition | null => {
  const partitions = cluster.topics.get(OFFSETS_TOPIC)?.partitions ?? []
  const partition = partitions.length === 0 ? undefined : partitions[coordinatorPartition(group, partitions.length)]
  return online(cluster, partition) ? partition : null
}

/** Elected by the group while its coordinator is there; duplicates of a URL elect nobody (SchemaRegistryCoordinator). */
export const registryLeader = (cluster: Cluster): SimMember | null => {
  const { registries } = cluster
  const joined = registriesOf(cluster).filter(({ name }) => registries.joined.has(name))
  const current = joined.find(({ name }) => name === registries.leader)
  if (current !== undefined) return current
  const elected = groupPartition(cluster) === null || (registries.sameUrl && joined.length > 1) ? undefined : joined[0]
  registries.leader = elected?.name ?? null
  return elected ?? null
}

/** Takes what is new in the topic; one that was made anew under it has nothing for it. */
export const catchUp = (cluster: Cluster, member: SimMember): SchemaFold => {
  const memory = cluster.registries.memories.get(member.name)
  if (memory === undefined) return new SchemaFold()
  const partition = topicOf(cluster)
  if (!online(cluster, partition) || partition.topic.id !== memory.topic) return memory.fold
  const { records } = cluster.logOf(partition.leader, partition)
  for (; memory.next < records.length; memory.next += 1) {
    const record = records[memory.next]
    if (record !== undefined) memory.fold.take(record)
  }
  return memory.fold
}

interface Process {
  /** Unless this incarnation is over by then. */
  readonly later: (length: Millis, then: () => void) => void
  readonly exit: (lines: readonly string[]) => void
  readonly serve: () => void
}

/** Needs the topic's leader and the group's coordinator; where the topic is missing it makes an empty one without a word. */
export const bootRegistry = (cluster: Cluster, member: SimMember, process: Process, waited = 0): void => {
  if (topicOf(cluster) === undefined && cluster.governed && cluster.registrations.size > 0) makeSchemas(cluster)
  const partition = topicOf(cluster)
  if (online(cluster, partition) && groupPartition(cluster) !== null) {
    cluster.registries.memories.set(member.name, { fold: new SchemaFold(), topic: partition.topic.id, next: 0 })
    catchUp(cluster, member)
    cluster.registries.joined.add(member.name)
    process.serve()
  } else if (waited >= INIT_TIMEOUT) process.exit(registryTimedOut())
  else process.later(POLL, () => bootRegistry(cluster, member, process, waited + POLL))
}

export const makeSchemas = (cluster: Cluster): void => {
  const replicas = [...cluster.registrations.keys()].sort((a, b) => a - b).slice(0, 3)
  const minIsr = String(Math.min(2, replicas.length))
  makeTopic(cluster, { name: REGISTRY_DEFAULTS.topic, assignments: [replicas], configs: { 'cleanup.policy': 'compact', 'min.insync.replicas': minIsr } })
  cluster.note('world', 0, 'create-topic', REGISTRY_DEFAULTS.topic)
}

/** Its memory ends with it; the group misses it at once where it left, else after its session. */
export const registryGone = (cluster: Cluster, member: SimMember, graceful: boolean): void => {
  const { memories, joined } = cluster.registries
  memories.delete(member.name)
  if (graceful) joined.delete(member.name)
  else
    cluster.time.after(GROUP_SESSION, () => {
      if (isUp(member) || !joined.delete(member.name)) return
      cluster.registries.rebalancing = true
      cluster.time.after(REJOIN, () => {
        cluster.registries.rebalancing = false
      })
    })
}

const refused = (code: number, words: string): KdrError => new KdrError(words, { code: `registry-${code}` })

/** As the leader writes it: acknowledged by the whole ISR, then known to itself. */
export const writeRecord = (cluster: Cluster, leader: SimMember, key: object, value: object | null): void => {
  const partition = topicOf(cluster)
  if (!online(cluster, partition)) throw refused(50001, 'Error in the backend data store: the topic has no leader')
  const bytes = (json: object) => Buffer.from(JSON.stringify(json))
  try {
    const made = append(cluster, partition, [{ key: bytes(key), value: value === null ? null : bytes(value) }])
    const verdict = judgeAppend(cluster, made)
    if (verdict !== 'acknowledged') throw verdict
    cluster.truth.acknowledge(partition, made.records)
  } catch {
    throw refused(50001, 'Error in the backend data store: the record was not acknowledged')
  }
  catchUp(cluster, leader)
}
