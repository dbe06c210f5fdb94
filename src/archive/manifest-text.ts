// The sidecar follows from the manifest and from where it lies, to the byte: so a reader can tell a sidecar that
// was changed from one that kdr wrote.
import type { Manifest, PartFile, Sidecar } from './manifest.ts'

export const manifestText = (manifest: Manifest): string => `${JSON.stringify(manifest)}\n`

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
