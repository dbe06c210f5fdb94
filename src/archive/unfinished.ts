// Archives of kdr that no sidecar makes a backup: their writer was killed, or is still at work. Told by how they begin,
// so that nobody takes a file of somebody else for one.
import { constants, gunzipSync } from 'node:zlib'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import { MANIFEST } from './manifest.ts'
import { sidecarName } from './sidecar.ts'
import { BLOCK, sizeInHead } from './tar-head.ts'

/** Names that `nameFor` gives; archives of the old script have no part and no number. */
const OURS = /^(?:full|incremental)_backup_\d{8}_\d{6}(?:_\d+)?(?:\.part-\d+)?\.tar\.gz$/
/** Of deflated bytes: more than a tar header needs, however little it shrinks. */
const BEGINNING = 4096

/** Of an archive without a sidecar: whether it begins as every part of kdr's does; the old script's begins with a folder. */
export const isUnfinished = async (store: BackupStoreReader, { name, bytes }: StoredObject, signal: AbortSignal): Promise<boolean> => {
  if (!OURS.test(name)) return false
  // A listing that was made over many answers may lack what was there: asked for by its name, it is.
  if ((await store.head(sidecarName(name.replace(/(\.part-\d+)?\.tar\.gz$/, '')), signal)) !== null) return false
  const beginning = await store.read(name, { start: 0, end: Math.min(bytes, BEGINNING) }, signal)
  try {
    const tar = gunzipSync(beginning, { finishFlush: constants.Z_SYNC_FLUSH })
    return tar.length >= BLOCK && sizeInHead(tar, MANIFEST) !== null
  } catch {
    return false
  }
}
