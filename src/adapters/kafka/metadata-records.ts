// Records of the controllers' log, as far as they say which partitions there are, who is on record for them and
// which settings they have. Layouts: Kafka's metadata/src/main/resources/common/metadata, 3.0 to 4.3.
import { KdrError } from '../../errors.ts'
import { WireReader } from './wire.ts'

export interface PartitionOnRecord {
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly leader: number
  readonly leaderEpoch: number
  readonly elr: readonly number[]
  readonly lastKnownElr: readonly number[]
}

/** What a change leaves out stays as it was. */
type PartitionChange = Partial<Omit<PartitionOnRecord, 'leaderEpoch'>>

export type MetadataRecord =
  | { readonly kind: 'topic'; readonly name: string; readonly id: string }
  | { readonly kind: 'topic-removed'; readonly id: string }
  | { readonly kind: 'partition'; readonly topic: string; readonly index: number; readonly state: PartitionOnRecord }
  | { readonly kind: 'partition-changed'; readonly topic: string; readonly index: number; readonly change: PartitionChange }
  /** `topic` empty: of every topic. */
  | { readonly kind: 'elr-cleared'; readonly topic: string }
  | { readonly kind: 'config'; readonly type: number; readonly resource: string; readonly key: string; readonly value: string | null }
  | { readonly kind: 'broker'; readonly id: number; readonly fenced: boolean }
  | { readonly kind: 'broker-gone'; readonly id: number }
  | { readonly kind: 'begin' | 'end' | 'abort' }

interface Layout {
  /** The newest version that is understood: a newer one may say something else. */
  readonly newest: number
  readonly read: (reader: WireReader, version: number) => MetadataRecord | null
}

const id = (reader: WireReader): string => reader.uuid() ?? ''

const readPartition = (reader: WireReader, version: number): MetadataRecord => {
  const index = reader.i32()
  const topic = id(reader)
  const [replicas, isr] = [reader.i32s(), reader.i32s()]
  reader.i32s() // being removed
  reader.i32s() // being added
  const [leader, leaderEpoch] = [reader.i32(), reader.i32()]
  reader.i32() // partition epoch
  if (version >= 1) reader.array((each) => each.uuid()) // directories
  let elr: readonly number[] = []
  let lastKnownElr: readonly number[] = []
  reader.tagged((tag, field) => {
    if (tag === 1) elr = field.i32s()
    if (tag === 2) lastKnownElr = field.i32s()
  })
  return { kind: 'partition', topic, index, state: { replicas, isr, leader, leaderEpoch, elr, lastKnownElr } }
}

const CHANGED: Readonly<Record<number, (field: WireReader) => PartitionChange>> = {
  0: (field) => ({ isr: field.i32s() }),
  1: (field) => ({ leader: field.i32() }),
  2: (field) => ({ replicas: field.i32s() }),
  6: (field) => ({ elr: field.i32s() }),
  7: (field) => ({ lastKnownElr: field.i32s() }),
}

const readPartitionChange = (reader: WireReader): MetadataRecord => {
  const index = reader.i32()
  const topic = id(reader)
  let change: PartitionChange = {}
  reader.tagged((tag, field) => {
    change = { ...change, ...CHANGED[tag]?.(field) }
  })
  return { kind: 'partition-changed', topic, index, change }
}

const readRegistration = (reader: WireReader, version: number): MetadataRecord => {
  const broker = reader.i32()
  if (version >= 2) reader.bool() // a broker of ZooKeeper's that is being migrated
  reader.uuid() // incarnation
  reader.i64() // epoch
  reader.array((each) => {
    each.string()
    each.string()
    each.i16() // port
    each.i16() // protocol
    each.tags()
  })
  reader.array((each) => {
    each.string()
    each.i16()
    each.i16()
    each.tags()
  })
  reader.nullableString() // rack
  return { kind: 'broker', id: broker, fenced: reader.bool() }
}

const FENCED = 1
const UNFENCED = -1

const readRegistrationChange = (reader: WireReader): MetadataRecord | null => {
  const broker = reader.i32()
  reader.i64() // epoch
  let fenced = 0
  reader.tagged((tag, field) => {
    if (tag === 0) fenced = field.i8()
  })
  return fenced === FENCED || fenced === UNFENCED ? { kind: 'broker', id: broker, fenced: fenced === FENCED } : null
}

const LAYOUTS: Readonly<Record<number, Layout>> = {
  0: { newest: 4, read: readRegistration },
  1: { newest: 0, read: (reader) => ({ kind: 'broker-gone', id: reader.i32() }) },
  2: { newest: 0, read: (reader) => ({ kind: 'topic', name: reader.string(), id: id(reader) }) },
  3: { newest: 2, read: readPartition },
  4: {
    newest: 0,
    read: (reader) => ({ kind: 'config', type: reader.i8(), resource: reader.string(), key: reader.string(), value: reader.nullableString() }),
  },
  5: { newest: 2, read: readPartitionChange },
  7: { newest: 0, read: (reader) => ({ kind: 'broker', id: reader.i32(), fenced: true }) },
  8: { newest: 0, read: (reader) => ({ kind: 'broker', id: reader.i32(), fenced: false }) },
  9: { newest: 0, read: (reader) => ({ kind: 'topic-removed', id: id(reader) }) },
  17: { newest: 3, read: readRegistrationChange },
  23: { newest: 0, read: () => ({ kind: 'begin' }) },
  24: { newest: 0, read: () => ({ kind: 'end' }) },
  25: { newest: 0, read: () => ({ kind: 'abort' }) },
  28: { newest: 0, read: (reader) => ({ kind: 'elr-cleared', topic: reader.string() }) },
}

/** null: it is about something else (quotas, ACLs, users, features). Throws `metadata-record-unknown` for a layout kdr does not know. */
export const readMetadataRecord = (value: Buffer): MetadataRecord | null => {
  const reader = new WireReader(value)
  reader.uvarint() // frame version (AbstractApiMessageSerde)
  const key = reader.uvarint()
  const version = reader.uvarint()
  const layout = LAYOUTS[key]
  if (layout === undefined) return null
  if (version > layout.newest)
    throw new KdrError(`the controllers' log has record ${key} in version ${version}, kdr knows ${layout.newest}`, { code: 'metadata-record-unknown' })
  return layout.read(reader, version)
}
