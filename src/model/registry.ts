// The Schema Registry as a survey sees it: each instance asked by itself, the group that elects their
// leader, and what `_schemas` holds. HTTP 200 proves neither a leader nor that writes work.
import type { Known } from './known.ts'
import type { BySubject, SchemaKey } from './schemas.ts'

export interface RegistryInstance {
  /** The address that was asked, `http://host:port`. */
  readonly url: string
  /** The member that listens there; null when the platform shows none. */
  readonly member: string | null
  /** GET /subjects was answered. A refused connection or an error of its own is false; silence and a refused login are unknown. */
  readonly reads: Known<boolean>
  /** Global mode: READWRITE, READONLY, IMPORT. */
  readonly mode: Known<string>
  /** Every version it serves, soft-deleted ones too, kdr's own canaries left out; aspect `schemas`. */
  readonly held: Known<readonly SchemaKey[]>
}

/** Where Confluent's registry keeps its schemas, and the group in which its instances elect their leader. */
export const REGISTRY_DEFAULTS = { topic: '_schemas', group: 'schema-registry' } as const

/** An instance as it advertises itself in the group. */
export interface RegistryIdentity {
  readonly url: string
  readonly eligible: boolean
}

export interface RegistryLeader {
  readonly url: string
  /** It answers where it says it is. */
  readonly answers: Known<boolean>
}

/** What `_schemas` itself says, read record by record. */
interface StoredSchemas {
  readonly records: number
  readonly keys: readonly SchemaKey[]
  readonly configs: BySubject
  readonly modes: BySubject
}

export interface RegistryView {
  readonly topic: string
  readonly group: string
  readonly instances: readonly RegistryInstance[]
  /** Members of the group. */
  readonly identities: Known<readonly RegistryIdentity[]>
  /** By DescribeGroups; null when the group has none: reads go on, writes fail. */
  readonly leader: Known<RegistryLeader | null>
  /** Aspect `schemas`. */
  readonly stored: Known<StoredSchemas>
}

/** What kdr's own probe of a registry found out. */
export interface RegistryProof {
  /** Topics of which a real record was decoded with the schema its id names. */
  readonly decoded: readonly string[]
  /** Topics whose records carry an id of a kind that kdr cannot decode (JSON, PROTOBUF): the registry knows the id, no more was seen. */
  readonly undecoded: readonly string[]
  /** Topics with a subject but without a record to decode. */
  readonly withoutRecords: readonly string[]
  /** What did not work, in words. */
  readonly problems: readonly string[]
}
