// The schema registry port over Confluent's REST API, version 1 as of 7.5. Answers are read strictly: what is
// not the shape that was promised is an error, never a default.
import * as v from 'valibot'
import { KdrError } from '../../errors.ts'
import { CANARY_SUBJECT, type SchemaVersion } from '../../model/schemas.ts'
import type { SchemaRegistryProbe, SchemaRegistryReader, SchemaRegistryWriter, SchemaText } from '../../ports/schema-registry.ts'
import type { HttpConnection } from '../http/exchange.ts'
import { ask, type Question } from './ask.ts'

const AVRO = 'AVRO'
const Reference = v.object({ name: v.string(), subject: v.string(), version: v.number() })
const text = { schema: v.string(), schemaType: v.optional(v.nullable(v.string())), references: v.optional(v.nullable(v.array(Reference))) }
const Registered = v.object({ subject: v.string(), version: v.number(), id: v.number(), ...text })
const Text = v.object(text)
const Names = v.array(v.string())
const Numbers = v.array(v.number())

const shaped = <T extends v.GenericSchema>(what: string, schema: T, value: unknown): v.InferOutput<T> => {
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return parsed.output
  throw new KdrError(`${what} is answered in an unknown shape: ${v.getDotPath(parsed.issues[0]) ?? ''} ${parsed.issues[0].message}`, {
    code: 'registry-failed',
  })
}

const name = (subject: string): string => encodeURIComponent(subject)
const codeOf = (thrown: unknown): string => (thrown instanceof KdrError ? thrown.code : '')

/** Not there: 40401 subject, 40402 version, 40403 schema, 40408 and 40409 no level or mode of the subject's own. */
const unless = async <T, U>(codes: readonly string[], attempt: Promise<T>, otherwise: U): Promise<T | U> => {
  try {
    return await attempt
  } catch (thrown) {
    if (codes.includes(codeOf(thrown))) return otherwise
    throw thrown
  }
}

const bodyOf = ({ type, schema, references }: SchemaText): Record<string, unknown> => ({
  schema,
  // Registries from before 5.5 know Avro only, and no field for it.
  ...(type === AVRO ? {} : { schemaType: type }),
  ...(references.length === 0 ? {} : { references }),
})

const textOf = ({ schema, schemaType, references }: v.InferOutput<typeof Text>): SchemaText => ({
  type: schemaType ?? AVRO,
  schema,
  references: references ?? [],
})

type Ask = (at: string, question: Question, signal: AbortSignal) => Promise<unknown>

const setting = async (put: Ask, at: string, kind: 'config' | 'mode', subject: string | null, signal: AbortSignal): Promise<string | null> => {
  const path = subject === null ? `/${kind}` : `/${kind}/${name(subject)}`
  const answer = await unless(['registry-40401', 'registry-40408', 'registry-40409'], put(at, { method: 'GET', path }, signal), null)
  if (answer === null) return null
  const key = kind === 'config' ? 'compatibilityLevel' : 'mode'
  const value = shaped(path, v.record(v.string(), v.unknown()), answer)[key]
  if (typeof value === 'string') return value
  throw new KdrError(`${path} of ${at} names no ${key}`, { code: 'registry-failed' })
}

type Listed = Omit<SchemaVersion, 'deleted'>

const registeredOf = (found: v.InferOutput<typeof Registered>): Listed => ({ subject: found.subject, version: found.version, id: found.id, ...textOf(found) })

/** Versions to a page: newer registries give a thousand at most, whatever is asked for (schema.search.max.limit). */
const PAGE = 500

/** Page by page until one brings nothing new: a registry that knows no pages gives everything each time. */
const listAll = async (put: Ask, at: string, deleted: boolean, signal: AbortSignal): Promise<readonly Listed[] | null> => {
  const all = new Map<string, Listed>()
  for (;;) {
    const path = `/schemas?deleted=${deleted}&latestOnly=false&offset=${all.size}&limit=${PAGE}`
    const page = await unless(['registry-404', 'registry-405'], put(at, { method: 'GET', path }, signal), null)
    if (page === null) return null
    const before = all.size
    for (const found of shaped('/schemas', v.array(Registered), page)) all.set(JSON.stringify([found.subject, found.version]), registeredOf(found))
    if (all.size === before) return [...all.values()]
  }
}

const reader = (put: Ask): SchemaRegistryReader => ({
  subjects: async (at, { deleted }, signal) =>
    shaped('/subjects', Names, await put(at, { method: 'GET', path: `/subjects${deleted ? '?deleted=true' : ''}` }, signal)),
  list: (at, { deleted }, signal) => listAll(put, at, deleted, signal),
  versions: async (at, subject, { deleted }, signal) => {
    const path = `/subjects/${name(subject)}/versions${deleted ? '?deleted=true' : ''}`
    const found = await unless(['registry-40401'], put(at, { method: 'GET', path }, signal), [])
    return [...shaped(path, Numbers, found)].sort((a, b) => a - b)
  },
  schema: async (at, subject, version, signal) => {
    const path = `/subjects/${name(subject)}/versions/${version}?deleted=true`
    return registeredOf(shaped(path, Registered, await put(at, { method: 'GET', path }, signal)))
  },
  byId: async (at, id, signal) => {
    const path = `/schemas/ids/${id}`
    const found = await unless(['registry-40403'], put(at, { method: 'GET', path }, signal), null)
    return found === null ? null : textOf(shaped(path, Text, found))
  },
  config: (at, subject, signal) => setting(put, at, 'config', subject, signal),
  mode: (at, subject, signal) => setting(put, at, 'mode', subject, signal),
  compatible: async (at, subject, schema, signal) => {
    const path = `/compatibility/subjects/${name(subject)}/versions/latest`
    const answer = await put(at, { method: 'POST', path, body: bodyOf(schema) }, signal)
    return shaped(path, v.object({ is_compatible: v.boolean() }), answer).is_compatible
  },
})

const writer = (put: Ask): SchemaRegistryWriter => ({
  setMode: async (at, subject, mode, signal) => {
    await put(at, { method: 'PUT', path: subject === null ? '/mode' : `/mode/${name(subject)}`, body: { mode } }, signal)
  },
  setConfig: async (at, subject, level, signal) => {
    await put(at, { method: 'PUT', path: subject === null ? '/config' : `/config/${name(subject)}`, body: { compatibility: level } }, signal)
  },
  importVersion: async (at, { subject, version, id, ...schema }, signal) => {
    const path = `/subjects/${name(subject)}/versions`
    const answer = await put(at, { method: 'POST', path, body: { ...bodyOf(schema), version, id } }, signal)
    const given = shaped(path, v.object({ id: v.number() }), answer).id
    if (given !== id)
      throw new KdrError(`${at} gave ${subject} ${version} the id ${given} instead of ${id}`, {
        code: 'registry-other-id',
        hint: 'it does not keep ids on import: stop here, records would be decoded with wrong schemas',
      })
  },
  deleteVersion: async (at, subject, version, signal) => {
    await put(at, { method: 'DELETE', path: `/subjects/${name(subject)}/versions/${version}` }, signal)
  },
})

const mustBeCanary = (subject: string): void => {
  if (!subject.startsWith(CANARY_SUBJECT))
    throw new KdrError(`subject ${subject} is not kdr's own: a probe only touches names that start with ${CANARY_SUBJECT}`, { code: 'not-a-canary' })
}

const GONE = ['registry-40401', 'registry-40402', 'registry-40404', 'registry-40408']

const probe = (put: Ask): SchemaRegistryProbe => ({
  register: async (at, subject, schema, signal) => {
    mustBeCanary(subject)
    const path = `/subjects/${name(subject)}/versions`
    return shaped(path, v.object({ id: v.number() }), await put(at, { method: 'POST', path, body: bodyOf(schema) }, signal)).id
  },
  configure: async (at, subject, level, signal) => {
    mustBeCanary(subject)
    await put(at, { method: 'PUT', path: `/config/${name(subject)}`, body: { compatibility: level } }, signal)
  },
  remove: async (at, subject, signal) => {
    mustBeCanary(subject)
    await unless(GONE, put(at, { method: 'DELETE', path: `/config/${name(subject)}` }, signal), null)
    await unless(GONE, put(at, { method: 'DELETE', path: `/subjects/${name(subject)}` }, signal), null)
    await unless(GONE, put(at, { method: 'DELETE', path: `/subjects/${name(subject)}?permanent=true` }, signal), null)
  },
})

/** Connects to nothing until asked, and keeps no connection. */
export const openSchemaRegistry = (connection: HttpConnection): SchemaRegistryReader & SchemaRegistryWriter & SchemaRegistryProbe => {
  const put: Ask = (at, question, signal) => ask(at, question, connection, signal)
  return { ...reader(put), ...writer(put), ...probe(put) }
}
