// The records of `_schemas`, as Confluent's registry writes them (io.confluent.kafka.schemaregistry.storage:
// SchemaKey, SchemaValue, ConfigKey, ModeKey, DeleteSubjectKey, NoopKey), folded to what they mean together.
import { type BySubject, GLOBAL, type SchemaReference, type SchemaSet, type SchemaVersion } from './schemas.ts'

interface StoredRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

type Json = Readonly<Record<string, unknown>>

const parse = (bytes: Buffer | null): Json | null => {
  if (bytes === null) return null
  const value: unknown = JSON.parse(bytes.toString('utf8'))
  return typeof value === 'object' && value !== null ? (value as Json) : null
}

const textOr = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
const numberOr = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise)

const versionOf = (value: Json): SchemaVersion => ({
  subject: textOr(value['subject'], ''),
  version: numberOr(value['version'], -1),
  id: numberOr(value['id'], -1),
  deleted: value['deleted'] === true,
  type: textOr(value['schemaType'], 'AVRO'),
  schema: textOr(value['schema'], ''),
  references: Array.isArray(value['references']) ? (value['references'] as SchemaReference[]) : [],
})

/** Takes one record after another; what `_schemas` says is what is left at the end. */
export class SchemaFold {
  readonly #versions = new Map<string, Map<number, SchemaVersion>>()
  readonly #configs = new Map<string, string>()
  readonly #modes = new Map<string, string>()
  /** The highest id ever given, deleted ones included. */
  highestId = 0

  /** Throws where a record is no JSON. */
  take(record: StoredRecord): void {
    const key = parse(record.key)
    if (key === null) return
    const value = parse(record.value)
    const subject = textOr(key['subject'], GLOBAL)
    if (key['keytype'] === 'SCHEMA') this.#schema(subject, numberOr(key['version'], -1), value)
    if (key['keytype'] === 'CONFIG') put(this.#configs, subject, value?.['compatibilityLevel'])
    if (key['keytype'] === 'MODE') put(this.#modes, subject, value?.['mode'])
    if (key['keytype'] === 'DELETE_SUBJECT' && value !== null) this.#deleteUpTo(subject, numberOr(value['version'], -1))
    if (key['keytype'] === 'CLEAR_SUBJECT' && value !== null) this.#versions.delete(subject)
  }

  #schema(subject: string, version: number, value: Json | null): void {
    const versions = this.#versions.get(subject) ?? new Map<number, SchemaVersion>()
    if (value === null) versions.delete(version)
    else {
      const registered = versionOf(value)
      versions.set(version, registered)
      this.highestId = Math.max(this.highestId, registered.id)
    }
    if (versions.size === 0) this.#versions.delete(subject)
    else this.#versions.set(subject, versions)
  }

  #deleteUpTo(subject: string, last: number): void {
    const versions = this.#versions.get(subject)
    for (const [version, registered] of versions ?? []) if (version <= last) versions?.set(version, { ...registered, deleted: true })
  }

  /** By subject and version. */
  set(): SchemaSet {
    const versions = [...this.#versions.values()].flatMap((each) => [...each.values()])
    versions.sort((a, b) => (a.subject === b.subject ? a.version - b.version : a.subject < b.subject ? -1 : 1))
    return { versions, configs: sorted(this.#configs), modes: sorted(this.#modes) }
  }
}

const put = (map: Map<string, string>, subject: string, value: unknown): void => {
  if (typeof value === 'string') map.set(subject, value)
  else map.delete(subject)
}

const sorted = (map: ReadonlyMap<string, string>): BySubject => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
