// How far a partition was restored before: the target is the checkpoint. Whatever it holds is compared with the
// record of the backup that would have to be there; anything else was written by somebody else.
import { KdrError } from '../../errors.ts'
import { walkBatches } from '../../model/batches/batch.ts'
import { decodeRecords, type StoredRecord } from '../../model/batches/records.ts'
import type { Extent } from '../../model/contents.ts'
import { partitionName } from '../../model/partitions.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { KafkaBackupReader } from '../../ports/kafka-backup.ts'
import type { Instant } from '../../units.ts'
import { keptOf } from './pieces.ts'
import { locate, type StoredPartition } from './stored.ts'

/** Bytes of one look: a batch comes whole even where it is larger. */
const LOOK = 64 * 1024

const sameBytes = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b))

/** Offsets aside: those may be mapped. */
export const sameRecord = (a: StoredRecord, b: StoredRecord): boolean =>
  a.timestamp === b.timestamp &&
  sameBytes(a.key, b.key) &&
  sameBytes(a.value, b.value) &&
  a.headers.length === b.headers.length &&
  a.headers.every(({ key, value }, at) => {
    const other = b.headers[at]
    return other !== undefined && key.equals(other.key) && sameBytes(value, other.value)
  })

/** The record of this number among those that are kept; null where there are fewer. */
export const recordAt = async (stored: StoredPartition, index: number, toTime: Instant | null, signal: AbortSignal): Promise<StoredRecord | null> => {
  const whole = toTime === null ? locate(stored, index) : { at: 0, within: index }
  if (whole === null) return null
  let left = whole.within
  for (const { archive, partition, segment } of stored.segments.slice(whole.at)) {
    const { bytes, release } = await archive.segment(partition, segment, signal)
    try {
      for (const batch of walkBatches(bytes)) {
        const cut = toTime !== null && batch.maxTimestamp > toTime
        const kept = cut ? keptOf(batch, toTime) : null
        const count = kept?.length ?? batch.count
        if (left < count) return copied((kept ?? decodeRecords(batch))[left])
        left -= count
      }
    } finally {
      release()
    }
  }
  return null
}

const copied = (record: StoredRecord | undefined): StoredRecord | null => {
  if (record === undefined) return null
  const own = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes))
  return {
    ...record,
    key: own(record.key),
    value: own(record.value),
    headers: record.headers.map(({ key, value }) => ({ key: Buffer.from(key), value: own(value) })),
  }
}

const OUT_OF_RANGE = 'OFFSET_OUT_OF_RANGE'

const notRead = (at: TopicPartition, offset: bigint, why: string): KdrError =>
  new KdrError(`${partitionName(at)}: what is at offset ${offset} could not be read: ${why}`, {
    code: 'record-not-read',
    exit: 'unknown',
    hint: 'look at the broker that leads it (kdr diagnose), then run the same command again: what was loaded stays',
  })

/** The record at this offset of the target; null only where there is none. Throws `record-not-read`. */
export const recordIn = async (backup: KafkaBackupReader, at: TopicPartition, offset: bigint, signal: AbortSignal): Promise<StoredRecord | null> => {
  const fetched = await backup.fetchRaw(at, offset, { maxBytes: LOOK, rack: null }, signal)
  try {
    if (fetched.error === OUT_OF_RANGE) return null
    if (fetched.error !== null) throw notRead(at, offset, fetched.error)
    if (fetched.batches.length === 0 && offset < fetched.lastStable) throw notRead(at, offset, `nothing came, and it ends at ${fetched.lastStable}`)
    for (const batch of walkBatches(fetched.batches)) {
      if (batch.control || batch.lastOffset < offset) continue
      const found = decodeRecords(batch).find((record) => record.offset >= offset)
      if (found !== undefined) return found.offset === offset ? copied(found) : null
    }
    return null
  } finally {
    fetched.release()
  }
}

export interface Wanted {
  readonly stored: StoredPartition
  /** Records that are to be there in the end. */
  readonly records: number
  /** Offset of the first one where offsets can be preserved; null where they cannot. */
  readonly preserve: bigint | null
  readonly toTime: Instant | null
}

/**
 * `empty`: nothing of anybody is in it. `filling`: it is being brought to the offset where the records begin. `whole`: it ends where it has to;
 * `gone` of its records were there and are no more (retention, DeleteRecords). `purged`: it ends where it has to and holds nothing, so that none can
 * be compared: whether it ever held the records of this backup cannot be told.
 */
export type Standing =
  | { readonly state: 'empty' | 'filling' | 'purged' }
  | { readonly state: 'partial'; readonly how: 'preserved' | 'mapped'; readonly base: bigint; readonly restored: number }
  | { readonly state: 'whole'; readonly how: 'preserved' | 'mapped'; readonly base: bigint; readonly restored: number; readonly gone: number }
  | { readonly state: 'foreign'; readonly because: string }

/** A record that only takes up an offset (model/batches/filler.ts). */
export const isFiller = ({ timestamp, key, value }: StoredRecord): boolean => timestamp === -1 && key === null && value === null

/** `loading`: it is in load mode, as an interrupted restore leaves it. */
export const standing = async (
  backup: KafkaBackupReader,
  at: TopicPartition,
  { start, end }: Extent,
  { stored, records, preserve, toTime }: Wanted,
  loading: boolean,
  signal: AbortSignal,
): Promise<Standing> => {
  const bases = [
    ...(preserve === null ? [] : [{ how: 'preserved' as const, base: preserve }]),
    { how: 'mapped' as const, base: start },
    ...(loading ? [] : [{ how: 'mapped' as const, base: 0n }]),
  ]
  // Filler that was deleted and is there again: brokers that die may forget a deletion of their last minute.
  const returned = (how: 'preserved' | 'mapped', base: bigint): boolean => how === 'preserved' && start < base
  const whole = (how: 'preserved' | 'mapped', base: bigint): Standing => ({
    state: 'whole',
    how,
    base,
    restored: records,
    gone: start > base ? Number(start - base) : 0,
  })
  if (start === end) {
    const purged = !loading && records > 0 && bases.some(({ base }) => end === base + BigInt(records))
    return { state: purged ? 'purged' : 'empty' }
  }
  const last = await recordIn(backup, at, end - 1n, signal)
  if (last === null) return { state: 'foreign', because: `its last record, at ${end - 1n}, could not be read` }
  for (const { how, base } of bases) {
    const restored = Number(end - base)
    if (restored <= 0 || restored > records || (loading && base !== start && !returned(how, base))) continue
    if (!loading && restored !== records) continue
    const wanted = await recordAt(stored, restored - 1, toTime, signal)
    if (wanted === null || !sameRecord(wanted, last)) continue
    if (returned(how, base)) {
      const first = await recordIn(backup, at, start, signal)
      if (first === null || !isFiller(first)) return { state: 'foreign', because: `what it holds from ${start} to ${base} is not of this backup` }
    }
    return restored === records ? whole(how, base) : { state: 'partial', how, base, restored }
  }
  if (preserve !== null && isFiller(last) && (loading ? end <= preserve : records === 0 && end === preserve)) return { state: 'filling' }
  return { state: 'foreign', because: `its last record, at ${end - 1n}, is not one that this backup would have put there` }
}
