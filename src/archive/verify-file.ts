// Every byte of a backup, looked at: that members follow each other without a gap to the last byte of the last
// part, that each holds what the manifest says, and that batches lie in the segments. All that is wrong is told.
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { END, spansOf } from './check-manifest.ts'
import { segmentProblems } from './check-segment.ts'
import { CorruptArchive, Damage, type Problem } from './damage.ts'
import type { Opener } from './encryption.ts'
import { openMember } from './gzip-member.ts'
import { partName } from './layout.ts'
import { MANIFEST, type Manifest, type ManifestEntry, type Segment } from './manifest.ts'
import { parseManifest } from './manifest-schema.ts'
import { type Opened, readManifests } from './read-archive.ts'
import { type Entries, mtimeOf, openEntries } from './read-entries.ts'
import { sidecarName } from './sidecar.ts'
import { BLOCK, headProblem, sizeInHead, tarHead } from './tar-head.ts'

/** Members looked at side by side: reading, hashing and inflating go on at once. */
const AT_ONCE = 3
const LARGEST_PROVISIONAL = 64 << 20

/** Bytes seen so far, of all of them. */
export type VerifyProgress = (seen: number, total: number) => void

interface Member {
  readonly where: string
  readonly length: number
  /** What is wrong with it, a line each; or throws Damage. */
  look(signal: AbortSignal): Promise<readonly string[]>
}

/** The provisional manifest, whose size only its own header tells. Throws Damage. */
const provisionalProblems = async (member: Buffer, manifest: Manifest): Promise<readonly string[]> => {
  const length = member.length < 4 ? 0 : member.readUInt32LE(member.length - 4)
  if (length < BLOCK || length > LARGEST_PROVISIONAL) throw new Damage('its gzip member is damaged')
  const tar = await openMember(member, length)
  const bytes = sizeInHead(tar, MANIFEST) ?? 0
  const head = tarHead(MANIFEST, bytes, 0).length
  const problem = headProblem(tar.subarray(0, head), MANIFEST, bytes, mtimeOf(manifest.backup_date))
  if (problem !== null) return [problem]
  if (tar.subarray(head + bytes).some((byte) => byte !== 0)) return ['something lies behind its content']
  const found = parseManifest(tar.toString('utf8', head, head + bytes), MANIFEST)
  const same = (['name', 'backup_date', 'backup_type', 'chain'] as const).filter((key) => JSON.stringify(found[key]) !== JSON.stringify(manifest[key]))
  return [...(found.status === 'in-progress' ? [] : [`its status is ${found.status}`]), ...same.map((key) => `its ${key} is not that of the final manifest`)]
}

/** What is wrong with one entry, a line each; or throws Damage. */
type EntryLook = (entries: Entries, entry: ManifestEntry, segment: Segment | undefined, signal: AbortSignal) => Promise<readonly string[]>

const byDigest =
  (readable: boolean): EntryLook =>
  async (entries, entry, segment, signal) => {
    const { bytes, release } = await (entry.encrypted && !readable ? entries.sealed : entries.opened)(entry, signal)
    try {
      return segment === undefined || (entry.encrypted && !readable) ? [] : segmentProblems(bytes, segment)
    } finally {
      release()
    }
  }

const byGlance: EntryLook = async (entries, entry, _, signal) => {
  await entries.glance(entry, signal)
  return []
}

/** The members of one part in the order of its bytes. The final manifest was read already. */
const membersOf = (store: BackupStoreReader, { sidecar, manifest }: Opened, part: number, entries: Entries, look: EntryLook): readonly Member[] => {
  const name = partName(manifest.name, part)
  const segments = new Map(manifest.partitions.flatMap((partition) => partition.segments.map((segment) => [segment.path, segment])))
  const spans = spansOf(sidecar, manifest, part)
  const begin = spans[0]?.offset ?? 0
  const last = spans[spans.length - 1]
  const end = last === undefined ? 0 : last.offset + last.length
  const read = (start: number, length: number, signal: AbortSignal): Promise<Buffer> => store.read(name, { start, end: start + length }, signal)
  return [
    { where: `${name}: provisional ${MANIFEST}`, length: begin, look: async (signal) => provisionalProblems(await read(0, begin, signal), manifest) },
    ...manifest.entries
      .filter((entry) => entry.part === part)
      .map((entry) => ({
        where: entries.whereOf(entry),
        length: entry.length,
        look: (signal: AbortSignal) => look(entries, entry, segments.get(entry.path), signal),
      })),
    {
      where: `${name}: end`,
      length: END.length,
      look: async (signal) => ((await read(end, END.length, signal)).equals(END) ? [] : ['it does not end as a tar does']),
    },
  ]
}

/** An error that says what is wrong with the backup, as that; whatever else went wrong is thrown. */
const asProblem = (thrown: unknown, where: string): Problem => {
  if (thrown instanceof Damage) return { what: thrown.message, where }
  if (thrown instanceof CorruptArchive) return thrown.problem
  if (thrown instanceof KdrError && (thrown.code === 'archive-corrupt' || thrown.code === 'format-unknown')) return { what: thrown.message, where }
  throw thrown
}

const lookAtAll = async (members: readonly Member[], progress: VerifyProgress, signal: AbortSignal): Promise<readonly Problem[]> => {
  const found: (readonly Problem[])[] = []
  const total = members.reduce((sum, { length }) => sum + length, 0)
  let next = 0
  let seen = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < members.length; at = next++) {
      const member = members[at]
      if (member === undefined) return
      signal.throwIfAborted()
      found[at] = await member.look(signal).then(
        (problems) => problems.map((what) => ({ what, where: member.where })),
        (thrown: unknown) => [asProblem(thrown, member.where)],
      )
      seen += member.length
      progress(seen, total)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return found.flat()
}

const lookAtFile = async (
  store: BackupStoreReader,
  name: string,
  opener: Opener | null,
  look: EntryLook,
  progress: VerifyProgress,
  signal: AbortSignal,
): Promise<readonly Problem[]> => {
  let opened: Opened
  try {
    opened = await readManifests(store, name, signal)
  } catch (thrown) {
    return [asProblem(thrown, sidecarName(name))]
  }
  // Where places do not agree, entries cannot be told apart.
  if (opened.problems.length > 0) return opened.problems
  const entries = openEntries(store, opened.manifest, opener, { summed: true })
  const members = opened.sidecar.parts.flatMap((_, index) => membersOf(store, opened, index + 1, entries, look))
  return lookAtAll(members, progress, signal)
}

/**
 * All that is wrong, in the order of its place. Without a key (`opener` null) encrypted entries are checked by their SHA-256 only.
 * Errors: `no-such-backup` (exit 23), `wrong-key` (exit 22), the store's.
 */
export const verifyFile = (
  store: BackupStoreReader,
  name: string,
  opener: Opener | null,
  progress: VerifyProgress,
  signal: AbortSignal,
): Promise<readonly Problem[]> => lookAtFile(store, name, opener, byDigest(opener !== null), progress, signal)

/** As verifyFile, by tar headers and CRC-32 alone: finds every byte that changed by accident, as fast as the store is read. */
export const glanceAtFile = (store: BackupStoreReader, name: string, progress: VerifyProgress, signal: AbortSignal): Promise<readonly Problem[]> =>
  lookAtFile(store, name, null, byGlance, progress, signal)
