// What the registry knows: every record of `_schemas` applied in order. Reads are answered from here alone, so
// they go on while Kafka is away, as Confluent's do.
import type { Entry, Level, Mode, Reference, StoredSchema } from './records.ts'

/** Which of the softly deleted count too. */
export type Deleted = 'without' | 'with' | 'only'

const counts = (schema: StoredSchema, deleted: Deleted): boolean => deleted === 'with' || schema.deleted === (deleted === 'only')

const sameReferences = (a: readonly Reference[], b: readonly Reference[]): boolean => JSON.stringify(a) === JSON.stringify(b)

/** What makes two schemas the same one, with the same id. */
export type Content = Pick<StoredSchema, 'schema' | 'schemaType' | 'references'>

const isSame = (a: Content, b: Content): boolean => a.schema === b.schema && a.schemaType === b.schemaType && sameReferences(a.references, b.references)

export class Memory {
  readonly #subjects = new Map<string, Map<number, StoredSchema>>()
  readonly #levels = new Map<string | null, Level>()
  readonly #modes = new Map<string | null, Mode>()
  #maxId = 0

  /** The highest id seen so far, deleted ones included: ids are never given twice. */
  get maxId(): number {
    return this.#maxId
  }

  apply(entry: Entry): void {
    switch (entry.type) {
      case 'schema':
        this.#applySchema(entry.subject, entry.version, entry.value)
        return
      case 'delete-subject':
        for (const each of this.versions(entry.subject, 'without'))
          if (each.version <= entry.version) this.#applySchema(entry.subject, each.version, { ...each, deleted: true })
        return
      case 'clear-subject':
        for (const each of this.all('only')) if (entry.subject === null || each.subject === entry.subject) this.#applySchema(each.subject, each.version, null)
        return
      case 'config':
        if (entry.level === null) this.#levels.delete(entry.subject)
        else this.#levels.set(entry.subject, entry.level)
        return
      case 'mode':
        if (entry.mode === null) this.#modes.delete(entry.subject)
        else this.#modes.set(entry.subject, entry.mode)
        return
      case 'noop':
    }
  }

  #applySchema(subject: string, version: number, value: StoredSchema | null): void {
    const versions = this.#subjects.get(subject) ?? new Map<number, StoredSchema>()
    if (value === null) versions.delete(version)
    else versions.set(version, value)
    if (versions.size === 0) this.#subjects.delete(subject)
    else this.#subjects.set(subject, versions)
    this.#maxId = Math.max(this.#maxId, value?.id ?? 0)
  }

  /** By subject and version. */
  all(deleted: Deleted): readonly StoredSchema[] {
    return [...this.#subjects.keys()].sort().flatMap((subject) => this.versions(subject, deleted))
  }

  subjects(deleted: Deleted): readonly string[] {
    return [...new Set(this.all(deleted).map(({ subject }) => subject))]
  }

  /** Oldest first; empty when there is no such subject. */
  versions(subject: string, deleted: Deleted): readonly StoredSchema[] {
    return [...(this.#subjects.get(subject)?.values() ?? [])].filter((each) => counts(each, deleted)).sort((a, b) => a.version - b.version)
  }

  version(subject: string, version: number | 'latest', deleted: Deleted): StoredSchema | null {
    const versions = this.versions(subject, deleted)
    return (version === 'latest' ? versions.at(-1) : versions.find((each) => each.version === version)) ?? null
  }

  /** Under whatever subjects it is; what is softly deleted still decodes old records. */
  withId(id: number, deleted: Deleted = 'with'): readonly StoredSchema[] {
    return this.all(deleted).filter((each) => each.id === id)
  }

  /** The same schema anywhere: it shares its id. */
  same(content: Content, deleted: Deleted): readonly StoredSchema[] {
    return this.all(deleted).filter((each) => isSame(each, content))
  }

  /** Ids of the schemas that refer to this one. */
  referrers(subject: string, version: number): readonly number[] {
    const refers = (each: StoredSchema) => each.references.some((reference) => reference.subject === subject && reference.version === version)
    return [
      ...new Set(
        this.all('without')
          .filter(refers)
          .map(({ id }) => id),
      ),
    ]
  }

  level(subject: string | null): Level | null {
    return this.#levels.get(subject) ?? null
  }

  /** What holds for the subject: its own, else everybody's, else Confluent's default. */
  levelFor(subject: string | null): Level {
    return this.level(subject) ?? this.level(null) ?? 'BACKWARD'
  }

  mode(subject: string | null): Mode | null {
    return this.#modes.get(subject) ?? null
  }

  modeFor(subject: string | null): Mode {
    if (this.mode(null) === 'READONLY_OVERRIDE') return 'READONLY_OVERRIDE'
    return this.mode(subject) ?? this.mode(null) ?? 'READWRITE'
  }
}
