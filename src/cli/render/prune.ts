// A plan to prune in words that fit the screen, at its gate, and in the JSON that scripts rely on (docs/json.md).
import type { Forgotten, PrunePlan } from '../../archive/prune/plan.ts'
import { type Pruned, removalsOf } from '../../archive/prune/remove.ts'
import type { Gate } from '../../engine/events.ts'
import { formatBytes, plural } from '../../units.ts'
import { some, wrap } from './text.ts'

const sum = (items: readonly { readonly bytes: number }[]): number => items.reduce((total, { bytes }) => total + bytes, 0)

const forgottenWords = ({ copies, going }: Forgotten): string => {
  if (going === 0) return `${copies === 1 ? 'its only copy stays' : `its ${copies} copies stay`}, for other reasons`
  if (going === copies) return copies === 1 ? 'its ONLY copy goes' : `its ${copies} copies go, the LAST one among them`
  return `${going} of its ${copies} copies ${going === 1 ? 'goes' : 'go'}, ${copies - going} ${copies - going === 1 ? 'stays' : 'stay'} for other reasons`
}

/** Topics that are given up with the last copy of them. */
const givenUp = ({ forgotten }: PrunePlan): readonly string[] => forgotten.filter(({ copies, going }) => copies === going).map(({ topic }) => topic)

/** The plan, a line each: what goes and what stays, and why. */
export const planLines = ({ chains, loose, broken, forgotten, notes }: PrunePlan, columns: number): readonly string[] => {
  const line = (word: string, what: string, why: string) => wrap(`${word.padEnd(6)} ${what}: ${why}`, columns, '', '       ')
  return [
    ...chains.map(({ name, backups, bytes, action, why }) =>
      line(action, `${name}${backups.length > 1 ? ` and ${backups.length - 1} more of its chain` : ''}, ${formatBytes(bytes)}`, why),
    ),
    ...loose.map(({ name, objects, bytes, action, why }) =>
      line(action, `${name}${objects.length > 1 ? ` and ${objects.length - 1} more of its parts` : ''}, ${formatBytes(bytes)}`, why),
    ),
    ...broken.map(({ name, why }) => line('keep', name, `left alone, for it cannot be read whole: ${why}`)),
    ...forgotten.map((one) => line('forget', one.topic, forgottenWords(one))),
    ...notes.map((note) => wrap(`note: ${note}`, columns, '', '  ')),
  ]
}

const goingWords = ({ chains, loose }: PrunePlan): string => {
  const going = chains.filter(({ action }) => action === 'delete')
  const backups = going.flatMap((chain) => chain.backups)
  const unfinished = loose.filter(({ action }) => action === 'delete')
  return [
    ...(going.length === 0 ? [] : [`${plural(backups.length, 'backup')} of ${plural(going.length, 'chain')}, ${formatBytes(sum(backups))}`]),
    ...(unfinished.length === 0 ? [] : [`${plural(unfinished.length, 'unfinished archive')}, ${formatBytes(sum(unfinished))}`]),
  ].join(', and ')
}

export const gateOf = (plan: PrunePlan, where: string): Gate => ({
  effect: 'delete',
  ask: 'type',
  challenge: where,
  text: [
    `delete ${goingWords(plan)}, from ${where} (delete)`,
    ...(givenUp(plan).length === 0 ? [] : [`with them goes the LAST copy of ${some(givenUp(plan))}`]),
  ],
  flags: ['--allow delete', `--confirm ${where}`],
})

const countsOf = (removed: Pruned['removed']): string => {
  const backups = removed.filter(({ objects, parts }) => objects.length > parts).length
  const unfinished = removed.length - backups
  return [...(backups > 0 ? [plural(backups, 'backup')] : []), ...(unfinished > 0 ? [plural(unfinished, 'unfinished archive')] : [])].join(' and ')
}

/** Before and after: what is gone, and what would have been and is not. */
export const prunedLines = ({ removed, locked }: Pruned, columns: number): readonly string[] => [
  `Deleted ${removed.length === 0 ? 'nothing' : `${countsOf(removed)}, ${formatBytes(sum(removed))}`}.`,
  ...locked.map(({ name, why }) => wrap(`NOT DELETED: ${name}: ${why}`, columns, '', '  ')),
]

const leftOf = (plan: PrunePlan, { removed, locked }: Pruned): readonly string[] => {
  const tried = new Set([...removed, ...locked].map(({ name }) => name))
  return removalsOf(plan).flatMap(({ name }) => (tried.has(name) ? [] : [name]))
}

/** `pruned`: null where nothing was tried. */
export const pruneJson = (plan: PrunePlan, where: string, run: string | null, pruned: Pruned | null): unknown => {
  const backupsOf = (action: 'keep' | 'delete') =>
    plan.chains
      .filter((chain) => chain.action === action)
      .flatMap(({ backups, why, name: chain }) => backups.map(({ name, bytes }) => ({ name, chain, bytes, why })))
  const looseOf = (action: 'keep' | 'delete') =>
    plan.loose.filter((each) => each.action === action).map(({ name, bytes, why }) => ({ name, chain: null, bytes, why }))
  return {
    schema: 'kdr/backup-prune/1',
    store: where,
    run,
    delete: [...backupsOf('delete'), ...looseOf('delete')],
    keep: [
      ...backupsOf('keep'),
      ...looseOf('keep'),
      ...plan.broken.map(({ name, bytes, why }) => ({ name, chain: null, bytes, why: `left alone, for it cannot be read whole: ${why}` })),
    ],
    forget: plan.forgotten.map(({ topic, cluster, copies, going }) => ({ topic, cluster, copies, going, last: copies === going })),
    notes: plan.notes,
    deleted: pruned?.removed.map(({ name }) => name) ?? [],
    locked: pruned?.locked ?? [],
    stopped: pruned?.stopped ?? false,
    left: pruned === null ? [] : leftOf(plan, pruned),
  }
}

/** Whether anything is to be deleted at all. */
export const deletesAnything = (plan: PrunePlan): boolean => removalsOf(plan).length > 0
