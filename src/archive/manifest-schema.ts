// What an archive says about itself, read strictly: it comes from a place where others may write, and everything
// that is restored follows it.
import * as v from 'valibot'
import { KdrError } from '../errors.ts'
import { corrupt } from './damage.ts'
import { BACKUP_NAME, isEntryPath, TOPIC_NAME } from './layout.ts'
import { type BackupMetadata, FORMAT, type GroupBackup, type Manifest } from './manifest.ts'

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const number = v.pipe(v.number(), v.safeInteger())
/** Within 63 bits, as Kafka counts. */
const offset = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9]\d{0,18})$/, 'must be an offset'),
  v.check((text) => BigInt(text) < 2n ** 63n, 'must be an offset'),
)
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal'))
const topic = v.pipe(v.string(), v.regex(TOPIC_NAME, 'must be a topic name'))
const name = v.pipe(v.string(), v.regex(BACKUP_NAME, 'must be the name of a backup'))
const date = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'must be a time in UTC (RFC 3339)'))
const type = v.picklist(['full', 'incremental'])
const compression = v.picklist(['none', 'gzip', 'zstd'])

const Entry = v.strictObject({
  path: v.pipe(v.string(), v.check(isEntryPath, 'is no path that an archive may have')),
  part: v.pipe(whole, v.minValue(1)),
  offset: whole,
  length: whole,
  bytes: whole,
  sha256: digest,
  encrypted: v.boolean(),
})
const Segment = v.strictObject({
  path: v.string(),
  baseOffset: offset,
  lastOffset: offset,
  records: whole,
  batches: whole,
  minTimestamp: number,
  maxTimestamp: number,
  bytes: whole,
})
const Partition = v.strictObject({
  topic,
  partition: whole,
  topicId: v.nullable(v.string()),
  leaderEpoch: number,
  logStart: offset,
  start: offset,
  end: offset,
  highWatermark: offset,
  records: whole,
  bytes: whole,
  minTimestamp: number,
  maxTimestamp: number,
  largestBatch: whole,
  holes: whole,
  gaps: v.array(v.strictObject({ from: offset, to: offset, why: v.string() })),
  segments: v.array(v.unknown()),
})
const Chain = v.strictObject({ id: v.string(), sequence: whole, parent: v.nullable(v.strictObject({ name, sha256: digest })) })

/** Without its rows. */
const ManifestSchema = v.strictObject({
  backup_date: date,
  backup_type: type,
  since_timestamp: v.exactOptional(v.string()),
  kafka_brokers: v.string(),
  topics_count: whole,
  topics: v.array(topic),
  consumer_groups_count: whole,
  consumer_groups: v.array(v.string()),
  backup_size_bytes: whole,
  format: v.literal(FORMAT),
  name,
  status: v.picklist(['in-progress', 'complete', 'incomplete']),
  incomplete: v.array(v.string()),
  finished_at: v.nullable(date),
  kdr_version: v.string(),
  cluster_id: v.nullable(v.string()),
  isolation_level: v.literal('read_committed'),
  chain: Chain,
  encryption: v.nullable(v.strictObject({ scheme: v.literal('age'), recipients: v.array(v.string()) })),
  compression: v.picklist([...compression.options, 'auto']),
  left_out: v.array(v.strictObject({ topic: v.string(), why: v.string() })),
  open_transactions: v.array(
    v.strictObject({
      topic,
      partition: whole,
      from: offset,
      to: offset,
      producerId: v.nullable(v.string()),
      transactionalId: v.nullable(v.string()),
      lastWrite: v.nullable(date),
      hanging: v.boolean(),
    }),
  ),
  partitions: v.array(v.unknown()),
  entries: v.array(v.unknown()),
})

const Acl = v.strictObject({
  resourceType: v.string(),
  resourceName: v.string(),
  patternType: v.string(),
  principal: v.string(),
  host: v.string(),
  operation: v.string(),
  permission: v.string(),
})
const Position = v.strictObject({
  topic,
  partition: whole,
  offset: v.pipe(v.string(), v.regex(/^-?\d{1,19}$/, 'must be an offset')),
  leaderEpoch: number,
  metadata: v.nullable(v.string()),
  archivedIndex: v.nullable(whole),
})
const Group = v.strictObject({ group: v.string(), state: v.string(), protocolType: v.string(), offsets: v.array(Position) })
/** Without its groups. */
const MetadataSchema = v.strictObject({
  topics: v.array(
    v.strictObject({
      name: topic,
      id: v.nullable(v.string()),
      internal: v.boolean(),
      partitions: whole,
      replicationFactor: whole,
      configs: v.nullable(v.record(v.string(), v.nullable(v.string()))),
    }),
  ),
  acls: v.array(Acl),
  quotas: v.array(
    v.strictObject({ entity: v.array(v.strictObject({ type: v.string(), name: v.nullable(v.string()) })), values: v.record(v.string(), v.number()) }),
  ),
  scramUsers: v.array(v.strictObject({ user: v.string(), mechanisms: v.array(v.strictObject({ mechanism: v.string(), iterations: whole })) })),
  groups: v.array(v.unknown()),
  schemas: v.unknown(),
})

const broken = (where: string, what: string): KdrError => corrupt({ where, what })

const jsonOf = (text: string, where: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw broken(where, 'it is not JSON')
  }
}

/** A format of another version is not damage, but nothing of it is understood. */
const known = (json: unknown, where: string): void => {
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined
  if (format === FORMAT) return
  if (typeof format !== 'string' || !/^kdr-archive\/\d+$/.test(format)) throw broken(where, `it does not say that it is of the format ${FORMAT}`)
  throw new KdrError(`${where}: it is of the format ${format}, and this kdr knows ${FORMAT}`, {
    code: 'format-unknown',
    hint: 'use the kdr that wrote it, or a newer one',
  })
}

/** `at`: path of what is parsed, a dot behind it. */
const parsed = <T>(schema: v.GenericSchema<unknown, T>, json: unknown, where: string, at = ''): T => {
  const result = v.safeParse(schema, json, { abortEarly: true })
  if (result.success) return result.output
  throw broken(where, `${at}${v.getDotPath(result.issues[0]) ?? 'it'}: ${result.issues[0].message}`)
}

/** One after the other, as they are: copies of all rows at once would take as much memory again. */
const rowsOf = <T>(schema: v.GenericSchema<unknown, T>, rows: readonly unknown[], where: string, at: string): readonly T[] => {
  for (const [index, row] of rows.entries()) parsed(schema, row, where, `${at}.${index}.`)
  return rows as readonly T[]
}

/** Throws `archive-corrupt` (exit 21). */
export const checkedManifest = (json: unknown, where: string): Manifest => {
  const { partitions, entries, ...rest } = parsed(ManifestSchema, json, where)
  const checked = rowsOf(Partition, partitions, where, 'partitions').map((partition, index) => ({
    ...partition,
    segments: rowsOf(Segment, partition.segments, where, `partitions.${index}.segments`),
  }))
  return { ...rest, partitions: checked, entries: rowsOf(Entry, entries, where, 'entries') }
}

/** Throws `archive-corrupt` (exit 21), `format-unknown`. */
export const parseManifest = (text: string, where: string): Manifest => {
  const json = jsonOf(text, where)
  known(json, where)
  return checkedManifest(json, where)
}

/** Throws `archive-corrupt` (exit 21). */
export const checkGroup = (json: unknown, where: string): GroupBackup => parsed(Group, json, where)

/** Of the JSON of its entries. Throws `archive-corrupt` (exit 21). */
export const parseMetadata = (texts: Readonly<Record<keyof BackupMetadata, string>>, where: string): BackupMetadata => {
  const json = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, jsonOf(text, `${where} metadata ${key}`)]))
  const { groups, ...rest } = parsed(MetadataSchema, json, `${where} metadata`)
  return { ...rest, groups: rowsOf(Group, groups, `${where} metadata`, 'groups') }
}
