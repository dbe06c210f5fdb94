// The journal: append-only, fsynced, hash-chained. An intent is durable before its effect, and a run is a
// fold over these lines. The chain makes edits evident, not impossible.
import { createHash } from 'node:crypto'
import { KdrError, wordsOf } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { JournalFile, RunFolder } from '../ports/run-store.ts'
import { formatInstant } from '../units.ts'
import { mapStrings } from './codec.ts'
import type { EventSink, JournalEntry, RunEvent, TransientEntry } from './events.ts'

export type JournalLine = JournalEntry & {
  readonly v: 1
  readonly seq: number
  /** SHA-256 of the line before, in hexadecimal; of the first line: 64 zeros. */
  readonly prev: string
  readonly at: string
}

/** Names that resume goes by: a variable called KAFKA_PASSWORD with the value `kafka` must not make a run unresumable. */
const NAMES: ReadonlySet<string> = new Set([
  'type',
  'schema',
  'run',
  'scenario',
  'cluster',
  'platform',
  'identity',
  'planDigest',
  'step',
  'key',
  'phase',
  'choose',
  'branch',
  'effect',
  'member',
  'uid',
  'topic',
])

const START = '0'.repeat(64)
const hashOf = (line: string) => createHash('sha256').update(line).digest('hex')

export interface JournalReading {
  readonly lines: readonly JournalLine[]
  /** The last line was half-written: a crash; what it announced did not happen. */
  readonly torn: boolean
  /** Why the chain does not hold, or null. */
  readonly broken: string | null
}

/** Reads and checks a run's journal; a broken chain is said, never repaired. */
export const readJournal = (folder: RunFolder): JournalReading => {
  const { lines: texts, torn } = folder.read()
  const lines: JournalLine[] = []
  let prev = START
  for (const [index, text] of texts.entries()) {
    const line = parse(text)
    if (line === null) return { lines, torn, broken: `line ${index + 1} is not a journal line` }
    if (line.prev !== prev || line.seq !== index) return { lines, torn, broken: `line ${index + 1} does not follow from the line before it` }
    lines.push(line)
    prev = hashOf(text)
  }
  return { lines, torn, broken: null }
}

const parse = (text: string): JournalLine | null => {
  try {
    const line: unknown = JSON.parse(text)
    return typeof line === 'object' && line !== null && 'seq' in line && 'type' in line ? (line as JournalLine) : null
  } catch {
    return null
  }
}

interface JournalDeps {
  readonly clock: Clock
  readonly redact: (text: string) => string
  readonly events: EventSink
  /** Throws `lock-lost`: a life that lost its lock writes nothing more into the journal of the one that took over. */
  readonly check: () => void
}

/** Writes entries durably, then shows them; everything that leaves is redacted here. */
export class Journal {
  readonly #file: JournalFile
  readonly #clock: Clock
  readonly #redact: (text: string) => string
  readonly #events: EventSink
  readonly #check: () => void
  #seq: number
  #prev: string

  constructor(folder: RunFolder, deps: JournalDeps) {
    const { lines } = folder.read()
    const last = lines.at(-1)
    this.#seq = lines.length
    this.#prev = last === undefined ? START : hashOf(last)
    this.#file = folder.open()
    this.#clock = deps.clock
    this.#redact = deps.redact
    this.#events = deps.events
    this.#check = deps.check
  }

  /** Returns when the entry is durable. Throws `journal-failed`: then nothing may be done that it announces. */
  record(entry: JournalEntry): JournalEntry {
    this.#check()
    const at = formatInstant(this.#clock.now())
    const clean = mapStrings(entry, this.#redact, NAMES) as JournalEntry
    const text = JSON.stringify({ v: 1, seq: this.#seq, prev: this.#prev, at, ...clean })
    try {
      this.#file.append(text)
    } catch (thrown) {
      if (thrown instanceof KdrError || !(thrown instanceof Error) || !('code' in thrown)) throw thrown
      throw new KdrError(`the journal cannot be written: ${wordsOf(thrown)}`, {
        code: 'journal-failed',
        hint: 'make room or fix the permissions of the run folder, then kdr runs resume',
        cause: thrown,
      })
    }
    this.#seq += 1
    this.#prev = hashOf(text)
    this.#events({ at, ...clean } as RunEvent)
    return clean
  }

  /** Shows an entry that is not kept. */
  show(entry: TransientEntry | JournalEntry): void {
    this.#events({ at: formatInstant(this.#clock.now()), ...(mapStrings(entry, this.#redact, NAMES) as TransientEntry) } as RunEvent)
  }

  close(): void {
    this.#file.close()
  }
}
