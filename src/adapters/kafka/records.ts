// Reading and writing records at one partition's leader.
import { KdrError } from '../../errors.ts'
import { partitionName } from '../../model/partitions.ts'
import type { KafkaRecord, RecordInput, TopicPartition } from '../../ports/kafka.ts'
import type { Millis } from '../../units.ts'
import { readCommitted, writeBatch } from './batches.ts'
import type { Cluster } from './cluster.ts'
import { unlessAborted } from './deadline.ts'
import { failOn } from './error-codes.ts'
import { Fetch, type FetchAnswer, Produce } from './messages/records.ts'

/** Time for the leader to say itself that its followers were late. */
const TELLS: Millis = 500

/** Throws `no-leader`. */
const leaderOf = async (cluster: Cluster, at: TopicPartition, signal: AbortSignal): Promise<string> => {
  const [place] = await cluster.leaders([at], signal)
  if (place === undefined || 'why' in place) throw new KdrError(`${partitionName(at)}: ${place?.why ?? 'no answer'}`, { code: 'no-leader' })
  return place.endpoint
}

/**
 * Where leaders were a moment ago. Fetching goes from answer to answer, so that asking Metadata every
 * time would double the work; whatever goes wrong forgets the place.
 */
export class Leaders {
  readonly #cluster: Cluster
  readonly #places = new Map<string, { readonly endpoint: string; readonly until: number }>()
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Work at one endpoint, one after another. */
  inTurn<T>(endpoint: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#turns.get(endpoint) ?? Promise.resolve()
    const mine = before.then(() => {
      signal.throwIfAborted()
      return work()
    })
    this.#turns.set(
      endpoint,
      mine.catch(() => {}),
    )
    return unlessAborted(mine, signal)
  }

  async at<T>(at: TopicPartition, use: (endpoint: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    const key = partitionName(at)
    let place = this.#places.get(key)
    if (place === undefined || place.until < performance.now()) {
      place = { endpoint: await leaderOf(this.#cluster, at, signal), until: performance.now() + 1000 }
      this.#places.set(key, place)
    }
    try {
      return await use(place.endpoint)
    } catch (error) {
      this.#places.delete(key)
      throw error
    }
  }
}

/** One that waits for records holds up the next on its connection: each is sent, and its time counts, when the one before is answered. */
const fetchInTurn = async (
  cluster: Cluster,
  endpoint: string,
  question: TopicPartition & { readonly offset: bigint; readonly maxBytes: number; readonly maxWait: Millis },
  signal: AbortSignal,
): Promise<FetchAnswer> => {
  try {
    return await cluster.ask(endpoint, 'fetch', Fetch, question, signal, question.maxWait)
  } catch (error) {
    // The broker goes on waiting for records that nobody wants any more.
    if (signal.aborted) cluster.link(endpoint, 'fetch').destroy(new KdrError('the fetch was abandoned', { code: 'abandoned' }))
    throw error
  }
}

/** read_committed. Errors: `no-leader`, `kafka-offset-out-of-range` and others of Kafka's, `corrupt-batch`. */
export const fetchRecords = (
  cluster: Cluster,
  leaders: Leaders,
  at: TopicPartition,
  offset: bigint,
  options: { readonly maxBytes: number; readonly maxWait: Millis },
  signal: AbortSignal,
): Promise<{ readonly records: readonly KafkaRecord[]; readonly next: bigint }> =>
  leaders.at(
    at,
    async (endpoint) => {
      const question = { topic: at.topic, partition: at.partition, offset, ...options }
      const answer = await leaders.inTurn(endpoint, () => fetchInTurn(cluster, endpoint, question, signal), signal)
      failOn(`Fetch of ${partitionName(at)} from ${endpoint}`, answer.error)
      return readCommitted(answer.batches, offset, answer.aborted)
    },
    signal,
  )

/** acks=all, sent once: after a time-out nobody knows whether it was stored. Errors: `no-leader`, `broker-silent`, Kafka's own by name. */
export const produceRecords = (
  cluster: Cluster,
  leaders: Leaders,
  at: TopicPartition,
  records: readonly RecordInput[],
  timeout: Millis,
  signal: AbortSignal,
): Promise<bigint> => {
  const batch = writeBatch(records, Date.now())
  const { topic, partition } = at
  return leaders.at(
    at,
    async (endpoint) => {
      const { rows } = await cluster.ask(endpoint, 'write', Produce, { rows: [{ topic, partition, batch }], timeout }, signal, TELLS)
      const { error, message, baseOffset } = rows[0] ?? { error: -1, message: 'the answer names no partition', baseOffset: -1n }
      failOn(`Produce to ${partitionName(at)} at ${endpoint}`, error, message)
      return baseOffset
    },
    signal,
  )
}
