// kdr backup prune: deletes whole chains that nobody wants any more. The plan comes first, with the reason for each;
// then it is asked for as every deletion is: by typing the store's name, or by --allow delete --confirm.
import type { Pruned, PrunePlan } from '../../archive/prune.ts'
import type { Gate } from '../../engine/events.ts'
import { grantApprover } from '../../engine/gate.ts'
import type { Answer } from '../../engine/interaction.ts'
import { type Exit, KdrError } from '../../errors.ts'
import type { BackupStore } from '../../ports/backup-store.ts'
import { formatBytes, plural } from '../../units.ts'
import { type ChosenStore, chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import { openKeeping } from '../compose.ts'
import { asksOperator, grantNotes, grantsOf } from '../grants.ts'
import { type Invocation, optionFlag, optionNumber } from '../invocation.ts'
import { prompter } from '../prompter.ts'
import { styleFor, wrap } from '../render/text.ts'

const planFor = async (invocation: Invocation, { settings }: ChosenStore, store: BackupStore): Promise<PrunePlan> => {
  const days = optionNumber(invocation, 'keepDays') ?? settings.keep.days
  const full = optionNumber(invocation, 'keepFull') ?? settings.keep.full
  if (days === null && full === null)
    throw new KdrError('what to keep was not said', {
      code: 'usage',
      exit: 'usage',
      hint: 'say --keep-days 30, --keep-full 4 or both, or set backup: { keep: { days: 30, full: 4 } }',
    })
  const [{ scanStore }, { planPrune }] = await Promise.all([import('../../archive/list-backups.ts'), import('../../archive/prune.ts')])
  const { backups, damaged } = await scanStore(store, invocation.interruption.signal)
  for (const { name, why } of damaged)
    invocation.terminal.err(wrap(`note: ${name} is damaged and is left alone: ${why}`, invocation.terminal.columns, '', '  '))
  const policy = {
    ...(days === null ? {} : { keepDays: days }),
    ...(full === null ? {} : { keepFull: full }),
    damaged: new Set(damaged.map(({ name }) => name)),
  }
  return planPrune(backups, policy, Date.now())
}

/** The newest first in a chain, as they go: what is left after a crash can still be restored. */
const goingOf = ({ chains }: PrunePlan) => chains.filter(({ action }) => action === 'delete')

const pruneLines = (plan: PrunePlan, columns: number): readonly string[] => [
  ...plan.chains.map(({ name, backups, bytes, action, why }) =>
    wrap(
      `${action === 'delete' ? 'delete' : 'keep  '} ${name}${backups.length > 1 ? ` and ${backups.length - 1} more` : ''}, ${formatBytes(bytes)}: ${why}`,
      columns,
      '',
      '       ',
    ),
  ),
  ...plan.orphans.map(({ name }) => wrap(`keep   ${name}: its chain is broken, so that it cannot be restored; delete it by hand`, columns, '', '       ')),
]

const gateOf = (plan: PrunePlan, where: string): Gate => {
  const going = goingOf(plan)
  const backups = going.flatMap((chain) => chain.backups)
  const bytes = going.reduce((sum, chain) => sum + chain.bytes, 0)
  return {
    effect: 'delete',
    ask: 'type',
    challenge: where,
    text: [`delete ${plural(backups.length, 'backup')} of ${plural(going.length, 'chain')}, ${formatBytes(bytes)}, from ${where} (delete)`],
    flags: ['--allow delete', `--confirm ${where}`],
  }
}

const approve = async (invocation: Invocation, gate: Gate, where: string): Promise<Answer> => {
  const { terminal, interruption } = invocation
  for (const note of grantNotes(invocation)) terminal.err(`note: ${note}`)
  if (!asksOperator(invocation)) return grantApprover(grantsOf(invocation), where).ask(gate, interruption.signal)
  const asked = prompter({ terminal, style: await styleFor(terminal), interruption, stepAside: () => {}, host: process })
  return asked.approver.ask(gate, interruption.signal)
}

const pruneJson = (plan: PrunePlan, where: string, pruned: Pruned | null): unknown => ({
  schema: 'kdr/backup-prune/1',
  store: where,
  deleted: pruned?.removed ?? [],
  locked: pruned?.locked ?? [],
  delete: goingOf(plan).flatMap(({ backups, why, name: chain }) => backups.map(({ name, bytes }) => ({ name, chain, bytes, why }))),
  keep: [
    ...plan.chains
      .filter(({ action }) => action === 'keep')
      .flatMap(({ backups, why, name: chain }) => backups.map(({ name, bytes }) => ({ name, chain, bytes, why }))),
    ...plan.orphans.map(({ name, bytes }) => ({ name, chain: null, bytes, why: 'its chain is broken' })),
  ],
})

const remove = async (invocation: Invocation, plan: PrunePlan, store: BackupStore): Promise<Pruned> => {
  const { signal } = invocation.interruption
  const [{ prune }, { STORE_LOCK }] = await Promise.all([import('../../archive/prune.ts'), import('../../archive/create/create-backup.ts')])
  const { user, host, pid } = (await openKeeping(invocation.env)).actor
  const lock = await store.lock(STORE_LOCK, `${user}@${host}, process ${pid}`, signal)
  try {
    return await prune(store, plan, signal)
  } finally {
    await lock.release()
  }
}

const tell = ({ terminal }: Invocation, { removed, bytes, locked }: Pruned): void => {
  terminal.out(`Deleted ${plural(removed.length, 'backup')}, ${formatBytes(bytes)}.`)
  for (const { name, why } of locked) terminal.out(wrap(`NOT DELETED: ${name}: ${why}`, terminal.columns, '', '  '))
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal } = invocation
  const chosen = chooseStore(invocation)
  const store = await openStore(chosen, { create: false })
  const json = (plan: PrunePlan, pruned: Pruned | null): void => {
    if (terminal.format === 'json') terminal.json(pruneJson(plan, store.where, pruned))
  }
  try {
    const plan = await planFor(invocation, chosen, store)
    if (terminal.format === 'text') for (const line of pruneLines(plan, terminal.columns)) terminal.out(line)
    if (goingOf(plan).length === 0 || optionFlag(invocation, 'dryRun')) {
      terminal.err(goingOf(plan).length === 0 ? 'Nothing to delete.' : 'Dry run: nothing was deleted.')
      json(plan, null)
      return 'ok'
    }
    const { approved } = await approve(invocation, gateOf(plan, store.where), store.where)
    if (!approved) {
      terminal.err('Declined: nothing was deleted.')
      return 'declined'
    }
    const pruned = await remove(invocation, plan, store)
    json(plan, pruned)
    if (terminal.format === 'text') tell(invocation, pruned)
    return pruned.locked.length === 0 ? 'ok' : 'failed'
  } finally {
    await store.close()
  }
}
