// One table of exit codes and one error type: an error is translated once at an adapter's border and
// printed once at the edge, saying what happened, to what, and what to do next.

/** Exit codes of every command; `kdr help exit-codes` prints this table. */
export const EXIT_CODES = {
  ok: { code: 0, means: 'done and seen to work' },
  failed: { code: 1, means: 'failed' },
  usage: { code: 2, means: 'usage or configuration error; nothing was touched' },
  declined: { code: 3, means: 'declined at a question; nothing changed' },
  approvalMissing: { code: 4, means: 'approval missing, the flags are named; nothing changed' },
  refused: { code: 5, means: 'a guard or the target refused; nothing changed' },
  stopped: { code: 6, means: 'stopped part-way; go on with kdr runs resume (kdr backup prune plans anew)' },
  unknown: { code: 7, means: 'unknown: an outcome or a diagnosis; inspect before retrying' },
  locked: { code: 8, means: 'another run holds the lock on this target' },
  breached: { code: 9, means: 'recovered, but an objective (RTO or RPO) was breached' },
  backupIncomplete: { code: 20, means: 'backup incomplete' },
  corrupt: { code: 21, means: 'backup or journal corrupt' },
  wrongKey: { code: 22, means: 'wrong encryption key' },
  noSuchStore: { code: 23, means: 'no such backup store or backup' },
  interrupted: { code: 130, means: 'interrupted (Ctrl-C) before any effect' },
  terminated: { code: 143, means: 'terminated (SIGTERM) before any effect' },
} as const

export type Exit = keyof typeof EXIT_CODES

export interface ErrorParts {
  /** Stable, machine-readable, kebab-case: `lab-not-found`, `broker-unreachable`. */
  readonly code: string
  readonly exit?: Exit
  /** What to do next, imperative. */
  readonly hint?: string
  readonly cause?: unknown
}

/** An expected failure: what happened, to what; `hint` says what to do next. */
export class KdrError extends Error {
  override readonly name = 'KdrError'
  readonly code: string
  readonly exit: Exit
  readonly hint: string | undefined

  constructor(message: string, parts: ErrorParts) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause })
    this.code = parts.code
    this.exit = parts.exit ?? 'failed'
    this.hint = parts.hint
  }
}

/** The words of any thrown thing, without its stack. */
export const wordsOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message || thrown.name : String(thrown))
