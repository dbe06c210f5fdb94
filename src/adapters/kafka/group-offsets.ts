// What groups have committed, read whole or not at all, and committed again for a group that nobody is in.
import { KdrError, wordsOf } from '../../errors.ts'
import { coordinatorPartition, OFFSETS_TOPIC, SHARE } from '../../model/groups.ts'
import { partitionName } from '../../model/partitions.ts'
import type { GroupOffset, GroupOffsets } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import type { Cluster } from './cluster.ts'
import { pages } from './controller-requests.ts'
import { pause } from './deadline.ts'
import { errorName, failOn, kafkaError } from './error-codes.ts'
import { type ListedGroup, ListGroups } from './messages/access.ts'
import { ClusterRights, DESCRIBE_BIT, type FetchedGroup, FindCoordinator, OffsetCommit, OffsetFetch } from './messages/groups.ts'

/** A coordinator that reads its partition, or one that has just moved. */
const LOADING = [14, 15, 16]
const PATIENCE: Millis = 30_000
const POLL: Millis = 250
const GROUPS_PER_REQUEST = 50

const incomplete = (why: string, hint?: string): KdrError => new KdrError(why, { code: 'groups-incomplete', ...(hint === undefined ? {} : { hint }) })

const UNKNOWN_TOPIC = 3
const LEADER_NOT_AVAILABLE = 5
const NOT_COORDINATOR = 16
const TOPIC_AUTHORIZATION_FAILED = 29

type Coordinator = { readonly endpoint: string } | { readonly why: string }

/** Leaders of the partitions that groups are kept in, by partition, or why there is none; empty where no group ever committed; null where that topic is hidden from the principal. */
const coordinators = async (cluster: Cluster, signal: AbortSignal): Promise<readonly Coordinator[] | null> => {
  const { answer } = await cluster.freshest([OFFSETS_TOPIC], signal)
  const { error, partitions } = answer.topics.find(({ name }) => name === OFFSETS_TOPIC) ?? { error: -1, partitions: [] }
  if (error === UNKNOWN_TOPIC) return []
  if (error === TOPIC_AUTHORIZATION_FAILED) return null
  if (error !== 0 && error !== LEADER_NOT_AVAILABLE) throw incomplete(`${OFFSETS_TOPIC} cannot be described: ${errorName(error)}`)
  const rows = partitions.map((_, partition) => ({ topic: OFFSETS_TOPIC, partition }))
  return cluster.leaders(rows, signal)
}

const endpointOf = (leaders: readonly Coordinator[], partition: number): string => {
  const leader = leaders[partition] ?? { why: 'the answer lacks it' }
  if ('endpoint' in leader) return leader.endpoint
  throw incomplete(`groups kept in ${OFFSETS_TOPIC}-${partition} cannot be read: ${leader.why}`)
}

/** Who coordinates each of these groups, found without a look at the topic they are kept in, and without making it: whoever does not, says so. */
const askAround = async (cluster: Cluster, groups: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>()
  const endpoints = [...(await cluster.registered(signal)).values()]
  await Promise.allSettled(
    endpoints.map(async (endpoint) => {
      for (const { group, error } of await cluster.ask(endpoint, 'look', OffsetFetch, groups, signal)) if (error !== NOT_COORDINATOR) found.set(group, endpoint)
    }),
  )
  signal.throwIfAborted()
  return found
}

/** Where each of these groups is, for which only its own coordinator has to be there, or of all of them (null) where any is; null where some could not be found yet. */
const places = async (
  cluster: Cluster,
  groups: readonly string[] | null,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[] | null> | null> => {
  const leaders = await coordinators(cluster, signal)
  const byPlace = new Map<string, string[] | null>()
  if (groups === null) {
    if (leaders === null)
      throw incomplete(
        `groups may be hidden: this principal may not describe ${OFFSETS_TOPIC}`,
        `Grant it DESCRIBE on topic ${OFFSETS_TOPIC}, or name the groups.`,
      )
    const endpoints = leaders.map((_, partition) => endpointOf(leaders, partition))
    if (endpoints[0] !== undefined) await mustSeeAll(cluster, endpoints[0], signal)
    for (const endpoint of endpoints) byPlace.set(endpoint, null)
    return byPlace
  }
  const found = leaders === null ? await askAround(cluster, groups, signal) : null
  for (const group of leaders?.length === 0 ? [] : groups) {
    const endpoint = found === null ? leaders && endpointOf(leaders, coordinatorPartition(group, leaders.length)) : found.get(group)
    if (endpoint == null) return null
    const mine = byPlace.get(endpoint)
    if (mine) mine.push(group)
    else byPlace.set(endpoint, [group])
  }
  return byPlace
}

/** Without DESCRIBE on the cluster brokers list only the groups the principal may describe (KafkaApis.handleListGroupsRequest). */
const mustSeeAll = async (cluster: Cluster, endpoint: string, signal: AbortSignal): Promise<void> => {
  const { error, message, operations } = await cluster.ask(endpoint, 'look', ClusterRights, null, signal)
  failOn(`DescribeCluster at ${endpoint}`, error, message)
  if ((operations & DESCRIBE_BIT) === 0)
    throw incomplete('groups may be hidden: this principal may not describe the cluster', 'Grant it DESCRIBE on the cluster, or name the groups.')
}

const RETRIED = 'retried'

const listAt = async (cluster: Cluster, endpoint: string, signal: AbortSignal): Promise<readonly ListedGroup[] | typeof RETRIED> => {
  const { error, groups } = await cluster.ask(endpoint, 'look', ListGroups, null, signal)
  if (LOADING.includes(error)) return RETRIED
  failOn(`ListGroups of ${endpoint}`, error)
  return groups
}

/** What has moved or is loading is to be asked for again. */
const offsetsAt = async (
  cluster: Cluster,
  endpoint: string,
  listed: readonly ListedGroup[],
  signal: AbortSignal,
): Promise<readonly GroupOffsets[] | typeof RETRIED> => {
  const answers = new Map<string, FetchedGroup>()
  const asked = listed.filter(({ protocolType }) => protocolType !== SHARE).map(({ id }) => id)
  for (const some of pages(asked, GROUPS_PER_REQUEST)) {
    for (const answer of await cluster.ask(endpoint, 'look', OffsetFetch, some, signal)) answers.set(answer.group, answer)
  }
  const failed = [...answers.values()].map(({ group, error, offsets }) => ({ group, error: error || (offsets.find((row) => row.error !== 0)?.error ?? 0) }))
  const hopeless = failed.find(({ error }) => error !== 0 && !LOADING.includes(error))
  if (hopeless !== undefined) throw incomplete(`offsets of group ${hopeless.group} could not be read: ${errorName(hopeless.error)}`)
  if (failed.some(({ error }) => error !== 0)) return RETRIED
  const missing = asked.find((group) => !answers.has(group))
  if (missing !== undefined) throw incomplete(`offsets of group ${missing} could not be read: the answer lacks it`)
  return listed.map(({ id, state, protocolType }) => {
    const offsets = (answers.get(id)?.offsets ?? []).filter(({ offset }) => offset >= 0n)
    return { group: id, state, protocolType, offsets: offsets.map(({ error: _, ...row }) => row) }
  })
}

/** Of one broker. A named group that nobody has heard of is Dead. */
const readAt = async (
  cluster: Cluster,
  endpoint: string,
  named: readonly string[] | null,
  signal: AbortSignal,
): Promise<readonly GroupOffsets[] | typeof RETRIED> => {
  const all = await listAt(cluster, endpoint, signal)
  if (all === RETRIED) return RETRIED
  const found = new Map(all.map((group) => [group.id, group]))
  const listed = named === null ? all : named.map((id) => found.get(id) ?? { id, state: 'Dead', protocolType: '' })
  return offsetsAt(cluster, endpoint, listed, signal)
}

/** Each coordinator once. Every group, or null: some have to be asked for again. */
const readOnce = async (cluster: Cluster, groups: readonly string[] | null, signal: AbortSignal): Promise<readonly GroupOffsets[] | null> => {
  const byPlace = await places(cluster, groups, signal)
  if (byPlace === null) return null
  const results = await Promise.allSettled(Array.from(byPlace, ([endpoint, named]) => readAt(cluster, endpoint, named, signal)))
  signal.throwIfAborted()
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [wordsOf(result.reason)] : []))
  if (failures.length > 0) throw incomplete(`not every group could be read: ${failures.join('; ')}`)
  const rows: GroupOffsets[] = []
  for (const result of results) {
    if (result.status === 'rejected' || result.value === RETRIED) return null
    rows.push(...result.value)
  }
  const nowhere = byPlace.size === 0 ? (groups ?? []) : []
  for (const group of nowhere) rows.push({ group, state: 'Dead', protocolType: '', offsets: [] })
  return rows.sort((a, b) => (a.group < b.group ? -1 : 1))
}

/** Throws `groups-incomplete`, which says whose are missing, `no-broker-answered`. */
export const readGroupOffsets = async (cluster: Cluster, groups: readonly string[] | null, signal: AbortSignal): Promise<readonly GroupOffsets[]> => {
  const end = performance.now() + PATIENCE
  for (;;) {
    const read = await readOnce(cluster, groups, signal)
    if (read !== null) return read
    if (performance.now() > end) throw incomplete(`coordinators of groups were still not to be found, or reading their partitions, after ${PATIENCE / 1000} s`)
    await pause(POLL, signal)
  }
}

/** Of every broker that answers. Throws `no-broker-answered` only when it cannot be told where they are. */
export const readGroupNames = async (cluster: Cluster, signal: AbortSignal): Promise<readonly string[]> => {
  const endpoints = [...(await cluster.registered(signal)).values()]
  const answers = await Promise.allSettled(endpoints.map((endpoint) => cluster.ask(endpoint, 'look', ListGroups, null, signal)))
  signal.throwIfAborted()
  return [...new Set(answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.groups.map(({ id }) => id) : [])))].sort()
}

/** A batch of commits is one record batch of `__consumer_offsets`: it must stay below that topic's max.message.bytes. */
const COMMITS_PER_REQUEST = 200
/** A topic just made may not be known to the coordinator yet; REQUEST_TIMED_OUT says the same of its followers. The same commit again does no harm. */
const COMMIT_AGAIN = [...LOADING, 3, 7]

const coordinatorOf = async (
  cluster: Cluster,
  group: string,
  signal: AbortSignal,
): Promise<string | { readonly error: number; readonly message: string | null }> => {
  const { by } = await cluster.freshest([], signal)
  const { error, message, host, port } = await cluster.ask(by, 'write', FindCoordinator, group, signal)
  return error === 0 ? `${host.includes(':') ? `[${host}]` : host}:${port}` : { error, message }
}

/** What was not committed, with why. */
const commitOnce = async (
  cluster: Cluster,
  group: string,
  offsets: readonly GroupOffset[],
  signal: AbortSignal,
): Promise<{ readonly what: string; readonly error: number; readonly message: string | null; readonly left: readonly GroupOffset[] } | null> => {
  const place = await coordinatorOf(cluster, group, signal)
  if (typeof place !== 'string') return { what: `group ${group} has no coordinator`, ...place, left: offsets }
  const answers = await cluster.ask(place, 'write', OffsetCommit, { group, offsets }, signal)
  const errors = new Map(answers.map((answer) => [partitionName(answer), answer.error]))
  const errorOf = (row: GroupOffset): number => errors.get(partitionName(row)) ?? -1
  const left = offsets.filter((row) => errorOf(row) !== 0)
  const worst = left.find((row) => !COMMIT_AGAIN.includes(errorOf(row))) ?? left[0]
  if (worst === undefined) return null
  return { what: `offset of ${partitionName(worst)} was not committed for group ${group}`, error: errorOf(worst), message: null, left }
}

const commitSome = async (cluster: Cluster, group: string, offsets: readonly GroupOffset[], signal: AbortSignal): Promise<void> => {
  const end = performance.now() + PATIENCE
  let left = offsets
  for (;;) {
    const failed = await commitOnce(cluster, group, left, signal)
    if (failed === null) return
    left = failed.left
    if (!COMMIT_AGAIN.includes(failed.error) || performance.now() > end) throw kafkaError(failed.what, failed.error, failed.message)
    await pause(POLL, signal)
  }
}

/** Throws Kafka's own error by name: `kafka-unknown-member-id` while somebody is in the group. */
export const commitOffsets = async (cluster: Cluster, group: string, offsets: readonly GroupOffset[], signal: AbortSignal): Promise<void> => {
  for (const some of pages(offsets, COMMITS_PER_REQUEST)) await commitSome(cluster, group, some, signal)
}
