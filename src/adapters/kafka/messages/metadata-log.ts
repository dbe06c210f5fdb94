// The log of the KRaft controllers, as they hand it out themselves (KIP-595 Fetch v13, KIP-630 FetchSnapshot v0):
// what the cluster is on record is in there, whether or not any broker lives.
import type { Message } from '../message.ts'
import type { WireReader } from '../wire.ts'
import { CLIENT } from './offsets.ts'

const TOPIC = '__cluster_metadata'
/** Uuid.METADATA_TOPIC_ID: controllers go by it, and refuse the name (KafkaRaftClient.hasValidTopicPartition). */
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const PARTITION = 0

/** Where a snapshot ends, which is its name too. */
export interface SnapshotId {
  readonly endOffset: bigint
  readonly epoch: number
}

interface FetchMetadataAnswer {
  readonly error: number
  /** Behind it everything is committed; -1 while a new leader does not know yet. */
  readonly highWatermark: bigint
  /** What was asked for is not part of this leader's log. */
  readonly diverged: boolean
  /** Read this first: the log begins after it. */
  readonly snapshot: SnapshotId | null
  readonly batches: Buffer
}

const NOTHING: FetchMetadataAnswer = { error: 0, highWatermark: -1n, diverged: false, snapshot: null, batches: Buffer.alloc(0) }

const snapshotId = (reader: WireReader): SnapshotId => {
  const id = { endOffset: reader.i64(), epoch: reader.i32() }
  reader.tags()
  return id
}

const readRow = (row: WireReader): FetchMetadataAnswer => {
  row.i32() // partition
  const error = row.i16()
  const highWatermark = row.i64()
  row.i64() // last stable
  row.i64() // log start
  row.array((one) => {
    one.i64()
    one.i64()
    one.tags()
  })
  row.i32() // preferred read replica
  const batches = row.bytes()
  let diverged = false
  let snapshot: SnapshotId | null = null
  row.tagged((tag, field) => {
    if (tag === 0) diverged = true
    if (tag === 2) snapshot = snapshotId(field)
  })
  return { error, highWatermark, diverged, snapshot, batches }
}

/** As a reader that has no vote. `leaderEpoch` is the quorum's, `lastEpoch` that of the batch before `offset` (0 at the beginning). */
export const FetchMetadata: Message<
  { readonly leaderEpoch: number; readonly offset: bigint; readonly lastEpoch: number; readonly maxBytes: number },
  FetchMetadataAnswer
> = {
  name: 'Fetch',
  key: 1,
  version: 13,
  flexible: true,
  encode: (writer, { leaderEpoch, offset, lastEpoch, maxBytes }) => {
    writer.i32(CLIENT).i32(0).i32(0).i32(maxBytes).i8(0)
    writer.i32(0).i32(-1) // no fetch session
    writer.array([TOPIC_ID], (each, id) =>
      each
        .uuid(id)
        .array([PARTITION], (list, index) => list.i32(index).i32(leaderEpoch).i64(offset).i32(lastEpoch).i64(-1n).i32(maxBytes).tags())
        .tags(),
    )
    writer
      .array([], () => {})
      .string('')
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    reader.i32() // session
    if (error !== 0) return { ...NOTHING, error }
    const topics = reader.array((each) => {
      each.uuid()
      const rows = each.array(readRow)
      each.tags()
      return rows
    })
    return topics.flat()[0] ?? { ...NOTHING, error: -1 }
  },
}

interface FetchSnapshotAnswer {
  readonly error: number
  readonly size: bigint
  /** From the position that was asked for; may end in the middle of a batch. */
  readonly bytes: Buffer
}

export const FetchSnapshot: Message<
  { readonly leaderEpoch: number; readonly id: SnapshotId; readonly position: bigint; readonly maxBytes: number },
  FetchSnapshotAnswer
> = {
  name: 'FetchSnapshot',
  key: 59,
  version: 0,
  flexible: true,
  encode: (writer, { leaderEpoch, id, position, maxBytes }) => {
    writer.i32(CLIENT).i32(maxBytes)
    writer.array([TOPIC], (each, name) =>
      each
        .string(name)
        .array([PARTITION], (list, index) => {
          list.i32(index).i32(leaderEpoch)
          list.i64(id.endOffset).i32(id.epoch).tags()
          list.i64(position).tags()
        })
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    const none: FetchSnapshotAnswer = { error, size: 0n, bytes: Buffer.alloc(0) }
    if (error !== 0) return none
    const topics = reader.array((each) => {
      each.string()
      const rows = each.array((row): FetchSnapshotAnswer => {
        row.i32() // partition
        const code = row.i16()
        snapshotId(row)
        const size = row.i64()
        row.i64() // position
        const answer = { error: code, size, bytes: row.bytes() }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return topics.flat()[0] ?? { ...none, error: -1 }
  },
}
