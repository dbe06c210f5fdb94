// Producers as leaders know them and transactions as their coordinators do: what a lost marker leaves hanging
// shows in the one and not in the other (kafka-transactions find-hanging, KAFKA-20716).
import { KdrError, wordsOf } from '../../errors.ts'
import { known, unknown } from '../../model/known.ts'
import type { ProducersAnswer, TopicPartition, TransactionState } from '../../ports/kafka.ts'
import type { Cluster } from './cluster.ts'
import { errorWords, failOn } from './error-codes.ts'
import { DescribeProducers, ListTransactions } from './messages/transactions.ts'
import { askPlaces } from './offsets.ts'

/** Unknown per partition where its leader could not be asked. */
export const readProducers = async (cluster: Cluster, partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly ProducersAnswer[]> => {
  if (partitions.length === 0) return []
  const places = await cluster.leaders(partitions, signal)
  const results = await askPlaces(cluster, partitions, places, DescribeProducers, (rows) => rows, signal)
  return results.map((result, at) => {
    const { topic, partition } = partitions[at] as TopicPartition
    if ('why' in result) return { topic, partition, producers: unknown(result.why, result.by) }
    const { error, message, producers } = result.answer
    return { topic, partition, producers: error === 0 ? known(producers, result.by) : unknown(errorWords(error, message), result.by) }
  })
}

/** A list that lacks a coordinator's transactions would make its open ones look hanging: throws `transactions-incomplete`. */
export const readTransactions = async (cluster: Cluster, signal: AbortSignal): Promise<readonly TransactionState[]> => {
  const endpoints = [...(await cluster.registered(signal)).values()]
  const results = await Promise.allSettled(
    endpoints.map(async (endpoint) => {
      const { error, transactions } = await cluster.ask(endpoint, 'look', ListTransactions, null, signal)
      failOn(`ListTransactions of ${endpoint}`, error)
      return transactions
    }),
  )
  signal.throwIfAborted()
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [wordsOf(result.reason)] : []))
  if (failures.length > 0) throw new KdrError(`not every coordinator listed its transactions: ${failures.join('; ')}`, { code: 'transactions-incomplete' })
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
}
