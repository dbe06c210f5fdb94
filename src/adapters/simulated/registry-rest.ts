// What a simulated registry answers, by Confluent's rules: versions and ids, soft deletion, references, modes,
// compatibility as far as drills and proofs need it.
import { KdrError } from '../../errors.ts'
import { GLOBAL, type SchemaReference, type SchemaSet, type SchemaVersion } from '../../model/schemas.ts'
import type { SchemaText } from '../../ports/schema-registry.ts'
import type { Cluster } from './cluster.ts'
import { catchUp, registryLeader, writeRecord } from './registry.ts'
import { isUp, type SimMember } from './state.ts'

const refusal = (code: number, words: string): KdrError => new KdrError(words, { code: `registry-${code}` })

const ofSubject = ({ versions }: SchemaSet, subject: string): readonly SchemaVersion[] => versions.filter((version) => version.subject === subject)
const live = (versions: readonly SchemaVersion[]): readonly SchemaVersion[] => versions.filter(({ deleted }) => !deleted)

export const readVersions = (set: SchemaSet, subject: string, deleted: boolean): readonly number[] => {
  const found = ofSubject(set, subject)
  return (deleted ? found : live(found)).map(({ version }) => version)
}

export const readSubjects = (set: SchemaSet, deleted: boolean): readonly string[] => [
  ...new Set((deleted ? set.versions : live(set.versions)).map(({ subject }) => subject)),
]

export const readAll = (set: SchemaSet, deleted: boolean): readonly Omit<SchemaVersion, 'deleted'>[] =>
  (deleted ? set.versions : live(set.versions)).map(({ deleted: _, ...rest }) => rest)

export const readVersion = (set: SchemaSet, subject: string, version: number): Omit<SchemaVersion, 'deleted'> => {
  const all = ofSubject(set, subject)
  const found = all.find((each) => each.version === version)
  if (all.length === 0) throw refusal(40401, `Subject '${subject}' not found.`)
  if (found === undefined) throw refusal(40402, `Version ${version} not found.`)
  const { deleted: _, ...rest } = found
  return rest
}

interface Field {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}

const fieldsOf = (schema: string): readonly Field[] | null => {
  const parsed: unknown = JSON.parse(schema)
  if (typeof parsed !== 'object' || parsed === null || !('fields' in parsed) || !Array.isArray(parsed.fields)) return null
  return parsed.fields as Field[]
}

/** BACKWARD between two records: a field keeps its type, a new one has a default. */
const canRead = (reader: string, written: string): boolean => {
  const [mine, theirs] = [fieldsOf(reader), fieldsOf(written)]
  if (mine === null || theirs === null) return JSON.stringify(JSON.parse(reader)) === JSON.stringify(JSON.parse(written))
  return mine.every((field) => {
    const same = theirs.find(({ name }) => name === field.name)
    return same === undefined ? field.default !== undefined : JSON.stringify(same.type) === JSON.stringify(field.type)
  })
}

export const isCompatible = (set: SchemaSet, subject: string, { schema }: SchemaText): boolean => {
  const latest = live(ofSubject(set, subject)).at(-1)
  if (latest === undefined) throw refusal(40401, `Subject '${subject}' not found.`)
  const level = set.configs[subject] ?? set.configs[GLOBAL] ?? 'BACKWARD'
  return level === 'NONE' || canRead(schema, latest.schema)
}

/** Whoever takes a write and what it knows: followers forward it (50003, 50004 where they cannot). */
export class Writing {
  readonly #cluster: Cluster
  readonly #leader: SimMember

  constructor(cluster: Cluster) {
    const leader = registryLeader(cluster)
    if (leader === null) throw refusal(50004, 'Master not known.')
    if (!isUp(leader)) throw refusal(50003, 'Error while forwarding the request to the master')
    this.#cluster = cluster
    this.#leader = leader
  }

  get set(): SchemaSet {
    return catchUp(this.#cluster, this.#leader).set()
  }

  #modeOf(subject: string): string {
    const { modes } = this.set
    return modes[subject] ?? modes[GLOBAL] ?? 'READWRITE'
  }

  #write(key: object, value: object | null): void {
    writeRecord(this.#cluster, this.#leader, key, value)
  }

  setMode(subject: string | null, mode: string): void {
    const { versions } = this.set
    const meant = subject === null ? versions : ofSubject(this.set, subject)
    if (mode === 'IMPORT' && this.#modeOf(subject ?? GLOBAL) !== 'IMPORT' && meant.length > 0)
      throw refusal(42205, 'Cannot import since found existing subjects')
    this.#write({ keytype: 'MODE', subject, magic: 0 }, { mode })
  }

  setConfig(subject: string | null, level: string): void {
    this.#write({ keytype: 'CONFIG', subject, magic: 0 }, { compatibilityLevel: level })
  }

  #mustExist(references: readonly SchemaReference[]): void {
    for (const { subject, version } of references) {
      if (ofSubject(this.set, subject).every((each) => each.version !== version)) throw refusal(42201, `No schema reference found for ${subject} ${version}`)
    }
  }

  #put({ subject, version, id, type, schema, references, deleted }: SchemaVersion): void {
    const more = { ...(type === 'AVRO' ? {} : { schemaType: type }), ...(references.length === 0 ? {} : { references }) }
    this.#write({ keytype: 'SCHEMA', subject, version, magic: 1 }, { subject, version, id, ...more, schema, deleted })
  }

  importVersion(version: SchemaVersion): void {
    if (this.#modeOf(version.subject) !== 'IMPORT') throw refusal(42205, `Subject ${version.subject} is not in import mode`)
    this.#mustExist(version.references)
    this.#put({ ...version, deleted: false })
  }

  register(subject: string, text: SchemaText): number {
    if (this.#modeOf(subject) !== 'READWRITE') throw refusal(42205, `Subject ${subject} is in ${this.#modeOf(subject)} mode`)
    this.#mustExist(text.references)
    const all = ofSubject(this.set, subject)
    const same = live(all).find(({ schema }) => schema === text.schema)
    if (same !== undefined) return same.id
    const latest = live(all).at(-1)
    if (latest !== undefined && !isCompatible(this.set, subject, text)) throw refusal(409, 'Schema being registered is incompatible with an earlier schema')
    const known = this.set.versions.find(({ schema }) => schema === text.schema)
    const id = known?.id ?? catchUp(this.#cluster, this.#leader).highestId + 1
    this.#put({ ...text, subject, version: (all.at(-1)?.version ?? 0) + 1, id, deleted: false })
    return id
  }

  #mustBeFree(subject: string, version: number): void {
    const refers = live(this.set.versions).find(({ references }) => references.some((each) => each.subject === subject && each.version === version))
    if (refers !== undefined) throw refusal(42206, `One or more references exist to the schema ${subject} ${version}`)
  }

  deleteVersion(subject: string, version: number): void {
    this.#mustBeFree(subject, version)
    const found = ofSubject(this.set, subject).find((each) => each.version === version)
    if (found === undefined) throw refusal(40402, `Version ${version} not found.`)
    this.#put({ ...found, deleted: true })
  }

  /** For good. */
  remove(subject: string): void {
    const { configs } = this.set
    if (configs[subject] !== undefined) this.#write({ keytype: 'CONFIG', subject, magic: 0 }, null)
    const all = ofSubject(this.set, subject)
    if (all.length === 0) return
    for (const { version } of all) this.#mustBeFree(subject, version)
    this.#write({ keytype: 'DELETE_SUBJECT', subject, magic: 0 }, { subject, version: all.at(-1)?.version ?? 0 })
    for (const { version } of all) this.#write({ keytype: 'SCHEMA', subject, version, magic: 1 }, null)
  }
}
