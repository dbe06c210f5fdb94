// Metadata leaves out, in silence, topics the principal may not describe. This proves that it left out
// nothing, or says why that cannot be proven.
import { randomBytes } from 'node:crypto'
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { type Cluster, endpointOf, type MetadataFrom } from './cluster.ts'
import { errorWords } from './error-codes.ts'
import { type AclPattern, DescribeAcls } from './messages/access.ts'
import { DescribeConfigs } from './messages/configs.ts'
import { DescribeLogDirs } from './messages/log-dirs.ts'
import { Metadata } from './messages/metadata.ts'

const SECURITY_DISABLED = 54
const NAMES_PER_REQUEST = 1000
/** What a broker says of a name the principal may describe: it is there, is not, has no leader, or cannot be a name. */
const ALLOWED = [0, 3, 5, 17]

/**
 * One name for every way topic ACLs can meet a topic: which ACLs apply to a name is decided by the
 * literal it equals and the prefixes it starts with, so that each literal stands for itself, each prefix
 * with random characters behind it for all names whose longest prefix it is, and random characters alone
 * for the rest (`*`, super users, allow.everyone.if.no.acl.found).
 */
export const sampleNames = (patterns: readonly AclPattern[], random: string): readonly string[] => [
  ...new Set([random, ...patterns.filter(({ name, prefixed }) => prefixed || name !== '*').map(({ name, prefixed }) => (prefixed ? name + random : name))]),
]

/** The first sampled name the principal may not describe; null when it may describe them all. */
const firstForbidden = async (cluster: Cluster, by: string, names: readonly string[], signal: AbortSignal): Promise<string | null> => {
  for (let at = 0; at < names.length; at += NAMES_PER_REQUEST) {
    const asked = names.slice(at, at + NAMES_PER_REQUEST)
    const { topics } = await cluster.ask(by, 'look', Metadata, asked, signal)
    const allowed = new Set(topics.filter((topic) => ALLOWED.includes(topic.error)).map((topic) => topic.name))
    const forbidden = asked.find((name) => !allowed.has(name))
    if (forbidden !== undefined) return forbidden
  }
  return null
}

/** Brokers list what lies on their disks, whoever may describe it; that needs DESCRIBE on the cluster. */
const compareWithDisks = async (cluster: Cluster, { answer }: MetadataFrom, signal: AbortSignal): Promise<Known<true>> => {
  const source = 'DescribeLogDirs from every broker'
  const listed = new Set(answer.topics.map((topic) => topic.name))
  const problems = await Promise.all(
    answer.brokers.map(async (broker) => {
      try {
        const { error, dirs } = await cluster.ask(endpointOf(broker), 'disk', DescribeLogDirs, 'all', signal)
        if (error !== 0) return `broker ${broker.id}: ${errorWords(error)}`
        const hidden = dirs.flatMap((dir) => dir.topics).find((topic) => !listed.has(topic))
        return hidden === undefined ? null : `broker ${broker.id} has topic ${hidden} on disk, which this principal may not describe`
      } catch (error) {
        signal.throwIfAborted()
        return wordsOf(error)
      }
    }),
  )
  const problem = problems.find((words) => words !== null)
  return problem == null ? known(true, source) : unknown(problem, source)
}

/** Kafka's own authorizers keep every rule as an ACL: there, an empty list means that there are none. */
const KAFKAS_OWN = /^(org\.apache\.kafka\.metadata\.authorizer\.StandardAuthorizer|kafka\.security\.authorizer\.AclAuthorizer)$/
const AUTHORIZER = 'authorizer.class.name'

export const isKafkasOwn = async (cluster: Cluster, { answer, by }: MetadataFrom, signal: AbortSignal): Promise<boolean> => {
  const broker = answer.brokers.find((one) => endpointOf(one) === by) ?? answer.brokers[0]
  if (broker === undefined) return false
  const question = { type: 'broker' as const, names: [`${broker.id}`], keys: [AUTHORIZER] }
  try {
    const [answered] = await cluster.ask(endpointOf(broker), 'look', DescribeConfigs, question, signal)
    return KAFKAS_OWN.test(answered?.values.get(AUTHORIZER) ?? '')
  } catch {
    signal.throwIfAborted()
    return false
  }
}

/** Without an authorizer nothing is hidden; with one, either its ACLs or the brokers' disks must show it. */
export const proveComplete = async (cluster: Cluster, best: MetadataFrom, signal: AbortSignal): Promise<Known<true>> => {
  const { by } = best
  const source = `DescribeAcls from ${by}`
  try {
    const { error, patterns } = await cluster.ask(by, 'look', DescribeAcls, null, signal)
    if (error === SECURITY_DISABLED) return known(true, source)
    // An authorizer that keeps its rules elsewhere may list none: then the list proves nothing.
    const whole = error === 0 && (patterns.length > 0 || (await isKafkasOwn(cluster, best, signal)))
    if (!whole) return await compareWithDisks(cluster, best, signal)
    const forbidden = await firstForbidden(cluster, by, sampleNames(patterns, randomBytes(12).toString('hex')), signal)
    if (forbidden === null) return known(true, source)
    return unknown(`this principal may not describe topics such as ${forbidden}: others may be hidden from it`, source)
  } catch (error) {
    signal.throwIfAborted()
    return unknown(wordsOf(error), source)
  }
}
