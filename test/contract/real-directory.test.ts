// The contract of backup stores on a folder of this machine.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'
import { openDirectory } from '../../src/adapters/directory/open-directory.ts'
import { backupStoreContract } from './backup-store.contract.ts'

const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-directory-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

backupStoreContract('directory', async () => {
  const folder = mkdtempSync(path.join(scratch, "kafka backups'"))
  return {
    store: openDirectory({ path: folder }),
    again: () => openDirectory({ path: `${folder}/.` }),
    missing: openDirectory({ path: path.join(folder, 'not-here') }),
    leave: async (name) => writeFileSync(path.join(folder, `.${name}.partial-0123456789ab`), 'half'),
  }
})
