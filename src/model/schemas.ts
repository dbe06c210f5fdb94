// Schemas as a registry keeps them, and the manifest that `kdr schemas export` writes: enough to give a
// registry back every subject, version and id, so that old records still decode.

export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** What tells one registered version from another: records carry the id, so it must never change. */
export interface SchemaKey {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** Soft-deleted: no longer listed, but its id still decodes old records. */
  readonly deleted: boolean
}

export interface SchemaVersion extends SchemaKey {
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string
  readonly schema: string
  readonly references: readonly SchemaReference[]
}

/** Settings by subject; the empty subject stands for the global one. Only what was set explicitly. */
export type BySubject = Readonly<Record<string, string>>
export const GLOBAL = ''

/** Everything a registry holds. */
export interface SchemaSet {
  readonly versions: readonly SchemaVersion[]
  /** Compatibility levels. */
  readonly configs: BySubject
  readonly modes: BySubject
}

/** A record of `_schemas`; base64, null for a tombstone's value. */
export interface RawRecord {
  readonly offset: string
  readonly key: string | null
  readonly value: string | null
}

export interface SchemaManifest extends SchemaSet {
  readonly schema: 'kdr/schemas/1'
  readonly clusterId: string | null
  /** RFC 3339. */
  readonly takenAt: string
  /** Where it was read. */
  readonly registry: string
  /** The topic's own records, so that it can be replayed; null where they could not be read. */
  readonly raw: { readonly topic: string; readonly records: readonly RawRecord[] } | null
  /** What could not be read; a manifest is whole only when this is empty. */
  readonly missing: readonly string[]
}

/** Subjects that kdr itself makes to prove that writes work: never part of what is compared. */
export const CANARY_SUBJECT = '__kdr_canary_'

export const isCanary = ({ subject }: { readonly subject: string }): boolean => subject.startsWith(CANARY_SUBJECT)

/** `orders-value 3 (id 17)`, as an operator names it. */
export const schemaName = ({ subject, version, id }: Pick<SchemaKey, 'subject' | 'version' | 'id'>): string => `${subject} ${version} (id ${id})`

/** Equal for the same subject, version, id and deletion. */
export const schemaIdentity = ({ subject, version, id, deleted }: SchemaKey): string => JSON.stringify([subject, version, id, deleted])

export const keyOf = ({ subject, version, id, deleted }: SchemaKey): SchemaKey => ({ subject, version, id, deleted })
