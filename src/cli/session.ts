// What recover, a dry run and resume share: who is asked, what is shown, what is kept, and how it ends.
import { writeFileSync } from 'node:fs'
import type { EventSink, RunEvent } from '../engine/events.ts'
import { grantApprover } from '../engine/gate.ts'
import type { RehearsalDeps, RunDeps, RunResult } from '../engine/interaction.ts'
import type { Scenario } from '../engine/step.ts'
import { EXIT_CODES, type Exit, KdrError, wordsOf } from '../errors.ts'
import type { Need } from '../ports/platform.ts'
import { seconds } from '../units.ts'
import { type Keeping, openKeeping, type World } from './compose.ts'
import { asksOperator, forcedGuards, grantNotes, grantsOf } from './grants.ts'
import { pastRuns } from './history.ts'
import { type Invocation, optionText } from './invocation.ts'
import { demandPermissions } from './permissions.ts'
import { prompter, stopDesk } from './prompter.ts'
import { junitReport } from './render/junit.ts'
import { liveRenderer } from './render/live.ts'
import { ndjsonRenderer } from './render/ndjson.ts'
import { plainRenderer } from './render/plain.ts'
import { planRenderer } from './render/plan.ts'
import { fanOut, type Renderer, silent } from './render/renderer.ts'
import { type Style, styleFor, wrap } from './render/text.ts'
import { endingLines } from './render/words.ts'

/** An API server that never answers must not keep the operator waiting. */
const PREFLIGHT = seconds(20)
const PACE = { poll: seconds(0.5), heartbeat: seconds(15) }

type Of<T extends RunEvent['type']> = Extract<RunEvent, { readonly type: T }>

export interface Session {
  readonly keeping: Keeping
  readonly renderer: Renderer
  readonly style: Style
  readonly events: EventSink
  /** Observes as the world does, and lets the header know the cluster's own id. */
  readonly observe: World['observe']
  /** Writes the JUnit file, prints the result, returns the exit. */
  finish(result: RunResult): Exit
  /** The beginning of a run that is gone on with: its clock, its target and its name. */
  recall(started: Of<'run.started'>): void
  close(): void
}

/** What a command has to say of its run besides how it ended. */
export interface Report {
  readonly sink: EventSink
  /** The document for `--output json`, made of that of every run. */
  json(run: Readonly<Record<string, unknown>>): unknown
  /** For a person, before how it ended. */
  lines(): readonly string[]
}

const NO_REPORT: Report = { sink: () => {}, json: (run) => run, lines: () => [] }

/** A machine reads stdout in ndjson; a person reads stderr; a dry run is itself the result. */
const rendererFor = (invocation: Invocation, style: Style, { clock }: World['ports'], dryRun: boolean): Renderer => {
  const { terminal } = invocation
  if (terminal.format === 'ndjson') return silent
  if (dryRun) return terminal.format === 'text' ? planRenderer(terminal, style) : silent
  if (terminal.live && !terminal.quiet) return liveRenderer(terminal, { style, now: () => clock.now(), asks: asksOperator(invocation) })
  return plainRenderer(terminal, style, asksOperator(invocation))
}

/** JSON on stdout and a person at the terminal: the person still sees what is asked and why. */
const personToo = (invocation: Invocation, style: Style): Renderer =>
  asksOperator(invocation) && invocation.terminal.format === 'ndjson' ? plainRenderer(invocation.terminal, style, true) : silent

const writeJunit = (file: string, text: string): void => {
  try {
    writeFileSync(file, text)
  } catch (thrown) {
    throw new KdrError(`the JUnit report cannot be written to ${file}: ${wordsOf(thrown)}`, {
      code: 'junit-unwritable',
      exit: 'usage',
      hint: 'name a file in a folder that exists and may be written',
      cause: thrown,
    })
  }
}

/** What a script reads of a run that has ended: docs/json.md. */
const resultJson = (result: RunResult, started: Of<'run.started'> | null): Readonly<Record<string, unknown>> => ({
  schema: 'kdr/run/1',
  run: result.run,
  scenario: started?.scenario ?? null,
  cluster: started?.cluster ?? null,
  mode: started?.mode ?? null,
  outcome: result.outcome,
  exitCode: EXIT_CODES[result.exit].code,
  rtoSeconds: result.rtoSeconds,
  rpoRecords: result.rpoRecords,
  why: result.why,
  hint: result.hint,
  gates: result.gates,
})

export const openSession = async (invocation: Invocation, world: World, dryRun: boolean, report = NO_REPORT): Promise<Session> => {
  const { terminal, interruption } = invocation
  const keeping = await openKeeping(invocation.env)
  const style = await styleFor(terminal)
  let clusterId: string | null = null
  let started: Of<'run.started'> | null = null
  let finished: Of<'run.finished'> | null = null
  const renderer = rendererFor(invocation, style, world.ports, dryRun)
  const beside = dryRun ? silent : personToo(invocation, style)
  const machine = terminal.format === 'ndjson' ? ndjsonRenderer(terminal) : silent
  const file = optionText(invocation, 'junit')
  // Written before anything is done: a path that cannot be written is a usage error, not the end of a recovery.
  if (file !== undefined) writeJunit(file, junitReport().text())
  const junit = file === undefined ? null : junitReport()
  const remember: EventSink = (event) => {
    if (event.type === 'run.started') started = event
    if (event.type === 'run.finished') finished = event
  }
  const finish = (result: RunResult): Exit => {
    renderer.close()
    if (junit !== null && file !== undefined) writeJunit(file, terminal.redact(junit.text()))
    if (terminal.format === 'json') terminal.json(report.json(resultJson(result, started)))
    else if (terminal.format === 'text') {
      for (const line of report.lines()) terminal.out(line)
      for (const line of ['', ...endingLines(finished ?? endOf(result), started)]) terminal.out(wrap(line, terminal.columns, '', '  '))
    }
    return result.exit
  }
  interruption.onFirst(() => {
    renderer.yield()
    terminal.err(wrap('Stopping: an effect under way is finished, a wait is abandoned, nothing is undone. Once more to leave at once.', terminal.columns))
  })
  const observe: World['observe'] = async (aspects, base, signal) => {
    const survey = await world.observe(aspects, base, signal)
    if (survey.clusterId.known && survey.clusterId.value !== clusterId) {
      clusterId = survey.clusterId.value
      for (const each of [renderer, beside]) each.tell(`Cluster id ${clusterId}`)
    }
    return survey
  }
  const events = fanOut(remember, report.sink, interruption.watch, renderer.sink, beside.sink, machine.sink, junit?.sink ?? silent.sink)
  const recall = fanOut(remember, report.sink, interruption.watch, renderer.sink, beside.sink, junit?.sink ?? silent.sink)
  return { keeping, renderer, style, events, observe, finish, recall, close: () => renderer.close() }
}

const endOf = (result: RunResult): Of<'run.finished'> => ({
  type: 'run.finished',
  at: '',
  run: result.run,
  outcome: result.outcome,
  exitCode: EXIT_CODES[result.exit].code,
  rtoSeconds: result.rtoSeconds,
  rpoRecords: result.rpoRecords,
  why: result.why,
  hint: result.hint,
})

/** The reading half of a run's needs: all that a dry run gets. */
export const rehearsalDeps = <Options>(
  invocation: Invocation,
  world: World,
  session: Session,
  scenario: Scenario<Options>,
  options: Options,
): RehearsalDeps<Options> => ({
  scenario,
  options,
  ports: world.ports,
  observe: session.observe,
  events: session.events,
  interrupt: invocation.interruption,
  redact: invocation.terminal.redact,
  actor: session.keeping.actor,
  force: forcedGuards(invocation),
})

/** Everything a run needs: the write half, the journal, the lock, and whoever answers. */
export const runDeps = async <Options>(
  invocation: Invocation,
  world: World,
  session: Session,
  { scenario, options, need }: { readonly scenario: Scenario<Options>; readonly options: Options; readonly need: Need },
): Promise<RunDeps<Options>> => {
  const { keeping } = session
  if (world.write === null) throw new Error('a run needs a world with a write half')
  const asks = asksOperator(invocation)
  const asked = prompter({
    terminal: invocation.terminal,
    style: session.style,
    interruption: invocation.interruption,
    stepAside: () => session.renderer.yield(),
    host: process,
  })
  for (const note of grantNotes(invocation)) invocation.terminal.err(`note: ${note}`)
  const signal = world.ports.clock.deadline(PREFLIGHT, invocation.interruption.signal)
  await demandPermissions(world, need, signal)
  const { identity } = await world.ports.platform.identity(signal)
  return {
    ...rehearsalDeps(invocation, world, session, scenario, options),
    write: world.write,
    store: keeping.store,
    lock: world.lock,
    approver: asks ? asked.approver : grantApprover(grantsOf(invocation), world.name),
    desk: asks ? asked.desk : stopDesk,
    mode: asks ? 'interactive' : 'scripted',
    takeOver: optionText(invocation, 'takeOver') ?? null,
    reason: optionText(invocation, 'reason') ?? null,
    pastRunsSeconds: pastRuns(keeping.store, scenario.id, identity),
    pace: PACE,
  }
}
