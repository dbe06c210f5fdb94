// Writes an archive as a stream, straight into the store: the provisional manifest, entries in the order they
// are given, the final manifest, and beside it the sidecar, without which none of it counts.
import type { BackupStoreWriter } from '../ports/backup-store.ts'
import { parseInstant } from '../units.ts'
import { checkManifest, checkSidecarText } from './check-own.ts'
import { gzipContent, zstdContent } from './compression.ts'
import { sha256 } from './digest.ts'
import type { Sealer } from './encryption.ts'
import { deflatedMember, storedMember } from './gzip-member.ts'
import { isEntryPath } from './layout.ts'
import { type Compression, MANIFEST, type Manifest, type ManifestEntry, type Sidecar } from './manifest.ts'
import { manifestBytes, sidecarOf, sidecarText } from './manifest-text.ts'
import { openPartFiles } from './part-files.ts'
import { sidecarName } from './sidecar.ts'
import { paddingOf, tarHead } from './tar-head.ts'

export interface ArchiveWriter {
  /** A small entry; deflated unless told otherwise. */
  add(path: string, content: Buffer, how?: { readonly compression?: Exclude<Compression, 'zstd'> }): Promise<ManifestEntry>
  /**
   * Batches in order. `pieces` may be used again once it resolves; calls may overlap and are written in the order of the calls.
   * The path of the entry is `path`, with `.zst` or `.gz` where its content is compressed.
   */
  addSegment(path: string, pieces: readonly Buffer[], how: { readonly compression: Compression }): Promise<ManifestEntry>
  /** Makes a backup of it: `entries` of what is given are replaced by those written. Throws `archive-unreadable` where kdr's own reader would not take it. */
  finish(manifest: Manifest): Promise<Sidecar>
  /** Nothing remains of it; of one that is finished all of it. */
  abandon(reason: Error): Promise<void>
  /** Bytes of the archive so far. */
  readonly written: number
}

export interface ArchiveOptions {
  readonly store: BackupStoreWriter
  readonly name: string
  readonly provisional: Manifest
  readonly encryption: Sealer | null
}

interface Content {
  readonly path: string
  readonly pieces: readonly Buffer[]
  readonly encrypted: boolean
  /** Whether the member deflates it. */
  readonly deflate: boolean
}

const bytesOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { length }) => sum + length, 0)

/** What of a segment gets into the tar. Sealed bytes no longer shrink, so that they are compressed before. */
const segmentContent = async (path: string, pieces: readonly Buffer[], compression: Compression, sealer: Sealer | null): Promise<Content> => {
  if (compression === 'none' && sealer === null) return { path, pieces, encrypted: false, deflate: false }
  if (compression === 'gzip' && sealer === null) return { path, pieces, encrypted: false, deflate: true }
  const plain = Buffer.concat(pieces)
  const small = compression === 'zstd' ? await zstdContent(plain) : compression === 'gzip' ? await gzipContent(plain) : plain
  const ending = compression === 'zstd' ? '.zst' : compression === 'gzip' ? '.gz' : ''
  const content = sealer === null ? small : await sealer.seal(small)
  return { path: `${path}${ending}`, pieces: [content], encrypted: sealer !== null, deflate: false }
}

const memberOf = async (content: Content, mtime: number): Promise<Iterable<Buffer>> => {
  const bytes = bytesOf(content.pieces)
  const tar = [tarHead(content.path, bytes, mtime), ...content.pieces, Buffer.alloc(paddingOf(bytes))]
  return content.deflate ? await deflatedMember(tar) : storedMember(tar)
}

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text)
}

/** Whoever does not wait for it hears of its failure at `finish`. */
const heard = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => {})
  return promise
}

/** Errors: the store's; `zstd-unsupported`; the signal's reason. After an error of any call but `finish`, which does so itself, `abandon` leaves nothing in the store. */
export const openArchiveWriter = ({ store, name, provisional, encryption }: ArchiveOptions, signal: AbortSignal): ArchiveWriter => {
  const mtime = Math.floor(parseInstant(provisional.backup_date) / 1000)
  const entries: ManifestEntry[] = []
  let finished = false
  const plain = (path: string, pieces: readonly Buffer[], deflate: boolean): Content => ({ path, pieces, encrypted: false, deflate })
  const begun = plain(MANIFEST, manifestBytes({ ...provisional, status: 'in-progress' }), true)
  const files = openPartFiles(store, name, () => memberOf(begun, mtime), signal)
  const stopped = (): void => files.fail(signal.reason)
  if (signal.aborted) stopped()
  signal.addEventListener('abort', stopped, { once: true })

  const write = async (making: Promise<Content>) => {
    const digesting = making.then(({ pieces }) => sha256(pieces))
    digesting.catch(() => {})
    const place = await files.push(making.then((content) => memberOf(content, mtime)))
    return { ...place, content: await making, digest: await digesting }
  }
  const addWhen = async (making: Promise<Content>): Promise<ManifestEntry> => {
    const { content, digest, part, offset, length } = await write(making)
    const entry: ManifestEntry = { path: content.path, part, offset, length, bytes: bytesOf(content.pieces), sha256: digest, encrypted: content.encrypted }
    entries.push(entry)
    return entry
  }
  const addContent = (making: Promise<Content>): Promise<ManifestEntry> => heard(addWhen(making))
  const sealed = async (path: string, content: Buffer, sealer: Sealer): Promise<Content> => ({
    path,
    pieces: [await sealer.seal(content)],
    encrypted: true,
    deflate: false,
  })
  const pathProblem = (path: string): Error | null => (isEntryPath(path) ? null : new Error(`no entry of an archive may be called ${path}`))

  for (const { path, content } of encryption?.keys ?? []) void addContent(Promise.resolve(plain(path, [content], false)))

  const finish = async (manifest: Manifest): Promise<Sidecar> => {
    if (manifest.name !== name || manifest.backup_date !== provisional.backup_date)
      throw new Error('the manifest is of another backup than the provisional one')
    const inOrder = [...entries].sort((a, b) => a.part - b.part || a.offset - b.offset)
    const paths = new Set(inOrder.map(({ path }) => path))
    for (const { segments } of manifest.partitions)
      for (const { path } of segments) if (!paths.has(path)) throw new Error(`the manifest names ${path}, which is not in the archive`)
    const final: Manifest = { ...manifest, entries: inOrder }
    const text = manifestBytes(final)
    const bytes = bytesOf(text)
    checkManifest(name, final, bytes)
    const { offset, length, digest } = await write(Promise.resolve(plain(MANIFEST, text, true)))
    const sidecar = sidecarOf(final, await files.close(), { offset, length, bytes, sha256: digest })
    const marker = sidecarText(sidecar)
    checkSidecarText(name, marker, final)
    await store.put(sidecarName(name), once(marker), signal)
    finished = true
    return sidecar
  }
  const abandon = async (reason: unknown): Promise<void> => {
    if (finished) return
    files.fail(reason)
    await files.remove()
  }
  return {
    add: (path, content, how = {}) => {
      const problem = pathProblem(path)
      if (problem !== null) return Promise.reject(problem)
      return addContent(encryption === null ? Promise.resolve(plain(path, [content], how.compression !== 'none')) : sealed(path, content, encryption))
    },
    addSegment: (path, pieces, { compression }) => {
      const problem = pathProblem(path)
      if (problem !== null) return Promise.reject(problem)
      return addContent(segmentContent(path, pieces, compression, encryption))
    },
    finish: async (manifest) => {
      try {
        return await finish(manifest)
      } catch (thrown) {
        await abandon(thrown).catch(() => {})
        throw thrown
      } finally {
        signal.removeEventListener('abort', stopped)
      }
    },
    abandon,
    get written() {
      return files.written
    },
  }
}
