// Offsets by isolation and replica, and ends of leader epochs, each asked of the broker that knows.
import { wordsOf } from '../../errors.ts'
import { known, unknown } from '../../model/known.ts'
import { partitionName } from '../../model/partitions.ts'
import type { EpochAnswer, OffsetAnswer, OffsetQuestion, TopicPartition } from '../../ports/kafka.ts'
import type { Cluster } from './cluster.ts'
import { errorName } from './error-codes.ts'
import type { Message } from './message.ts'
import { CLIENT, EARLIEST, LATEST, ListOffsets, LOCAL, MAX_TIMESTAMP, OffsetForLeaderEpoch, READ_COMMITTED, READ_UNCOMMITTED } from './messages/offsets.ts'

export type Place = { readonly endpoint: string } | { readonly why: string }

const howToAsk = (question: OffsetQuestion): { readonly replica: number; readonly isolation: number; readonly timestamp: bigint } => {
  switch (question.ask) {
    case 'high-watermark':
      return { replica: CLIENT, isolation: READ_UNCOMMITTED, timestamp: LATEST }
    case 'last-stable':
      return { replica: CLIENT, isolation: READ_COMMITTED, timestamp: LATEST }
    case 'log-start':
      return { replica: CLIENT, isolation: READ_UNCOMMITTED, timestamp: EARLIEST }
    case 'local-end':
      return { replica: LOCAL, isolation: READ_UNCOMMITTED, timestamp: LATEST }
    case 'local-start':
      return { replica: LOCAL, isolation: READ_UNCOMMITTED, timestamp: EARLIEST }
    // With LATEST a replica answers with the epoch it was last told (Partition.fetchOffsetForTimestamp), not with its log's.
    case 'local-epoch':
      return { replica: LOCAL, isolation: READ_UNCOMMITTED, timestamp: MAX_TIMESTAMP }
  }
}

/** Asks every place once, all at the same time, for the rows it is to answer. One that fails makes only its own rows unknown. */
export const askPlaces = async <Row extends TopicPartition, Q, A extends TopicPartition>(
  cluster: Cluster,
  rows: readonly Row[],
  places: readonly Place[],
  message: Message<Q, readonly A[]>,
  question: (rows: readonly Row[]) => Q,
  signal: AbortSignal,
): Promise<readonly ({ readonly answer: A; readonly by: string } | { readonly why: string; readonly by: string })[]> => {
  const groups = new Map<string, Row[]>()
  rows.forEach((row, at) => {
    const place = places[at]
    if (place === undefined || !('endpoint' in place)) return
    const group = groups.get(place.endpoint)
    if (group === undefined) groups.set(place.endpoint, [row])
    else group.push(row)
  })
  const answers = new Map<string, A>()
  const failures = new Map<string, string>()
  await Promise.all(
    Array.from(groups, async ([endpoint, group]) => {
      try {
        for (const answer of await cluster.ask(endpoint, 'look', message, question(group), signal)) answers.set(partitionName(answer), answer)
      } catch (error) {
        signal.throwIfAborted()
        failures.set(endpoint, wordsOf(error))
      }
    }),
  )
  return rows.map((row, at) => {
    const place = places[at] ?? { why: 'nobody to ask' }
    if ('why' in place) return { why: place.why, by: 'Metadata' }
    const by = `${message.name} from ${place.endpoint}`
    const answer = answers.get(partitionName(row))
    return answer === undefined ? { why: failures.get(place.endpoint) ?? 'the answer lacks the partition', by } : { answer, by }
  })
}

/** Leaders answer for the cluster; `local-…` asks one broker for its own log, leader or not, and works while leaderless. */
export const readOffsets = async (
  cluster: Cluster,
  question: OffsetQuestion,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<readonly OffsetAnswer[]> => {
  const places = 'broker' in question ? await localPlaces(cluster, question.broker, partitions, signal) : await cluster.leaders(partitions, signal)
  const how = howToAsk(question)
  const results = await askPlaces(cluster, partitions, places, ListOffsets, (rows) => ({ ...how, partitions: rows }), signal)
  return results.map((result, at) => {
    const { topic, partition } = partitions[at] as TopicPartition
    if ('why' in result) return { topic, partition, offset: unknown(result.why, result.by), leaderEpoch: null }
    const { error, offset, leaderEpoch } = result.answer
    if (error !== 0) return { topic, partition, offset: unknown(errorName(error), result.by), leaderEpoch: null }
    return { topic, partition, offset: known(offset, result.by), leaderEpoch: leaderEpoch < 0 ? null : leaderEpoch }
  })
}

const localPlaces = async (cluster: Cluster, broker: number, partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly Place[]> => {
  const endpoint = (await cluster.registered(signal)).get(broker)
  return partitions.map(() => (endpoint === undefined ? { why: `broker ${broker} is not registered` } : { endpoint }))
}

/** Unknown where the leader remembers neither the epoch nor a lower one. */
export const readEndOfEpoch = async (
  cluster: Cluster,
  partitions: readonly (TopicPartition & { readonly epoch: number })[],
  signal: AbortSignal,
): Promise<readonly EpochAnswer[]> => {
  const places = await cluster.leaders(partitions, signal)
  const results = await askPlaces(cluster, partitions, places, OffsetForLeaderEpoch, (rows) => rows, signal)
  return results.map((result, at) => {
    const { topic, partition, epoch: asked } = partitions[at] as TopicPartition & { epoch: number }
    if ('why' in result) return { topic, partition, endOffset: unknown(result.why, result.by), epoch: null }
    const { error, epoch, endOffset } = result.answer
    if (error !== 0) return { topic, partition, endOffset: unknown(errorName(error), result.by), epoch: null }
    if (endOffset < 0n) return { topic, partition, endOffset: unknown(`the leader knows no epoch ${asked} or lower`, result.by), epoch: null }
    return { topic, partition, endOffset: known(endOffset, result.by), epoch }
  })
}
