// kdr backup list: the backups of a store, oldest first, those of the old script among them.
import type { Exit } from '../../errors.ts'
import type { StoredObject } from '../../ports/backup-store.ts'
import { chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import type { Invocation } from '../invocation.ts'
import type { Loose } from '../legacy.ts'
import { damagedOf, listedOf, listLines } from '../render/backups.ts'
import { some, wrap } from '../render/text.ts'

const NONE: Loose = { legacy: [], unfinished: [], foreign: [] }

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
    const { legacy, unfinished, foreign } = loose.length === 0 ? NONE : await (await import('../legacy.ts')).looseAmong(store, loose, interruption.signal)
    const backups = [...legacy, ...sound.filter(({ name }) => !broken.has(name)).map(listedOf), ...damaged.map(damagedOf)]
    if (terminal.format === 'json')
      terminal.json({ schema: 'kdr/backups/1', store: store.where, backups, unfinished: unfinished.map(({ name, bytes }) => ({ name, bytes })) })
    else if (backups.length === 0) terminal.err(`No backups in ${store.where} yet.`)
    else for (const line of listLines(backups, Date.now(), terminal.columns)) terminal.out(line)
    for (const [name, why] of broken) note(invocation, `${name} is damaged: ${why}`)
    if (unfinished.length > 0)
      note(invocation, `no backups, for they are being made or nobody finished them: ${namesOf(unfinished)}; kdr backup prune removes what is older than a day`)
    if (foreign.length > 0) note(invocation, `not listed, for kdr did not write them: ${namesOf(foreign)}`)
    return 'ok'
  } finally {
    await store.close()
  }
}
