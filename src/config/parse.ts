// YAML to settings, or to complaints that name the line, the path and what was expected. Values are never
// echoed: the one in the wrong place may be a secret.
import * as v from 'valibot'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { KdrError } from '../errors.ts'
import { type FileSettings, fileSchema, KNOWN_KEYS } from './schema.ts'
import { didYouMean } from './suggest.ts'

export interface Parsed {
  readonly settings: FileSettings
}

export interface Complaint {
  readonly path: string
  readonly line: number | null
  readonly says: string
}

/** The file is not valid: every complaint at once. */
export class ConfigError extends KdrError {
  readonly complaints: readonly Complaint[]
  constructor(origin: string, complaints: readonly Complaint[]) {
    const lines = complaints.map(({ path, line, says }) => `${origin}${line === null ? '' : `:${line}`} ${path === '' ? '' : `${path} `}${says}`)
    super(lines.join('\n     '), { code: 'bad-config', exit: 'usage', hint: 'fix the file, then kdr config check' })
    this.complaints = complaints
  }
}

const SECRET_KEY = /passw(or)?d|passphrase|secret|token|credential|jaas|private[_-]?key|api[_-]?key/i

/** Every text under a key that looks secret, wherever it stands: to be hidden before anything is said. References are not secrets. */
const literalSecrets = (value: unknown, secret = false): readonly string[] => {
  if (typeof value === 'string') return secret ? [value] : []
  if (typeof value === 'number' || typeof value === 'bigint') return secret ? [String(value)] : []
  if (Array.isArray(value)) return value.flatMap((item) => literalSecrets(item, secret))
  if (value === null || typeof value !== 'object') return []
  const entries = Object.entries(value)
  return entries.flatMap(([key, item]) =>
    secret && entries.length === 1 && (key === 'env' || key === 'file') ? [] : literalSecrets(item, secret || SECRET_KEY.test(key)),
  )
}

const known = (path: readonly string[]): readonly string[] =>
  KNOWN_KEYS[path.map((key, index) => (index === 1 && path[0] === 'clusters' ? '*' : key)).join('.')] ?? []

const lineAt = (document: Document, counter: LineCounter, path: readonly unknown[]): number | null => {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = document.getIn(path.slice(0, depth - 1), true)
    const items = typeof parent === 'object' && parent !== null && 'items' in parent && Array.isArray(parent.items) ? parent.items : []
    const wanted = path[depth - 1]
    const node = items.map((item: { key?: { value?: unknown; range?: readonly number[] } }) => item.key).find((key) => key?.value === wanted)
    const start = node?.range?.[0]
    if (start !== undefined) return counter.linePos(start).line
  }
  return null
}

const saysOf = (issue: v.BaseIssue<unknown>, path: readonly string[]): string => {
  const key = path.at(-1) ?? ''
  if (issue.type === 'strict_object' && issue.expected === 'never') return `is not a known key${didYouMean(key, known(path.slice(0, -1)))}`
  if (issue.type === 'strict_object' && issue.received === 'undefined') return 'is missing'
  if (issue.received === 'undefined') return `is missing: ${issue.message.startsWith('Invalid') ? `expected ${issue.expected}` : issue.message}`
  if (issue.type === 'strict_object' || issue.type === 'record') return 'expected keys and values'
  return issue.message.startsWith('Invalid') ? `expected ${issue.expected}` : issue.message
}

const complain = (issue: v.BaseIssue<unknown>, document: Document, counter: LineCounter): Complaint => {
  const keys = (issue.path ?? []).map((item) => item.key)
  const path = keys.map(String)
  return { path: path.join('.'), line: lineAt(document, counter, keys), says: saysOf(issue, path) }
}

/** `learn` gets every literal secret before anything is thrown. Throws `ConfigError`. */
export const parseConfig = (text: string, origin: string, learn: (secrets: readonly string[]) => void): Parsed => {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, logLevel: 'silent' })
  if (document.errors.length > 0) {
    // The parser's own words quote the file, and so could quote a secret: its code and the line say enough.
    throw new ConfigError(
      origin,
      document.errors.map((error) => ({
        path: '',
        line: counter.linePos(error.pos[0]).line,
        says: `is not valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`,
      })),
    )
  }
  const raw: unknown = document.toJS() ?? {}
  learn(literalSecrets(raw))
  const result = v.safeParse(fileSchema, raw)
  if (!result.success)
    throw new ConfigError(
      origin,
      result.issues.map((issue) => complain(issue, document, counter)),
    )
  const settings = result.output
  if (settings.default !== undefined && settings.clusters?.[settings.default] === undefined) {
    throw new ConfigError(origin, [
      {
        path: 'default',
        line: lineAt(document, counter, ['default']),
        says: `names no cluster of this file${didYouMean(settings.default, Object.keys(settings.clusters ?? {}))}`,
      },
    ])
  }
  return { settings }
}
