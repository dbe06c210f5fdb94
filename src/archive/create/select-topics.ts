// Which topics are kept. What is Kafka's own bookkeeping is never replayed: restored, it would tell groups and
// producers of a cluster that is gone.
import { KdrError } from '../../errors.ts'
import type { BackupTopic } from '../../ports/kafka-backup.ts'

const BOOKKEEPING = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state', '__remote_log_metadata', '__cluster_metadata'])
const OWN_PREFIX = '__kdr_'

interface LeftOut {
  readonly topic: string
  readonly why: string
}

export interface Selection {
  readonly kept: readonly BackupTopic[]
  readonly leftOut: readonly LeftOut[]
}

/** `*` and `?` only: dots are common in names and mean themselves. */
export const patternOf = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  )

/** Named in full: nothing else can have been meant. */
export const isLiteral = (glob: string): boolean => !/[*?]/.test(glob)

const whyNot = (name: string, patterns: readonly RegExp[]): string | null => {
  if (BOOKKEEPING.has(name)) return 'bookkeeping of Kafka itself, which must never be replayed'
  if (name.startsWith(OWN_PREFIX)) return 'a canary of kdr'
  return patterns.length === 0 || patterns.some((pattern) => pattern.test(name)) ? null : 'no pattern matches it'
}

/** Of one that the cluster has and does not describe. */
export const wouldKeep = (topic: string, globs: readonly string[]): boolean => whyNot(topic, globs.map(patternOf)) === null

/** `schemasTopic` first, then by name. Throws `no-such-topic` (exit usage) where a pattern matches nothing: a typing error must not become an empty backup. */
export const selectTopics = (topics: readonly BackupTopic[], globs: readonly string[], schemasTopic: string): Selection => {
  const patterns = globs.map(patternOf)
  const idle = globs.filter((_, at) => !topics.some(({ name }) => patterns[at]?.test(name) === true))
  if (idle.length > 0)
    throw new KdrError(`no topic matches ${idle.join(', ')}`, {
      code: 'no-such-topic',
      exit: 'usage',
      hint: 'a topic that this principal may not describe is not shown',
    })
  const kept: BackupTopic[] = []
  const leftOut: LeftOut[] = []
  for (const topic of topics) {
    const why = whyNot(topic.name, patterns)
    if (why === null) kept.push(topic.name === schemasTopic ? { ...topic, internal: true } : topic)
    else leftOut.push({ topic: topic.name, why })
  }
  const rank = ({ name }: BackupTopic): number => (name === schemasTopic ? 0 : 1)
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  return { kept: kept.sort((a, b) => rank(a) - rank(b) || order(a.name, b.name)), leftOut: leftOut.sort((a, b) => order(a.topic, b.topic)) }
}
