// Avro by avsc: whether a schema is one, with what it refers to, and whether one reads what another has written.
// biome-ignore lint/correctness/noUnresolvedImports: its main is a folder, which Node resolves and Biome does not.
import avro from 'avsc'
import { wordsOf } from '../../errors.ts'
import type { Level, Reference } from './records.ts'
import { invalidSchema } from './rest-error.ts'

/** A schema's text and what it refers to. */
export interface Source {
  readonly schema: string
  readonly references: readonly Reference[]
}

/** null when there is no such version. */
export type Resolve = (reference: Reference) => Source | null

/** Blanks outside strings go; numbers and the order of fields stay as written. */
export const canonical = (schema: string): string => schema.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, text: string | undefined) => text ?? '')

type Registry = Record<string, avro.Type>

const typeOf = (schema: string, registry: Registry): avro.Type => avro.Type.forSchema(JSON.parse(schema) as avro.Schema, { registry, wrapUnions: 'always' })

/** Depth first: what is referred to has to be known by name before it is. */
const addReferences = (source: Source, resolve: Resolve, registry: Registry, done: Set<string>): void => {
  for (const reference of source.references) {
    const key = JSON.stringify([reference.subject, reference.version])
    if (done.has(key)) continue
    done.add(key)
    const found = resolve(reference)
    if (found === null) throw invalidSchema(`No schema reference found for subject "${reference.subject}" and version ${reference.version}`)
    addReferences(found, resolve, registry, done)
    typeOf(found.schema, registry)
  }
}

/** Throws 42201. */
export const parseAvro = (source: Source, resolve: Resolve): avro.Type => {
  const registry: Registry = {}
  addReferences(source, resolve, registry, new Set())
  try {
    return typeOf(source.schema, registry)
  } catch (thrown) {
    throw invalidSchema(`Invalid schema ${source.schema} with refs ${JSON.stringify(source.references)} of type AVRO, details: ${wordsOf(thrown)}`)
  }
}

/** Why the reader cannot read what the writer wrote; null when it can. */
const unreadable = (reader: avro.Type, writer: avro.Type): string | null => {
  try {
    reader.createResolver(writer)
    return null
  } catch (thrown) {
    return wordsOf(thrown)
  }
}

/** Why `next` may not follow `earlier` (oldest first) at this level; empty when it may. */
export const incompatibilities = (level: Level, next: avro.Type, earlier: readonly avro.Type[]): readonly string[] => {
  if (level === 'NONE') return []
  const against = level.endsWith('_TRANSITIVE') ? earlier : earlier.slice(-1)
  const backward = level.startsWith('BACKWARD') || level.startsWith('FULL')
  const forward = level.startsWith('FORWARD') || level.startsWith('FULL')
  return against.flatMap((old) => [...(backward ? [unreadable(next, old)] : []), ...(forward ? [unreadable(old, next)] : [])]).filter((why) => why !== null)
}
