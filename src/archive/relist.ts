// A sidecar that was lost, made again: all that stands in it follows from the archive, to the byte. Nothing is written
// before the archive was read from the first byte to the last, and nothing over what is there.
import { KdrError } from '../errors.ts'
import type { BackupStore, BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import { manifestProblems, nameProblems } from './check-manifest.ts'
import { STORE_LOCK } from './create/create-backup.ts'
import { endingOf } from './last-manifest.ts'
import { partName } from './layout.ts'
import { MANIFEST } from './manifest.ts'
import { sidecarOf, sidecarText } from './manifest-text.ts'
import { sidecarName } from './sidecar.ts'

export interface LostSidecar {
  readonly name: string
  readonly text: Buffer
}

const partsOf = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<readonly StoredObject[]> => {
  const parts: StoredObject[] = []
  for (let part = await store.head(partName(name), signal); part !== null; part = await store.head(partName(name, parts.length + 1), signal)) parts.push(part)
  return parts
}

const refused = (name: string, why: string): KdrError =>
  new KdrError(`the sidecar of ${name} cannot be written again: ${why}`, {
    code: 'archive-corrupt',
    exit: 'corrupt',
    hint: 'what is left of it can be taken apart with tar; make a new full backup',
  })

/** null where it is not lost. Throws `no-such-backup` (exit 23), `archive-corrupt` (exit 21), the store's errors. */
export const lostSidecar = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<LostSidecar | null> => {
  if ((await store.head(sidecarName(name), signal)) !== null) return null
  const parts = await partsOf(store, name, signal)
  const last = parts.at(-1)
  if (last === undefined) throw new KdrError(`there is no ${partName(name)} in ${store.where}`, { code: 'no-such-backup', exit: 'noSuchStore' })
  const ending = await endingOf(store, last, signal)
  if (ending === 'none') throw refused(name, `${last.name} ends without a final manifest: it was never finished, or a part after it is gone`)
  if (ending === 'unclear') throw refused(name, `${last.name} does not end as an archive of kdr does`)
  const sidecar = sidecarOf(ending.manifest, parts, ending.place)
  const text = sidecarText(sidecar)
  const [problem] = manifestProblems(text, sidecar, ending.manifest, { sidecar: sidecarName(name), manifest: `${last.name}: ${MANIFEST}` })
  const [misnamed] = nameProblems(sidecar, name)
  if (misnamed !== undefined) throw refused(name, misnamed)
  if (problem !== undefined) throw refused(name, `${problem.where}: ${problem.what}`)
  return { name, text: Buffer.from(text) }
}

/** The store as it would be with that sidecar in it. */
export const withSidecar = (store: BackupStoreReader, { name, text }: LostSidecar): BackupStoreReader => ({
  ...store,
  head: async (object, signal) => (object === sidecarName(name) ? { name: object, bytes: text.length, modified: 0 } : store.head(object, signal)),
  read: async (object, range, signal, into) => (object === sidecarName(name) ? text.subarray(range.start, range.end) : store.read(object, range, signal, into)),
})

const put = async (store: BackupStore, { name, text }: LostSidecar, signal: AbortSignal): Promise<void> => {
  const again = await lostSidecar(store, name, signal)
  if (again === null || !again.text.equals(text))
    throw new KdrError(`${name} changed while it was read`, { code: 'archive-changed', hint: 'kdr backup list shows what is there now' })
  const once = async function* () {
    yield text
  }
  await store.put(sidecarName(name), once(), signal)
}

/** Where nobody makes backups or removes them. Throws `store-locked` (exit 8), and where the archive is no longer what it was when it was looked at. */
export const relist = async (store: BackupStore, lost: LostSidecar, signal: AbortSignal): Promise<void> => {
  const lock = await store.lock(STORE_LOCK, `kdr backup verify ${lost.name} --relist`, signal)
  try {
    await put(store, lost, signal)
  } finally {
    await lock.release()
  }
}
