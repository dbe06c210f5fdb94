// kdr backup prune: deletes whole chains that nobody wants any more, and what nobody finished. The plan comes first, with
// the reason for each; then it is asked for as every deletion is: by typing the store's name, or by --allow delete --confirm.
import type { PrunePlan, PrunePolicy } from '../../archive/prune/plan.ts'
import type { Pruned } from '../../archive/prune/remove.ts'
import type { Gate } from '../../engine/events.ts'
import { grantApprover } from '../../engine/gate.ts'
import type { Answer } from '../../engine/interaction.ts'
import { type Exit, KdrError } from '../../errors.ts'
import type { BackupStore } from '../../ports/backup-store.ts'
import type { RunStore } from '../../ports/run-store.ts'
import { type ChosenStore, chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import { type Keeping, openKeeping } from '../compose.ts'
import { asksOperator, grantNotes, grantsOf } from '../grants.ts'
import { type Invocation, optionFlag, optionList, optionNumber } from '../invocation.ts'
import { prompter } from '../prompter.ts'
import { beginPruneRun, digestOf, endOf, type PruneRun } from '../prune-run.ts'
import { deletesAnything, gateOf, planLines, prunedLines, pruneJson } from '../render/prune.ts'
import { styleFor, wrap } from '../render/text.ts'

/** Throws `usage` (exit 2) where neither flags nor the configuration say what to keep. */
const policyOf = (invocation: Invocation, { settings }: ChosenStore): PrunePolicy => {
  const days = optionNumber(invocation, 'keepDays') ?? settings.keep.days
  const full = optionNumber(invocation, 'keepFull') ?? settings.keep.full
  if (days === null && full === null)
    throw new KdrError('what to keep was not said', {
      code: 'usage',
      exit: 'usage',
      hint: 'say --keep-days 30, --keep-full 4 or both, or set backup: { keep: { days: 30, full: 4 } }',
    })
  return { ...(days === null ? {} : { keepDays: days }), ...(full === null ? {} : { keepFull: full }), forget: optionList(invocation, 'forgetTopic') }
}

/** Of what the store holds at this moment; `now` stays that of the first look, so that only the store can change it. */
type Planner = () => Promise<PrunePlan>

const plannerFor = async (store: BackupStore, runs: RunStore, policy: PrunePolicy, now: number, signal: AbortSignal): Promise<Planner> => {
  const [{ holdingsOf }, { planPrune }, { restoredFrom }] = await Promise.all([
    import('../../archive/prune/holdings.ts'),
    import('../../archive/prune/plan.ts'),
    import('../restoring.ts'),
  ])
  return async () => planPrune(await holdingsOf(store, signal), { ...policy, inUse: restoredFrom(runs, store.where, now) }, now)
}

const approve = async (invocation: Invocation, gate: Gate, where: string): Promise<Answer> => {
  const { terminal, interruption } = invocation
  for (const note of grantNotes(invocation)) terminal.err(`note: ${note}`)
  if (!asksOperator(invocation)) return grantApprover(grantsOf(invocation), where).ask(gate, interruption.signal)
  const asked = prompter({ terminal, style: await styleFor(terminal), interruption, stepAside: () => {}, host: process })
  return asked.approver.ask(gate, interruption.signal)
}

/** Under the lock of the store, where nobody writes to it, the plan must still be the one that was approved. */
const removePlanned = async (
  store: BackupStore,
  { actor }: Keeping,
  approved: PrunePlan,
  plan: Planner,
  run: PruneRun,
  signal: AbortSignal,
): Promise<Pruned> => {
  const [{ remove, removalsOf }, { STORE_LOCK }] = await Promise.all([import('../../archive/prune/remove.ts'), import('../../archive/create/create-backup.ts')])
  const lock = await store.lock(STORE_LOCK, `${actor.user}@${actor.host}, process ${actor.pid}`, signal)
  try {
    const now = await plan()
    if (digestOf(now) !== digestOf(approved))
      throw new KdrError(`what is to be deleted from ${store.where} is not what it was when it was shown: the store changed meanwhile`, {
        code: 'plan-outdated',
        exit: 'refused',
        hint: 'nothing was deleted; run kdr backup prune again',
      })
    return await remove(store, removalsOf(now), run.record, signal)
  } finally {
    await lock.release()
  }
}

/** From the question to the last deletion, all of it in the journal of a run. */
const carryOut = async (invocation: Invocation, keeping: Keeping, store: BackupStore, plan: PrunePlan, policy: PrunePolicy, again: Planner): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const run = beginPruneRun(invocation, keeping, store.where, plan, policy)
  try {
    const gate = gateOf(plan, store.where)
    run.asked(gate)
    const answer = await approve(invocation, gate, store.where)
    run.answered(answer)
    if (!answer.approved) {
      terminal.err('Declined: nothing was deleted.')
      run.finish('declined', 'declined')
      return 'declined'
    }
    interruption.onFirst(() => terminal.err('Stopping: the deletion under way is finished. Once more to leave at once.'))
    const pruned = await removePlanned(store, keeping, plan, again, run, interruption.signal)
    const { exit, why } = endOf(plan, pruned, interruption.cause() === 'SIGTERM' ? 'terminated' : 'interrupted')
    run.finish(exit, why)
    if (terminal.format === 'json') terminal.json(pruneJson(plan, store.where, run.id, pruned))
    else for (const line of prunedLines(pruned, terminal.columns)) terminal.out(line)
    if (pruned.stopped) terminal.err(wrap(`Stopped: ${why}. kdr backup prune plans anew.`, terminal.columns))
    terminal.err(`Record: kdr runs show ${run.id}`)
    return exit
  } catch (thrown) {
    throw run.failed(thrown)
  }
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const chosen = chooseStore(invocation)
  const policy = policyOf(invocation, chosen)
  const store = await openStore(chosen, { create: false })
  try {
    const keeping = await openKeeping(invocation.env)
    const planner = await plannerFor(store, keeping.store, policy, Date.now(), interruption.signal)
    const plan = await planner()
    if (terminal.format === 'text') for (const line of planLines(plan, terminal.columns)) terminal.out(line)
    if (deletesAnything(plan) && !optionFlag(invocation, 'dryRun')) return await carryOut(invocation, keeping, store, plan, policy, planner)
    terminal.err(wrap(deletesAnything(plan) ? 'Dry run: nothing was deleted.' : 'Nothing to delete.', terminal.columns))
    if (terminal.format === 'json') terminal.json(pruneJson(plan, store.where, null, null))
    return 'ok'
  } finally {
    await store.close()
  }
}
