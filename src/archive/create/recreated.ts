// A topic that was deleted and created again while it was read: fetches go by name, so that records of both may
// have been taken for one. None of them is kept then.
import { wordsOf } from '../../errors.ts'
import type { KafkaBackupReader } from '../../ports/kafka-backup.ts'
import type { PartitionBackup } from '../manifest.ts'
import type { PartitionPlan } from './ends.ts'
import { placeOf } from './ends.ts'
import type { PositionCounter } from './positions.ts'
import type { PartitionRead } from './read-partition.ts'

const emptied = (one: PartitionBackup): PartitionBackup => ({
  ...one,
  records: 0,
  bytes: 0,
  minTimestamp: -1,
  maxTimestamp: -1,
  largestBatch: 0,
  holes: 0,
  gaps: [{ from: one.start, to: one.end, why: 'the topic was deleted and created again while it was read' }],
  segments: [],
})

const idsNow = async (
  backup: Pick<KafkaBackupReader, 'topics'>,
  names: readonly string[],
  incomplete: string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string | null>> => {
  try {
    const { topics } = await backup.topics(names, signal)
    return new Map(topics.map(({ name, id }) => [name, id]))
  } catch (thrown) {
    signal.throwIfAborted()
    incomplete.push(`whether a topic was created again while it was read could not be told: ${wordsOf(thrown)}`)
    return new Map()
  }
}

/** What is kept of each partition. A topic that is merely gone was itself while it was read. */
export const dropRecreated = async (
  backup: Pick<KafkaBackupReader, 'topics'>,
  read: {
    readonly plans: readonly PartitionPlan[]
    readonly reads: readonly PartitionRead[]
    readonly counters: ReadonlyMap<string, PositionCounter>
    readonly incomplete: string[]
  },
  signal: AbortSignal,
): Promise<readonly PartitionBackup[]> => {
  const now = await idsNow(backup, [...new Set(read.plans.map(({ topic }) => topic))], read.incomplete, signal)
  return read.reads.map(({ backup: one }) => {
    const id = now.get(one.topic) ?? null
    if (id === null || one.topicId === null || id === one.topicId) return one
    read.counters.get(placeOf(one))?.forget()
    return emptied(one)
  })
}
