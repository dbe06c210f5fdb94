// What leaders know of producers and coordinators of transactions (KIP-664): DescribeProducers v0 and ListTransactions v0.
import type { ProducerState, TopicPartition, TransactionState } from '../../../ports/kafka.ts'
import { byTopic, type Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

export interface ProducersRow extends TopicPartition {
  readonly error: number
  readonly message: string | null
  readonly producers: readonly ProducerState[]
}

const readProducer = (reader: WireReader): ProducerState => {
  const producerId = reader.i64()
  const producerEpoch = reader.i32()
  reader.i32() // last sequence
  const lastTimestamp = Number(reader.i64())
  reader.i32() // coordinator epoch
  const start = reader.i64()
  reader.tags()
  return { producerId, producerEpoch, lastTimestamp, openSince: start < 0n ? null : start }
}

export const DescribeProducers: Message<readonly TopicPartition[], readonly ProducersRow[]> = {
  name: 'DescribeProducers',
  key: 61,
  version: 0,
  flexible: true,
  encode: (writer, partitions) => {
    writer.array(byTopic(partitions), (each, topic) =>
      each
        .string(topic.topic)
        .array(topic.partitions, (list, row) => list.i32(row.partition))
        .tags(),
    )
    writer.tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const topics = reader.array((each) => {
      const topic = each.string()
      const rows = each.array((row): ProducersRow => {
        const answer = { topic, partition: row.i32(), error: row.i16(), message: row.nullableString(), producers: row.array(readProducer) }
        row.tags()
        return answer
      })
      each.tags()
      return rows
    })
    return topics.flat()
  },
}

/** All transactional ids this broker coordinates, in any state. */
export const ListTransactions: Message<null, { readonly error: number; readonly transactions: readonly TransactionState[] }> = {
  name: 'ListTransactions',
  key: 66,
  version: 0,
  flexible: true,
  encode: (writer) => {
    writer
      .array([], () => {})
      .array([], () => {})
      .tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    const error = reader.i16()
    reader.array((state) => state.string()) // filters it does not know
    const transactions = reader.array((each): TransactionState => {
      const row = { transactionalId: each.string(), producerId: each.i64(), state: each.string() }
      each.tags()
      return row
    })
    return { error, transactions }
  },
}
