// A batch of which only some offsets belong to the backup (DeleteRecords ended within it) is written anew with
// those alone: kept whole, it would bring back what was deleted, or stand twice in a chain.
import { type BatchView, walkBatches } from '../../model/batches/batch.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../model/batches/records.ts'

/** Below Kafka's default max.message.bytes. */
const MAX_BYTES = 1_000_000

const EPOCH_AT = 12

/** New batches have no holes, so each run of offsets without one gets its own. */
const runsOf = (records: readonly StoredRecord[]): readonly (readonly StoredRecord[])[] => {
  const runs: StoredRecord[][] = []
  for (const record of records) {
    const last = runs.at(-1)
    if (last?.at(-1)?.offset === record.offset - 1n) last.push(record)
    else runs.push([record])
  }
  return runs
}

/** Records of `batch` from `from` up to, not including, `to`, each at its own offset. Throws `corrupt-batch`. */
export const cutBatch = (batch: BatchView, from: bigint, to: bigint): readonly BatchView[] => {
  const records = decodeRecords(batch).filter(({ offset }) => offset >= from && offset < to)
  return runsOf(records).flatMap((run) =>
    encodeBatches(run, { codec: 0, maxBytes: MAX_BYTES }).flatMap((made) => {
      // Neither is covered by the batch's checksum.
      made.batch.writeBigInt64BE(made.baseOffset, 0)
      made.batch.writeInt32BE(batch.leaderEpoch, EPOCH_AT)
      return [...walkBatches(made.batch)]
    }),
  )
}
