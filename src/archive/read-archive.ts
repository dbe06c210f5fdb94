// Reads an archive by ranges: the sidecar, the manifest it names, then whatever entry is asked for. Nothing is
// handed out unchecked, so that a restore cannot bring back what was damaged.
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { LARGEST_ENTRY, manifestProblems, nameProblems } from './check-manifest.ts'
import { corrupt, type Problem, placed } from './damage.ts'
import type { Opener } from './encryption.ts'
import { entryContent } from './entry-content.ts'
import { BACKUP_NAME, METADATA, partName } from './layout.ts'
import { type BackupMetadata, MANIFEST, type Manifest, type PartitionBackup, type Segment, type Sidecar } from './manifest.ts'
import { parseManifest, parseMetadata } from './manifest-schema.ts'
import { type Lent, mtimeOf, openEntries } from './read-entries.ts'
import { parseSidecar, sidecarName } from './sidecar.ts'

export interface Archive {
  readonly sidecar: Sidecar
  readonly manifest: Manifest
  /** Content as it was before encryption and compression. Errors: `archive-corrupt` (exit 21), `wrong-key` (exit 22), the store's. */
  entry(path: string, signal: AbortSignal): Promise<Buffer>
  /** Record batches in order; `release` gives the memory back and must be called once. Errors as `entry`. */
  segment(partition: PartitionBackup, segment: Segment, signal: AbortSignal): Promise<Lent>
  metadata(signal: AbortSignal): Promise<BackupMetadata>
}

/** No sidecar of however many parts is larger. */
const LARGEST_SIDECAR = 1 << 20

const noBackup = (store: BackupStoreReader, what: string): KdrError =>
  new KdrError(`${store.where}: ${what}`, { code: 'no-such-backup', exit: 'noSuchStore', hint: 'kdr backup list shows what there is' })

/** Text of the sidecar; null where there is none. Throws `no-such-backup` (exit 23), saying whether something unfinished is there. */
const sidecarTextOf = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<string> => {
  const object = BACKUP_NAME.test(name) ? await store.head(sidecarName(name), signal) : null
  if (object === null) {
    const begun = BACKUP_NAME.test(name) && (await store.head(partName(name), signal)) !== null
    throw noBackup(
      store,
      begun ? `${name} has no ${sidecarName(name)}: it is in-progress, was left unfinished, or lost that, and is no backup` : `there is no backup ${name}`,
    )
  }
  if (object.bytes > LARGEST_SIDECAR) throw corrupt({ where: sidecarName(name), what: `it has ${object.bytes} bytes` })
  return (await store.read(object.name, { start: 0, end: object.bytes }, signal)).toString('utf8')
}

/** Every part is there and as long as it was. */
const partProblems = async (store: BackupStoreReader, sidecar: Sidecar, signal: AbortSignal): Promise<readonly Problem[]> => {
  const problems: Problem[] = []
  for (const { name, bytes } of sidecar.parts) {
    const object = await store.head(name, signal)
    if (object === null) problems.push({ where: name, what: 'it is missing' })
    else if (object.bytes !== bytes) problems.push({ where: name, what: `it has ${object.bytes} bytes, and ${sidecarName(sidecar.name)} says ${bytes}` })
  }
  return problems
}

/** The final manifest, checked by the sidecar. Throws `archive-corrupt`. */
const readManifest = async (store: BackupStoreReader, sidecar: Sidecar, signal: AbortSignal): Promise<Manifest> => {
  const part = sidecar.parts[sidecar.parts.length - 1]
  const { offset, length, bytes, sha256 } = sidecar.manifest
  const where = `${part?.name}: ${MANIFEST}`
  if (part === undefined || offset + length > part.bytes || bytes > LARGEST_ENTRY)
    throw corrupt({ where, what: `it is not where ${sidecarName(sidecar.name)} says` })
  const member = await store.read(part.name, { start: offset, end: offset + length }, signal)
  try {
    const content = await entryContent(member, { path: MANIFEST, bytes, sha256 }, mtimeOf(sidecar.date))
    return parseManifest(content.toString('utf8'), where)
  } catch (thrown) {
    throw placed(thrown, where)
  }
}

export interface Opened {
  readonly sidecar: Sidecar
  readonly manifest: Manifest
  /** What of the sidecar, the parts' sizes and the manifest does not agree. */
  readonly problems: readonly Problem[]
}

/** Throws `no-such-backup`, `archive-corrupt`, `format-unknown`, where nothing more can be told. */
export const readManifests = async (store: BackupStoreReader, name: string, signal: AbortSignal): Promise<Opened> => {
  const where = sidecarName(name)
  const text = await sidecarTextOf(store, name, signal)
  const sidecar = parseSidecar(text, where)
  for (const what of nameProblems(sidecar, name)) throw corrupt({ where, what })
  const sizes = await partProblems(store, sidecar, signal)
  // The manifest lies at the end: of a part that was cut off it is gone, and the size says why.
  const manifest = await readManifest(store, sidecar, signal).catch((thrown: unknown) => {
    throw sizes[0] === undefined ? thrown : corrupt(sizes[0], thrown)
  })
  const problems = manifestProblems(text, sidecar, manifest, { sidecar: where, manifest: `${sidecar.parts[sidecar.parts.length - 1]?.name}: ${MANIFEST}` })
  return { sidecar, manifest, problems: [...sizes, ...problems] }
}

/** Throws `no-such-backup` (exit 23), `archive-corrupt` (exit 21), `format-unknown`. A key is looked at when an entry needs it. */
export const openArchive = async (store: BackupStoreReader, name: string, opener: Opener | null, signal: AbortSignal): Promise<Archive> => {
  const { sidecar, manifest, problems } = await readManifests(store, name, signal)
  for (const problem of problems) throw corrupt(problem)
  return archiveOf(store, sidecar, manifest, opener)
}

/** What lies in the entries of an archive whose manifest holds. */
const archiveOf = (store: BackupStoreReader, sidecar: Sidecar, manifest: Manifest, opener: Opener | null): Archive => {
  const entries = openEntries(store, manifest, opener, { summed: false })
  const lent = async (path: string, signal: AbortSignal): Promise<Lent> => {
    const entry = entries.byPath.get(path)
    if (entry === undefined) throw corrupt({ where: `${manifest.name}: ${path}`, what: 'there is no such entry' })
    try {
      return await entries.opened(entry, signal)
    } catch (thrown) {
      throw placed(thrown, entries.whereOf(entry))
    }
  }
  const copied = async (path: string, signal: AbortSignal): Promise<Buffer> => {
    const { bytes, release } = await lent(path, signal)
    const copy = Buffer.from(bytes)
    release()
    return copy
  }
  return {
    sidecar,
    manifest,
    entry: copied,
    segment: (_partition, { path }, signal) => lent(path, signal),
    metadata: async (signal) => {
      const keys = Object.keys(METADATA) as (keyof BackupMetadata)[]
      const texts = await Promise.all(keys.map(async (key) => [key, (await copied(METADATA[key], signal)).toString('utf8')] as const))
      return parseMetadata(Object.fromEntries(texts) as Record<keyof BackupMetadata, string>, manifest.name)
    },
  }
}
