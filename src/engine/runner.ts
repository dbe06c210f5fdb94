// Starts and resumes runs: lock, journal, the walk, and one way out for every ending. `startRun` and
// `resumeRun` share everything but where the fold begins.
import { createHash } from 'node:crypto'
import { EXIT_CODES, type Exit, KdrError } from '../errors.ts'
import type { RunFolder } from '../ports/run-store.ts'
import { formatInstant } from '../units.ts'
import { SIGHT } from './approval.ts'
import { decode, encode } from './codec.ts'
import { Context } from './context.ts'
import type { EventSink, JournalEntry, Outcome } from './events.ts'
import { fold } from './fold.ts'
import { approvalMissing } from './gate.ts'
import { Halt } from './halt.ts'
import type { RunDeps, RunResult } from './interaction.ts'
import { Journal, readJournal } from './journal.ts'
import { interruptedHalt, liveInterpreter } from './live.ts'
import { type Rehearsed, rehearse } from './rehearsal.ts'
import type { Part } from './step.ts'
import { walk } from './walk.ts'

/** What a list is, so that a resumed run is the run that was approved: ids, effects and titles in order. */
const planDigest = (parts: readonly Part[]): string => {
  const shape = (part: Part): unknown => {
    if (part.kind === 'step') return [part.id, part.effect, part.title]
    if (part.kind === 'phase') return [part.id, part.parts.map(shape)]
    return part.kind === 'choose' ? [part.id, part.branches.map((branch) => [branch.id, branch.parts.map(shape)])] : [part.id]
  }
  return createHash('sha256')
    .update(JSON.stringify(parts.map(shape)))
    .digest('hex')
    .slice(0, 16)
}

/** `20261122-171530-single-broker-3f2a`: sorts by time, unique enough for a folder. */
const runId = (deps: RunDeps<never>): string => {
  const stamp = formatInstant(deps.ports.clock.now()).slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return `${stamp}-${deps.scenario.id}-${deps.ports.clock.randomHex(3)}`
}

/** Runs a scenario from its first step. Throws `locked` (exit 8) before a run exists; every other ending is a result. */
export const startRun = async <Options>(given: RunDeps<Options>): Promise<RunResult> => {
  const deps = given as unknown as RunDeps<never>
  const target = await deps.ports.platform.identity(deps.interrupt.signal)
  const run = runId(deps)
  const lock = await deps.lock.acquire(target, run, deps.takeOver)
  try {
    const folder = deps.store.create(run)
    const journal = new Journal(folder, { ...deps, clock: deps.ports.clock, check: () => lock.check() })
    const parts = deps.scenario.steps(deps.options)
    const { objectives, title, id } = deps.scenario
    journal.record({
      type: 'run.started',
      schema: 'kdr/events/1',
      run,
      scenario: id,
      title,
      cluster: target.cluster,
      platform: target.platform,
      identity: target.identity,
      options: encode(deps.options),
      mode: deps.mode,
      actor: deps.actor,
      rtoTargetSeconds: objectives.rto / 1000,
      rpoTargetRecords: objectives.rpoRecords,
      pastRunsSeconds: deps.pastRunsSeconds,
      fence: lock.holder.fence,
      planDigest: planDigest(parts),
    })
    if (deps.reason) journal.record({ type: 'note', text: `reason: ${deps.reason}` })
    return await drive(deps, folder, journal, parts, true)
  } finally {
    await lock.release()
  }
}

/** Goes on with a run after a crash or a stop: everything is surveyed and judged anew. Throws before anything is touched when it must not. */
export const resumeRun = async <Options>(given: Omit<RunDeps<Options>, 'options'>, run: string): Promise<RunResult> => {
  const folder = given.store.find(run)
  const past = foldOf(folder)
  const deps = { ...given, options: decode(past.options) } as unknown as RunDeps<never>
  const target = await deps.ports.platform.identity(deps.interrupt.signal)
  if (target.identity !== past.identity) {
    throw new KdrError(`run ${run} belongs to ${past.identity}, and ${target.cluster} is now ${target.identity}`, {
      code: 'target-changed',
      exit: 'refused',
      hint: 'start a new run on the new target',
    })
  }
  if (past.finished?.outcome === 'recovered')
    throw new KdrError(`run ${run} has finished: recovered`, { code: 'run-finished', exit: 'usage', hint: `kdr runs show ${run}` })
  const parts = deps.scenario.steps(deps.options)
  if (planDigest(parts) !== past.planDigest) {
    throw new KdrError(`the steps of ${past.scenario} are not those of run ${run} any more`, {
      code: 'plan-changed',
      exit: 'refused',
      hint: `resume with the kdr that began it, or start anew with --take-over ${run}`,
    })
  }
  const lock = await deps.lock.acquire(target, run, deps.takeOver)
  try {
    const journal = new Journal(folder, { ...deps, clock: deps.ports.clock, check: () => lock.check() })
    journal.record({ type: 'run.resumed', mode: deps.mode, actor: deps.actor, fence: lock.holder.fence, reason: deps.reason ?? null })
    return await drive(deps, folder, journal, parts, false)
  } finally {
    await lock.release()
  }
}

/** The fold of a run's journal; throws `journal-corrupt` (exit 21) when its chain does not hold. */
export const foldOf = (folder: RunFolder) => {
  const reading = readJournal(folder)
  const past = reading.broken === null ? fold(reading.lines) : null
  if (past === null) {
    throw new KdrError(`the journal of ${folder.id} cannot be trusted: ${reading.broken ?? 'it does not begin with a run'}`, {
      code: 'journal-corrupt',
      exit: 'corrupt',
      hint: `look at ${folder.path}; start a new run with --take-over ${folder.id}`,
    })
  }
  return past
}

const drive = async (deps: RunDeps<never>, folder: RunFolder, journal: Journal, parts: readonly Part[], fresh: boolean): Promise<RunResult> => {
  const context = new Context(deps, { folder, journal, past: foldOf(folder) })
  const ending = await endingOf(context, async () => {
    if (fresh) await preflight(deps, (text) => journal.record({ type: 'note', text }))
    await walk(parts, liveInterpreter(context))
  })
  const rtoSeconds = context.recoveredAt === null ? null : (context.recoveredAt - context.past.startedAt) / 1000
  const exit = ending.outcome === 'recovered' && breached(context, rtoSeconds) ? 'breached' : ending.exit
  const hint = ending.hint ?? (exit === 'stopped' || exit === 'failed' || exit === 'unknown' ? `kdr runs resume ${folder.id}` : null)
  const rpoRecords = context.lost?.known === true ? context.lost.value : null
  const { outcome, why } = ending
  finish(journal, { type: 'run.finished', run: folder.id, outcome, exitCode: EXIT_CODES[exit].code, rtoSeconds, rpoRecords, why, hint })
  return {
    run: folder.id,
    outcome,
    exit,
    rtoSeconds,
    rpoRecords,
    why,
    hint,
    survey: context.notes.last,
    finding: context.notes.finding,
    gates: context.gates,
  }
}

const breached = ({ deps: { scenario }, lost }: Context, rtoSeconds: number | null): boolean =>
  (rtoSeconds !== null && rtoSeconds * 1000 > scenario.objectives.rto) || (lost?.known === true && lost.value > scenario.objectives.rpoRecords)

/** How a run ended is told even where it can no longer be written down. */
const finish = (journal: Journal, entry: JournalEntry): void => {
  try {
    journal.record(entry)
  } catch (thrown) {
    if (!(thrown instanceof KdrError)) throw thrown
    journal.show(entry)
  } finally {
    journal.close()
  }
}

/** Where nobody can be asked, the whole list is rehearsed first, so that a missing flag or a refusal is told before anything is touched. */
const preflight = async (deps: RunDeps<never>, tell: (text: string) => void): Promise<void> => {
  if (deps.approver.missing === undefined) return
  const plan = await planned(deps, tell)
  if (plan.outcome === 'refused' || plan.outcome === 'unknown') throw new Halt(plan.why, plan.outcome, plan.exit, plan.hint)
  const missing = deps.approver.missing(plan.gates)
  if (missing.length > 0) throw approvalMissing(missing)
}

/** A rehearsal is of one picture: where that one showed too little, others are taken, as long as a guard would wait. */
const planned = async (deps: RunDeps<never>, tell: (text: string) => void): Promise<Rehearsed> => {
  const { clock } = deps.ports
  // Of a plan that nobody asked for, only what takes long is told.
  const events: EventSink = (event) => (event.type === 'step.progress' ? deps.events(event) : undefined)
  let plan = await rehearse({ ...deps, events })
  if (plan.unseen) tell(`${plan.why}; looking again for up to ${SIGHT / 1000} s`)
  for (const end = clock.monotonic() + SIGHT; plan.unseen && clock.monotonic() < end; ) {
    await clock.sleep(deps.pace.poll, deps.interrupt.signal)
    plan = await rehearse({ ...deps, events })
  }
  return plan
}

interface Ending {
  readonly outcome: Outcome
  readonly exit: Exit
  readonly why: string
  readonly hint: string | null
}

const endingOf = async (context: Context, body: () => Promise<void>): Promise<Ending> => {
  try {
    await body()
  } catch (thrown) {
    return endingOfThrown(context, context.deps.interrupt.signal.aborted && !(thrown instanceof Halt) ? interruptedHalt(context) : thrown)
  }
  if (context.skipped.length > 0)
    return { outcome: 'unverified', exit: 'failed', why: `recovered, unverified: skipped ${context.skipped.join('; ')}`, hint: null }
  if (context.recoveredAt === null) return { outcome: 'unverified', exit: 'failed', why: 'no step proved the recovery', hint: null }
  if (context.lost?.known === false)
    return { outcome: 'unverified', exit: 'failed', why: `recovered, unverified: whether records were lost was not seen: ${context.lost.why}`, hint: null }
  return { outcome: 'recovered', exit: 'ok', why: 'recovered and verified', hint: null }
}

const endingOfThrown = (context: Context, thrown: unknown): Ending => {
  if (thrown instanceof Halt) return { outcome: thrown.outcome, exit: thrown.exit, why: thrown.message, hint: thrown.hint }
  if (!(thrown instanceof KdrError)) throw thrown
  const { message: why, hint = null } = thrown
  if (thrown.code === 'approval-missing')
    return context.changed ? { outcome: 'stopped', exit: 'stopped', why, hint } : { outcome: 'refused', exit: 'approvalMissing', why, hint }
  if (thrown.code === 'journal-failed' || thrown.code === 'lock-lost') {
    if (context.open.size > 0) return { outcome: 'unknown', exit: 'unknown', why, hint }
    return context.changed ? { outcome: 'stopped', exit: 'stopped', why, hint } : { outcome: 'failed', exit: 'failed', why, hint }
  }
  return { outcome: 'failed', exit: thrown.exit, why, hint }
}
