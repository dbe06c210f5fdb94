// How far each partition is kept: to its last stable offset as it was when the backup began. Whoever writes
// meanwhile can neither hold the backup up nor get half of a transaction into it.
import { type Known, unknown } from '../../model/known.ts'
import type { OffsetAnswer, TopicPartition } from '../../ports/kafka.ts'
import type { BackupTopic } from '../../ports/kafka-backup.ts'
import type { Instant } from '../../units.ts'
import type { CreatePorts } from './types.ts'

export interface PartitionPlan extends TopicPartition {
  readonly topicId: string | null
  readonly leaderEpoch: number
  readonly logStart: bigint
  readonly start: bigint
  readonly end: bigint
  readonly highWatermark: bigint
  /** When its parent was begun: since then tombstones count that are read now. Absent where it is read from its log start. */
  readonly since?: Instant
  /** Why nothing can be read of it; start and end are the same then. */
  readonly problem: string | null
}

export const placeOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`

type Ask = 'last-stable' | 'high-watermark' | 'log-start'

const ask = async (
  kafka: CreatePorts['kafka'],
  question: Ask,
  at: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, OffsetAnswer>> => {
  const answers = await kafka.offsets({ ask: question }, at, signal)
  return new Map(answers.map((answer) => [placeOf(answer), answer]))
}

const NOT_ASKED: Known<bigint> = unknown('no answer', 'ListOffsets')

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** Plans of a full backup: from the log start on. The start is asked last, so that retention between the two is no gap. */
export const readEnds = async (kafka: CreatePorts['kafka'], topics: readonly BackupTopic[], signal: AbortSignal): Promise<readonly PartitionPlan[]> => {
  const rows = topics.flatMap(({ name, id, partitions }) =>
    partitions.map(({ partition, leaderEpoch }) => ({ topic: name, partition, topicId: id, metadataEpoch: leaderEpoch })),
  )
  const at = rows.map(({ topic, partition }) => ({ topic, partition }))
  const stable = await ask(kafka, 'last-stable', at, signal)
  const watermarks = await ask(kafka, 'high-watermark', at, signal)
  const starts = await ask(kafka, 'log-start', at, signal)
  return rows.map(({ metadataEpoch, ...row }) => {
    const place = placeOf(row)
    const [end, watermark, start] = [stable, watermarks, starts].map((answers) => answers.get(place)?.offset ?? NOT_ASKED) as [
      Known<bigint>,
      Known<bigint>,
      Known<bigint>,
    ]
    const leaderEpoch = stable.get(place)?.leaderEpoch ?? metadataEpoch
    if (!end.known || !watermark.known || !start.known) {
      const why = [end, watermark, start].find((one) => !one.known)
      return { ...row, leaderEpoch, logStart: 0n, start: 0n, end: 0n, highWatermark: 0n, problem: why?.known === false ? why.why : 'no answer' }
    }
    // DeleteRecords may have gone past what was stable.
    const reached = max(end.value, start.value)
    return { ...row, leaderEpoch, logStart: start.value, start: start.value, end: reached, highWatermark: max(watermark.value, reached), problem: null }
  })
}
