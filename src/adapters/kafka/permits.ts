// What this principal may do with the cluster, topics and groups, as the brokers themselves would decide (KIP-430).
// Nothing is asked of an authorizer that is not there.
import { wordsOf } from '../../errors.ts'
import { coordinatorPartition, OFFSETS_TOPIC } from '../../model/groups.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Operations, Permits } from '../../ports/kafka-backup.ts'
import type { Cluster } from './cluster.ts'
import { pages } from './controller-requests.ts'
import { errorWords } from './error-codes.ts'
import type { LinkSettings } from './link.ts'
import type { Message } from './message.ts'
import { DescribeAcls, GroupRights } from './messages/access.ts'
import { ALL_OPERATIONS, operationsIn } from './messages/acls.ts'
import { ClusterRights } from './messages/groups.ts'
import { TopicRights } from './messages/metadata.ts'

const SECURITY_DISABLED = 54
const NAMES_PER_REQUEST = 1000
/** Whoever may not even describe it may do nothing with it that implies that: READ, WRITE, DELETE, ALTER. */
const FORBIDDEN = [29, 30, 31]
/** Said by a broker that was not asked, or does not know. */
const NOT_SAID = -(2 ** 31)

type Row = { readonly name: string; readonly error: number; readonly operations: number }

const judged = ({ error, operations }: Row, by: string): Known<Operations> => {
  if (operations !== NOT_SAID && (operations !== 0 || error === 0)) return known(operationsIn(operations), by)
  return FORBIDDEN.includes(error) ? known(new Set<string>(), by) : unknown(error === 0 ? 'the broker does not say' : errorWords(error), by)
}

const askAll = async (
  cluster: Cluster,
  endpoint: string,
  message: Message<readonly string[], readonly Row[]>,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly (readonly [string, Known<Operations>])[]> => {
  const by = `${message.name} from ${endpoint}`
  const found: (readonly [string, Known<Operations>])[] = []
  for (const some of pages(names, NAMES_PER_REQUEST)) {
    try {
      for (const row of await cluster.ask(endpoint, 'look', message, some, signal)) found.push([row.name, judged(row, by)])
    } catch (error) {
      signal.throwIfAborted()
      for (const name of some) found.push([name, unknown(wordsOf(error), by)])
    }
  }
  return found
}

const asAsked = (names: readonly string[], found: readonly (readonly [string, Known<Operations>])[]): ReadonlyMap<string, Known<Operations>> => {
  const said = new Map(found)
  return new Map(names.map((name) => [name, said.get(name) ?? unknown('the answer lacks it', 'the brokers')]))
}

/** Their coordinators are the leaders of the partitions they are kept in; where nothing is kept yet, anybody tells what is refused. */
const coordinatorsOf = async (
  cluster: Cluster,
  groups: readonly string[],
  by: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const { answer } = await cluster.freshest([OFFSETS_TOPIC], signal)
  const count = answer.topics.find(({ name }) => name === OFFSETS_TOPIC)?.partitions.length ?? 0
  if (count === 0) return new Map([[by, groups]])
  const rows = groups.map((group) => ({ topic: OFFSETS_TOPIC, partition: coordinatorPartition(group, count) }))
  const byPlace = new Map<string, string[]>()
  for (const [at, place] of (await cluster.leaders(rows, signal)).entries()) {
    const endpoint = 'endpoint' in place ? place.endpoint : by
    const some = byPlace.get(endpoint) ?? []
    byPlace.set(endpoint, some)
    some.push(groups[at] ?? '')
  }
  return byPlace
}

const withoutAuthorizer = async (cluster: Cluster, by: string, signal: AbortSignal): Promise<boolean> => {
  try {
    return (await cluster.ask(by, 'look', DescribeAcls, null, signal)).error === SECURITY_DISABLED
  } catch {
    signal.throwIfAborted()
    return false
  }
}

const ofCluster = async (cluster: Cluster, by: string, signal: AbortSignal): Promise<Known<Operations>> => {
  const source = `DescribeCluster from ${by}`
  try {
    return judged({ name: '', ...(await cluster.ask(by, 'look', ClusterRights, null, signal)) }, source)
  } catch (error) {
    signal.throwIfAborted()
    return unknown(wordsOf(error), source)
  }
}

/** As brokers name who logs in so, unless they map names; null where only a certificate says it. */
const principalOf = ({ sasl, tls }: Pick<LinkSettings, 'sasl' | 'tls'>): string | null => {
  if (sasl !== null) return `User:${sasl.username}`
  return tls === null || tls.cert === null ? 'User:ANONYMOUS' : null
}

/** Throws `no-broker-answered`. */
export const readPermits = async (
  cluster: Cluster,
  settings: Pick<LinkSettings, 'sasl' | 'tls'>,
  topics: readonly string[],
  groups: readonly string[],
  signal: AbortSignal,
): Promise<Permits> => {
  const { by } = await cluster.freshest([], signal)
  const principal = principalOf(settings)
  if (await withoutAuthorizer(cluster, by, signal)) {
    const all = known(ALL_OPERATIONS, `DescribeAcls from ${by}`)
    return { principal, cluster: all, topics: new Map(topics.map((name) => [name, all])), groups: new Map(groups.map((name) => [name, all])) }
  }
  const places = groups.length === 0 ? new Map<string, readonly string[]>() : await coordinatorsOf(cluster, groups, by, signal)
  const [own, ofTopics, ofGroups] = await Promise.all([
    ofCluster(cluster, by, signal),
    askAll(cluster, by, TopicRights, topics, signal),
    Promise.all([...places].map(([endpoint, some]) => askAll(cluster, endpoint, GroupRights, some, signal))),
  ])
  return { principal, cluster: own, topics: asAsked(topics, ofTopics), groups: asAsked(groups, ofGroups.flat()) }
}
