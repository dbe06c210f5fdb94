// Fetch v11 and Produce v9. Fetch v11 is the last one every supported broker takes with topic names; Produce v9 is the
// first whose refusals explain themselves.

import type { TopicPartition } from '../../../ports/kafka.ts'
import type { AbortedTransaction } from '../../../ports/kafka-backup.ts'
import { byTopic, type Message } from '../message.ts'
import { type WireReader, WireWriter } from '../wire.ts'
import { CLIENT, READ_COMMITTED } from './offsets.ts'

export interface FetchQuestion extends TopicPartition {
  readonly offset: bigint
  readonly maxBytes: number
  /** How long the broker may wait for records, in milliseconds. */
  readonly maxWait: number
  /** Lets a broker say that it leads no more, or not yet; without it, a follower answers as if it led. */
  readonly leaderEpoch?: number
  /** Lets the leader name a follower in this rack. */
  readonly rack?: string | null
}

export interface FetchAnswer {
  readonly error: number
  readonly throttle: number
  readonly logStart: bigint
  readonly lastStable: bigint
  readonly highWatermark: bigint
  readonly aborted: readonly AbortedTransaction[]
  /** Who should be asked instead; -1 for nobody. */
  readonly preferredReplica: number
  /** Record batches as stored; the last one may be cut off. */
  readonly batches: Buffer
}

const EMPTY = Buffer.alloc(0)

const readFetched = (row: WireReader, throttle: number): FetchAnswer => {
  row.i32() // partition
  return {
    throttle,
    error: row.i16(),
    highWatermark: row.i64(),
    lastStable: row.i64(),
    logStart: row.i64(),
    aborted: row.oldArray((one) => ({ producerId: one.i64(), firstOffset: one.i64() })),
    preferredReplica: row.i32(),
    batches: row.raw(Math.max(0, row.i32())),
  }
}

/** One partition. The first batch comes whole even if it is larger than `maxBytes`. */
export const Fetch: Message<FetchQuestion, FetchAnswer> = {
  name: 'Fetch',
  key: 1,
  version: 11,
  flexible: false,
  encode: (writer, { topic, partition, offset, maxBytes, maxWait, leaderEpoch, rack }) => {
    writer.i32(CLIENT).i32(maxWait).i32(1).i32(maxBytes).i8(READ_COMMITTED)
    writer.i32(0).i32(-1) // no fetch session
    writer.oldArray([topic], (each, name) =>
      each.oldString(name).oldArray([partition], (list, index) =>
        list
          .i32(index)
          .i32(leaderEpoch ?? -1)
          .i64(offset)
          .i64(-1n)
          .i32(maxBytes),
      ),
    )
    writer.oldArray([], () => {}).oldString(rack ?? '')
  },
  decode: (reader) => {
    const throttle = reader.i32()
    const error = reader.i16()
    reader.i32() // session
    const none = { error, throttle, logStart: -1n, lastStable: -1n, highWatermark: -1n, aborted: [], preferredReplica: -1, batches: EMPTY }
    if (error !== 0) return none
    const topics = reader.oldArray((each) => {
      each.oldString()
      return each.oldArray((row) => readFetched(row, throttle))
    })
    // Over a quota a broker answers with no topic at all (FetchContext.getThrottledResponse): it is asked again later.
    return topics.flat()[0] ?? { ...none, error: throttle > 0 ? 0 : -1 }
  },
}

export interface ProduceRow extends TopicPartition {
  readonly batch: Buffer
}

interface ProduceAnswer extends TopicPartition {
  readonly error: number
  readonly message: string | null
  readonly baseOffset: bigint
}

export interface ProduceAnswers {
  readonly throttle: number
  readonly rows: readonly ProduceAnswer[]
}

const ACKS_ALL = -1

/** The body of Produce in pieces, the batches themselves among them, so that nobody need copy them. */
export const producePieces = (rows: readonly ProduceRow[], timeout: number): readonly Buffer[] => {
  const pieces: Buffer[] = []
  const topics = byTopic(rows)
  let writer = new WireWriter(64)
  writer.string(null).i16(ACKS_ALL).i32(timeout)
  writer.uvarint(topics.length + 1)
  for (const { topic, partitions } of topics) {
    writer.string(topic).uvarint(partitions.length + 1)
    for (const { partition, batch } of partitions) {
      writer.i32(partition).uvarint(batch.length + 1)
      pieces.push(writer.finish(), batch)
      writer = new WireWriter(64).tags()
    }
    writer.tags()
  }
  pieces.push(writer.tags().finish())
  return pieces
}

const readProduced = (row: WireReader, topic: string): ProduceAnswer => {
  const partition = row.i32()
  const error = row.i16()
  const baseOffset = row.i64()
  row.i64() // log append time
  row.i64() // log start
  const perRecord = row.array((one) => {
    one.i32()
    const words = one.nullableString()
    one.tags()
    return words
  })
  const message = row.nullableString()
  row.tags()
  return { topic, partition, error, baseOffset, message: perRecord.find((words) => words !== null) ?? message }
}

/** acks=all, one batch for each of several partitions. `timeout` is how long the leader waits for its followers, in milliseconds. */
export const Produce: Message<{ readonly rows: readonly ProduceRow[]; readonly timeout: number }, ProduceAnswers> = {
  name: 'Produce',
  key: 0,
  version: 9,
  flexible: true,
  encode: (writer, { rows, timeout }) => {
    for (const piece of producePieces(rows, timeout)) writer.raw(piece)
  },
  decode: (reader) => {
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row) => readProduced(row, topic))
      each.tags()
      return rows
    })
    return { rows: topics.flat(), throttle: reader.i32() }
  },
}
