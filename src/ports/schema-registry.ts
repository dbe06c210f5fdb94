// What kdr asks of a Schema Registry (Confluent's REST v1). Every call names the instance it is put to:
// an answer of another one would prove nothing about this one.
import type { SchemaReference, SchemaVersion } from '../model/schemas.ts'

/** A schema as its id names it. */
export interface SchemaText {
  readonly type: string
  readonly schema: string
  readonly references: readonly SchemaReference[]
}

/**
 * `at` is the instance, `http://host:port`. Errors: `registry-unreachable` (nobody listens), `registry-silent`,
 * `registry-failed` (TLS, half an answer, an unknown shape), `registry-unauthorized`, `registry-<error_code>` as Confluent numbers them, `registry-<status>` without a number.
 */
export interface SchemaRegistryReader {
  subjects(at: string, options: { readonly deleted: boolean }, signal: AbortSignal): Promise<readonly string[]>
  /** Every version of every subject, with its schema; null where the registry knows no `GET /schemas` (before 6.0). */
  list(at: string, options: { readonly deleted: boolean }, signal: AbortSignal): Promise<readonly Omit<SchemaVersion, 'deleted'>[] | null>
  /** Ascending. With `deleted` soft-deleted ones too; empty when there is no such subject. */
  versions(at: string, subject: string, options: { readonly deleted: boolean }, signal: AbortSignal): Promise<readonly number[]>
  /** Soft-deleted ones too. */
  schema(at: string, subject: string, version: number, signal: AbortSignal): Promise<Omit<SchemaVersion, 'deleted'>>
  /** null when no schema has the id. */
  byId(at: string, id: number, signal: AbortSignal): Promise<SchemaText | null>
  /** Compatibility level; null for a subject without one of its own. A null subject asks for the global one. */
  config(at: string, subject: string | null, signal: AbortSignal): Promise<string | null>
  /** As `config`. */
  mode(at: string, subject: string | null, signal: AbortSignal): Promise<string | null>
  /** Against the latest version of the subject. */
  compatible(at: string, subject: string, schema: SchemaText, signal: AbortSignal): Promise<boolean>
}

/** Changes; any instance takes them and forwards to its leader. Without one: `registry-50004` or `registry-50003`. */
export interface SchemaRegistryWriter {
  /** Never forced: IMPORT of a registry that is not empty is refused with `registry-42205`. null: global. */
  setMode(at: string, subject: string | null, mode: string, signal: AbortSignal): Promise<void>
  setConfig(at: string, subject: string | null, level: string, signal: AbortSignal): Promise<void>
  /** With its original id and version: mode IMPORT only. */
  importVersion(at: string, version: SchemaVersion, signal: AbortSignal): Promise<void>
  /** Soft: it is no longer listed, its id stays. */
  deleteVersion(at: string, subject: string, version: number, signal: AbortSignal): Promise<void>
}

/** What probes may do: only to subjects of kdr's own, by their prefix; others throw `not-a-canary`. */
export interface SchemaRegistryProbe {
  /** Returns the id. */
  register(at: string, subject: string, schema: SchemaText, signal: AbortSignal): Promise<number>
  configure(at: string, subject: string, level: string, signal: AbortSignal): Promise<void>
  /** For good, with its configuration; one that is gone already is as wanted. */
  remove(at: string, subject: string, signal: AbortSignal): Promise<void>
}
