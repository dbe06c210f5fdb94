// The only way text leaves kdr: results to stdout, everything else to stderr, all of it redacted. Knows
// what the streams can show and whether anybody can be asked.

import { createRedactor, redactDeep, secretsOf } from '../engine/redact.ts'
import { EXIT_CODES, type Exit, KdrError, wordsOf } from '../errors.ts'

export type Format = 'text' | 'json' | 'ndjson'

export interface Globals {
  readonly cluster?: string
  readonly config?: string
  readonly output?: Format
  readonly color: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

export interface Terminal {
  readonly format: Format
  /** Somebody sits at both ends: standard input, output and error are a terminal, and CI is not set. */
  readonly interactive: boolean
  /** Standard error may be rewritten in place. */
  readonly live: boolean
  readonly colour: boolean
  readonly unicode: boolean
  readonly columns: number
  readonly quiet: boolean
  readonly verbose: boolean
  /** A line (or lines) of result. */
  out(text: string): void
  /** A result as JSON: indented for people, one line for ndjson. */
  json(value: unknown): void
  /** Progress, a note or an error. */
  err(text: string): void
  /** As is, without a line end: for lines that are rewritten. */
  raw(text: string): void
  redact(text: string): string
  /** From now on these values are hidden. */
  learn(secrets: readonly string[]): void
}

type Environment = Readonly<Record<string, string | undefined>>

const set = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0' && value !== 'false'

const wantsColour = (globals: Globals, environment: Environment, stream: NodeJS.WriteStream): boolean => {
  if (!globals.color || set(environment['NO_COLOR'])) return false
  if (environment['FORCE_COLOR'] !== undefined) return set(environment['FORCE_COLOR']) || environment['FORCE_COLOR'] === ''
  return stream.isTTY === true && environment['TERM'] !== 'dumb'
}

const widthOf = (environment: Environment, stream: NodeJS.WriteStream): number => {
  const wanted = Number(environment['COLUMNS'])
  const width = Number.isInteger(wanted) && wanted > 0 ? wanted : (stream.columns ?? 80)
  return Math.max(40, Math.min(width, 120))
}

const speaksUnicode = (environment: Environment): boolean => {
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || ''
  return environment['TERM'] !== 'dumb' && environment['TERM'] !== 'linux' && /utf-?8/i.test(locale)
}

/** A reader that went away (`| head`) is not an error of ours. */
const quietly = (stream: NodeJS.WriteStream): NodeJS.WriteStream =>
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

export const openTerminal = (globals: Globals, format: Format, host: NodeJS.Process): Terminal => {
  const stdout = quietly(host.stdout)
  const stderr = quietly(host.stderr)
  const environment = host.env
  const atTerminal = !set(environment['CI'])
  const secrets = new Set(secretsOf(environment))
  let redact = createRedactor([...secrets])
  return {
    format,
    interactive: atTerminal && host.stdin.isTTY === true && stdout.isTTY === true && stderr.isTTY === true,
    live: atTerminal && stderr.isTTY === true && environment['TERM'] !== 'dumb',
    colour: wantsColour(globals, environment, stderr),
    unicode: speaksUnicode(environment),
    get columns() {
      return widthOf(environment, stderr.isTTY ? stderr : stdout)
    },
    quiet: globals.quiet,
    verbose: globals.verbose,
    out: (text) => void stdout.write(`${redact(text)}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(redactDeep(value, redact), null, format === 'ndjson' ? 0 : 2)}\n`),
    err: (text) => void stderr.write(`${redact(text)}\n`),
    raw: (text) => void stderr.write(redact(text)),
    redact: (text) => redact(text),
    learn: (more) => {
      for (const secret of more) secrets.add(secret)
      redact = createRedactor([...secrets])
    },
  }
}

/** One JSON document on stderr in the machine formats, two or three lines of words otherwise. Returns the exit code. */
export const reportError = (terminal: Terminal, thrown: unknown): number => {
  const exit: Exit = thrown instanceof KdrError ? thrown.exit : 'failed'
  const exitCode = EXIT_CODES[exit].code
  const code = thrown instanceof KdrError ? thrown.code : 'internal'
  const hint = thrown instanceof KdrError ? (thrown.hint ?? null) : 'this is a bug in kdr: run again with -v for the stack'
  if (terminal.format !== 'text') {
    terminal.err(JSON.stringify(redactDeep({ schema: 'kdr/error/1', code, message: wordsOf(thrown), hint, exitCode }, terminal.redact)))
    return exitCode
  }
  terminal.err(`kdr: ${wordsOf(thrown)}`)
  if (hint !== null) terminal.err(`     next: ${hint}`)
  if (terminal.verbose) for (const line of causesOf(thrown)) terminal.err(`     ${line}`)
  return exitCode
}

const causesOf = (thrown: unknown): readonly string[] => {
  const lines: string[] = []
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) {
    lines.push(at === thrown ? `code: ${at instanceof KdrError ? at.code : at.name}` : `because: ${at.message}`)
    if (!(at instanceof KdrError)) lines.push(...(at.stack ?? '').split('\n').slice(1))
  }
  return lines
}

/** Resolves once everything written has reached the operating system. */
export const drained = async (host: NodeJS.Process): Promise<void> => {
  await Promise.all([host.stdout, host.stderr].map((stream) => new Promise<void>((done) => (stream.writable ? stream.write('', () => done()) : done()))))
}
