// The interpreter that acts: resolve → guards → preview → gate → guards again → intent → act → until done →
// settled. Every danger of a run passes through this file.
import { type Exit, KdrError, wordsOf } from '../errors.ts'
import { ALL_ASPECTS, type Survey } from '../model/survey.ts'
import type { Millis } from '../units.ts'
import { type Approved, approve } from './approval.ts'
import { encode } from './codec.ts'
import type { Context } from './context.ts'
import { Halt, haltFor, Trouble } from './halt.ts'
import { failureChoices } from './recovery.ts'
import { type Act, isAct, type Progress, type Step } from './step.ts'
import { showProgress, teller } from './telling.ts'
import { waitUntil } from './wait.ts'
import type { Interpreter } from './walk.ts'
import { within } from './within.ts'

/** Long acts are shown no more often than this. */

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
  if (endsRun(thrown)) throw thrown
  return new Trouble(open ? 'unknown' : 'failed', wordsOf(thrown), hintOf(thrown), exitOf(thrown))
}

const ENDING: ReadonlySet<unknown> = new Set(['approval-missing', 'journal-failed', 'lock-lost'])

const endsRun = (thrown: unknown): boolean => thrown instanceof Halt || (thrown instanceof KdrError && ENDING.has(thrown.code))

const exitOf = (thrown: unknown): Exit | null => (thrown instanceof KdrError && thrown.exit !== 'failed' ? thrown.exit : null)

const hintOf = (thrown: unknown): string | null => (thrown instanceof KdrError ? (thrown.hint ?? null) : null)

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
  if (step.lasting !== true) return
  const still = step.done(await allThere(context, step), past.target)
  if (still.state === 'done' || still.state === 'under-way') return
  context.journal.record({ type: 'note', text: `${step.title}: settled before, but no longer so: ${still.detail}` })
  return attempt(context, step, key)
}

/** Everything that is looked at anyway, and what the step looks at besides. */
const allThere = (context: Context, step: Step): Promise<Survey> => context.world.survey([...new Set([...ALL_ASPECTS, ...step.aspects])])

/** An intent without a settlement is asked of the live system, never assumed. */
const settleIntent = async (context: Context, step: Act<unknown> & Step, key: string, offerAgain: boolean): Promise<void> => {
  const target = context.open.get(key)
  const progress = step.done(await allThere(context, step), target)
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
  const approved = await approve(context, step, key, target.value, () => resolveStep(context, step, key))
  if (approved === undefined) return
  await perform(context, step, key, approved)
}

/** The target, or undefined when there is nothing to do. */
const resolveStep = async (context: Context, step: Step, key: string): Promise<{ readonly value: unknown } | undefined> => {
  const { clock } = context.deps.ports
  const resolution = await within(
    step.resolve({ ...context.world, tell: tellerOf(context, step, key) }),
    clock.deadline(step.budget.deadline, context.deps.interrupt.signal),
  )
  if ('target' in resolution) return { value: resolution.target }
  if ('nothing' in resolution) {
    context.journal.record({ type: 'step.nothing', step: step.id, key, why: resolution.nothing })
    return undefined
  }
  if ('blocked' in resolution) throw new Trouble('blocked', resolution.blocked, resolution.hint ?? null)
  throw new Trouble('unknown', resolution.unknown, resolution.hint ?? null)
}

const perform = async (context: Context, step: Act<unknown> & Step, key: string, { target, preview, effect }: Approved): Promise<void> => {
  const { journal, deps } = context
  const since = deps.ports.clock.monotonic()
  journal.record({ type: 'step.intent', step: step.id, key, effect, target: encode(target), preview })
  context.open.set(key, target)
  if (effect !== 'probe' && effect !== 'notify') context.changed = true
  await actOnce(context, step, key, target)
  await settle(context, step, key, target, since)
}

/** Acts, and where that ends in an error asks the live system whether it worked all the same. */
const actOnce = async (context: Context, step: Act<unknown> & Step, key: string, target: unknown): Promise<void> => {
  const { journal, deps, world } = context
  // The first Ctrl-C lets an effect finish: it has a deadline of its own and does not hear the interrupt.
  const limit = deps.ports.clock.deadline(step.budget.deadline)
  try {
    const finding = await within(step.act({ ...world, tell: tellerOf(context, step, key) }, target, limit), limit)
    if (finding !== undefined) context.notes.finding = { ...context.notes.finding, ...finding }
  } catch (thrown) {
    if (endsRun(thrown)) throw thrown
    throwIfInterrupted(context)
    const { state, detail, hopeless } = step.done(await allThere(context, step), target)
    const worked = hopeless === undefined && (state === 'done' || state === 'under-way')
    const words = `${step.title}: ${wordsOf(thrown)}`
    if (!worked)
      throw new Trouble(state === 'not-started' && !limit.aborted ? 'failed' : 'unknown', `${words}; ${hopeless ?? detail}`, hintOf(thrown), exitOf(thrown))
    journal.record({ type: 'note', text: `${words}; yet the live system shows it ${state}: ${detail}` })
  }
  journal.record({ type: 'step.acted', step: step.id, key })
}

const tellerOf = ({ deps, journal }: Context, step: Step, key: string) => teller(deps.ports.clock, (entry) => journal.show(entry), step, key)

/** `since`: a look counts from its resolution, an act from its intent. */
const settle = async (context: Context, step: Step, key: string, target: unknown, since: Millis): Promise<void> => {
  const { journal, deps, world } = context
  const { clock } = deps.ports
  const { deadline } = step.budget
  const show = (progress: Progress, elapsed: Millis, remaining: Millis | null) =>
    showProgress((entry) => journal.show(entry), step, key, progress, elapsed, remaining)
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
  if (loss !== undefined) context.lost = loss
  step.decided?.(target)
  const seconds = (clock.monotonic() - since) / 1000
  journal.record({
    type: 'step.settled',
    step: step.id,
    key,
    effect: step.effect,
    // Only what resume reads is kept: what an act was about, and what was decided.
    target: isAct(step) || step.decided !== undefined ? encode(target) : null,
    detail: result.detail,
    seconds,
    proves: step.proves ?? null,
  })
  context.open.delete(key)
  if (step.proves === 'recovery') context.recoveredAt = clock.now()
}
