// A run is a fold over its journal: what is settled, what was intended and never settled, what it lost.
import { parseInstant } from '../units.ts'
import { decode } from './codec.ts'
import type { JournalLine } from './journal.ts'
import type { Effect } from './step.ts'

interface PastStep {
  /** `intent`: durable, and nobody knows yet whether it happened. */
  readonly status: 'intent' | 'settled' | 'nothing' | 'skipped' | 'failed'
  readonly target: unknown
  readonly effect: Effect
}

export interface Folded {
  readonly run: string
  readonly scenario: string
  readonly identity: string
  readonly cluster: string
  readonly options: unknown
  readonly planDigest: string
  readonly startedAt: number
  readonly steps: ReadonlyMap<string, PastStep>
  readonly choices: ReadonlyMap<string, string>
  /** Whether anything of the target may have been changed. */
  readonly changed: boolean
  /** Reasons of skipped steps: they cap the result. */
  readonly skipped: readonly string[]
  readonly finished: { readonly outcome: string; readonly exitCode: number } | null
}

interface Draft {
  steps: Map<string, PastStep>
  choices: Map<string, string>
  skipped: string[]
  changed: boolean
  finished: Folded['finished']
}

/** null when the journal does not begin with a run. */
export const fold = (lines: readonly JournalLine[]): Folded | null => {
  const [first] = lines
  if (first?.type !== 'run.started') return null
  const draft: Draft = { steps: new Map(), choices: new Map(), skipped: [], changed: false, finished: null }
  for (const line of lines) take(draft, line)
  const { run, scenario, identity, cluster, options, planDigest } = first
  return { run, scenario, identity, cluster, options, planDigest, startedAt: parseInstant(first.at), ...draft }
}

const take = (draft: Draft, line: JournalLine): void => {
  const past = 'key' in line ? draft.steps.get(line.key) : undefined
  switch (line.type) {
    case 'choice.made':
      draft.choices.set(line.choose, line.branch)
      return
    case 'step.intent':
      draft.changed ||= line.effect !== 'probe' && line.effect !== 'notify'
      draft.steps.set(line.key, { status: 'intent', target: decode(line.target), effect: line.effect })
      return
    case 'step.settled':
      draft.steps.set(line.key, { status: 'settled', target: decode(line.target), effect: line.effect })
      return
    case 'step.nothing':
      draft.steps.set(line.key, { status: 'nothing', target: null, effect: 'read' })
      return
    case 'step.skipped':
      draft.skipped.push(`${line.key}: ${line.reason}`)
      draft.steps.set(line.key, { status: 'skipped', target: null, effect: 'read' })
      return
    case 'step.failed':
      // A failed act stays an open intent: only the live system can say whether it happened.
      if (past?.status !== 'intent') draft.steps.set(line.key, { status: 'failed', target: null, effect: 'read' })
      return
    case 'run.finished':
      draft.finished = { outcome: line.outcome, exitCode: line.exitCode }
      return
    case 'run.resumed':
      draft.finished = null
      return
    default:
  }
}
