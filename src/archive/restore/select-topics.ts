// Which topics of a backup are restored, and under which names. What Kafka keeps for itself is never replayed.
import { OPERATOR_TOPICS } from '../../model/contents.ts'
import type { TopicBackup } from '../manifest.ts'
import type { NotRestored, RestoreOptions } from './options.ts'

/** Replayed, they would say things about a cluster that is gone; the offsets of groups are committed anew. */
const NEVER: ReadonlySet<string> = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state', '__remote_log_metadata', '__cluster_metadata'])

const patternOf = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  )

export interface SelectedTopic {
  readonly source: TopicBackup
  readonly name: string
}

export interface SelectedTopics {
  readonly topics: readonly SelectedTopic[]
  readonly notRestored: readonly NotRestored[]
  /** Globs that fit no topic of the backup: a typing mistake must not restore less without a word. */
  readonly idle: readonly string[]
}

export const selectRestored = (topics: readonly TopicBackup[], { topics: globs, topicPrefix }: RestoreOptions): SelectedTopics => {
  const patterns = globs.map(patternOf)
  const chosen = topics.filter(({ name }) => patterns.length === 0 || patterns.some((pattern) => pattern.test(name)))
  const own = chosen.filter(({ name }) => NEVER.has(name) || OPERATOR_TOPICS.has(name) || name.startsWith('__kdr_'))
  return {
    topics: chosen.filter((topic) => !own.includes(topic)).map((source) => ({ source, name: `${topicPrefix ?? ''}${source.name}` })),
    notRestored: own.map(({ name }) => ({ what: `topic ${name}`, why: 'what Kafka, kdr or an operator keeps for itself is never replayed' })),
    idle: globs.filter((_, at) => !topics.some(({ name }) => patterns[at]?.test(name) === true)),
  }
}
