// Arbitrary records, and batches changed the way brokers and transactions change them.
import fc from 'fast-check'
import { AT } from '../../../src/model/batches/batch.ts'
import { crc32c } from '../../../src/model/batches/crc.ts'
import type { StoredRecord } from '../../../src/model/batches/records.ts'

export const resign = (batch: Buffer): Buffer => {
  batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc)
  return batch
}

export interface Change {
  readonly attributes?: number
  readonly producerId?: bigint
  readonly lastOffsetDelta?: number
  readonly maxTimestamp?: bigint
}

/** As a broker stores it at `offset`. */
export const stored = (batch: Buffer, offset: bigint, change: Change = {}): Buffer => {
  batch.writeBigInt64BE(offset, AT.baseOffset)
  batch.writeInt32BE(7, AT.leaderEpoch)
  if (change.attributes !== undefined) batch.writeInt16BE(change.attributes, AT.attributes)
  if (change.producerId !== undefined) batch.writeBigInt64BE(change.producerId, AT.producerId)
  if (change.lastOffsetDelta !== undefined) batch.writeInt32BE(change.lastOffsetDelta, AT.lastOffsetDelta)
  if (change.maxTimestamp !== undefined) batch.writeBigInt64BE(change.maxTimestamp, AT.maxTimestamp)
  return resign(batch)
}

const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))
const nullable = fc.option(bytes)
/** None (-1), 1970, now, far in the future; far enough apart for the longest deltas. */
const timestamp = fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 1.7e12, max: 1.8e12 }), fc.integer({ min: 0, max: 9e15 }))

const fields = fc.record({
  timestamp,
  key: nullable,
  value: nullable,
  // Few names, so that they repeat.
  headers: fc.array(fc.record({ key: fc.constantFrom('', 'a', 'trace-ü').map((name) => Buffer.from(name)), value: nullable }), { maxLength: 4 }),
})

/** With the offsets a dense batch at 0 has. */
export const records = (maxLength = 30): fc.Arbitrary<StoredRecord[]> =>
  fc.array(fields, { minLength: 1, maxLength }).map((list) => list.map((one, at) => ({ ...one, offset: BigInt(at) })))

export const record = (offset: bigint, value: string | null, when = 1_700_000_000_000): StoredRecord => ({
  offset,
  timestamp: when,
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: [],
})
