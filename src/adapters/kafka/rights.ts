// Who may do what, and how much of it: ACLs, client quotas and SCRAM users, read whole and put back.
import { wordsOf } from '../../errors.ts'
import type { AclBinding, ClientQuota } from '../../model/contents.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { ScramUser } from '../../ports/kafka-backup.ts'
import type { Cluster, Lane } from './cluster.ts'
import { isKafkasOwn } from './completeness.ts'
import { NOT_CONTROLLER, pages, toController } from './controller-requests.ts'
import { errorWords, kafkaError } from './error-codes.ts'
import type { Message } from './message.ts'
import { CreateAcls, DescribeAllAcls } from './messages/acls.ts'
import { AlterClientQuotas, DescribeClientQuotas, DescribeScramUsers } from './messages/quotas.ts'

const SECURITY_DISABLED = 54
const PER_REQUEST = 500

type Refusable = { readonly error: number; readonly message: string | null }

/** One question to one broker: what it did not answer is unknown, in its words. */
const look = async <A extends Refusable, T>(
  cluster: Cluster,
  where: { readonly endpoint: string; readonly lane: Lane },
  message: Message<null, A>,
  read: (answer: A) => T,
  signal: AbortSignal,
): Promise<Known<T>> => {
  const by = `${message.name} from ${where.endpoint}`
  try {
    const answer = await cluster.ask(where.endpoint, where.lane, message, null, signal)
    return answer.error === 0 ? known(read(answer), by) : unknown(errorWords(answer.error, answer.message), by)
  } catch (error) {
    signal.throwIfAborted()
    return unknown(wordsOf(error), by)
  }
}

/** Known and empty without an authorizer. An authorizer that is not Kafka's own may keep its rules elsewhere: then an empty list says nothing. Throws `no-broker-answered`. */
export const readAcls = async (cluster: Cluster, signal: AbortSignal): Promise<Known<readonly AclBinding[]>> => {
  const best = await cluster.freshest([], signal)
  const by = `DescribeAcls from ${best.by}`
  try {
    const { error, message, bindings } = await cluster.ask(best.by, 'look', DescribeAllAcls, null, signal)
    if (error === SECURITY_DISABLED) return known([], by)
    if (error !== 0) return unknown(errorWords(error, message), by)
    if (bindings.length > 0 || (await isKafkasOwn(cluster, best, signal))) return known(bindings, by)
    return unknown("no ACL was listed, and the authorizer was not seen to be Kafka's own: it may keep its rules elsewhere", by)
  } catch (error) {
    signal.throwIfAborted()
    return unknown(wordsOf(error), by)
  }
}

/** In ZooKeeper mode brokers read quotas and users from ZooKeeper, and wait for it. Throws `no-broker-answered`. */
export const readQuotas = async (cluster: Cluster, signal: AbortSignal): Promise<Known<readonly ClientQuota[]>> => {
  const { by: endpoint } = await cluster.freshest([], signal)
  return look(cluster, { endpoint, lane: 'configs' }, DescribeClientQuotas, ({ quotas }) => quotas, signal)
}

/** Throws `no-broker-answered`, `no-controller`. */
export const readScramUsers = async (cluster: Cluster, signal: AbortSignal): Promise<Known<readonly ScramUser[]>> => {
  const endpoint = await cluster.controller(signal)
  const answered = await look(cluster, { endpoint, lane: 'configs' }, DescribeScramUsers, ({ users }) => users, signal)
  if (!answered.known) return answered
  const failed = answered.value.find(({ error }) => error !== 0)
  if (failed !== undefined) return unknown(`user ${failed.user}: ${errorWords(failed.error)}`, answered.by)
  return known(
    answered.value.map(({ user, mechanisms }) => ({ user, mechanisms })),
    answered.by,
  )
}

/** What denies comes first: nobody may do for a moment what they were never allowed. Throws Kafka's own error by name, `acl-not-readable`. */
export const createAcls = async (cluster: Cluster, bindings: readonly AclBinding[], signal: AbortSignal): Promise<void> => {
  const denying = bindings.filter(({ permission }) => permission === 'DENY')
  const others = bindings.filter(({ permission }) => permission !== 'DENY')
  for (const some of [...pages(denying, PER_REQUEST), ...pages(others, PER_REQUEST)]) {
    const { answer } = await toController(cluster, CreateAcls, some, moved, signal)
    for (const [at, { resourceType, resourceName, principal }] of some.entries()) {
      const { error, message } = answer[at] ?? { error: -1, message: 'the answer lacks it' }
      if (error !== 0) throw kafkaError(`ACL for ${principal} on ${resourceType} ${resourceName} was not created`, error, message)
    }
  }
}

const moved = (answers: readonly Refusable[]): boolean => answers.some(({ error }) => error === NOT_CONTROLLER)

const nameOf = ({ entity }: Pick<ClientQuota, 'entity'>): string => entity.map(({ type, name }) => `${type} ${name ?? '<default>'}`).join(', ')

/** Throws Kafka's own error by name. */
export const alterQuotas = async (cluster: Cluster, quotas: readonly ClientQuota[], signal: AbortSignal): Promise<void> => {
  for (const some of pages(quotas, PER_REQUEST)) {
    const { answer, endpoint } = await toController(cluster, AlterClientQuotas, some, moved, signal)
    const failed = answer.find(({ error }) => error !== 0)
    if (failed !== undefined) throw kafkaError(`quota of ${nameOf(failed)} was not set`, failed.error, failed.message)
    if (answer.length < some.length) throw kafkaError(`AlterClientQuotas at ${endpoint}`, -1, 'the answer lacks some of them')
  }
}
