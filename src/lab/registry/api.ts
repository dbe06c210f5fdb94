// Confluent's REST API v1, as of 7.5, over the registry: which path asks what, and what the answers look like.
// Reads are answered by every instance from its memory; writes are the leader's.
import type { Source } from './avro.ts'
import type { Deleted, Memory } from './memory.ts'
import { AVRO, LEVELS, type Level, MODES, type Mode, type Reference, type StoredSchema } from './records.ts'
import type { Registry, Submitted } from './registry.ts'
import { invalidSchema, RestError, schemaNotFound, subjectNotFound, versionNotFound } from './rest-error.ts'

export interface Call {
  /** Of the path's braces, decoded, in order. */
  readonly words: readonly string[]
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{}` stands for one word. */
  readonly path: string
  /** Done by the leader, one at a time. A local answer, where there is one, spares that: null when there is none. */
  readonly write?: { readonly local: (call: Call) => unknown }
  readonly answer: (call: Call) => unknown
}

const LEVEL_WORDS = 'none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive'

const isTrue = (query: URLSearchParams, name: string): boolean => query.get(name) === 'true'

const deletedOf = (query: URLSearchParams): Deleted => (isTrue(query, 'deletedOnly') ? 'only' : isTrue(query, 'deleted') ? 'with' : 'without')

const versionOf = (word: string | undefined): number | 'latest' => {
  if (word === 'latest' || word === '-1') return 'latest'
  const version = Number(word)
  if (Number.isInteger(version) && version > 0 && version < 2 ** 31) return version
  throw new RestError(42202, `The specified version '${word}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`)
}

const idOf = (word: string | undefined): number => {
  const id = Number(word)
  if (Number.isInteger(id)) return id
  throw new RestError(404, 'HTTP 404 Not Found')
}

const referencesOf = (value: unknown): readonly Reference[] =>
  (Array.isArray(value) ? value : []).map((each: Partial<Reference> | null) => ({
    name: String(each?.name ?? ''),
    subject: String(each?.subject ?? ''),
    version: Number(each?.version ?? -1),
  }))

const positive = (value: unknown): number | null => (typeof value === 'number' && value > 0 ? value : null)

const submittedOf = ({ schema, schemaType, references, id, version }: Call['body']): Submitted => {
  if (typeof schema !== 'string') throw invalidSchema('Empty schema')
  return {
    schema,
    schemaType: typeof schemaType === 'string' ? schemaType : AVRO,
    references: referencesOf(references),
    id: positive(id),
    version: positive(version),
  }
}

const levelOf = ({ compatibility }: Call['body']): Level => {
  const level = LEVELS.find((each) => each === String(compatibility).toUpperCase())
  if (level !== undefined) return level
  throw new RestError(42203, `Invalid compatibility level. Valid values are ${LEVEL_WORDS}`)
}

const modeOf = ({ mode }: Call['body']): Mode => {
  const found = MODES.find((each) => each === String(mode).toUpperCase())
  if (found !== undefined) return found
  throw new RestError(42204, `Invalid mode. Valid values are ${MODES.join(', ')}`)
}

const contentJson = ({ schemaType, references, schema }: Source & { readonly schemaType: string }): object => ({
  ...(schemaType === AVRO ? {} : { schemaType }),
  ...(references.length === 0 ? {} : { references }),
  schema,
})
const schemaJson = (stored: StoredSchema): object => ({ subject: stored.subject, version: stored.version, id: stored.id, ...contentJson(stored) })

const needVersion = (memory: Memory, { words, query }: Call, deleted: Deleted = isTrue(query, 'deleted') ? 'with' : 'without'): StoredSchema => {
  const [subject = '', word] = words
  const version = versionOf(word)
  const found = memory.version(subject, version, deleted)
  if (found !== null) return found
  throw memory.versions(subject, deleted).length === 0 ? subjectNotFound(subject) : versionNotFound(version)
}

const needId = (memory: Memory, { words }: Call): StoredSchema => {
  const id = idOf(words[0])
  const [found] = memory.withId(id)
  if (found === undefined) throw schemaNotFound(id)
  return found
}

const schemas = (memory: Memory): readonly Route[] => [
  { method: 'GET', path: '/schemas/types', answer: () => [AVRO] },
  {
    method: 'GET',
    path: '/schemas',
    answer: ({ query }) => {
      const all = memory.all(deletedOf(query)).filter(({ subject }) => subject.startsWith(query.get('subjectPrefix') ?? ''))
      const latest = (each: StoredSchema) => memory.version(each.subject, 'latest', deletedOf(query)) === each
      const found = isTrue(query, 'latestOnly') ? all.filter(latest) : all
      const [offset, limit] = [Number(query.get('offset') ?? 0), Number(query.get('limit') ?? -1)]
      return found.slice(offset, limit < 0 ? undefined : offset + limit).map(schemaJson)
    },
  },
  { method: 'GET', path: '/schemas/ids/{}', answer: (call) => contentJson(needId(memory, call)) },
  { method: 'GET', path: '/schemas/ids/{}/schema', answer: (call) => JSON.parse(needId(memory, call).schema) as unknown },
  {
    method: 'GET',
    path: '/schemas/ids/{}/subjects',
    answer: (call) => [...new Set(memory.withId(needId(memory, call).id, deletedOf(call.query)).map(({ subject }) => subject))],
  },
  {
    method: 'GET',
    path: '/schemas/ids/{}/versions',
    answer: (call) => memory.withId(needId(memory, call).id, deletedOf(call.query)).map(({ subject, version }) => ({ subject, version })),
  },
]

const subjects = (memory: Memory, registry: Registry): readonly Route[] => [
  {
    method: 'GET',
    path: '/subjects',
    answer: ({ query }) => memory.subjects(deletedOf(query)).filter((subject) => subject.startsWith(query.get('subjectPrefix') ?? '')),
  },
  {
    method: 'GET',
    path: '/subjects/{}/versions',
    answer: ({ words: [subject = ''], query }) => {
      const versions = memory.versions(subject, deletedOf(query)).map(({ version }) => version)
      if (versions.length === 0) throw subjectNotFound(subject)
      return versions
    },
  },
  { method: 'GET', path: '/subjects/{}/versions/{}', answer: (call) => schemaJson(needVersion(memory, call)) },
  { method: 'GET', path: '/subjects/{}/versions/{}/schema', answer: (call) => JSON.parse(needVersion(memory, call).schema) as unknown },
  {
    method: 'GET',
    path: '/subjects/{}/versions/{}/referencedby',
    answer: (call) => {
      const { subject, version } = needVersion(memory, call)
      return memory.referrers(subject, version)
    },
  },
  {
    method: 'POST',
    path: '/subjects/{}',
    answer: ({ words: [subject = ''], query, body }) => {
      const deleted = isTrue(query, 'deleted') ? 'with' : 'without'
      if (memory.versions(subject, deleted).length === 0) throw subjectNotFound(subject)
      const found = registry.lookUp(subject, submittedOf(body), deleted)
      if (found === null) throw schemaNotFound(null)
      return schemaJson(found)
    },
  },
  {
    method: 'POST',
    path: '/subjects/{}/versions',
    // A schema that is there already is answered by whoever is asked: it proves nothing about writes.
    write: {
      local: ({ words: [subject = ''], body }) => {
        const submitted = submittedOf(body)
        const found = registry.lookUp(subject, submitted, 'without')
        return found !== null && submitted.version === null && (submitted.id ?? found.id) === found.id ? { id: found.id } : null
      },
    },
    answer: async ({ words: [subject = ''], body }) => ({ id: await registry.register(subject, submittedOf(body)) }),
  },
  {
    method: 'DELETE',
    path: '/subjects/{}',
    write: { local: () => null },
    answer: ({ words: [subject = ''], query }) => registry.deleteSubject(subject, isTrue(query, 'permanent')),
  },
  {
    method: 'DELETE',
    path: '/subjects/{}/versions/{}',
    write: { local: () => null },
    answer: ({ words: [subject = '', word], query }) => registry.deleteVersion(subject, versionOf(word), isTrue(query, 'permanent')),
  },
]

const compatibility = (memory: Memory, registry: Registry): readonly Route[] => {
  const against = (call: Call, earlier: readonly StoredSchema[]) => {
    const why = registry.incompatibilities(call.words[0] ?? '', submittedOf(call.body), earlier)
    return { is_compatible: why.length === 0, ...(isTrue(call.query, 'verbose') ? { messages: why } : {}) }
  }
  return [
    {
      method: 'POST',
      path: '/compatibility/subjects/{}/versions/{}',
      answer: (call) => {
        const [subject = '', word] = call.words
        const version = versionOf(word)
        const found = memory.version(subject, version, 'without')
        if (found === null && version !== 'latest') throw versionNotFound(version)
        return against(call, found === null ? [] : [found])
      },
    },
    { method: 'POST', path: '/compatibility/subjects/{}/versions', answer: (call) => against(call, memory.versions(call.words[0] ?? '', 'without')) },
  ]
}

/** Of everybody at `path`, of a subject below it. */
const config = (memory: Memory, registry: Registry): readonly Route[] => {
  const put = async (subject: string | null, { body }: Call) => {
    const level = levelOf(body)
    await registry.setLevel(subject, level)
    return { compatibility: level }
  }
  const remove = async (subject: string | null) => {
    const before = subject === null ? memory.levelFor(null) : memory.level(subject)
    if (before === null) throw subjectNotFound(subject ?? '')
    await registry.setLevel(subject, null)
    return { compatibilityLevel: before }
  }
  const write = { local: () => null }
  return [
    { method: 'GET', path: '/config', answer: () => ({ compatibilityLevel: memory.levelFor(null) }) },
    { method: 'PUT', path: '/config', write, answer: (call) => put(null, call) },
    { method: 'DELETE', path: '/config', write, answer: () => remove(null) },
    {
      method: 'GET',
      path: '/config/{}',
      answer: ({ words: [subject = ''], query }) => {
        const level = isTrue(query, 'defaultToGlobal') ? memory.levelFor(subject) : memory.level(subject)
        if (level === null) throw new RestError(40408, `Subject '${subject}' does not have subject-level compatibility configured`)
        return { compatibilityLevel: level }
      },
    },
    { method: 'PUT', path: '/config/{}', write, answer: (call) => put(call.words[0] ?? '', call) },
    { method: 'DELETE', path: '/config/{}', write, answer: ({ words: [subject = ''] }) => remove(subject) },
  ]
}

const modes = (memory: Memory, registry: Registry): readonly Route[] => {
  const put = async (subject: string | null, { body, query }: Call) => {
    const mode = modeOf(body)
    await registry.setMode(subject, mode, isTrue(query, 'force'))
    return { mode }
  }
  const write = { local: () => null }
  return [
    { method: 'GET', path: '/mode', answer: () => ({ mode: memory.modeFor(null) }) },
    { method: 'PUT', path: '/mode', write, answer: (call) => put(null, call) },
    {
      method: 'GET',
      path: '/mode/{}',
      answer: ({ words: [subject = ''], query }) => {
        const mode = isTrue(query, 'defaultToGlobal') ? memory.modeFor(subject) : memory.mode(subject)
        if (mode === null) throw new RestError(40409, `Subject '${subject}' does not have subject-level mode configured`)
        return { mode }
      },
    },
    { method: 'PUT', path: '/mode/{}', write, answer: (call) => put(call.words[0] ?? '', call) },
    {
      method: 'DELETE',
      path: '/mode/{}',
      write,
      answer: async ({ words: [subject = ''] }) => {
        const before = memory.mode(subject)
        if (before === null) throw subjectNotFound(subject)
        await registry.setMode(subject, null, false)
        return { mode: before }
      },
    },
  ]
}

export const routesOf = (memory: Memory, registry: Registry): readonly Route[] => [
  { method: 'GET', path: '/', answer: () => ({}) },
  ...schemas(memory),
  ...subjects(memory, registry),
  ...compatibility(memory, registry),
  ...config(memory, registry),
  ...modes(memory, registry),
]
