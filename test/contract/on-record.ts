// The ISR on record, as judgement reads it.
import { isrOnRecord, type PartitionRow } from '../../src/model/partitions.ts'

/** Somebody is known to hold every acknowledged record, all of them replicas of the partition. */
export const isOnRecord = (row: PartitionRow): boolean => {
  const record = isrOnRecord(row)
  return record !== null && record.length > 0 && record.every((id) => row.replicas.includes(id))
}
