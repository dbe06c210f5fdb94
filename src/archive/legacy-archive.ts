// An archive of the old script in the shape of one of kdr's, so that the same restore takes both: its text becomes
// record batches as it is read. The text has no places to go to, so a topic is read from its beginning, and what
// comes next is kept ready within bounds.
import { LATEST } from '../model/batches/batch.ts'
import type { StoredRecord } from '../model/batches/records.ts'
import { encodeBatches } from '../model/batches/records.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { formatInstant, parseInstant } from '../units.ts'
import { corrupt } from './damage.ts'
import { sha256 } from './digest.ts'
import { partName, segmentPath } from './layout.ts'
import { type Legacy, LOSSY, legacyRecords, readLegacy } from './legacy.ts'
import type { BackupMetadata, Manifest, PartitionBackup, Segment, Sidecar, TopicBackup } from './manifest.ts'
import { manifestBytes, sidecarOf } from './manifest-text.ts'
import type { Archive } from './read-archive.ts'

const SEGMENT_BYTES = 1 << 20
/** Of segments kept ready. */
const READY_BYTES = 48 << 20

interface Made {
  readonly partition: number
  readonly segment: Segment
  readonly bytes: Buffer
}

const sizeOf = ({ key, value }: StoredRecord): number => 32 + (key?.length ?? 0) + (value?.length ?? 0)

/** Runs of offsets without a hole: within a batch there is none. */
const runsOf = (records: readonly StoredRecord[]): StoredRecord[][] => {
  const runs: StoredRecord[][] = []
  for (const record of records) {
    const run = runs[runs.length - 1]
    if (run !== undefined && run[run.length - 1]?.offset === record.offset - 1n) run.push(record)
    else runs.push([record])
  }
  return runs
}

const madeOf = (topic: string, partition: number, records: readonly StoredRecord[]): Made => {
  const batches = runsOf(records).flatMap((run) => encodeBatches(run, { codec: 0, maxBytes: SEGMENT_BYTES }))
  for (const { batch, baseOffset } of batches) batch.writeBigInt64BE(baseOffset, 0)
  const bytes = Buffer.concat(batches.map(({ batch }) => batch))
  const base = records[0]?.offset ?? 0n
  const times = records.map(({ timestamp }) => Math.min(LATEST, Number(timestamp)))
  const segment = {
    path: segmentPath(topic, partition, base),
    baseOffset: String(base),
    lastOffset: String(records[records.length - 1]?.offset ?? base),
    records: records.length,
    batches: batches.length,
    minTimestamp: Math.min(...times),
    maxTimestamp: Math.max(...times),
    bytes: bytes.length,
  }
  return { partition, segment, bytes }
}

/** The segments of a topic as its text yields them. `unreadable` hears of each line that is no record, or none in its order. */
async function* segmentsOf(store: BackupStoreReader, name: string, topic: string, unreadable: () => void, signal: AbortSignal): AsyncGenerator<Made> {
  const open = new Map<number, { records: StoredRecord[]; bytes: number; last: bigint }>()
  for await (const { partition, ...record } of legacyRecords(store, name, topic, unreadable, signal)) {
    const held = open.get(partition) ?? { records: [], bytes: 0, last: -1n }
    open.set(partition, held)
    if (record.offset <= held.last) {
      unreadable()
      continue
    }
    const stored: StoredRecord = { ...record, headers: [] }
    held.records.push(stored)
    held.bytes += sizeOf(stored)
    held.last = record.offset
    if (held.bytes < SEGMENT_BYTES) continue
    yield madeOf(topic, partition, held.records)
    held.records = []
    held.bytes = 0
  }
  for (const [partition, { records }] of open) if (records.length > 0) yield madeOf(topic, partition, records)
}

const partitionOf = (topic: TopicBackup, partition: number, segments: readonly Segment[]): PartitionBackup => {
  const first = segments[0]
  const last = segments[segments.length - 1]
  const start = first?.baseOffset ?? '0'
  const end = last === undefined ? start : String(BigInt(last.lastOffset) + 1n)
  const records = segments.reduce((sum, segment) => sum + segment.records, 0)
  return {
    topic: topic.name,
    partition,
    topicId: topic.id,
    leaderEpoch: -1,
    logStart: start,
    start,
    end,
    highWatermark: end,
    records,
    bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
    minTimestamp: segments.length === 0 ? -1 : Math.min(...segments.map(({ minTimestamp }) => minTimestamp)),
    maxTimestamp: segments.length === 0 ? -1 : Math.max(...segments.map(({ maxTimestamp }) => maxTimestamp)),
    largestBatch: segments.reduce((largest, segment) => Math.max(largest, Math.ceil(segment.bytes / Math.max(1, segment.batches))), 0),
    holes: Number(BigInt(end) - BigInt(start)) - records,
    gaps: [],
    segments,
  }
}

const manifestOf = (legacy: Legacy, topics: readonly TopicBackup[], partitions: readonly PartitionBackup[], incomplete: readonly string[]): Manifest => {
  const at = parseInstant(legacy.manifest.backup_date)
  return {
    backup_date: Number.isNaN(at) ? legacy.manifest.backup_date : formatInstant(at),
    backup_type: legacy.manifest.backup_type,
    kafka_brokers: legacy.manifest.kafka_brokers,
    topics_count: topics.length,
    topics: topics.map(({ name }) => name),
    consumer_groups_count: legacy.groups.length,
    consumer_groups: legacy.groups.map(({ group }) => group),
    backup_size_bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
    format: 'kdr-archive/1',
    name: legacy.name,
    status: 'incomplete',
    incomplete: [`LOSSY: ${LOSSY}`, ...incomplete],
    finished_at: null,
    kdr_version: 'none: made by the old script',
    cluster_id: null,
    isolation_level: 'read_committed',
    chain: { id: legacy.name, sequence: 0, parent: null },
    encryption: null,
    compression: 'gzip',
    left_out: [],
    open_transactions: [],
    partitions,
    entries: [],
  }
}

/** Of a topic whose description could not be read: as many partitions as there are records of. */
const guessed = (name: string, made: readonly { readonly partition: number }[]): TopicBackup => ({
  name,
  id: null,
  internal: name.startsWith('__'),
  partitions: made.reduce((most, { partition }) => Math.max(most, partition + 1), 1),
  replicationFactor: 3,
  configs: null,
})

/** Segments lately read, as many as there is room for; one reading at a time. */
const openReady = (read: (topic: string, signal: AbortSignal) => AsyncIterable<Made>) => {
  const ready = new Map<string, Buffer>()
  let held = 0
  let reading: Promise<unknown> = Promise.resolve()
  const fill = async (topic: string, path: string, signal: AbortSignal): Promise<Buffer | null> => {
    const found = ready.get(path)
    if (found !== undefined) return found
    ready.clear()
    held = 0
    let wanted: Buffer | null = null
    for await (const { segment, bytes } of read(topic, signal)) {
      if (segment.path === path) wanted = bytes
      if (wanted === null) continue
      ready.set(segment.path, bytes)
      held += bytes.length
      if (held > READY_BYTES) break
    }
    return wanted
  }
  return (topic: string, path: string, signal: AbortSignal): Promise<Buffer | null> => {
    const mine = reading.then(() => fill(topic, path, signal))
    reading = mine.catch(() => {})
    return mine
  }
}

const sidecarFor = async (legacy: Legacy, manifest: Manifest): Promise<Sidecar> => {
  const text = Buffer.concat(manifestBytes(manifest))
  return sidecarOf(manifest, [{ name: partName(legacy.name), bytes: legacy.bytes }], { offset: 0, length: 0, bytes: text.length, sha256: await sha256([text]) })
}

/** `lossy` says what a restore of it cannot bring back. Reads all of it once. Errors as `readLegacy`. */
export const openLegacy = async (
  store: BackupStoreReader,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly archive: Archive; readonly lossy: string }> => {
  const legacy = await readLegacy(store, name, signal)
  const known = new Map(legacy.topics.map((topic) => [topic.name, topic]))
  const withRecords = new Set(legacy.withRecords)
  const incomplete = [...legacy.unreadable]
  const topics: TopicBackup[] = []
  const partitions: PartitionBackup[] = []
  for (const topicName of new Set([...known.keys(), ...withRecords])) {
    const made: Omit<Made, 'bytes'>[] = []
    let unreadable = 0
    if (withRecords.has(topicName)) {
      for await (const { partition, segment } of segmentsOf(store, name, topicName, () => (unreadable += 1), signal)) made.push({ partition, segment })
    }
    if (unreadable > 0) incomplete.push(`topic ${topicName}: ${unreadable} lines of its text are no records`)
    const topic = known.get(topicName) ?? guessed(topicName, made)
    topics.push(topic)
    for (let at = 0; at < topic.partitions; at += 1)
      partitions.push(
        partitionOf(
          topic,
          at,
          made.flatMap(({ partition, segment }) => (partition === at ? [segment] : [])),
        ),
      )
    const astray = made.filter(({ partition }) => partition >= topic.partitions).length
    if (astray > 0) throw corrupt({ where: `${partName(name)}: ${topicName}`, what: `it has records of a partition beyond its ${topic.partitions}` })
  }
  const manifest = manifestOf(legacy, topics, partitions, incomplete)
  const ready = openReady((topic, asked) => segmentsOf(store, name, topic, () => {}, asked))
  const metadata: BackupMetadata = { topics, acls: [], quotas: [], scramUsers: [], groups: legacy.groups, schemas: null }
  const segment: Archive['segment'] = async ({ topic }, { path, bytes }, asked) => {
    const found = await ready(topic, path, asked)
    if (found?.length !== bytes) throw corrupt({ where: `${partName(name)}: ${topic}`, what: 'it is not what it was when it was opened' })
    return { bytes: Buffer.from(found), release: () => {} }
  }
  const archive: Archive = {
    sidecar: await sidecarFor(legacy, manifest),
    manifest,
    entry: async (path) => {
      throw corrupt({ where: `${partName(name)}: ${path}`, what: 'an archive of the old script has no such entry' })
    },
    segment,
    metadata: async () => metadata,
  }
  return { archive, lossy: [LOSSY, ...incomplete].join('; ') }
}
