// kdr backup list: the backups of a store, oldest first, those of the old script among them.
import type { Exit } from '../../errors.ts'
import { chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import type { Invocation } from '../invocation.ts'
import { listedOf, listLines } from '../render/backups.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption, env } = invocation
  const store = await openStore(chooseStore(invocation), { create: false }, env)
  try {
    const { listBackups } = await import('../../archive/list-backups.ts')
    const backups = (await listBackups(store, interruption.signal)).map(listedOf)
    if (terminal.format === 'json') {
      terminal.json({ schema: 'kdr/backups/1', store: store.where, backups })
      return 'ok'
    }
    if (backups.length === 0) terminal.err(`No backups in ${store.where} yet.`)
    else for (const line of listLines(backups, Date.now(), terminal.columns)) terminal.out(line)
    return 'ok'
  } finally {
    await store.close()
  }
}
