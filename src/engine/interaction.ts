// Where a run meets whoever drives it: questions, failures, interrupts and results. The edge implements
// these with a terminal, with flags, or not at all; the engine never knows which.

import type { Exit } from '../errors.ts'
import type { Aspect, Finding, Survey } from '../model/survey.ts'
import type { Lock, RunStore } from '../ports/run-store.ts'
import type { ReadPorts, WritePorts } from '../ports/world.ts'
import type { Millis } from '../units.ts'
import type { Actor, EventSink, Gate, Mode, Outcome } from './events.ts'
import type { Effect, Scenario } from './step.ts'

export interface Answer {
  readonly approved: boolean
  readonly by: 'operator' | 'grant' | 'drill'
  /** What was typed, or the grant that covered it. */
  readonly answer: string
}

/** Asks before an effect. Throws `approval-missing` (exit 4) naming the flags where nobody can be asked. */
export interface Approver {
  ask(gate: Gate, signal: AbortSignal): Promise<Answer>
  /** Where nobody can be asked: flags these gates need and lack, told before anything is touched. */
  readonly missing?: (gates: readonly Gate[]) => readonly string[]
}

export interface Failure {
  readonly key: string
  readonly title: string
  readonly why: string
  readonly hint: string | null
  /** Choices that make sense here, in the order to offer them. */
  readonly choices: readonly ('retry' | 'look' | 'skip' | 'stop')[]
}

export type FailureChoice = { readonly choice: 'retry' | 'look' | 'stop' } | { readonly choice: 'skip'; readonly reason: string }

/** What to do after a failed step. Without anybody to ask: stop. */
export interface FailureDesk {
  readonly by: 'operator' | 'policy'
  choose(failure: Failure, signal: AbortSignal): Promise<FailureChoice>
}

/** The first Ctrl-C or SIGTERM: finish the current effect, abandon the wait, journal, stop. */
export interface Interrupt {
  readonly signal: AbortSignal
  cause(): 'SIGINT' | 'SIGTERM' | null
}

/** What a run without a terminal was granted by flags. */
export interface Grants {
  /** `--allow restart,change,…` */
  readonly allow: readonly Effect[]
  /** `--confirm <cluster name>` */
  readonly confirm: string | null
  /** `--accept-loss topic:partitions`, as `topic-partition` names. */
  readonly acceptLoss: readonly string[]
}

/** Takes a survey through the read ports; by default `survey/observe.ts`. `base` gives what is not asked for. */
export type Observe = (aspects: readonly Aspect[], base: Survey | null, signal: AbortSignal) => Promise<Survey>

export interface RehearsalDeps<Options> {
  readonly scenario: Scenario<Options>
  readonly options: Options
  readonly ports: ReadPorts
  readonly observe: Observe
  readonly events: EventSink
  readonly interrupt: Interrupt
  /** Hides secrets in any text that leaves the engine. */
  readonly redact: (text: string) => string
  readonly actor: Actor
  /** Guards forced by name: `--force=G1`. */
  readonly force: readonly string[]
}

export interface RunDeps<Options> extends RehearsalDeps<Options> {
  readonly write: WritePorts
  readonly store: RunStore
  readonly lock: Lock
  readonly approver: Approver
  readonly desk: FailureDesk
  readonly mode: Exclude<Mode, 'dry-run'>
  /** Run whose lock may be taken over knowingly. */
  readonly takeOver: string | null
  /** Why, in the operator's words, for the journal. */
  readonly reason?: string | null
  /** RTOs of earlier runs of this scenario on this target, seconds. */
  readonly pastRunsSeconds: readonly number[]
  /** How often a waiting step polls, and how often it says that it still waits. */
  readonly pace: { readonly poll: Millis; readonly heartbeat: Millis }
}

export interface RunResult {
  readonly run: string
  readonly outcome: Outcome
  readonly exit: Exit
  readonly rtoSeconds: number | null
  readonly rpoRecords: number | null
  readonly why: string
  readonly hint: string | null
  /** Last survey taken, with findings. */
  readonly survey: Survey | null
  readonly finding: Finding
  /** Gates that would open (rehearsal) or opened. */
  readonly gates: readonly Gate[]
}
