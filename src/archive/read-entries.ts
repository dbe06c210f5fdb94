// Entries of one archive by their manifest: read, checked, decrypted, expanded. Complaints are Damage, without
// their place, which whoever asks knows.
import { giveBack, PageRooms, type Slab, Slabs } from '../model/slabs.ts'
import { type BackupStoreReader, PAGE_ROOM } from '../ports/backup-store.ts'
import { parseInstant } from '../units.ts'
import { expand } from './compression.ts'
import { Damage } from './damage.ts'
import { type EntryOpener, missingKey, type Opener } from './encryption.ts'
import { entryContent, glanceAtEntry } from './entry-content.ts'
import { IDENTITY, partName, segmentName } from './layout.ts'
import type { Manifest, ManifestEntry } from './manifest.ts'

export interface Lent {
  readonly bytes: Buffer
  /** Gives the memory back; must be called once. */
  release(): void
}

export interface Entries {
  readonly byPath: ReadonlyMap<string, ManifestEntry>
  /** `data-1.tar.gz: path`, as errors name it. */
  whereOf(entry: ManifestEntry): string
  /** Sees every byte of it by a CRC-32, and nothing more. Throws Damage. */
  glance(entry: ManifestEntry, signal: AbortSignal): Promise<void>
  /** As it lies in the tar, checked by its SHA-256. Throws Damage. */
  sealed(entry: ManifestEntry, signal: AbortSignal): Promise<Lent>
  /** As it was before encryption and compression. Throws Damage; `wrong-key`. */
  opened(entry: ManifestEntry, signal: AbortSignal): Promise<Lent>
}

export const mtimeOf = (date: string): number => Math.floor(parseInstant(date) / 1000)

/** Of all archives together: a chain has many, and one is read at a time. As many are kept as are ever lent, so that none is litter. */
const slabs = new Slabs(96 << 20)
/** Members as they are read, past the page cache where the store can: gone once their content was closed up. */
const rooms = new PageRooms(3, 5 << 20)

/** `content` made of `lent`: memory that it does not lie in goes back at once. */
const replaced = (lent: Lent, content: Buffer): Lent => {
  if (content.buffer === lent.bytes.buffer) return { bytes: content, release: lent.release }
  lent.release()
  return { bytes: content, release: () => giveBack(content) }
}

/** `work` on what was lent, which goes back where that fails. */
const within = async (lent: Lent, work: (bytes: Buffer) => Promise<Buffer>): Promise<Lent> => {
  try {
    return replaced(lent, await work(lent.bytes))
  } catch (thrown) {
    lent.release()
    throw thrown
  }
}

/** `summed`: CRC-32s are looked at, too, of which no content depends: every byte counts where an archive is verified. */
export const openEntries = (store: BackupStoreReader, manifest: Manifest, opener: Opener | null, { summed }: { readonly summed: boolean }): Entries => {
  const byPath = new Map(manifest.entries.map((entry) => [entry.path, entry]))
  const sizes = new Map(manifest.partitions.flatMap(({ segments }) => segments.map(({ path, bytes }) => [path, bytes] as const)))
  const mtime = mtimeOf(manifest.backup_date)
  /** `work` on its member, whose memory is somebody else's after that. */
  const onMember = <T>({ part, offset, length }: ManifestEntry, signal: AbortSignal, work: (member: Buffer) => Promise<T>): Promise<T> =>
    rooms.within(length + PAGE_ROOM, async (memory) =>
      work(await store.read(partName(manifest.name, part), { start: offset, end: offset + length }, signal, memory)),
    )
  const sealed = async (entry: ManifestEntry, signal: AbortSignal): Promise<Lent> =>
    onMember(entry, signal, async (member) => {
      const taken: Slab[] = []
      const into = (bytes: number): Buffer => {
        const slab = slabs.take(bytes)
        taken.push(slab)
        return slab.bytes
      }
      const release = (): void => {
        for (const slab of taken) slab.release()
      }
      try {
        return { bytes: await entryContent(member, entry, mtime, { into, summed }), release }
      } catch (thrown) {
        release()
        throw thrown
      }
    })
  const glance = (entry: ManifestEntry, signal: AbortSignal): Promise<void> => onMember(entry, signal, (member) => glanceAtEntry(member, entry, mtime))
  let unlocking: Promise<EntryOpener> | null = null
  const unlock = async (signal: AbortSignal): Promise<EntryOpener> => {
    if (opener === null) throw missingKey(manifest.name, manifest.encryption?.recipients ?? [])
    const identity = byPath.get(IDENTITY)
    if (identity === undefined) return opener.unlock(null)
    const { bytes, release } = await sealed(identity, signal)
    return opener.unlock(bytes).finally(release)
  }
  const decrypted = async (content: Buffer, signal: AbortSignal): Promise<Buffer> => {
    unlocking ??= unlock(signal)
    const keys = await unlocking.catch((thrown: unknown) => {
      // A look that was called off is not the last word.
      unlocking = null
      throw thrown
    })
    const plain = await keys.open(content)
    if (plain === null) throw new Damage('it cannot be decrypted, though the key is right')
    return plain
  }
  const opened = async (entry: ManifestEntry, signal: AbortSignal): Promise<Lent> =>
    within(await sealed(entry, signal), async (content) => {
      const plain = entry.encrypted ? await decrypted(content, signal) : content
      const bytes = sizes.get(entry.path)
      if (bytes === undefined) return plain
      const batches = await expand(segmentName(entry.path)?.codec ?? null, plain, bytes)
      if (batches.length !== bytes) throw new Damage(`${batches.length} bytes of batches lie in it, and the manifest says ${bytes}`)
      return batches
    })
  return { byPath, whereOf: ({ part, path }) => `${partName(manifest.name, part)}: ${path}`, glance, sealed, opened }
}
