// What happens in a run, as one stream: the journal keeps the durable part of it, renderers show all of
// it, and every report is a projection. `docs/json.md` documents what scripts may rely on.
import type { PlatformKind } from '../model/member.ts'
import type { Effect, Preview } from './step.ts'

export type Outcome = 'recovered' | 'unverified' | 'declined' | 'refused' | 'stopped' | 'failed' | 'unknown'
export type Mode = 'interactive' | 'scripted' | 'dry-run' | 'drill'

export interface Actor {
  readonly user: string
  readonly host: string
  readonly pid: number
}

/** What the gate asks for; `flags` is what a run without a terminal would need. */
export interface Gate {
  readonly effect: Effect
  readonly ask: 'yes' | 'type'
  /** What must be typed; for `yes` it is `y`. */
  readonly challenge: string
  /** The exact text shown above the question. */
  readonly text: readonly string[]
  readonly flags: readonly string[]
}

interface At {
  readonly step: string
  /** Step id, with the forEach item's key where there is one: unique within a run. */
  readonly key: string
}

/** Entries that are journalled, fsynced and hash-chained before what they announce. */
export type JournalEntry =
  | {
      readonly type: 'run.started'
      readonly schema: 'kdr/events/1'
      readonly run: string
      readonly scenario: string
      readonly title: string
      readonly cluster: string
      /** `store`: of a backup store, which no cluster is needed for. */
      readonly platform: PlatformKind | 'store'
      readonly identity: string
      readonly options: unknown
      readonly mode: Mode
      readonly actor: Actor
      readonly rtoTargetSeconds: number
      readonly rpoTargetRecords: number
      readonly pastRunsSeconds: readonly number[]
      readonly fence: number
      readonly planDigest: string
    }
  | { readonly type: 'run.resumed'; readonly mode: Mode; readonly actor: Actor; readonly fence: number; readonly reason: string | null }
  | { readonly type: 'phase.started'; readonly phase: string; readonly title: string }
  | { readonly type: 'phase.finished'; readonly phase: string; readonly seconds: number }
  | { readonly type: 'choice.made'; readonly choose: string; readonly branch: string; readonly because: string }
  | (At & { readonly type: 'gate.asked'; readonly gate: Gate })
  | (At & { readonly type: 'gate.answered'; readonly approved: boolean; readonly by: 'operator' | 'grant' | 'drill'; readonly answer: string })
  | (At & { readonly type: 'guard.refused'; readonly guard: string; readonly because: string; readonly protects: readonly string[]; readonly forced: boolean })
  | (At & { readonly type: 'step.intent'; readonly effect: Effect; readonly target: unknown; readonly preview: Preview })
  | (At & { readonly type: 'step.acted' })
  | (At & {
      readonly type: 'step.settled'
      readonly effect: Effect
      readonly target: unknown
      readonly detail: string
      readonly seconds: number
      readonly proves: 'recovery' | 'stability' | null
    })
  | (At & { readonly type: 'step.nothing'; readonly why: string })
  | (At & {
      readonly type: 'step.failed'
      readonly why: string
      readonly hint: string | null
      readonly kind: 'blocked' | 'refused' | 'unknown' | 'failed' | 'deadline'
    })
  | (At & { readonly type: 'step.skipped'; readonly reason: string })
  | (At & { readonly type: 'failure.answered'; readonly choice: 'retry' | 'look' | 'skip' | 'stop'; readonly by: 'operator' | 'policy' })
  | { readonly type: 'evidence.kept'; readonly file: string; readonly sha256: string }
  | { readonly type: 'note'; readonly text: string }
  | {
      readonly type: 'run.finished'
      readonly run: string
      readonly outcome: Outcome
      readonly exitCode: number
      readonly rtoSeconds: number | null
      readonly rpoRecords: number | null
      readonly why: string
      readonly hint: string | null
    }

/** Entries that are only shown. */
export type TransientEntry =
  | (At & { readonly type: 'step.started'; readonly title: string; readonly why: string; readonly effect: Effect })
  | (At & { readonly type: 'step.preview'; readonly preview: Preview; readonly effect: Effect; readonly projected: boolean })
  | (At & {
      readonly type: 'step.progress'
      readonly detail: string
      readonly done: number | null
      readonly total: number | null
      readonly unit: string | null
      readonly elapsedSeconds: number
      readonly remainingSeconds: number | null
      readonly deadlineSeconds: number
    })
  /** A dry run withheld it; `gate` is what would have been asked. */
  | (At & { readonly type: 'step.withheld'; readonly gate: Gate | null; readonly evaluated: boolean; readonly why: string })
  | { readonly type: 'choice.previewed'; readonly choose: string; readonly title: string; readonly branch: string; readonly when: string }

/** `at` is RFC 3339 UTC; `elapsedSeconds` counts from the start of the run. */
export type RunEvent = (JournalEntry | TransientEntry) & { readonly at: string }
export type EventSink = (event: RunEvent) => void
