// What a recovery looks at more closely than every survey does: where each copy of each log ends, who is
// throttled, which transactions are open.
import { partitionName } from '../model/partitions.ts'
import type { LogEnds, OpenTransaction, Throttled } from '../model/survey.ts'
import type { KafkaReader, MetadataView, TopicPartition } from '../ports/kafka.ts'

/** Every registered broker is asked for its own copies; what is not answered is left out. */
export const readLogs = async (kafka: KafkaReader, view: MetadataView, signal: AbortSignal): Promise<ReadonlyMap<string, LogEnds>> => {
  const rows = [...view.partitions.rows()]
  const high = await kafka.offsets({ ask: 'high-watermark' }, rows, signal)
  const epochs = new Map(rows.map((row) => [partitionName(row), row.leaderEpoch]))
  const ends = new Map(
    high.map((answer) => {
      const name = partitionName(answer)
      const highWatermark = answer.offset.known ? Number(answer.offset.value) : null
      return [name, { highWatermark, leaderEpoch: epochs.get(name) ?? -1, local: [] as Copy[] }]
    }),
  )
  const copies = await Promise.all(
    view.brokers.map(({ id }) =>
      copiesOn(
        kafka,
        id,
        rows.filter(({ replicas }) => replicas.includes(id)),
        signal,
      ),
    ),
  )
  for (const [name, copy] of copies.flat()) ends.get(name)?.local.push(copy)
  return ends
}

type Copy = LogEnds['local'][number]

const copiesOn = async (kafka: KafkaReader, broker: number, hosted: readonly TopicPartition[], signal: AbortSignal): Promise<readonly [string, Copy][]> => {
  if (hosted.length === 0) return []
  const [ends, epochs] = await Promise.all([
    kafka.offsets({ ask: 'local-end', broker }, hosted, signal),
    kafka.offsets({ ask: 'local-epoch', broker }, hosted, signal),
  ])
  return ends.flatMap(({ offset, ...at }, index): [string, Copy][] =>
    offset.known ? [[partitionName(at), { broker, end: Number(offset.value), epoch: epochs[index]?.leaderEpoch ?? null }]] : [],
  )
}

/** KIP-73. The lists may be set without a rate, and the rates without a list: either is a leftover. */
export const THROTTLE = {
  broker: ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'],
  topic: ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas'],
} as const

/** Kafka's own defaults are no rate at all and an empty list. */
const isSet = (value: string): boolean => value !== '' && value !== '9223372036854775807'

/** Throws the reason when one of them could not be read: an unread throttle is not a removed one. */
export const readThrottles = async (kafka: KafkaReader, view: MetadataView, signal: AbortSignal): Promise<readonly Throttled[]> => {
  const named = { broker: view.brokers.map(({ id }) => String(id)), topic: view.partitions.topics.map(({ name }) => name) }
  const read = async (type: 'broker' | 'topic'): Promise<readonly Throttled[]> => {
    const answers = await kafka.configs(type, named[type], THROTTLE[type], signal)
    return [...answers].flatMap(([name, configs]) => {
      if (!configs.known) throw new Error(`${type} ${name}: ${configs.why}`)
      const values = Object.fromEntries([...configs.value].flatMap(([key, value]) => (value !== null && isSet(value) ? [[key, value]] : [])))
      return Object.keys(values).length === 0 ? [] : [{ type, name, values }]
    })
  }
  return (await Promise.all([read('broker'), read('topic')])).flat()
}

/** Of the partitions that have a leader; throws the reason when one of those could not be asked. */
export const readOpenTransactions = async (kafka: KafkaReader, view: MetadataView, signal: AbortSignal): Promise<readonly OpenTransaction[]> => {
  const led = [...view.partitions.rows()].filter(({ leader }) => leader >= 0)
  const [answers, transactions] = await Promise.all([kafka.producers(led, signal), kafka.transactions(signal)])
  const states = new Map(transactions.map(({ producerId, state }) => [producerId, state]))
  return answers.flatMap(({ producers, ...at }) => {
    if (!producers.known) throw new Error(`${partitionName(at)}: ${producers.why}`)
    return producers.value.flatMap(({ producerId, openSince }) =>
      openSince === null ? [] : [{ partition: partitionName(at), producerId, openSince, state: states.get(producerId) ?? null }],
    )
  })
}
