// The registry's rules, as Confluent's 7.5 has them (storage/KafkaSchemaRegistry): what may be registered, which id
// and version it gets, what may be deleted, and when IMPORT is open. Everything here runs on the leader, one at a time.
import { canonical, incompatibilities, parseAvro, type Resolve, type Source } from './avro.ts'
import type { Memory } from './memory.ts'
import { AVRO, type Entry, type Level, type Mode, type Reference, type StoredSchema } from './records.ts'
import { invalidSchema, notPermitted, RestError, subjectNotFound, versionNotFound } from './rest-error.ts'

export interface Submitted extends Source {
  readonly schemaType: string
  /** Given in IMPORT mode only. */
  readonly id: number | null
  readonly version: number | null
}

/** Writes a record and resolves once it has been read back. */
export type Put = (entry: Entry) => Promise<void>

export class Registry {
  readonly #memory: Memory
  readonly #put: Put

  constructor(memory: Memory, put: Put) {
    this.#memory = memory
    this.#put = put
  }

  readonly #resolve: Resolve = ({ subject, version }: Reference) => this.#memory.version(subject, version, 'with')

  /** As it is stored and compared. Throws 42201. */
  #content({ schema, schemaType, references: given }: Source & { readonly schemaType: string }) {
    // -1 is the latest as of now.
    const references = given.map((each) =>
      each.version < 0 ? { ...each, version: this.#memory.version(each.subject, 'latest', 'without')?.version ?? -1 } : each,
    )
    if (schemaType !== AVRO) throw invalidSchema(`Invalid schema type ${schemaType}: this registry of a lab knows AVRO only`)
    if (schema.trim() === '') throw invalidSchema('Empty schema')
    parseAvro({ schema, references }, this.#resolve)
    return { schema: canonical(schema), schemaType, references }
  }

  /** Why it may not follow these versions (oldest first) of the subject. Throws 42201. */
  incompatibilities(subject: string, next: Source, earlier: readonly StoredSchema[]): readonly string[] {
    const level = this.#memory.levelFor(subject)
    const type = parseAvro(next, this.#resolve)
    const types = earlier.filter(({ schemaType }) => schemaType === AVRO).map((each) => parseAvro(each, this.#resolve))
    return incompatibilities(level, type, types)
  }

  /** The version of the subject that has this schema, or null. */
  lookUp(subject: string, submitted: Submitted, deleted: 'with' | 'without'): StoredSchema | null {
    const content = this.#content(submitted)
    return this.#memory.same(content, deleted).find((each) => each.subject === subject) ?? null
  }

  #mayRegister(subject: string, { id }: Submitted): void {
    const mode = this.#memory.modeFor(subject)
    this.#mayWrite(subject)
    if (id !== null && mode !== 'IMPORT') throw notPermitted(`Subject ${subject} is not in import mode`)
    if (id === null && mode !== 'READWRITE') throw notPermitted(`Subject ${subject} is not in read-write mode`)
  }

  #mayWrite(subject: string | null): void {
    if (this.#memory.modeFor(subject).startsWith('READONLY')) throw notPermitted(`Subject ${subject} is in read-only mode`)
  }

  /** Resolves to the id. Throws 409, 42201, 42205. */
  async register(subject: string, submitted: Submitted): Promise<number> {
    this.#mayRegister(subject, submitted)
    const content = this.#content(submitted)
    const same = this.#memory.same(content, 'with')
    const shared = same[0]?.id ?? null
    const importing = submitted.id !== null
    const here = same.find((each) => each.subject === subject && !each.deleted)
    if (here !== undefined && (submitted.id ?? here.id) === here.id && (submitted.version ?? here.version) === here.version) return here.id
    const earlier = this.#memory.versions(subject, 'without')
    const next = Math.max(0, ...this.#memory.versions(subject, 'with').map(({ version }) => version)) + 1
    if (!importing) {
      const why = this.incompatibilities(subject, content, earlier)
      if (why.length > 0)
        throw new RestError(409, `Schema being registered is incompatible with an earlier schema for subject "${subject}", details: [${why.join('; ')}]`)
      if (submitted.version !== null && submitted.version !== next) throw invalidSchema('Version is not one more than previous version')
    }
    const id = submitted.id ?? shared ?? this.#memory.maxId + 1
    this.#mustBeFree(id, content)
    const version = submitted.version ?? next
    await this.#put({ type: 'schema', subject, version, value: { subject, version, id, ...content, deleted: false } })
    // A softly deleted version with the same schema makes way for the new one.
    for (const old of same)
      if (old.subject === subject && old.deleted && old.id === id && old.version < version)
        await this.#put({ type: 'schema', subject, version: old.version, value: null })
    return id
  }

  #mustBeFree(id: number, content: Pick<StoredSchema, 'schema'>): void {
    if (this.#memory.withId(id).some((each) => each.schema !== content.schema)) throw notPermitted(`Overwrite new schema with id ${id} is not permitted.`)
  }

  #mustBeUnreferenced({ subject, version }: StoredSchema): void {
    if (this.#memory.referrers(subject, version).length > 0)
      throw new RestError(42206, `One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=${subject},version=${version}}.`)
  }

  /** Versions that were deleted. Throws 40401, 40404, 40405, 42205, 42206. */
  async deleteSubject(subject: string, permanent: boolean): Promise<readonly number[]> {
    this.#mayWrite(subject)
    const [live, all] = [this.#memory.versions(subject, 'without'), this.#memory.versions(subject, 'with')]
    if (all.length === 0) throw subjectNotFound(subject)
    if (!permanent && live.length === 0) throw new RestError(40404, `Subject '${subject}' was soft deleted.Set permanent=true to delete permanently`)
    if (permanent && live.length > 0) throw new RestError(40405, `Subject '${subject}' was not deleted first before being permanently deleted`)
    const gone = permanent ? all : live
    for (const each of gone) this.#mustBeUnreferenced(each)
    if (permanent) for (const { version } of gone) await this.#put({ type: 'schema', subject, version, value: null })
    else {
      await this.#put({ type: 'delete-subject', subject, version: Math.max(...gone.map(({ version }) => version)) })
      await this.#forget(subject)
    }
    return gone.map(({ version }) => version)
  }

  /** Throws 40401, 40402, 40406, 40407, 42205, 42206. */
  async deleteVersion(subject: string, wanted: number | 'latest', permanent: boolean): Promise<number> {
    this.#mayWrite(subject)
    if (this.#memory.versions(subject, 'with').length === 0) throw subjectNotFound(subject)
    const found = this.#memory.version(subject, wanted, wanted === 'latest' && !permanent ? 'without' : 'with')
    if (found === null) throw versionNotFound(wanted)
    const name = `Subject '${subject}' Version ${found.version}`
    if (!permanent && found.deleted) throw new RestError(40406, `${name} was soft deleted.Set permanent=true to delete permanently`)
    if (permanent && !found.deleted) throw new RestError(40407, `${name} was not deleted first before being permanently deleted`)
    this.#mustBeUnreferenced(found)
    await this.#put({ type: 'schema', subject, version: found.version, value: permanent ? null : { ...found, deleted: true } })
    if (!permanent && this.#memory.versions(subject, 'without').length === 0) await this.#forget(subject)
    return found.version
  }

  /** A subject that is softly deleted loses its own settings. */
  async #forget(subject: string): Promise<void> {
    if (this.#memory.mode(subject) !== null) await this.#put({ type: 'mode', subject, mode: null })
    if (this.#memory.level(subject) !== null) await this.#put({ type: 'config', subject, level: null })
  }

  async setLevel(subject: string | null, level: Level | null): Promise<void> {
    this.#mayWrite(subject)
    await this.#put({ type: 'config', subject, level })
  }

  /** IMPORT needs a registry, or a subject, without schemas, unless it is forced; softly deleted ones are cleared. Throws 42205. */
  async setMode(subject: string | null, mode: Mode | null, force: boolean): Promise<void> {
    if (mode === 'IMPORT' && this.#memory.mode(subject) !== 'IMPORT' && !force) {
      const subjects = this.#memory.subjects('without').filter((each) => subject === null || each === subject)
      if (subjects.length > 0) throw notPermitted('Cannot import since found existing subjects')
      await this.#put({ type: 'clear-subject', subject })
    }
    await this.#put({ type: 'mode', subject, mode })
  }
}
