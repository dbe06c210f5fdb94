// What is asked of each broker, or of whoever reaches the controller: pings, log directories, the KRaft
// quorum, reassignments and groups.
import { KdrError, wordsOf } from '../../errors.ts'
import { coordinatorPartition, type GroupDescription, OFFSETS_TOPIC } from '../../model/groups.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { GroupInfo, LogDir, Voter } from '../../model/survey.ts'
import type { Ping, QuorumState, Reassigning } from '../../ports/kafka.ts'
import type { Millis } from '../../units.ts'
import { type Cluster, endpointOf } from './cluster.ts'
import { answersWithin } from './deadline.ts'
import { errorName, errorWords, failOn } from './error-codes.ts'
import { DescribeGroups, ListGroups } from './messages/access.ts'
import { DescribeQuorum, ListPartitionReassignments, type QuorumAnswer, type ReplicaState } from './messages/controller.ts'
import { DescribeLogDirs } from './messages/log-dirs.ts'
import { Metadata } from './messages/metadata.ts'

/** How long the first answer of several waits for a better one. */
const GRACE = 100

/** A login that is refused comes after ApiVersions was answered: the broker is ready. A broken TLS handshake or name proves nothing: `silent`. */
const pingFailure = (endpoint: string, error: unknown): Ping => {
  const detail = wordsOf(error)
  const code = error instanceof KdrError ? error.code : ''
  if (code === 'closed') throw error
  if (code === 'authentication-failed') return { endpoint, answer: 'ready', id: null, detail }
  return { endpoint, answer: code === 'broker-refused' ? 'refused' : 'silent', id: null, detail }
}

interface Pinged {
  readonly ping: Ping
  /** The connection broke: of an old one that proves nothing, whatever the words. */
  readonly broke: boolean
}

/** A broker does not say its id; it is the one that advertises this endpoint. */
const pingOnce = async (cluster: Cluster, endpoint: string, signal: AbortSignal): Promise<Pinged> => {
  try {
    const { brokers } = await cluster.ask(endpoint, 'look', Metadata, [], signal)
    const id = brokers.find((broker) => endpointOf(broker) === endpoint)?.id ?? null
    return { ping: { endpoint, answer: 'ready', id, detail: 'answered ApiVersions and Metadata' }, broke: false }
  } catch (error) {
    signal.throwIfAborted()
    const broke = error instanceof KdrError && (error.code === 'broker-refused' || error.code === 'broker-unreachable')
    return { ping: pingFailure(endpoint, error), broke }
  }
}

/** An old connection that just broke is no proof that nobody listens: only a new one is. */
export const ping = (cluster: Cluster, endpoints: readonly string[], signal: AbortSignal): Promise<readonly Ping[]> =>
  Promise.all(
    endpoints.map(async (endpoint) => {
      signal.throwIfAborted()
      const first = await pingOnce(cluster, endpoint, signal)
      return (first.broke ? await pingOnce(cluster, endpoint, signal) : first).ping
    }),
  )

const bytesOrNull = (bytes: bigint): number | null => (bytes < 0n ? null : Number(bytes))

const logDirsOf = async (cluster: Cluster, broker: number, endpoint: string | undefined, signal: AbortSignal): Promise<Known<readonly LogDir[]>> => {
  if (endpoint === undefined) return unknown(`broker ${broker} is not registered`, 'Metadata')
  const source = `DescribeLogDirs from ${endpoint}`
  try {
    const { error, dirs } = await cluster.ask(endpoint, 'disk', DescribeLogDirs, 'none', signal)
    if (error !== 0) return unknown(errorWords(error), source)
    const rows = dirs.map((dir) => ({
      path: dir.path,
      error: dir.error === 0 ? null : errorName(dir.error),
      usableBytes: bytesOrNull(dir.usableBytes),
      totalBytes: bytesOrNull(dir.totalBytes),
    }))
    return known(rows, source)
  } catch (error) {
    signal.throwIfAborted()
    return unknown(wordsOf(error), source)
  }
}

/** Throws `no-broker-answered` only when it cannot be told where the brokers are. */
export const readLogDirs = async (
  cluster: Cluster,
  brokers: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Known<readonly LogDir[]>>> => {
  const endpoints = await cluster.registered(signal)
  return new Map(await Promise.all(brokers.map(async (id) => [id, await logDirsOf(cluster, id, endpoints.get(id), signal)] as const)))
}

/** The leader's clock when it answered is the largest time in the answer, give or take a fetch. */
export const votersOf = (answer: Pick<QuorumAnswer, 'leaderId' | 'voters'>): readonly Voter[] => {
  const now = Math.max(...answer.voters.flatMap(({ lastFetch, lastCaughtUp }) => [Number(lastFetch), Number(lastCaughtUp)]))
  const ago = ({ id }: ReplicaState, at: bigint): Millis | null => {
    if (id === answer.leaderId) return 0
    return at < 0n ? null : now - Number(at)
  }
  return answer.voters.map((voter) => ({
    id: voter.id,
    logEndOffset: voter.logEndOffset,
    lastFetchAgo: ago(voter, voter.lastFetch),
    lastCaughtUpAgo: ago(voter, voter.lastCaughtUp),
  }))
}

/** Asks everyone; any broker forwards to the leader, and of the controllers the leader alone answers (KafkaRaftClient.handleDescribeQuorumRequest). null where a broker does not know DescribeQuorum: there it would close the connection without a word. Throws `no-quorum-leader`. */
export const readQuorum = async (cluster: Cluster, controllers: readonly string[] | null, signal: AbortSignal): Promise<QuorumState | null> => {
  signal.throwIfAborted()
  const reasons: string[] = []
  const askOne = async (endpoint: string): Promise<QuorumAnswer | null> => {
    try {
      const link = cluster.link(endpoint, 'controller')
      if (!(await link.offers(DescribeQuorum, signal))) return null
      const answer = await link.ask(DescribeQuorum, null, signal)
      failOn(`DescribeQuorum of ${endpoint}`, answer.error)
      return answer
    } catch (error) {
      reasons.push(wordsOf(error))
      throw error
    }
  }
  const answers = await answersWithin((controllers ?? cluster.endpoints()).map(askOne), GRACE)
  signal.throwIfAborted()
  if (answers.length === 0) {
    throw new KdrError(`no leader of the controller quorum answered: ${reasons.join('; ')}`, { code: 'no-quorum-leader' })
  }
  const seen = answers.filter((answer) => answer !== null)
  const best = seen.reduce<QuorumAnswer | null>((newest, next) => (newest === null || next.leaderEpoch > newest.leaderEpoch ? next : newest), null)
  return best === null ? null : { leaderId: best.leaderId, leaderEpoch: best.leaderEpoch, highWatermark: best.highWatermark, voters: votersOf(best) }
}

/** Asks everyone: in ZooKeeper mode only the controller knows, in KRaft any broker forwards. Throws `no-controller`. */
export const readReassigning = async (cluster: Cluster, timeout: Millis, signal: AbortSignal): Promise<readonly Reassigning[]> => {
  const { answer } = await cluster.freshest([], signal)
  const reasons: string[] = []
  const askOne = async (endpoint: string): Promise<readonly Reassigning[]> => {
    try {
      const { error, message, partitions } = await cluster.ask(endpoint, 'controller', ListPartitionReassignments, { timeout }, signal)
      failOn(`ListPartitionReassignments of ${endpoint}`, error, message)
      return partitions
    } catch (error) {
      reasons.push(wordsOf(error))
      throw error
    }
  }
  const [first] = await answersWithin(answer.brokers.map(endpointOf).map(askOne), 0)
  signal.throwIfAborted()
  if (first === undefined) throw new KdrError(`no controller listed the reassignments: ${reasons.join('; ')}`, { code: 'no-controller' })
  return first
}

/** Each broker lists the groups it coordinates. A list that lacks a broker's groups would pass for whole: throws `groups-incomplete` and says whose are missing. */
export const readGroups = async (cluster: Cluster, signal: AbortSignal): Promise<readonly GroupInfo[]> => {
  const endpoints = [...(await cluster.registered(signal)).values()]
  const results = await Promise.allSettled(
    endpoints.map(async (endpoint) => {
      const { error, groups } = await cluster.ask(endpoint, 'look', ListGroups, null, signal)
      failOn(`ListGroups of ${endpoint}`, error)
      return groups
    }),
  )
  signal.throwIfAborted()
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [wordsOf(result.reason)] : []))
  if (failures.length > 0) throw new KdrError(`not every broker listed its groups: ${failures.join('; ')}`, { code: 'groups-incomplete' })
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value.map(({ id, state }) => ({ id, state })) : []))
}

const noCoordinator = (group: string, why: string): KdrError => new KdrError(`group ${group} has no coordinator: ${why}`, { code: 'no-coordinator' })

/** FindCoordinator would create `__consumer_offsets` where it is missing, so the leader of the group's partition is asked without it. Throws `no-coordinator`. */
export const readGroup = async (cluster: Cluster, group: string, signal: AbortSignal): Promise<GroupDescription> => {
  const { answer } = await cluster.freshest([OFFSETS_TOPIC], signal)
  const partitions = answer.topics.find(({ name }) => name === OFFSETS_TOPIC)?.partitions.length ?? 0
  if (partitions === 0) throw noCoordinator(group, `${OFFSETS_TOPIC} does not exist`)
  const partition = coordinatorPartition(group, partitions)
  const [place] = await cluster.leaders([{ topic: OFFSETS_TOPIC, partition }], signal)
  if (place === undefined || 'why' in place) throw noCoordinator(group, `${OFFSETS_TOPIC}-${partition}: ${place?.why ?? 'no answer'}`)
  const { error, ...described } = await cluster.ask(place.endpoint, 'look', DescribeGroups, group, signal)
  failOn(`DescribeGroups of ${group} at ${place.endpoint}`, error)
  return described
}
