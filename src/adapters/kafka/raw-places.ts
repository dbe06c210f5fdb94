// Who leads which partition, for requests that go from answer to answer: remembered until a broker says otherwise or
// cannot be reached. Leaders of a whole topic come with one answer, and one question is asked at a time.
import { wordsOf } from '../../errors.ts'
import { partitionName } from '../../model/partitions.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import { type Cluster, endpointOf } from './cluster.ts'
import { errorName } from './error-codes.ts'

export interface Place {
  readonly broker: number
  readonly endpoint: string
  readonly leaderEpoch: number
}

export type Found = Place | { readonly why: string }

const UNKNOWN_TOPIC = 3

export class Places {
  readonly #cluster: Cluster
  readonly #places = new Map<string, Place>()
  readonly #asking = new Map<string, Promise<ReadonlyMap<number, Found> | string>>()
  #brokers: ReadonlyMap<number, string> = new Map()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** What is remembered. */
  known(at: TopicPartition): Place | undefined {
    return this.#places.get(partitionName(at))
  }

  forget(at: TopicPartition): void {
    this.#places.delete(partitionName(at))
  }

  endpoint(broker: number): string | undefined {
    return this.#brokers.get(broker)
  }

  /** Asks where nothing is remembered; what cannot be told is said, nothing is thrown but the signal's reason. */
  async find(at: TopicPartition, signal: AbortSignal): Promise<Found> {
    const known = this.known(at)
    if (known !== undefined) return known
    const rows = await this.#topic(at.topic, signal)
    signal.throwIfAborted()
    const found = typeof rows === 'string' ? { why: rows } : (rows.get(at.partition) ?? { why: errorName(UNKNOWN_TOPIC) })
    if ('endpoint' in found) this.#places.set(partitionName(at), found)
    return found
  }

  #topic(topic: string, signal: AbortSignal): Promise<ReadonlyMap<number, Found> | string> {
    const asking = this.#asking.get(topic)
    if (asking !== undefined) return asking
    const asked = this.#ask(topic, signal)
      .catch((error: unknown) => wordsOf(error))
      .finally(() => this.#asking.delete(topic))
    this.#asking.set(topic, asked)
    return asked
  }

  async #ask(topic: string, signal: AbortSignal): Promise<ReadonlyMap<number, Found> | string> {
    const { answer } = await this.#cluster.freshest([topic], signal)
    const brokers = new Map(answer.brokers.map((broker) => [broker.id, endpointOf(broker)]))
    this.#brokers = brokers
    const found = answer.topics.find((one) => one.name === topic)
    if (found === undefined || found.partitions.length === 0) return errorName(found?.error || UNKNOWN_TOPIC)
    return new Map(
      found.partitions.map(({ partition, leader, leaderEpoch, replicas }) => {
        const endpoint = brokers.get(leader)
        if (leader < 0) return [partition, { why: `it has no leader; its replicas are on broker ${replicas.join(', ')}` }]
        return [partition, endpoint === undefined ? { why: `its leader, broker ${leader}, is not there` } : { broker: leader, endpoint, leaderEpoch }]
      }),
    )
  }
}
