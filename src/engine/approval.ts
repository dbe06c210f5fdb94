// From a target to permission: guards, preview, gate, then everything again on fresh facts. An approval does
// not outlive what it was given for.

import type { Survey } from '../model/survey.ts'
import { type Millis, seconds } from '../units.ts'
import { sameTarget } from './codec.ts'
import type { Context } from './context.ts'
import type { Gate } from './events.ts'
import { effectOf, gateFor } from './gate.ts'
import { type Guarding, refusalHint, refusalWords, runGuards } from './guarding.ts'
import { Halt, Trouble } from './halt.ts'
import type { Act, Preview, Refusal, Step } from './step.ts'

/** How often a target may change between approval and act before the run stops asking. */
const MAX_CHANGES = 3

export interface Approved {
  readonly target: unknown
  readonly preview: Preview
  readonly effect: Act<unknown>['effect']
}

/** `resolveAgain` takes the target anew; undefined: there is nothing to do any more. Throws Trouble for a refusal, Halt for a No. */
export const approve = async (
  context: Context,
  step: Act<unknown> & Step,
  key: string,
  first: unknown,
  resolveAgain: () => Promise<{ readonly value: unknown } | undefined>,
): Promise<Approved | undefined> => {
  let target = first
  for (let round = 0; round < MAX_CHANGES; round += 1) {
    const forced = await guard(context, step, key, target)
    const preview = step.preview(target, context.deps.ports.platform.commands)
    const effect = effectOf(step, target, forced) as Approved['effect']
    context.journal.show({ type: 'step.preview', step: step.id, key, preview, effect, projected: false })
    const gate = gateFor({ step, target, preview, forced, cluster: context.cluster })
    // Nobody was asked, so no time passed: the guards above were run on a survey taken just now.
    if (gate === null) return { target, preview, effect }
    await pass(context, step, key, gate)
    const fresh = await resolveAgain()
    if (fresh === undefined) return undefined
    if (sameTarget(fresh.value, target)) {
      const again = await guard(context, step, key, target)
      // What was typed was typed for this very statement: other losses are another gate.
      if (sameTarget(gateFor({ step, target, preview, forced: again, cluster: context.cluster }), gate)) return { target, preview, effect }
    }
    context.journal.record({ type: 'note', text: `${step.title}: the facts changed while it was being approved; looking again` })
    target = fresh.value
  }
  throw new Trouble('unknown', `${step.title}: its target changed ${MAX_CHANGES} times while it was being approved`)
}

/** How long a guard that could not see is given: longer than a controller's failover takes, ZooKeeper's session timeout (18 s) first. */
export const SIGHT: Millis = seconds(30)

/** Runs the guards on a fresh survey, again and again while one only lacks sight; returns the forced ones. */
const guard = async (context: Context, step: Act<unknown>, key: string, target: unknown): Promise<readonly Refusal[]> => {
  const { clock } = context.deps.ports
  const end = clock.monotonic() + SIGHT
  for (let looks = 0; ; looks += 1) {
    const now = await context.world.survey()
    const unseen = pinned(context, now)
    const guarding = runGuards(step, now, target, context.deps.force)
    // What is forced because nobody saw it may be seen a moment later, and then it need not be.
    const blind = guarding.refused?.blind === true || guarding.forced.some((each) => each.blind === true)
    if (unseen === null && !blind) return told(context, step, key, guarding)
    if (clock.monotonic() >= end) {
      if (unseen !== null) throw unseen
      return told(context, step, key, guarding)
    }
    const why = unseen?.message ?? (guarding.refused === null ? 'what is forced was not seen' : refusalWords(guarding.refused))
    if (looks === 0) context.journal.record({ type: 'note', text: `${step.title}: ${why}; looking again for up to ${SIGHT / 1000} s` })
    await clock.sleep(context.deps.pace.poll, context.deps.interrupt.signal)
  }
}

/** Whatever was planned was planned for one target: a switched context or a namespace made anew is another one. Returned: it was not seen. */
const pinned = ({ past }: Context, { target }: Survey): Trouble | null => {
  if (target.identity === past.identity) return null
  if (target.identity === '') return new Trouble('unknown', `whether this is still ${past.identity}, which the run belongs to, was not seen`)
  throw new Trouble(
    'refused',
    `this run belongs to ${past.identity}, and the target is now ${target.identity}`,
    'switch back to it, or start a new run on the new target',
  )
}

const told = (context: Context, step: Act<unknown>, key: string, { refused, forced }: Guarding): readonly Refusal[] => {
  for (const { guard: name, because, protects } of refused === null ? forced : [...forced, refused]) {
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
  deps.interrupt.signal.throwIfAborted()
  if (approved) return
  if (context.changed) throw new Halt(`declined: ${step.title}; earlier steps were done`, 'stopped', 'stopped')
  throw new Halt(`declined: ${step.title}`, 'declined', 'declined')
}
