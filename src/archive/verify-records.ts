// Verification at the level of records: every batch of an archive decoded, and what it really holds compared with
// what the manifest says of it. Digests prove that nothing changed since it was written; this, that it was written right.
import { type KdrError, wordsOf } from '../errors.ts'
import { type BatchView, checksumHolds, timesOf, walkBatches } from '../model/batches/batch.ts'
import { decodeRecords, type StoredRecord } from '../model/batches/records.ts'
import type { Problem } from './damage.ts'
import type { BackupMetadata, PartitionBackup, Segment } from './manifest.ts'
import type { Archive } from './read-archive.ts'

export interface RecordFindings {
  readonly problems: readonly Problem[]
  /** Nothing is wrong with the archive itself, but somebody should know. */
  readonly warnings: readonly Problem[]
  readonly records: number
}

/** Told after every segment: bytes of record batches read so far. */
export type RecordProgress = (bytes: number) => void

/** A partition that is wrong from end to end says so this often, and then how often more. */
const MOST_SAID = 20
/** Confluent's wire format: a zero, then the id of the schema, big-endian. */
const SCHEMA_HEADER = 5

interface Position {
  readonly group: string
  readonly offset: bigint
  readonly archivedIndex: number | null
}

/** What one partition turned out to hold. */
class Walk {
  readonly said: Problem[] = []
  readonly schemaIds = new Map<number, number>()
  readonly #where: string
  readonly #positions: readonly Position[]
  readonly #before = new Map<Position, number>()
  #unsaid = 0
  records = 0
  bytes = 0
  /** Offsets without a record since the first batch, as create counts them. */
  holes = 0n
  begun = false
  next: bigint
  minTimestamp = -1
  maxTimestamp = -1
  largestBatch = 0

  constructor(where: string, start: bigint, positions: readonly Position[]) {
    this.#where = where
    this.#positions = positions
    this.next = start
    for (const position of positions) this.#before.set(position, 0)
  }

  say(what: string, at = this.#where): void {
    if (this.said.length < MOST_SAID) this.said.push({ what, where: at })
    else this.#unsaid += 1
  }

  record(record: StoredRecord): void {
    this.records += 1
    for (const position of this.#positions) if (record.offset < position.offset) this.#before.set(position, (this.#before.get(position) ?? 0) + 1)
    for (const field of [record.key, record.value]) {
      if (field === null || field.length < SCHEMA_HEADER || field[0] !== 0) continue
      const id = field.readInt32BE(1)
      if (id > 0) this.schemaIds.set(id, (this.schemaIds.get(id) ?? 0) + 1)
    }
  }

  stamp(min: number, max: number): void {
    if (min >= 0) this.minTimestamp = this.minTimestamp < 0 ? min : Math.min(this.minTimestamp, min)
    this.maxTimestamp = Math.max(this.maxTimestamp, max)
  }

  /** How many records lie before each group's position, against what restore would go by. */
  closePositions(): void {
    for (const position of this.#positions) {
      const counted = this.#before.get(position) ?? 0
      if (position.archivedIndex !== null && position.archivedIndex !== counted)
        this.say(`group ${position.group} is said to stand after ${position.archivedIndex} records, but ${counted} lie before its position ${position.offset}`)
    }
    if (this.#unsaid > 0) this.said.push({ what: `${this.#unsaid} more of its problems`, where: this.#where })
  }
}

const decoded = (walk: Walk, batch: BatchView, where: string): readonly StoredRecord[] => {
  try {
    return decodeRecords(batch)
  } catch (thrown) {
    walk.say(`the batch at offset ${batch.baseOffset} cannot be decoded: ${wordsOf(thrown)}`, where)
    return []
  }
}

/** One batch: what it says of itself, and what is in it. */
const checkBatch = (walk: Walk, batch: BatchView, where: string): void => {
  const at = `the batch at offset ${batch.baseOffset}`
  if (batch.baseOffset < walk.next) walk.say(`${at} begins before ${walk.next}, where the one before it ended`, where)
  if (!checksumHolds(batch.bytes)) walk.say(`${at} has a wrong CRC-32C`, where)
  if (batch.control) walk.say(`${at} is a control batch, which no client may write back`, where)
  const records = decoded(walk, batch, where)
  if (records.length !== batch.count) walk.say(`${at} says ${batch.count} records and holds ${records.length}`, where)
  let before = batch.baseOffset - 1n
  for (const record of records) {
    if (record.offset <= before || record.offset > batch.lastOffset) walk.say(`${at} has a record at offset ${record.offset}, out of order`, where)
    before = record.offset
    walk.record(record)
  }
  const span = batch.lastOffset - batch.baseOffset + 1n - BigInt(records.length)
  walk.holes += span + (walk.begun ? batch.baseOffset - walk.next : 0n)
  walk.begun = true
  walk.largestBatch = Math.max(walk.largestBatch, batch.bytes.length)
  walk.bytes += batch.bytes.length
  walk.next = batch.lastOffset + 1n
}

const differs = (walk: Walk, where: string, what: string, said: number | bigint, found: number | bigint): void => {
  if (BigInt(said) !== BigInt(found)) walk.say(`the manifest says ${said} ${what}, there are ${found}`, where)
}

const checkSegment = (walk: Walk, segment: Segment, bytes: Buffer): void => {
  const [records, size] = [walk.records, walk.bytes]
  let batches = 0
  let [min, max] = [-1, -1]
  let first: bigint | null = null
  for (const batch of walkBatches(bytes)) {
    batches += 1
    first ??= batch.baseOffset
    // As create does: by the headers of batches; -1 is no timestamp.
    const times = timesOf(batch)
    if (times.min >= 0) min = min < 0 ? times.min : Math.min(min, times.min)
    max = Math.max(max, times.max)
    checkBatch(walk, batch, segment.path)
  }
  if (walk.bytes - size !== bytes.length) walk.say(`${bytes.length - (walk.bytes - size)} bytes at its end are no whole batch`, segment.path)
  differs(walk, segment.path, 'records', segment.records, walk.records - records)
  differs(walk, segment.path, 'batches', segment.batches, batches)
  differs(walk, segment.path, 'as its earliest timestamp', segment.minTimestamp, min)
  differs(walk, segment.path, 'as its latest timestamp', segment.maxTimestamp, max)
  if (first !== null) differs(walk, segment.path, 'as its first offset', BigInt(segment.baseOffset), first)
  if (batches > 0) differs(walk, segment.path, 'as its last offset', BigInt(segment.lastOffset), walk.next - 1n)
  walk.stamp(min, max)
}

const closePartition = (walk: Walk, partition: PartitionBackup, where: string): void => {
  differs(walk, where, 'records', partition.records, walk.records)
  differs(walk, where, 'bytes of batches', partition.bytes, walk.bytes)
  differs(walk, where, 'as its earliest timestamp', partition.minTimestamp, walk.minTimestamp)
  differs(walk, where, 'as its latest timestamp', partition.maxTimestamp, walk.maxTimestamp)
  differs(walk, where, 'bytes in its largest batch', partition.largestBatch, walk.largestBatch)
  // Fewer holes than recorded would be promised offsets that are not there; more, offsets that were lost.
  differs(walk, where, 'offsets without a record', partition.holes, walk.holes)
  if (walk.next > BigInt(partition.end)) walk.say(`it goes on to offset ${walk.next - 1n}, past its end ${partition.end}`)
  walk.closePositions()
}

const positionsOf = (metadata: BackupMetadata, { topic, partition }: PartitionBackup): readonly Position[] =>
  metadata.groups.flatMap(({ group, offsets }) =>
    offsets
      .filter((at) => at.topic === topic && at.partition === partition)
      .map(({ offset, archivedIndex }) => ({ group, offset: BigInt(offset), archivedIndex })),
  )

/** null where the backup carries no schemas to look in. */
const schemaIdsOf = (schemas: unknown): ReadonlySet<number> | null => {
  if (typeof schemas !== 'object' || schemas === null || !('versions' in schemas) || !Array.isArray(schemas.versions)) return null
  return new Set(schemas.versions.map((version: { readonly id?: unknown }) => Number(version.id)))
}

const positionWarnings = (positions: readonly Position[], { end }: PartitionBackup, where: string): readonly Problem[] =>
  positions
    .filter(({ offset }) => offset > BigInt(end))
    .map(({ group, offset }) => ({
      what: `group ${group} stands at ${offset}, past the end ${end} of what was there: records were lost before this backup`,
      where,
    }))

const schemaWarnings = (seen: ReadonlyMap<number, number>, known: ReadonlySet<number> | null, where: string): readonly Problem[] => {
  if (known === null) return []
  const missing = [...seen].filter(([id]) => !known.has(id))
  // Values that only look like it would name thousands of ids.
  if (missing.length === 0 || missing.length > 100) return []
  const records = missing.reduce((sum, [, count]) => sum + count, 0)
  const ids = missing.map(([id]) => id).sort((a, b) => a - b)
  return [
    { what: `${records} fields begin like schema ids that the backup has no schema of: ${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ', …' : ''}`, where },
  ]
}

const isCorruption = (thrown: unknown): thrown is KdrError => thrown instanceof Error && 'exit' in thrown && thrown.exit === 'corrupt'

/** Everything in one archive; of a chain, call it for each. Rethrows what is not about the archive: the store, the key, an interrupt. */
export const verifyRecords = async (archive: Archive, progress: RecordProgress, signal: AbortSignal): Promise<RecordFindings> => {
  const metadata = await archive.metadata(signal)
  const known = schemaIdsOf(metadata.schemas)
  const [problems, warnings]: [Problem[], Problem[]] = [[], []]
  let [records, bytes] = [0, 0]
  for (const partition of archive.manifest.partitions) {
    const where = `${archive.sidecar.name}: ${partition.topic}-${partition.partition}`
    const positions = positionsOf(metadata, partition)
    const walk = new Walk(where, BigInt(partition.start), positions)
    for (const segment of partition.segments) {
      signal.throwIfAborted()
      try {
        const content = await archive.segment(partition, segment, signal)
        try {
          checkSegment(walk, { ...segment, path: `${archive.sidecar.name}: ${segment.path}` }, content.bytes)
          bytes += content.bytes.length
        } finally {
          content.release()
        }
      } catch (thrown) {
        if (!isCorruption(thrown)) throw thrown
        walk.say(wordsOf(thrown))
      }
      progress(bytes)
    }
    closePartition(walk, partition, where)
    records += walk.records
    problems.push(...walk.said)
    warnings.push(...positionWarnings(positions, partition, where), ...schemaWarnings(walk.schemaIds, known, where))
  }
  return { problems, warnings, records }
}
