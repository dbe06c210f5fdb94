// Partitions led by another replica than the preferred one, though the preferred one is in the ISR.
import type { PartitionRow } from '../model/partitions.ts'
import type { Survey } from '../model/survey.ts'

export interface SkewedPartition {
  readonly topic: string
  readonly partition: number
}

/** The first replica of the assignment is the preferred leader. */
const isSkewed = (row: PartitionRow): boolean => {
  const [preferred] = row.replicas
  return preferred !== undefined && row.leader >= 0 && row.leader !== preferred && row.isr.includes(preferred)
}

/** Those that prefer `broker`, or all; empty where the partitions were not seen, so ask `survey.partitions.known` first. */
export const skewedLeaders = (survey: Survey, broker?: number): readonly SkewedPartition[] =>
  survey.partitions.known
    ? Array.from(survey.partitions.value.rows())
        .filter((row) => isSkewed(row) && (broker === undefined || row.replicas[0] === broker))
        .map(({ topic, partition }) => ({ topic, partition }))
    : []

/** Share of the led partitions whose leader is not the preferred one, 0 to 1. */
export const leaderSkew = (rows: Iterable<PartitionRow>): number => {
  let led = 0
  let skewed = 0
  for (const row of rows) {
    if (row.leader < 0) continue
    led += 1
    if (row.leader !== row.replicas[0]) skewed += 1
  }
  return led === 0 ? 0 : skewed / led
}
