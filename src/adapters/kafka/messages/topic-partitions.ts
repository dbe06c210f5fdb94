// DescribeTopicPartitions v0 (KIP-966): the only message that tells eligible leader replicas.
import type { Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

/** Where the next page starts. */
export interface Cursor {
  readonly topic: string
  readonly partition: number
}

export interface ElrPartition {
  readonly error: number
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** Empty where the cluster keeps none. */
  readonly elr: readonly number[]
  readonly lastKnownElr: readonly number[]
}

export interface ElrTopic {
  readonly error: number
  readonly name: string
  readonly partitions: readonly ElrPartition[]
}

/** Kafka's own page limit (max.request.partition.size.limit). */
const PAGE = 2000

const readPartition = (reader: WireReader): ElrPartition => {
  const row = {
    error: reader.i16(),
    partition: reader.i32(),
    leader: reader.i32(),
    leaderEpoch: reader.i32(),
    replicas: reader.i32s(),
    isr: reader.i32s(),
    elr: reader.i32s(),
    lastKnownElr: reader.i32s(),
  }
  reader.i32s() // offline replicas
  reader.tags()
  return row
}

const readTopic = (reader: WireReader): ElrTopic => {
  const error = reader.i16()
  const name = reader.string()
  reader.uuid()
  reader.bool() // internal
  const topic = { error, name, partitions: reader.array(readPartition) }
  reader.i32() // authorised operations
  reader.tags()
  return topic
}

const readCursor = (reader: WireReader): Cursor | null => {
  if (reader.i8() < 0) return null
  const cursor = { topic: reader.string(), partition: reader.i32() }
  reader.tags()
  return cursor
}

/** Topics in any order; the broker sorts them and pages by the cursor, which names a place in that order. */
export const DescribeTopicPartitions: Message<
  { readonly topics: readonly string[]; readonly cursor: Cursor | null },
  { readonly topics: readonly ElrTopic[]; readonly next: Cursor | null }
> = {
  name: 'DescribeTopicPartitions',
  key: 75,
  version: 0,
  flexible: true,
  encode: (writer, { topics, cursor }) => {
    writer.array(topics, (each, name) => each.string(name).tags()).i32(PAGE)
    if (cursor === null) writer.i8(-1)
    else writer.i8(1).string(cursor.topic).i32(cursor.partition).tags()
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return { topics: reader.array(readTopic), next: readCursor(reader) }
  },
}
