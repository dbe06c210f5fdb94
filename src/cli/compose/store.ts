// The store that a command was pointed at, opened: a folder, or a bucket. Like compose.ts it may import adapters, and does when they are needed.
import { KdrError } from '../../errors.ts'
import type { BackupStore } from '../../ports/backup-store.ts'
import type { ChosenStore } from '../backups.ts'
import type { Invocation } from '../invocation.ts'

/** `create`: a folder that is not there yet is made; a bucket never is. */
export const openStore = async ({ where }: ChosenStore, { create }: { readonly create: boolean }, _env: Invocation['env']): Promise<BackupStore> => {
  if (!where.startsWith('s3:')) return (await import('../../adapters/directory/open-directory.ts')).openDirectory({ path: where, create })
  throw new KdrError(`${where} is a bucket, which this version cannot open yet`, { code: 'usage', exit: 'usage', hint: 'name a folder' })
}
