// Which backup is meant: by its name, by the name of one of its files, or the latest that can be restored.
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { brokenLink } from './create/parent.ts'
import { BACKUP_NAME } from './layout.ts'
import { scanStore } from './list-backups.ts'
import type { Sidecar } from './manifest.ts'
import { parseSidecar, sidecarName } from './sidecar.ts'

const LARGEST = 1 << 20

/** `full_backup_1.tar.gz` and `full_backup_1.manifest.json` → `full_backup_1`. */
const nameOf = (text: string): string => text.replace(/(\.part-?\d+)?\.tar\.gz$|\.manifest\.json$/, '')

const noSuchBackup = (message: string, where: string, hint = `kdr backup list --store ${where}`): KdrError =>
  new KdrError(message, { code: 'no-such-backup', exit: 'noSuchStore', hint })

/**
 * The newest one whose chain lies in the store from its full backup on, with every part, complete or not: what is missing
 * of an incomplete one is a gap, of an older one all that came after.
 */
const latest = async (store: BackupStoreReader, signal: AbortSignal): Promise<Sidecar> => {
  const { backups, damaged } = await scanStore(store, signal)
  const whole = new Set(backups.map(({ name }) => name))
  for (const { name } of damaged) whole.delete(name)
  const sound = backups.filter(({ name }) => whole.has(name))
  const found = sound.findLast((sidecar) => brokenLink(sidecar, sound) === null)
  if (found !== undefined) return found
  const [first] = damaged
  const why = first === undefined ? (backups.length === 0 ? 'it has none' : 'every chain lacks a link') : `${first.name}: ${first.why}`
  throw noSuchBackup(`there is no backup in ${store.where} that could be restored: ${why}`, store.where)
}

/**
 * `which`: a name, the name of an archive or its sidecar, or `latest`. Throws `no-such-backup` (exit 23), `archive-corrupt`
 * (exit 21) and the store's errors. A path is the command's to take apart: its folder is the store.
 */
export const findBackup = async (store: BackupStoreReader, which: string, signal: AbortSignal): Promise<Sidecar> => {
  if (which === 'latest') return latest(store, signal)
  const name = nameOf(which)
  const object = BACKUP_NAME.test(name) ? await store.head(sidecarName(name), signal) : null
  if (object === null) {
    const archive = BACKUP_NAME.test(name) ? await store.head(`${name}.tar.gz`, signal) : null
    if (archive === null) throw noSuchBackup(`there is no backup ${name} in ${store.where}`, store.where)
    throw noSuchBackup(
      `${name} in ${store.where} is no backup: it has no ${sidecarName(name)}`,
      store.where,
      'it was left unfinished, or lost that: kdr backup list says which',
    )
  }
  const where = `${store.where} ${object.name}`
  if (object.bytes > LARGEST) throw new KdrError(`${where} is no sidecar manifest: it is too large`, { code: 'archive-corrupt', exit: 'corrupt' })
  const sidecar = parseSidecar((await store.read(object.name, { start: 0, end: object.bytes }, signal)).toString('utf8'), where)
  if (sidecar.name === name) return sidecar
  throw new KdrError(`${where} is the sidecar manifest of ${sidecar.name}`, {
    code: 'archive-corrupt',
    exit: 'corrupt',
    hint: 'give the files their names back',
  })
}
