// How a run ends before its last step: one thrown thing that carries the outcome, so that every way out is
// journalled and mapped to an exit code in one place.
import type { Exit } from '../errors.ts'
import type { Outcome } from './events.ts'

export class Halt extends Error {
  readonly outcome: Outcome
  readonly exit: Exit
  readonly hint: string | null

  constructor(why: string, outcome: Outcome, exit: Exit, hint: string | null = null) {
    super(why)
    this.outcome = outcome
    this.exit = exit
    this.hint = hint
  }
}

/** A step that did not work; the operator, or the policy, chooses what next. */
export class Trouble extends Error {
  readonly kind: 'blocked' | 'refused' | 'unknown' | 'failed' | 'deadline'
  readonly hint: string | null
  /** Of the error behind it, where that has one of its own: a corrupt archive is not just a failure. */
  readonly exit: Exit | null

  constructor(kind: Trouble['kind'], why: string, hint: string | null = null, exit: Exit | null = null) {
    super(why)
    this.kind = kind
    this.hint = hint
    this.exit = exit
  }
}

const UNTOUCHED: ReadonlySet<Exit> = new Set(['usage', 'declined', 'approvalMissing', 'refused', 'locked'])

/** How trouble ends a run that stops there. `changed`: something of the target may already be different. */
export const haltFor = (trouble: Trouble, changed: boolean): Halt => {
  const { message, hint } = trouble
  if (trouble.kind === 'unknown') return new Halt(message, 'unknown', 'unknown', hint)
  if (trouble.kind === 'blocked' || trouble.kind === 'refused') {
    if (changed)
      return new Halt(
        message,
        'stopped',
        'stopped',
        hint ?? 'the cluster is not what it was when the run began: kdr diagnose, and resume once what it names is repaired',
      )
    return new Halt(message, 'refused', 'refused', hint)
  }
  // An error of a step may promise by its exit that nothing was changed; by then that is not true of the run.
  if (changed && trouble.exit !== null && UNTOUCHED.has(trouble.exit)) return new Halt(message, 'stopped', 'stopped', hint)
  return new Halt(message, 'failed', trouble.exit ?? 'failed', hint)
}
