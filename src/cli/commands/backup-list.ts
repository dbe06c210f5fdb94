// kdr backup list: the backups of a store, oldest first, those of the old script among them.
import type { Exit } from '../../errors.ts'
import { chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import type { Invocation } from '../invocation.ts'
import { damagedOf, listedOf, listLines } from '../render/backups.ts'
import { some, wrap } from '../render/text.ts'

const NONE = { legacy: [], unfinished: [] } as const

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const store = await openStore(chooseStore(invocation), { create: false })
  try {
    const { scanStore } = await import('../../archive/list-backups.ts')
    const { backups: sound, damaged, loose } = await scanStore(store, interruption.signal)
    const broken = new Map(damaged.map(({ name, why }) => [name, why]))
    const { legacy, unfinished } = loose.length === 0 ? NONE : await (await import('../legacy.ts')).legacyAmong(store, loose, interruption.signal)
    const backups = [...legacy, ...sound.filter(({ name }) => !broken.has(name)).map(listedOf), ...damaged.map(damagedOf)]
    if (terminal.format === 'json') terminal.json({ schema: 'kdr/backups/1', store: store.where, backups })
    else if (backups.length === 0) terminal.err(`No backups in ${store.where} yet.`)
    else for (const line of listLines(backups, Date.now(), terminal.columns)) terminal.out(line)
    for (const [name, why] of broken) terminal.err(wrap(`note: ${name} is damaged: ${why}`, terminal.columns, '', '  '))
    if (unfinished.length > 0) terminal.err(wrap(`note: not listed, because nobody finished them: ${some(unfinished, 3)}`, terminal.columns, '', '  '))
    return 'ok'
  } finally {
    await store.close()
  }
}
