// The interpreter of a dry run: walks the list on the live survey and, after each withheld effect or wait,
// goes on from what the step expects. It reaches the last step and shows every gate, command and refusal.
// It holds no write half, so there is nothing here that could act.
import { EXIT_CODES } from '../errors.ts'
import type { Survey } from '../model/survey.ts'
import type { ReadWorld } from '../ports/world.ts'
import { formatInstant } from '../units.ts'
import { mapStrings } from './codec.ts'
import { readWorld } from './context.ts'
import type { Gate, JournalEntry, RunEvent, TransientEntry } from './events.ts'
import { effectOf, gateFor } from './gate.ts'
import { refusalHint, refusalWords, runGuards } from './guarding.ts'
import { type Halt, haltFor, Trouble } from './halt.ts'
import type { RehearsalDeps, RunResult } from './interaction.ts'
import { type Act, isAct, type Step, Undecided } from './step.ts'
import { teller } from './telling.ts'
import { type Interpreter, walk } from './walk.ts'
import { within } from './within.ts'

interface Rehearsal {
  readonly deps: RehearsalDeps<never>
  readonly world: ReadWorld
  readonly cluster: string
  /** The picture the list goes on from once something was withheld; null while it is still the live one. */
  projected: Survey | null
  /** First trouble met; the rest is shown and does not stop the walk. */
  trouble: Halt | null
  /** Whether that was for want of sight. */
  unseen: boolean
  readonly gates: Gate[]
  /** Evidence that a run would have kept. */
  readonly kept: string[]
  readonly show: (entry: JournalEntry | TransientEntry) => void
}

export interface Rehearsed extends RunResult {
  /** What stands in the way was not seen, so that another picture may show that it does not. */
  readonly unseen: boolean
}

/** Previews a run: exit 0 when it could be begun, 5 when something refuses, 7 when something that matters is unknown. */
export const rehearse = async <Options>(given: RehearsalDeps<Options>): Promise<Rehearsed> => {
  const deps = given as unknown as RehearsalDeps<never>
  const target = await deps.ports.platform.identity(deps.interrupt.signal)
  const notes: Parameters<typeof readWorld>[1] = { finding: {}, last: null }
  const kept: string[] = []
  const keep = (name: string): string => {
    kept.push(name)
    return name
  }
  const live = readWorld(deps, notes, { evidence: keep, keep: async (name) => keep(name) })
  const show: Rehearsal['show'] = (entry) =>
    deps.events({ at: formatInstant(deps.ports.clock.now()), ...(mapStrings(entry, deps.redact) as JournalEntry) } as RunEvent)
  const rehearsal: Rehearsal = {
    deps,
    cluster: target.cluster,
    projected: null,
    trouble: null,
    unseen: false,
    gates: [],
    kept,
    show,
    // One picture for the whole walk: what is previewed is of one moment, however long a hung broker makes each look.
    world: { ...live, survey: async (aspects) => rehearsal.projected ?? notes.last ?? live.survey(aspects) },
  }
  const { objectives, title, id } = deps.scenario
  show({
    type: 'run.started',
    schema: 'kdr/events/1',
    run: 'dry-run',
    scenario: id,
    title,
    cluster: target.cluster,
    platform: target.platform,
    identity: target.identity,
    options: null,
    mode: 'dry-run',
    actor: deps.actor,
    rtoTargetSeconds: objectives.rto / 1000,
    rpoTargetRecords: objectives.rpoRecords,
    pastRunsSeconds: [],
    fence: 0,
    planDigest: '',
  })
  await walk(deps.scenario.steps(deps.options as never), interpreter(rehearsal))
  const { trouble, unseen, gates } = rehearsal
  const result =
    trouble === null
      ? { outcome: 'unverified' as const, exit: 'ok' as const, why: 'dry run: nothing was changed, verification was not evaluated', hint: null }
      : { outcome: trouble.outcome, exit: trouble.exit, why: trouble.message, hint: trouble.hint }
  show({
    type: 'run.finished',
    run: 'dry-run',
    outcome: result.outcome,
    exitCode: EXIT_CODES[result.exit].code,
    rtoSeconds: null,
    rpoRecords: null,
    why: result.why,
    hint: result.hint,
  })
  return { run: 'dry-run', ...result, rtoSeconds: null, rpoRecords: null, survey: notes.last, finding: {}, gates, unseen }
}

const interpreter = (rehearsal: Rehearsal): Interpreter => ({
  survey: () => rehearsal.world.survey(),
  phase: async (phase, inside) => {
    rehearsal.show({ type: 'phase.started', phase: phase.id, title: phase.title })
    await inside()
  },
  choose: async (part, walkBranch) => {
    const picked = part.pick(await rehearsal.world.survey())
    const sure = rehearsal.projected === null && 'branch' in picked
    const before = rehearsal.projected
    let after: Survey | null = before
    for (const branch of part.branches) {
      const taken = 'branch' in picked && picked.branch === branch.id
      if (sure && !taken) continue
      rehearsal.projected = before
      rehearsal.show({ type: 'choice.previewed', choose: part.id, title: part.title, branch: branch.id, when: branch.when })
      await walkBranch(branch)
      if (taken) after = rehearsal.projected
    }
    rehearsal.projected = after
  },
  step: async (step, key) => {
    try {
      await rehearseStep(rehearsal, step, key)
    } catch (thrown) {
      if (!(thrown instanceof Undecided)) throw thrown
      rehearsal.show({ type: 'step.withheld', step: step.id, key, gate: null, evaluated: false, why: `not previewed: ${thrown.message}` })
    }
  },
})

const rehearseStep = async (rehearsal: Rehearsal, step: Step, key: string): Promise<void> => {
  const { show, world } = rehearsal
  show({ type: 'step.started', step: step.id, key, title: step.title, why: step.why, effect: step.effect })
  rehearsal.deps.interrupt.signal.throwIfAborted()
  const before = rehearsal.kept.length
  // A look may take hours, as at a whole backup.
  const resolution = await within(step.resolve({ ...world, tell: teller(rehearsal.deps.ports.clock, show, step, key) }), rehearsal.deps.interrupt.signal)
  const wouldKeep = rehearsal.kept.slice(before)
  if ('nothing' in resolution) return show({ type: 'step.nothing', step: step.id, key, why: resolution.nothing })
  if ('blocked' in resolution) return met(rehearsal, step, key, new Trouble('blocked', resolution.blocked, resolution.hint ?? null))
  if ('unknown' in resolution) return met(rehearsal, step, key, new Trouble('unknown', resolution.unknown, resolution.hint ?? null))
  const { target } = resolution
  const now = await world.survey()
  if (!isAct(step)) {
    const preview = step.preview(target, rehearsal.deps.ports.platform.commands)
    show({ type: 'step.preview', step: step.id, key, preview, effect: 'read', projected: rehearsal.projected !== null })
  }
  if (isAct(step)) withhold(rehearsal, step, key, target, now)
  else if (step.proves !== undefined)
    show({ type: 'step.withheld', step: step.id, key, gate: null, evaluated: false, why: 'not evaluated: a plan cannot verify' })
  else if (wouldKeep.length > 0) show({ type: 'step.withheld', step: step.id, key, gate: null, evaluated: true, why: `would keep ${wouldKeep.join(', ')}` })
  else if (step.done(now, target).state === 'done') {
    step.decided?.(target)
    return show({ type: 'step.settled', step: step.id, key, effect: 'read', target: null, detail: step.done(now, target).detail, seconds: 0, proves: null })
  } else show({ type: 'step.withheld', step: step.id, key, gate: null, evaluated: true, why: `would wait: ${step.done(now, target).detail}` })
  step.decided?.(target)
  const expected = step.expect(now, target)
  // What changes nothing projects nothing: the picture is still the one that was seen.
  if (expected !== now) rehearsal.projected = expected
}

const withhold = (rehearsal: Rehearsal, step: Act<unknown> & Step, key: string, target: unknown, now: Survey): void => {
  const { refused, forced } = runGuards(step, now, target, rehearsal.deps.force)
  const preview = step.preview(target, rehearsal.deps.ports.platform.commands)
  rehearsal.show({ type: 'step.preview', step: step.id, key, preview, effect: effectOf(step, target, forced), projected: rehearsal.projected !== null })
  if (refused !== null) {
    const { guard, because, protects } = refused
    rehearsal.show({ type: 'guard.refused', step: step.id, key, guard, because, protects, forced: false })
    // On a projected picture a guard that could not see says nothing yet: it is asked again before anything is done.
    const blind = refused.blind === true
    if (!blind || rehearsal.projected === null) met(rehearsal, step, key, new Trouble('refused', refusalWords(refused), refusalHint(refused)), blind)
  }
  const gate = gateFor({ step, target, preview, forced, cluster: rehearsal.cluster })
  if (gate !== null) rehearsal.gates.push(gate)
  rehearsal.show({ type: 'step.withheld', step: step.id, key, gate, evaluated: true, why: 'withheld' })
}

const met = (rehearsal: Rehearsal, step: Step, key: string, trouble: Trouble, unseen = trouble.kind === 'unknown'): void => {
  if (rehearsal.trouble === null) {
    rehearsal.trouble = haltFor(trouble, false)
    rehearsal.unseen = unseen
  }
  rehearsal.show({ type: 'step.failed', step: step.id, key, why: trouble.message, hint: trouble.hint, kind: trouble.kind })
}
