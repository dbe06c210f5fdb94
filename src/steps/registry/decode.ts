// One real record per topic, decoded with the schema that its id names: what everything else about a registry
// is for. Confluent's wire format: a zero byte, the id in four bytes, the data.
import { wordsOf } from '../../errors.ts'
import type { SchemaReference } from '../../model/schemas.ts'
import type { Survey } from '../../model/survey.ts'
import type { KafkaRecord } from '../../ports/kafka.ts'
import type { SchemaText } from '../../ports/schema-registry.ts'
import type { WriteWorld } from '../../ports/world.ts'

const MAGIC = 0
const HEAD = 5
const PAGE = { maxBytes: 256 * 1024, maxWait: 500 } as const

export interface FramedTopic {
  readonly topic: string
  readonly of: 'key' | 'value'
}

/** Topics whose subjects follow TopicNameStrategy; others cannot be told from their names. */
export const framedTopics = (now: Survey, subjects: readonly string[]): readonly FramedTopic[] => {
  if (!now.partitions.known) return []
  const table = now.partitions.value
  return subjects.flatMap((subject) => {
    const [, topic, of] = /^(.+)-(key|value)$/.exec(subject) ?? []
    return topic !== undefined && (of === 'key' || of === 'value') && table.topic(topic) !== undefined ? [{ topic, of }] : []
  })
}

const idOf = (bytes: Buffer | null): number | null => (bytes !== null && bytes.length >= HEAD && bytes[0] === MAGIC ? bytes.readInt32BE(1) : null)

/** The oldest record of the topic that carries an id; null where there is none on its first pages. */
const oldestFramed = async (world: WriteWorld, now: Survey, { topic, of }: FramedTopic, signal: AbortSignal): Promise<Buffer | null> => {
  const rows = now.partitions.known ? Array.from(now.partitions.value.rows()).filter((row) => row.topic === topic && row.leader >= 0) : []
  const at = rows.map(({ partition }) => ({ topic, partition }))
  const [starts, ends] = await Promise.all([world.kafka.offsets({ ask: 'log-start' }, at, signal), world.kafka.offsets({ ask: 'high-watermark' }, at, signal)])
  for (const [index, place] of at.entries()) {
    const [start, end] = [starts[index]?.offset, ends[index]?.offset]
    if (start?.known !== true || end?.known !== true || start.value >= end.value) continue
    const { records } = await world.kafka.fetch(place, start.value, PAGE, signal)
    const bytesOf = (record: KafkaRecord) => (of === 'key' ? record.key : record.value)
    const found = records.find((record) => idOf(bytesOf(record)) !== null)
    if (found !== undefined) return bytesOf(found)
  }
  return null
}

/** What it refers to first, each once; by name, as Avro's own registry of names wants them. */
const withReferences = async (
  resolve: (reference: SchemaReference) => Promise<SchemaText>,
  text: SchemaText,
  seen: Set<string> = new Set(),
): Promise<readonly string[]> => {
  const all: string[] = []
  for (const reference of text.references) {
    const name = JSON.stringify([reference.subject, reference.version])
    if (seen.has(name)) continue
    seen.add(name)
    all.push(...(await withReferences(resolve, await resolve(reference), seen)))
  }
  return [...all, text.schema]
}

/** Throws where the data does not fit the schema. */
const decodeAvro = async (schemas: readonly string[], data: Buffer): Promise<void> => {
  // biome-ignore lint/correctness/noUnresolvedImports: its main is a folder, which Node resolves and Biome does not.
  const { default: avro } = await import('avsc')
  const registry = {}
  const types = schemas.map((schema) => avro.Type.forSchema(JSON.parse(schema), { registry }))
  types.at(-1)?.fromBuffer(data)
}

/** `undecoded`: which kind it is of that kdr does not decode; null where it was decoded. */
export type Decoded = { readonly ok: true; readonly undecoded: string | null } | { readonly ok: false; readonly why: string } | null

/** Asks this instance for the schema of the topic's oldest record; null where no record carries an id. */
export const decodeOne = async (world: WriteWorld, now: Survey, url: string, framed: FramedTopic, signal: AbortSignal): Promise<Decoded> => {
  try {
    const bytes = await oldestFramed(world, now, framed, signal)
    const id = idOf(bytes)
    if (bytes === null || id === null) return null
    const text = await world.registry.byId(url, id, signal)
    if (text === null) return { ok: false, why: `its record carries id ${id}, which ${url} does not know` }
    if (text.type !== 'AVRO') return { ok: true, undecoded: text.type }
    const schemas = await withReferences(({ subject, version }) => world.registry.schema(url, subject, version, signal), text)
    await decodeAvro(schemas, bytes.subarray(HEAD))
    return { ok: true, undecoded: null }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason
    return { ok: false, why: wordsOf(thrown) }
  }
}
