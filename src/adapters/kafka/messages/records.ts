// Fetch v11 and Produce v9, one partition at a time. Fetch v11 is the last one every supported broker
// takes with topic names; Produce v9 is the first whose refusals explain themselves.

import type { TopicPartition } from '../../../ports/kafka.ts'
import type { AbortedTransaction } from '../../../ports/kafka-backup.ts'
import type { Message } from '../message.ts'
import { CLIENT, READ_COMMITTED } from './offsets.ts'

export interface FetchAnswer {
  readonly error: number
  readonly logStart: bigint
  readonly lastStable: bigint
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches as stored; the last one may be cut off. */
  readonly batches: Buffer
}

const EMPTY = Buffer.alloc(0)

/** `maxWait` in milliseconds. The first batch comes whole even if it is larger than `maxBytes`. */
export const Fetch: Message<TopicPartition & { readonly offset: bigint; readonly maxBytes: number; readonly maxWait: number }, FetchAnswer> = {
  name: 'Fetch',
  key: 1,
  version: 11,
  flexible: false,
  encode: (writer, { topic, partition, offset, maxBytes, maxWait }) => {
    writer.i32(CLIENT).i32(maxWait).i32(1).i32(maxBytes).i8(READ_COMMITTED)
    writer.i32(0).i32(-1) // no fetch session
    writer.oldArray([topic], (each, name) =>
      each.oldString(name).oldArray([partition], (list, index) => list.i32(index).i32(-1).i64(offset).i64(-1n).i32(maxBytes)),
    )
    writer.oldArray([], () => {}).oldString('')
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    reader.i32() // session
    const none = { error, logStart: -1n, lastStable: -1n, aborted: [], batches: EMPTY }
    if (error !== 0) return none
    const topics = reader.oldArray((each) => {
      each.oldString()
      return each.oldArray((row): FetchAnswer => {
        row.i32() // partition
        const code = row.i16()
        row.i64() // high watermark
        const lastStable = row.i64()
        const logStart = row.i64()
        const aborted = row.oldArray((one) => ({ producerId: one.i64(), firstOffset: one.i64() }))
        row.i32() // preferred read replica
        return { error: code, logStart, lastStable, aborted, batches: row.raw(Math.max(0, row.i32())) }
      })
    })
    return topics.flat()[0] ?? { ...none, error: -1 }
  },
}

export interface ProduceAnswer {
  readonly error: number
  readonly message: string | null
  readonly baseOffset: bigint
}

const ACKS_ALL = -1

/** acks=all. `timeout` is how long the leader waits for its followers, in milliseconds. */
export const Produce: Message<TopicPartition & { readonly batch: Buffer; readonly timeout: number }, ProduceAnswer> = {
  name: 'Produce',
  key: 0,
  version: 9,
  flexible: true,
  encode: (writer, { topic, partition, batch, timeout }) => {
    writer.string(null).i16(ACKS_ALL).i32(timeout)
    writer.array([topic], (each, name) =>
      each
        .string(name)
        .array([partition], (list, index) => list.i32(index).bytes(batch).tags())
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    const topics = reader.array((each) => {
      each.string()
      const rows = each.array((row): ProduceAnswer => {
        row.i32() // partition
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
        return { error, baseOffset, message: perRecord.find((words) => words !== null) ?? message }
      })
      each.tags()
      return rows
    })
    reader.i32() // throttle time
    return topics.flat()[0] ?? { error: -1, message: 'the answer names no partition', baseOffset: -1n }
  },
}
