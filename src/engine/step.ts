// What a step and a scenario are. A step says what it is about, what it would do, and how to tell that
// it worked; every danger (gate, journal, lock, deadline, resume) is the engine's. No step knows its mode.
import type { Known } from '../model/known.ts'
import type { Aspect, Finding, Survey, Verdict } from '../model/survey.ts'
import type { PlatformCommands } from '../ports/platform.ts'
import type { ReadWorld, WriteWorld } from '../ports/world.ts'
import type { Millis } from '../units.ts'

/** In order of risk; an author can raise a step's effect, never lower it. */
export const EFFECTS = ['read', 'notify', 'probe', 'restart', 'change', 'stop', 'delete', 'lose-data'] as const
export type Effect = (typeof EFFECTS)[number]

export type Resolution<T> =
  | { readonly target: T }
  /** Nothing to do: why it already holds. */
  | { readonly nothing: string }
  /** Must not go on: why, and what to do instead. */
  | { readonly blocked: string; readonly hint?: string }
  | { readonly unknown: string; readonly hint?: string }

export interface Refusal {
  /** `G1` … `G5` or a scenario's own. */
  readonly guard: string
  readonly because: string
  /** Partitions (`orders-3`) or members it protects, all of them. */
  readonly protects: readonly string[]
  /** It refuses because something was not seen: it may be seen a moment later, when a controller has been elected, say. */
  readonly blind?: true
  /** What `--force=<guard>` would make of it, where it may be forced at all; `partitions` are those that may lose records. */
  readonly force: { readonly as: Effect; readonly partitions: readonly string[] } | null
  /** What to do instead. */
  readonly instead?: string
}

/** Pure. A strict function property, so that a guard for one kind of target does not fit a step with another. */
export interface Guard<T> {
  readonly name: string
  readonly check: (now: Survey, target: T) => Refusal | null
}

interface Losses {
  /** `orders-3`, all of them. */
  readonly partitions: readonly string[]
  /** What of each may be lost, a line each. */
  readonly statement: readonly string[]
  /** What has to be typed: the most records that may be lost, or a word where nothing bounds them. */
  readonly figure: string
}

export interface Preview {
  /** One sentence, imperative, naming the target. */
  readonly sentence: string
  /** What will be different afterwards, a line each. */
  readonly changes: readonly string[]
  /** The equivalent kubectl, docker, kafka or shell commands. */
  readonly commands: readonly string[]
}

export interface Progress {
  readonly state: 'not-started' | 'under-way' | 'done' | 'unknown'
  /** What is still missing or what was seen, for the person who waits. */
  readonly detail: string
  /** How far, where it can be counted; the engine makes an estimate of it. */
  readonly measure?: { readonly done: number; readonly total: number; readonly unit: string }
  /** Set when waiting longer cannot help: the step fails at once with these words. */
  readonly hopeless?: string
}

interface Common<T> {
  /** Stable, never reused; journal and resume key on it. */
  readonly id: string
  readonly title: string
  readonly why: string
  readonly aspects: readonly Aspect[]
  /** Changeable state only from `world.survey()`. */
  readonly resolve: (world: ReadWorld) => Promise<Resolution<T>>
  readonly preview: (target: T, commands: PlatformCommands) => Preview
  /** Pure: the picture once it worked. A dry run goes on from it. */
  readonly expect: (now: Survey, target: T) => Survey
  /** Pure; polled until done or the deadline. A target carries what it was resolved against. */
  readonly done: (now: Survey, target: T) => Progress
  readonly budget: { readonly expected: Millis; readonly deadline: Millis }
  /** `recovery`: the RTO clock stops when the last such step is done. `stability`: reported after it. A dry run evaluates neither. */
  readonly proves?: 'recovery' | 'stability'
  /** Acknowledged records lost, as far as it can be told once this step is done: for the RPO. */
  readonly loss?: (now: Survey, target: T) => Known<number>
  /** Called with the target once decided, and on resume with the journalled one: how `decide` passes it on. */
  readonly decided?: (target: T) => void
}

/** Looks or waits; there is no way for it to write. */
export interface Look<T> extends Common<T> {
  readonly effect: 'read'
}

export interface Act<T> extends Common<T> {
  readonly effect: Exclude<Effect, 'read'>
  /** Raises the effect for this target. */
  readonly raise?: (target: T) => Effect
  readonly guards: readonly Guard<T>[]
  /** Its effect has to last: a resumed run that passes it looks whether it still holds, and offers it again. */
  readonly lasting?: true
  /** What it may lose: stated at its gate, each partition named by `--accept-loss`, the figure typed. Such a step is `lose-data`. */
  readonly losses?: (target: T) => Losses
  /** What has to be typed at a `stop` or `delete` gate: derived from the live target. */
  readonly challenge?: (target: T) => string
  /** Applied at most once for an intent. Resolves when issued; `done` tells when it worked. */
  readonly act: (world: WriteWorld, target: T, signal: AbortSignal) => Promise<Finding | undefined>
}

declare const erased: unique symbol

/** What the engine sees: the target's type is closed over, checked where the step was written. */
export type Step = (Look<unknown> | Act<unknown>) & { readonly [erased]: true; readonly kind: 'step' }

/** A step whose target later steps read: journalled with the decision, read back on resume. */
export interface Decision<T> {
  readonly step: Step
  /** Throws when read before it was decided. */
  readonly value: () => T
  /** null before it was decided: for what only lists. */
  readonly taken: () => T | null
}

export interface Phase {
  readonly kind: 'phase'
  readonly id: string
  readonly title: string
  readonly parts: readonly Part[]
}

/** Repeats its parts for each item and lists again after each; an item's key makes its steps' keys. */
export interface ForEach {
  readonly kind: 'forEach'
  readonly id: string
  readonly title: string
  readonly items: (now: Survey) => readonly { readonly key: string; readonly title: string; readonly parts: readonly Part[] }[]
}

export interface Branch {
  readonly id: string
  /** When it is taken, in words. */
  readonly when: string
  readonly parts: readonly Part[]
}

/** One branch is taken; every branch is declared, so that the page and the preview can show them all. */
export interface Choose {
  readonly kind: 'choose'
  readonly id: string
  readonly title: string
  /** A branch's id and why, or why it cannot be told. */
  readonly pick: (now: Survey) => { readonly branch: string; readonly because: string } | { readonly unknown: string }
  readonly branches: readonly Branch[]
}

export type Part = Step | Phase | ForEach | Choose

interface Objectives {
  readonly rto: Millis
  /** Acknowledged records that may be lost. */
  readonly rpoRecords: number
}

export interface Scenario<Options> {
  readonly id: string
  readonly title: string
  readonly verdict: Verdict
  readonly symptoms: readonly string[]
  readonly objectives: Objectives
  /** What its surveys read besides what every survey reads. */
  readonly aspects?: readonly Aspect[]
  readonly steps: (options: Options) => readonly Part[]
}

/** The one place where a step's target type is closed over. */
const erase = <T>(definition: Look<T> | Act<T>): Step => ({ ...definition, kind: 'step' }) as unknown as Step

export const look = <T>(definition: Look<T>): Step => erase(definition)
export const act = <T>(definition: Act<T>): Step => erase(definition)

/** A decision was read that was not taken: only a dry run that met a refusal gets there. */
export class Undecided extends Error {
  constructor(step: string) {
    super(`it depends on ${step}, which was not decided`)
  }
}

/** A look whose target later steps read through `value`. */
export const decide = <T>(definition: Omit<Look<T>, 'decided'>): Decision<T> => {
  let taken: { readonly value: T } | null = null
  return {
    step: erase({
      ...definition,
      decided: (value: T) => {
        taken = { value }
      },
    }),
    value: () => {
      if (taken === null) throw new Undecided(definition.id)
      return taken.value
    },
    taken: () => taken?.value ?? null,
  }
}

export const phase = (id: string, title: string, ...parts: readonly Part[]): Phase => ({ kind: 'phase', id, title, parts })
export const forEach = (definition: Omit<ForEach, 'kind'>): ForEach => ({ kind: 'forEach', ...definition })
export const choose = (definition: Omit<Choose, 'kind'>): Choose => ({ kind: 'choose', ...definition })

/** Whether a step writes: it then has guards, a gate and an intent. */
export const isAct = (step: Step): step is Extract<Step, Act<unknown>> => step.effect !== 'read'
