// Records of the `_schemas` topic in the shapes of Confluent's registry 7.5 (storage/SchemaKey, SchemaValue and
// their like): what is written here, that registry could read, and the other way round.
import type { RecordInput } from '../../ports/kafka.ts'

export const MODES = ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT'] as const
export type Mode = (typeof MODES)[number]

export const LEVELS = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'] as const
export type Level = (typeof LEVELS)[number]

export interface Reference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

export interface StoredSchema {
  readonly subject: string
  readonly version: number
  readonly id: number
  readonly schemaType: string
  readonly references: readonly Reference[]
  readonly schema: string
  readonly deleted: boolean
}

/** A subject of null is the whole registry. A value of null is a tombstone. */
export type Entry =
  | { readonly type: 'schema'; readonly subject: string; readonly version: number; readonly value: StoredSchema | null }
  | { readonly type: 'config'; readonly subject: string | null; readonly level: Level | null }
  | { readonly type: 'mode'; readonly subject: string | null; readonly mode: Mode | null }
  | { readonly type: 'delete-subject'; readonly subject: string; readonly version: number }
  | { readonly type: 'clear-subject'; readonly subject: string | null }
  | { readonly type: 'noop' }

/** Avro is what Confluent leaves unsaid, in records and in answers. */
export const AVRO = 'AVRO'

const schemaValue = ({ subject, version, id, schemaType, references, schema, deleted }: StoredSchema): object => ({
  subject,
  version,
  id,
  ...(schemaType === AVRO ? {} : { schemaType }),
  ...(references.length === 0 ? {} : { references }),
  schema,
  deleted,
})

const ofSubject = (subject: string | null): object => (subject === null ? {} : { subject })

/** Key and value as JSON; the order of the key's fields is Confluent's, since compaction goes by its bytes. */
const shapeOf = (entry: Entry): readonly [object, object | null] => {
  switch (entry.type) {
    case 'schema':
      return [{ keytype: 'SCHEMA', subject: entry.subject, version: entry.version, magic: 1 }, entry.value && schemaValue(entry.value)]
    case 'config':
      return [{ keytype: 'CONFIG', subject: entry.subject, magic: 0 }, entry.level && { ...ofSubject(entry.subject), compatibilityLevel: entry.level }]
    case 'mode':
      return [{ keytype: 'MODE', subject: entry.subject, magic: 0 }, entry.mode && { ...ofSubject(entry.subject), mode: entry.mode }]
    case 'delete-subject':
      return [
        { keytype: 'DELETE_SUBJECT', subject: entry.subject, magic: 0 },
        { subject: entry.subject, version: entry.version },
      ]
    case 'clear-subject':
      return [{ keytype: 'CLEAR_SUBJECT', subject: entry.subject, magic: 0 }, ofSubject(entry.subject)]
    case 'noop':
      return [{ keytype: 'NOOP', magic: 0 }, null]
  }
}

export const encodeEntry = (entry: Entry): RecordInput => {
  const [key, value] = shapeOf(entry)
  return { key: Buffer.from(JSON.stringify(key)), value: value === null ? null : Buffer.from(JSON.stringify(value)) }
}

type Json = Readonly<Record<string, unknown>>

const parsed = (bytes: Buffer | null): Json | null => {
  try {
    const value: unknown = bytes === null ? null : JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Json) : null
  } catch {
    return null
  }
}

const oneOf = <T extends string>(all: readonly T[], value: unknown): T | null => all.find((each) => each === value) ?? null
const textOr = (value: unknown, other: string): string => (typeof value === 'string' ? value : other)
const numberOr = (value: unknown, other: number): number => (typeof value === 'number' ? value : other)

const referencesOf = (value: unknown): readonly Reference[] =>
  (Array.isArray(value) ? value : []).map((each: Json | null) => ({
    name: textOr(each?.['name'], ''),
    subject: textOr(each?.['subject'], ''),
    version: numberOr(each?.['version'], -1),
  }))

const storedOf = (subject: string, version: number, value: Json | null): StoredSchema | null =>
  value === null
    ? null
    : {
        subject,
        version,
        id: numberOr(value['id'], -1),
        schemaType: textOr(value['schemaType'], AVRO),
        references: referencesOf(value['references']),
        schema: textOr(value['schema'], ''),
        deleted: value['deleted'] === true,
      }

/** null: a key this registry has nothing to do with, as Confluent's contexts. */
export const decodeEntry = (record: RecordInput): Entry | null => {
  const key = parsed(record.key)
  const value = parsed(record.value)
  const subject = typeof key?.['subject'] === 'string' ? key['subject'] : null
  switch (key?.['keytype']) {
    case 'SCHEMA': {
      const version = numberOr(key['version'], -1)
      return subject === null ? null : { type: 'schema', subject, version, value: storedOf(subject, version, value) }
    }
    case 'CONFIG':
      return { type: 'config', subject, level: oneOf(LEVELS, value?.['compatibilityLevel']) }
    case 'MODE':
      return { type: 'mode', subject, mode: oneOf(MODES, value?.['mode']) }
    case 'DELETE_SUBJECT':
      return subject === null || value === null ? null : { type: 'delete-subject', subject, version: numberOr(value['version'], 0) }
    case 'CLEAR_SUBJECT':
      return value === null ? null : { type: 'clear-subject', subject }
    case 'NOOP':
      return { type: 'noop' }
    default:
      return null
  }
}
