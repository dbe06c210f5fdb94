// The interpreter that acts: resolve → guards → preview → gate → guards again → intent → act → until done →
// settled. Every danger of a run passes through this file.
import { wordsOf } from '../errors.ts'
import type { Survey } from '../model/survey.ts'
import type { Millis } from '../units.ts'
import { encode, sameTarget } from './codec.ts'
import type { Context } from './context.ts'
import type { Gate } from './events.ts'
import { effectOf, gateFor } from './gate.ts'
import { refusalHint, refusalWords, runGuards } from './guarding.ts'
import { Halt, haltFor, Trouble } from './halt.ts'
import { failureChoices } from './recovery.ts'
import { type Act, isAct, type Preview, type Progress, type Refusal, type Step } from './step.ts'
import { waitUntil } from './wait.ts'
import type { Interpreter } from './walk.ts'

/** How often a target may change between approval and act before the run stops asking. */
const MAX_CHANGES = 3

export const liveInterpreter = (context: Context): Interpreter => {
  const { journal, deps } = context
  return {
    survey: () => context.world.survey(),
    phase: async (phase, inside) => {
      const start = deps.ports.clock.monotonic()
      journal.record({ type: 'phase.started', phase: phase.id, title: phase.title })
      await inside()
      journal.record({ type: 'phase.finished', phase: phase.id, seconds: (deps.ports.clock.monotonic() - start) / 1000 })
    },
    choose: async (part, walkBranch) => {
      const past = context.past.choices.get(part.id)
      const picked = past === undefined ? part.pick(await context.world.survey()) : { branch: past, because: 'decided before the run was resumed' }
      if ('unknown' in picked) throw haltFor(new Trouble('unknown', `${part.title}: ${picked.unknown}`), context.changed)
      const branch = part.branches.find(({ id }) => id === picked.branch)
      if (branch === undefined) throw new Halt(`${part.id} has no branch ${picked.branch}`, 'failed', 'failed')
      if (past === undefined) journal.record({ type: 'choice.made', choose: part.id, ...picked })
      await walkBranch(branch)
    },
    step: (step, key) => runStep(context, step, key),
  }
}

const runStep = async (context: Context, step: Step, key: string): Promise<void> => {
  const { journal, deps } = context
  journal.show({ type: 'step.started', step: step.id, key, title: step.title, why: step.why, effect: step.effect })
  let go = () => firstTry(context, step, key)
  for (;;) {
    throwIfInterrupted(context)
    try {
      return await go()
    } catch (thrown) {
      throwIfInterrupted(context)
      const trouble = asTrouble(thrown, context.open.has(key))
      journal.record({ type: 'step.failed', step: step.id, key, why: trouble.message, hint: trouble.hint, kind: trouble.kind })
      const choices = failureChoices(step, trouble)
      const answer = await deps.desk.choose({ key, title: step.title, why: trouble.message, hint: trouble.hint, choices }, deps.interrupt.signal)
      throwIfInterrupted(context)
      journal.record({ type: 'failure.answered', step: step.id, key, choice: answer.choice, by: deps.desk.by })
      if (answer.choice === 'stop') throw deps.desk.by === 'policy' ? haltFor(trouble, context.changed) : stoppedBy(context, trouble)
      if (answer.choice === 'skip') {
        context.skipped.push(`${step.title}: ${answer.reason}`)
        context.open.delete(key)
        journal.record({ type: 'step.skipped', step: step.id, key, reason: answer.reason })
        return
      }
      const again = answer.choice
      go = () => (context.open.has(key) && isAct(step) ? settleIntent(context, step, key, again === 'retry') : attempt(context, step, key))
    }
  }
}

const stoppedBy = (context: Context, trouble: Trouble): Halt =>
  context.changed ? new Halt(`stopped by the operator: ${trouble.message}`, 'stopped', 'stopped', trouble.hint) : haltFor(trouble, false)

/** An interrupt ends the run between effects: nothing is undone. */
const throwIfInterrupted = (context: Context): void => {
  if (context.deps.interrupt.signal.aborted) throw interruptedHalt(context)
}

export const interruptedHalt = (context: Context): Halt => {
  const cause = context.deps.interrupt.cause() ?? 'SIGINT'
  const before = cause === 'SIGTERM' ? 'terminated' : 'interrupted'
  return new Halt(`stopped by ${cause}${context.changed ? ', part-way' : ' before anything changed'}`, 'stopped', context.changed ? 'stopped' : before)
}

/** Errors that end the run whatever the operator would choose pass through. */
const asTrouble = (thrown: unknown, open: boolean): Trouble => {
  if (thrown instanceof Trouble) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null
  if (thrown instanceof Halt || code === 'approval-missing' || code === 'journal-failed' || code === 'lock-lost') throw thrown
  const hint = thrown instanceof Error && 'hint' in thrown && typeof thrown.hint === 'string' ? thrown.hint : null
  return new Trouble(open ? 'unknown' : 'failed', wordsOf(thrown), hint)
}

const firstTry = async (context: Context, step: Step, key: string): Promise<void> => {
  const past = context.past.steps.get(key)
  if (!isAct(step)) {
    if (past?.status !== 'settled' || step.decided === undefined) return attempt(context, step, key)
    step.decided(past.target)
    return
  }
  if (context.open.has(key)) return settleIntent(context, step, key, true)
  // A probe's finding died with the process that made it; it is repeated on topics of our own.
  if (past?.status !== 'settled' || step.effect === 'probe') return attempt(context, step, key)
  if (context.past.lastAct !== key) return
  const still = step.done(await context.world.survey(), past.target)
  if (still.state === 'done' || still.state === 'under-way') return
  context.journal.record({ type: 'note', text: `${step.title}: settled before, but no longer so: ${still.detail}` })
  return attempt(context, step, key)
}

/** An intent without a settlement is asked of the live system, never assumed. */
const settleIntent = async (context: Context, step: Act<unknown> & Step, key: string, offerAgain: boolean): Promise<void> => {
  const target = context.open.get(key)
  const progress = step.done(await context.world.survey(), target)
  if (progress.state === 'unknown') throw new Trouble('unknown', `${step.title}: begun, and it cannot be seen whether it worked: ${progress.detail}`)
  if (progress.state === 'not-started' || progress.hopeless !== undefined) {
    if (!offerAgain) throw new Trouble('failed', `${step.title}: ${progress.hopeless ?? progress.detail}`)
    context.open.delete(key)
    return attempt(context, step, key)
  }
  await settle(context, step, key, target, context.deps.ports.clock.monotonic())
}

const attempt = async (context: Context, step: Step, key: string): Promise<void> => {
  const since = context.deps.ports.clock.monotonic()
  const target = await resolveStep(context, step, key)
  if (target === undefined) return
  if (!isAct(step)) {
    const preview = step.preview(target.value, context.deps.ports.platform.commands)
    context.journal.show({ type: 'step.preview', step: step.id, key, preview, effect: 'read', projected: false })
    return settle(context, step, key, target.value, since)
  }
  const approved = await approve(context, step, key, target.value)
  if (approved === undefined) return
  await perform(context, step, key, approved)
}

/** The target, or undefined when there is nothing to do. */
const resolveStep = async (context: Context, step: Step, key: string): Promise<{ readonly value: unknown } | undefined> => {
  const resolution = await step.resolve(context.world)
  if ('target' in resolution) return { value: resolution.target }
  if ('nothing' in resolution) {
    context.journal.record({ type: 'step.nothing', step: step.id, key, why: resolution.nothing })
    return undefined
  }
  if ('blocked' in resolution) throw new Trouble('blocked', resolution.blocked, resolution.hint ?? null)
  throw new Trouble('unknown', resolution.unknown, resolution.hint ?? null)
}

interface Approved {
  readonly target: unknown
  readonly preview: Preview
  readonly effect: Act<unknown>['effect']
}

/** Guards, preview, gate; then everything again on fresh facts. An approval does not outlive changed facts. */
const approve = async (context: Context, step: Act<unknown> & Step, key: string, first: unknown): Promise<Approved | undefined> => {
  let target = first
  for (let round = 0; round < MAX_CHANGES; round += 1) {
    const forced = guard(context, step, key, await context.world.survey(), target)
    const preview = step.preview(target, context.deps.ports.platform.commands)
    const effect = effectOf(step, target, forced) as Approved['effect']
    context.journal.show({ type: 'step.preview', step: step.id, key, preview, effect, projected: false })
    const gate = gateFor({ step, target, preview, forced, cluster: context.cluster })
    // Nobody was asked, so no time passed: the guards above were run on a survey taken just now.
    if (gate === null) return { target, preview, effect }
    await pass(context, step, key, gate)
    const fresh = await resolveStep(context, step, key)
    if (fresh === undefined) return undefined
    if (sameTarget(fresh.value, target)) {
      const again = guard(context, step, key, await context.world.survey(), target)
      if (effectOf(step, target, again) === effect) return { target, preview, effect }
    }
    context.journal.record({ type: 'note', text: `${step.title}: the facts changed while it was being approved; looking again` })
    target = fresh.value
  }
  throw new Trouble('unknown', `${step.title}: its target changed ${MAX_CHANGES} times while it was being approved`)
}

const guard = (context: Context, step: Act<unknown>, key: string, now: Survey, target: unknown): readonly Refusal[] => {
  const { refused, forced } = runGuards(step, now, target, context.deps.force)
  const told = refused === null ? forced : [...forced, refused]
  for (const { guard: name, because, protects } of told) {
    context.journal.record({ type: 'guard.refused', step: step.id, key, guard: name, because, protects, forced: name !== refused?.guard })
  }
  if (refused !== null) throw new Trouble('refused', refusalWords(refused), refusalHint(refused))
  return forced
}

const pass = async (context: Context, step: Step, key: string, gate: Gate): Promise<void> => {
  const { journal, deps } = context
  context.gates.push(gate)
  journal.record({ type: 'gate.asked', step: step.id, key, gate })
  const { approved, by, answer } = await deps.approver.ask(gate, deps.interrupt.signal)
  journal.record({ type: 'gate.answered', step: step.id, key, approved, by, answer })
  throwIfInterrupted(context)
  if (approved) return
  if (context.changed) throw new Halt(`declined: ${step.title}; earlier steps were done`, 'stopped', 'stopped')
  throw new Halt(`declined: ${step.title}`, 'declined', 'declined')
}

const perform = async (context: Context, step: Act<unknown> & Step, key: string, { target, preview, effect }: Approved): Promise<void> => {
  const { journal, deps, world } = context
  context.lock.check()
  const since = deps.ports.clock.monotonic()
  journal.record({ type: 'step.intent', step: step.id, key, effect, target: encode(target), preview })
  context.open.set(key, target)
  if (effect !== 'probe' && effect !== 'notify') context.changed = true
  // The first Ctrl-C lets an effect finish: it has a deadline of its own and does not hear the interrupt.
  const finding = await step.act(world, target, deps.ports.clock.deadline(step.budget.deadline))
  if (finding !== undefined) context.notes.finding = { ...context.notes.finding, ...finding }
  journal.record({ type: 'step.acted', step: step.id, key })
  await settle(context, step, key, target, since)
}

/** `since`: a look counts from its resolution, an act from its intent. */
const settle = async (context: Context, step: Step, key: string, target: unknown, since: Millis): Promise<void> => {
  const { journal, deps, world } = context
  const { clock } = deps.ports
  const { deadline } = step.budget
  const show = (progress: Progress, elapsed: number, remaining: number | null) =>
    journal.show({
      type: 'step.progress',
      step: step.id,
      key,
      detail: progress.detail,
      done: progress.measure?.done ?? null,
      total: progress.measure?.total ?? null,
      unit: progress.measure?.unit ?? null,
      elapsedSeconds: elapsed / 1000,
      remainingSeconds: remaining === null ? null : remaining / 1000,
      deadlineSeconds: deadline / 1000,
    })
  const result = await waitUntil({
    clock,
    deadline,
    ...deps.pace,
    show,
    signal: deps.interrupt.signal,
    look: () => world.survey(step.aspects),
    done: (now) => step.done(now, target),
  })
  if (result.result !== 'done') throw new Trouble(result.result, `${step.title}: ${result.why}`)
  const loss = step.loss?.(result.survey, target)
  if (loss?.known === true) context.lost = loss.value
  step.decided?.(target)
  const seconds = (clock.monotonic() - since) / 1000
  journal.record({
    type: 'step.settled',
    step: step.id,
    key,
    effect: step.effect,
    target: encode(target),
    detail: result.detail,
    seconds,
    proves: step.proves ?? null,
  })
  context.open.delete(key)
  if (step.proves === 'recovery') context.recoveredAt = clock.now()
}
