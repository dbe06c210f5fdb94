// Which backups a store has: those with a sidecar, and nothing else, however whole it looks.
import type { BackupStoreReader } from '../ports/backup-store.ts'
import type { Sidecar } from './manifest.ts'
import { backupOf, parseSidecar } from './sidecar.ts'

/** Oldest first. Throws `archive-corrupt` where a sidecar is no sidecar, and the store's errors. */
export const listBackups = async (store: BackupStoreReader, signal: AbortSignal): Promise<readonly Sidecar[]> => {
  const found: Sidecar[] = []
  for await (const { name, bytes } of store.list({}, signal)) {
    if (backupOf(name) === null) continue
    found.push(parseSidecar((await store.read(name, { start: 0, end: bytes }, signal)).toString('utf8'), `${store.where} ${name}`))
  }
  return found.sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0))
}
