// Names of everything in an archive, in one place: what a writer calls things and what a reader is willing to
// meet. Nothing else is taken from an archive, however it is called.
import type { BackupMetadata } from './manifest.ts'

/** Ordinals begin with 1: `<name>.tar.gz`, `<name>.part-2.tar.gz`. */
export const partName = (name: string, part = 1): string => (part === 1 ? `${name}.tar.gz` : `${name}.part-${part}.tar.gz`)

/** Of a name that may stand before `.tar.gz`. */
export const BACKUP_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/

export const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

/** `data/orders/0/00000000000000000042.seg`; the writer appends the codec of its content where it has one, so that what counts is the path of its entry. */
export const segmentPath = (topic: string, partition: number, baseOffset: bigint): string =>
  `data/${topic}/${partition}/${String(baseOffset).padStart(20, '0')}.seg`

/** Where each part of the metadata lies. */
export const METADATA: Readonly<Record<keyof BackupMetadata, string>> = {
  topics: 'metadata/topics.json',
  acls: 'metadata/acls.json',
  quotas: 'metadata/quotas.json',
  scramUsers: 'metadata/scram-users.json',
  groups: 'metadata/groups.json',
  schemas: 'metadata/schemas.json',
}

/** The archive's own identity, sealed with a passphrase. */
export const IDENTITY = 'metadata/identity.age'

/** The entries of `metadata/`, ready to be added to an archive. */
export const metadataEntries = (metadata: BackupMetadata): readonly { readonly path: string; readonly content: Buffer }[] =>
  (Object.keys(METADATA) as (keyof BackupMetadata)[]).map((key) => ({
    path: METADATA[key],
    content: Buffer.from(`${JSON.stringify(metadata[key], null, 1)}\n`),
  }))

const SEGMENT = /^data\/([^/]+)\/(0|[1-9]\d{0,9})\/(\d{20})\.seg(?:\.(zst|gz))?$/

export interface SegmentName {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: bigint
  readonly codec: 'zst' | 'gz' | null
}

/** null for whatever is no segment of a topic that Kafka would allow. */
export const segmentName = (path: string): SegmentName | null => {
  const [, topic = '', partition, offset = '', codec] = SEGMENT.exec(path) ?? []
  if (partition === undefined || !TOPIC_NAME.test(topic)) return null
  return { topic, partition: Number(partition), baseOffset: BigInt(offset), codec: codec === 'zst' || codec === 'gz' ? codec : null }
}

/** The paths that an entry besides the manifests may have. */
export const isEntryPath = (path: string): boolean => /^metadata\/[a-z0-9-]{1,60}\.(?:json|age)$/.test(path) || segmentName(path) !== null
