// What a registry holds, in full: read from one instance version by version, and from `_schemas` record by
// record. The two must agree; which of them lacks something tells where it was lost.
import { SchemaFold } from '../model/schema-records.ts'
import { isCanary, type RawRecord, type SchemaSet, type SchemaVersion, schemaIdentity } from '../model/schemas.ts'
import type { KafkaReader, KafkaRecord, TopicPartition } from '../ports/kafka.ts'
import type { SchemaRegistryReader } from '../ports/schema-registry.ts'
import { each } from './reading.ts'

/** Requests to one instance at a time. */
const WIDTH = 8
const PAGE = { maxBytes: 4 * 1024 * 1024, maxWait: 500 } as const

const ofSubject = async (registry: SchemaRegistryReader, at: string, subject: string, signal: AbortSignal): Promise<readonly SchemaVersion[]> => {
  const all = await registry.versions(at, subject, { deleted: true }, signal)
  const listed = new Set(await registry.versions(at, subject, { deleted: false }, signal))
  return each(all, 2, async (version) => ({ ...(await registry.schema(at, subject, version, signal)), deleted: !listed.has(version) }))
}

const inOrder = (a: SchemaVersion, b: SchemaVersion): number => (a.subject === b.subject ? a.version - b.version : a.subject < b.subject ? -1 : 1)

/** In few requests, however many versions there are; null where the registry is too old to be asked so. */
const listed = async (registry: SchemaRegistryReader, at: string, signal: AbortSignal): Promise<readonly SchemaVersion[] | null> => {
  const all = await registry.list(at, { deleted: true }, signal)
  const live = all === null ? null : await registry.list(at, { deleted: false }, signal)
  if (all === null || live === null) return null
  const there = new Set(live.map((version) => schemaIdentity({ ...version, deleted: false })))
  return all.map((version) => ({ ...version, deleted: !there.has(schemaIdentity({ ...version, deleted: false })) })).sort(inOrder)
}

/** Every version that one instance serves, by subject and version; kdr's own canaries left out. */
export const readVersions = async (registry: SchemaRegistryReader, at: string, signal: AbortSignal): Promise<readonly SchemaVersion[]> => {
  const whole = await listed(registry, at, signal)
  if (whole !== null) return whole.filter((version) => !isCanary(version))
  const subjects = (await registry.subjects(at, { deleted: true }, signal)).filter((subject) => !isCanary({ subject }))
  const found = await each([...subjects].sort(), WIDTH, (subject) => ofSubject(registry, at, subject, signal))
  return found.flat()
}

/** Its levels and modes as far as they were set, the global ones as they are in effect. */
export const readSettings = async (
  registry: SchemaRegistryReader,
  at: string,
  subjects: readonly string[],
  signal: AbortSignal,
): Promise<Pick<SchemaSet, 'configs' | 'modes'>> => {
  const configs: Record<string, string> = {}
  const modes: Record<string, string> = {}
  await each([null, ...subjects], WIDTH, async (subject) => {
    const [config, mode] = [await registry.config(at, subject, signal), await registry.mode(at, subject, signal)]
    if (config !== null) configs[subject ?? ''] = config
    if (mode !== null) modes[subject ?? ''] = mode
  })
  return { configs, modes }
}

interface Extent {
  readonly start: bigint
  readonly end: bigint
}

/** Log start and high watermark. Throws where its leader does not answer. */
export const extentOf = async (kafka: KafkaReader, at: TopicPartition, signal: AbortSignal): Promise<Extent> => {
  const bound = async (ask: 'log-start' | 'high-watermark'): Promise<bigint> => {
    const [answer] = await kafka.offsets({ ask }, [at], signal)
    if (answer?.offset.known !== true) throw new Error(`${at.topic}-${at.partition}: ${answer?.offset.why ?? 'no answer'}`)
    return answer.offset.value
  }
  const [start, end] = await Promise.all([bound('log-start'), bound('high-watermark')])
  return { start, end }
}

/** Every record of the topic's one partition up to its high watermark. Throws where its leader does not answer. */
export const readTopic = async (kafka: KafkaReader, at: TopicPartition, { start, end }: Extent, signal: AbortSignal): Promise<readonly KafkaRecord[]> => {
  const records: KafkaRecord[] = []
  for (let next = start; next < end; ) {
    const page = await kafka.fetch(at, next, PAGE, signal)
    if (page.next <= next) throw new Error(`${at.topic}-${at.partition} ends at ${next}, before its high watermark ${end}`)
    records.push(...page.records.filter(({ offset }) => offset < end))
    next = page.next
  }
  return records
}

/** Throws where a record cannot be read. */
export const foldRecords = (records: readonly KafkaRecord[]): SchemaSet => {
  const fold = new SchemaFold()
  for (const record of records) fold.take(record)
  const { versions, configs, modes } = fold.set()
  const own = (settings: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(settings).filter(([subject]) => !isCanary({ subject })))
  return { versions: versions.filter((version) => !isCanary(version)), configs: own(configs), modes: own(modes) }
}

export const rawOf = ({ offset, key, value }: KafkaRecord): RawRecord => ({
  offset: offset.toString(),
  key: key?.toString('base64') ?? null,
  value: value?.toString('base64') ?? null,
})
