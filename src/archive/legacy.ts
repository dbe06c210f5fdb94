// Archives of the script that kdr replaces: read, never written. They hold text, so that what comes out of them is
// less than what went in; whoever restores one has to be told so first.
import * as v from 'valibot'
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { Damage, placed } from './damage.ts'
import { partName, TOPIC_NAME } from './layout.ts'
import { gunzipped, legacyEntries } from './legacy-tar.ts'
import { groupOf, type LegacyRecord, linesOf, recordOf, topicOf } from './legacy-text.ts'
import type { GroupBackup, TopicBackup } from './manifest.ts'
import { sidecarName } from './sidecar.ts'

export const LOSSY =
  'it holds text of the console consumer: no headers, no binary values, a null that cannot be told from the text "null", values cut at line ends, and at most 100,000 records of a topic'

const NAME = /^(?:full|incremental)_backup_\d{8}_\d{6}$/
/** No text that a tool printed about a topic or a group is longer. */
const LONGEST_TEXT = 16 << 20

const LegacySchema = v.object({
  backup_date: v.string(),
  backup_type: v.picklist(['full', 'incremental']),
  since_timestamp: v.optional(v.union([v.string(), v.number()])),
  kafka_brokers: v.optional(v.string(), ''),
  topics: v.optional(v.array(v.string()), []),
  consumer_groups: v.optional(v.array(v.string()), []),
})

type LegacyManifest = v.InferOutput<typeof LegacySchema>

export interface Legacy {
  readonly name: string
  readonly bytes: number
  readonly manifest: LegacyManifest
  readonly topics: readonly TopicBackup[]
  readonly groups: readonly GroupBackup[]
  /** Topics of which it holds records. */
  readonly withRecords: readonly string[]
  /** What could not be read of it, a line each. */
  readonly unreadable: readonly string[]
}

const objectOf = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<number | null> => {
  if (!NAME.test(name) || (await store.head(sidecarName(name), signal)) !== null) return null
  return (await store.head(partName(name), signal))?.bytes ?? null
}

/** Whether the archive of this name is the old script's: not kdr's, which begins with a manifest and is no backup without its sidecar. */
export const isLegacy = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<boolean> => {
  if ((await objectOf(store, name, signal)) === null) return false
  try {
    for await (const _ of legacyEntries(store.stream(partName(name), null, signal), name)) return true
    return false
  } catch (thrown) {
    if (thrown instanceof Damage) return false
    throw thrown
  }
}

const textOf = async (content: AsyncIterable<Buffer>, size: number): Promise<string> => {
  if (size > LONGEST_TEXT) throw new Damage(`a text of ${size} bytes lies in it`)
  const parts: Buffer[] = []
  for await (const part of content) parts.push(Buffer.from(part))
  return Buffer.concat(parts).toString('utf8')
}

const manifestOf = (text: string): LegacyManifest => {
  try {
    return v.parse(LegacySchema, JSON.parse(text))
  } catch {
    throw new Damage('its manifest cannot be read')
  }
}

/** `orders/orders-data.jsonl.gz` → orders, data.jsonl.gz */
const partOf = (path: string): { readonly topic: string; readonly part: string } | null => {
  const [topic = '', file = '', ...more] = path.split('/')
  return more.length === 0 && TOPIC_NAME.test(topic) && file.startsWith(`${topic}-`) ? { topic, part: file.slice(topic.length + 1) } : null
}

interface Texts {
  manifest: LegacyManifest | null
  readonly topics: Map<string, { description: string | null; configs: string | null }>
  readonly groups: GroupBackup[]
  readonly withRecords: string[]
}

const keep = async (texts: Texts, path: string, size: number, content: () => AsyncIterable<Buffer>): Promise<void> => {
  if (path === 'backup-manifest.json' || path === 'incremental-manifest.json') texts.manifest = manifestOf(await textOf(content(), size))
  const group = /^([^/]+)-offsets\.txt$/.exec(path)?.[1]
  if (group !== undefined) texts.groups.push(groupOf(group, await textOf(content(), size)))
  const { topic = '', part } = partOf(path) ?? {}
  if (part === 'data.jsonl.gz') texts.withRecords.push(topic)
  if (part !== 'metadata.txt' && part !== 'config.txt') return
  const held = texts.topics.get(topic) ?? { description: null, configs: null }
  const text = await textOf(content(), size)
  texts.topics.set(topic, part === 'config.txt' ? { ...held, configs: text } : { ...held, description: text })
}

/** All of it but the records, which are passed over. Errors: `no-such-backup`, `archive-corrupt` (exit 21), the store's. */
export const readLegacy = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<Legacy> => {
  const bytes = await objectOf(store, name, signal)
  if (bytes === null) throw new KdrError(`${store.where}: there is no archive ${name} of the old script`, { code: 'no-such-backup', exit: 'noSuchStore' })
  const texts: Texts = { manifest: null, topics: new Map(), groups: [], withRecords: [] }
  try {
    for await (const { path, size, content } of legacyEntries(store.stream(partName(name), null, signal), name)) await keep(texts, path, size, content)
    if (texts.manifest === null) throw new Damage('it has no manifest')
  } catch (thrown) {
    throw placed(thrown, partName(name))
  }
  const { manifest, groups, withRecords } = texts
  const described = [...texts.topics].map(([topic, { description, configs }]) => ({
    topic,
    known: description === null ? null : topicOf(topic, description, configs),
  }))
  const topics = described.flatMap(({ known }) => (known === null ? [] : [known]))
  const found = new Set(topics.map((topic) => topic.name))
  const nameless = [...new Set([...manifest.topics, ...withRecords])].filter((topic) => !found.has(topic))
  return {
    name,
    bytes,
    manifest,
    topics,
    groups,
    withRecords,
    unreadable: nameless.map((topic) => `topic ${topic}: its description is missing or cannot be read`),
  }
}

/** Records of one topic in the order of the text; `unreadable` is told the number of each line that is none. Errors as `readLegacy`. */
export async function* legacyRecords(
  store: BackupStoreReader,
  name: string,
  topic: string,
  unreadable: (line: number) => void,
  signal: AbortSignal,
): AsyncGenerator<LegacyRecord> {
  try {
    for await (const { path, content } of legacyEntries(store.stream(partName(name), null, signal), name)) {
      const { topic: of, part } = partOf(path) ?? {}
      if (of !== topic || part !== 'data.jsonl.gz') continue
      let number = 0
      for await (const line of linesOf(gunzipped(content()))) {
        number += 1
        const record = line === null ? null : recordOf(line)
        if (record === null) unreadable(number)
        else yield record
      }
      return
    }
  } catch (thrown) {
    throw placed(thrown, `${partName(name)}: ${topic}`)
  }
}
