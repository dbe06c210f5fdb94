// The final manifest of an archive whose sidecar is gone: found from the archive's own end. Only a whole archive has
// one, so that it tells what is worth keeping from what was never finished.
import { KdrError } from '../errors.ts'
import type { BackupStoreReader, StoredObject } from '../ports/backup-store.ts'
import { END, LARGEST_ENTRY } from './check-manifest.ts'
import { Damage } from './damage.ts'
import { sha256 } from './digest.ts'
import { lastMemberIn, openMember, storedLength, storedStart } from './gzip-member.ts'
import { MANIFEST, type Manifest, type Sidecar } from './manifest.ts'
import { parseManifest } from './manifest-schema.ts'
import { mtimeOf } from './read-entries.ts'
import { BLOCK, headProblem, sizeInHead, tarHead } from './tar-head.ts'

interface LastManifest {
  readonly manifest: Manifest
  readonly place: Sidecar['manifest']
}

/** `none`: a whole part as they are written before the last one. `unclear`: it does not end as kdr ends a part, and nothing can be concluded from it. */
export type Ending = LastManifest | 'none' | 'unclear'

const FIRST_LOOK = 64 << 10

/** The deflated member that ends at `end` with `size` bytes in it; null where there is none. */
const deflatedBefore = async (store: BackupStoreReader, name: string, end: number, size: number, signal: AbortSignal): Promise<Buffer | null> => {
  // Deflate makes no more than this of what it cannot shrink.
  const most = Math.min(end, size + (size >> 8) + FIRST_LOOK)
  for (let look = Math.min(most, FIRST_LOOK); ; look = Math.min(most, look * 4)) {
    const found = lastMemberIn(await store.read(name, { start: end - look, end }, signal))
    if (found !== null || look === most) return found
  }
}

/** What is deflated and no final manifest is a segment, or the provisional manifest of a part that has nothing else. Throws Damage, `archive-corrupt`, `format-unknown`. */
const endingIn = async (member: Buffer, size: number, offset: number): Promise<Ending> => {
  const tar = await openMember(member, size)
  const bytes = tar.length < BLOCK ? null : sizeInHead(tar, MANIFEST)
  if (bytes === null) return 'none'
  const head = tarHead(MANIFEST, bytes, 0).length
  const content = tar.subarray(head, head + bytes)
  const manifest = parseManifest(content.toString('utf8'), MANIFEST)
  const problem = headProblem(tar.subarray(0, head), MANIFEST, bytes, mtimeOf(manifest.backup_date))
  if (problem !== null) throw new Damage(problem)
  if (manifest.status === 'in-progress') return 'none'
  return { manifest, place: { offset, length: member.length, bytes, sha256: await sha256([content]) } }
}

/** Of a part. Throws the store's errors. */
export const endingOf = async (store: BackupStoreReader, { name, bytes }: StoredObject, signal: AbortSignal): Promise<Ending> => {
  const end = bytes - END.length
  if (end < BLOCK || !(await store.read(name, { start: end, end: bytes }, signal)).equals(END)) return 'unclear'
  const size = (await store.read(name, { start: end - 4, end }, signal)).readUInt32LE()
  const stored = end - storedLength(size)
  // The manifest is always deflated.
  if (stored >= 0 && storedStart(await store.read(name, { start: stored, end: Math.min(end, stored + BLOCK) }, signal))) return 'none'
  if (size > LARGEST_ENTRY + 2 * BLOCK) return 'unclear'
  const member = await deflatedBefore(store, name, end, size, signal)
  if (member === null) return 'unclear'
  try {
    return await endingIn(member, size, end - member.length)
  } catch (thrown) {
    if (thrown instanceof Damage || (thrown instanceof KdrError && (thrown.exit === 'corrupt' || thrown.code === 'format-unknown'))) return 'unclear'
    throw thrown
  }
}
