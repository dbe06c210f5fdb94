// The sidecar follows from the manifest and from where it lies, to the byte: so a reader can tell a sidecar that
// was changed from one that kdr wrote.
import type { Manifest, PartFile, Sidecar } from './manifest.ts'

/** Made into text at a time. */
const ROWS = 1000
const CHUNK = 1 << 20

function* arrayOf(items: readonly unknown[]): Generator<string> {
  yield '['
  for (let at = 0; at < items.length; at += ROWS) yield `${at === 0 ? '' : ','}${JSON.stringify(items.slice(at, at + ROWS)).slice(1, -1)}`
  yield ']'
}

/** `long`: fields whose text comes bit by bit. */
function* objectOf(object: object, long: Readonly<Record<string, () => Generator<string>>>): Generator<string> {
  let before = '{'
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue
    yield `${before}${JSON.stringify(key)}:`
    before = ','
    const bits = long[key]
    if (bits === undefined) yield JSON.stringify(value)
    else yield* bits()
  }
  yield '}'
}

function* partitionsOf(partitions: Manifest['partitions']): Generator<string> {
  let before = '['
  for (const partition of partitions) {
    yield before
    before = ','
    yield* objectOf(partition, { segments: () => arrayOf(partition.segments) })
  }
  yield partitions.length === 0 ? '[]' : ']'
}

/** The manifest as it lies in an archive: what JSON.stringify makes of it, without a string of it all, for which a large one is too long. */
export const manifestBytes = (manifest: Manifest): readonly Buffer[] => {
  const pieces: Buffer[] = []
  let text = ''
  for (const bit of objectOf(manifest, { partitions: () => partitionsOf(manifest.partitions), entries: () => arrayOf(manifest.entries) })) {
    text += bit
    if (text.length < CHUNK) continue
    pieces.push(Buffer.from(text))
    text = ''
  }
  return [...pieces, Buffer.from(`${text}\n`)]
}

export const sidecarText = (sidecar: Sidecar): string => `${JSON.stringify(sidecar, null, 1)}\n`

export const sidecarOf = (manifest: Manifest, parts: readonly PartFile[], place: Sidecar['manifest']): Sidecar => ({
  format: manifest.format,
  name: manifest.name,
  type: manifest.backup_type,
  status: manifest.status === 'complete' ? 'complete' : 'incomplete',
  date: manifest.backup_date,
  cluster_id: manifest.cluster_id,
  chain: {
    id: manifest.chain.id,
    sequence: manifest.chain.sequence,
    parent: manifest.chain.parent && { name: manifest.chain.parent.name, sha256: manifest.chain.parent.sha256 },
  },
  topics: manifest.topics_count,
  records: manifest.partitions.reduce((sum, { records }) => sum + records, 0),
  bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
  parts: parts.map(({ name, bytes }) => ({ name, bytes })),
  manifest: { offset: place.offset, length: place.length, bytes: place.bytes, sha256: place.sha256 },
  max_timestamp: manifest.partitions.reduce((latest, { maxTimestamp }) => Math.max(latest, maxTimestamp), -1),
  encrypted: manifest.encryption !== null,
})
