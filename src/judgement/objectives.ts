// What a recovery is measured against besides its time: acknowledged records lost.
import type { Known } from '../model/known.ts'
import { known, unknown } from '../model/known.ts'
import type { PartitionRow, PartitionTable } from '../model/partitions.ts'
import { isrOnRecord, partitionName } from '../model/partitions.ts'
import type { Survey } from '../model/survey.ts'
import { few } from './evidence.ts'

const BY = 'ISR on record before and after'

/** Why a stale replica cannot be ruled out as leader of this partition in between; null when it can. */
const doubt = (row: PartitionRow, before: PartitionTable, after: PartitionTable, then: PartitionRow | undefined): string | null => {
  const name = partitionName(row)
  const was = before.topic(row.topic)
  const is = after.topic(row.topic)
  if (was === undefined || is === undefined || then === undefined) return `${name} no longer exists`
  if (was.id === null || is.id === null) return `the topic id of ${name} was not seen`
  if (was.id !== is.id) return `${row.topic} was re-created`
  for (const { uncleanElection } of [was, is]) {
    if (!uncleanElection.known) return `whether unclean election is off for ${row.topic} was not seen`
    if (uncleanElection.value) return `unclean election is on for ${row.topic}`
  }
  const record = isrOnRecord(row)
  if (record === null) return `the ISR on record of ${name} was not seen`
  if (then.leader < 0) return `${name} has no leader`
  return then.isr.some((id) => record.includes(id)) ? null : `no replica in the ISR of ${name} was on record before`
}

/**
 * Acknowledged (acks=all) records that may have been lost between two surveys: 0 only when every partition of `before`
 * still exists under its topic id and was led by members of its ISR on record alone; otherwise unknown, never a guess.
 */
export const lossBound = (before: Survey, after: Survey): Known<number> => {
  if (!before.partitions.known) return unknown(`the partitions before were not seen: ${before.partitions.why}`, before.partitions.by)
  if (!after.partitions.known) return unknown(`the partitions after were not seen: ${after.partitions.why}`, after.partitions.by)
  const now = new Map(Array.from(after.partitions.value.rows(), (row) => [partitionName(row), row]))
  const doubts: string[] = []
  for (const row of before.partitions.value.rows()) {
    const why = doubt(row, before.partitions.value, after.partitions.value, now.get(partitionName(row)))
    if (why !== null) doubts.push(why)
  }
  return doubts.length === 0 ? known(0, BY) : unknown(few([...new Set(doubts)], 3), BY)
}
