// kdr backup list: the backups of a store, oldest first, those of the old script among them.
import type { LooseArchive } from '../../archive/loose.ts'
import type { Exit } from '../../errors.ts'
import type { StoredObject } from '../../ports/backup-store.ts'
import { chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import type { Invocation } from '../invocation.ts'
import type { Loose } from '../legacy.ts'
import { damagedOf, listedOf, listLines } from '../render/backups.ts'
import { some, wrap } from '../render/text.ts'

const NONE: Loose = { legacy: [], own: [], foreign: [] }

const namesOf = (objects: readonly StoredObject[]): string =>
  some(
    objects.map(({ name }) => name),
    3,
  )

const note = ({ terminal }: Invocation, text: string): void => terminal.err(wrap(`note: ${text}`, terminal.columns, '', '  '))

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const store = await openStore(chooseStore(invocation), { create: false })
  try {
    const { scanStore } = await import('../../archive/list-backups.ts')
    const { backups: sound, damaged, loose } = await scanStore(store, interruption.signal)
    const broken = new Map(damaged.map(({ name, why }) => [name, why]))
    const { legacy, own, foreign } = loose.length === 0 ? NONE : await (await import('../legacy.ts')).looseAmong(store, loose, interruption.signal)
    const of = (kind: LooseArchive['kind']) => own.filter((archive) => archive.kind === kind)
    const filesOf = (kind: LooseArchive['kind']): string => namesOf(of(kind).flatMap(({ parts }) => parts))
    const backups = [...legacy, ...sound.filter(({ name }) => !broken.has(name)).map(listedOf), ...damaged.map(damagedOf)]
    if (terminal.format === 'json')
      terminal.json({
        schema: 'kdr/backups/1',
        store: store.where,
        backups,
        unfinished: own.flatMap(({ kind, parts }) => parts.map(({ name, bytes }) => ({ name, bytes, state: kind }))),
      })
    else if (backups.length === 0) terminal.err(`No backups in ${store.where} yet.`)
    else for (const line of listLines(backups, Date.now(), terminal.columns)) terminal.out(line)
    for (const [name, why] of broken) note(invocation, `${name} is damaged: ${why}`)
    if (of('whole').length > 0)
      note(
        invocation,
        `no backups, for their sidecars are gone: ${filesOf('whole')}; they are whole, and kdr backup verify NAME --relist writes that again, parents first`,
      )
    if (of('unfinished').length > 0)
      note(
        invocation,
        `no backups, for they are being made or nobody finished them: ${filesOf('unfinished')}; kdr backup prune removes what is older than a day`,
      )
    if (of('unclear').length > 0) note(invocation, `no backups, for they have no sidecar and were cut off or damaged: ${filesOf('unclear')}`)
    if (foreign.length > 0) note(invocation, `not listed, for kdr did not write them: ${namesOf(foreign)}`)
    return 'ok'
  } finally {
    await store.close()
  }
}
