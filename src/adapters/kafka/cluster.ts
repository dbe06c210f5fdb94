// Who is there and who leads: all connections of one adapter, and the routing every request needs. All
// endpoints are asked at once and the freshest answer wins, so that a hung broker costs a short grace.
import { KdrError, wordsOf } from '../../errors.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import { answersWithin } from './deadline.ts'
import { errorName } from './error-codes.ts'
import { Link, type LinkSettings } from './link.ts'
import type { Message } from './message.ts'
import { DescribeQuorum } from './messages/controller.ts'
import { type BrokerAnswer, Metadata, type MetadataAnswer, type PartitionAnswer } from './messages/metadata.ts'

/**
 * A broker answers the requests of one connection in order, so what may wait (for the controller, for
 * ZooKeeper in DescribeConfigs, for a disk, for records) has a connection of its own.
 */
export type Lane = 'look' | 'configs' | 'controller' | 'disk' | 'fetch' | 'write'

export interface MetadataFrom {
  readonly answer: MetadataAnswer
  /** Endpoint that answered. */
  readonly by: string
}

/** How long a good answer waits for a better one. */
const GRACE = 250
/** How many endpoints are asked at once: enough for a fresh answer, few enough for large clusters. */
const ASKED_AT_ONCE = 6

export const endpointOf = (broker: BrokerAnswer): string => (broker.host.includes(':') ? `[${broker.host}]:${broker.port}` : `${broker.host}:${broker.port}`)

/** How much newer `a` is than `b`: difference of leader epochs over the partitions both know, then of topics known. */
export const fresher = (a: MetadataAnswer, b: MetadataAnswer): number => {
  const epochs = new Map<string, number>()
  const keyOf = (topic: { id: string | null; name: string }, row: PartitionAnswer) => `${topic.id ?? topic.name} ${row.partition}`
  for (const topic of b.topics) for (const row of topic.partitions) epochs.set(keyOf(topic, row), row.leaderEpoch)
  let difference = 0
  for (const topic of a.topics) for (const row of topic.partitions) difference += row.leaderEpoch - (epochs.get(keyOf(topic, row)) ?? row.leaderEpoch)
  return difference === 0 ? a.topics.length - b.topics.length : difference
}

/** A refused login says itself what to check. */
const noAnswer = (errors: readonly unknown[]): KdrError => {
  const hint = errors.map((error) => (error instanceof KdrError ? error.hint : undefined)).find((words) => words !== undefined)
  return new KdrError(`no broker answered: ${errors.map(wordsOf).join('; ')}`, {
    code: 'no-broker-answered',
    hint: hint ?? 'Check that the brokers run and can be reached: kdr doctor',
  })
}

export class Cluster {
  readonly #settings: LinkSettings
  readonly #bootstrap: readonly string[]
  readonly #links = new Map<string, Link>()
  /** Every endpoint ever advertised: a broker that left may be the only one that comes back. */
  readonly #seen = new Set<string>()
  #answeredLast: readonly string[] = []
  /** Leader of KRaft's controllers, once it was asked itself. */
  #governor: string | null = null
  #closed = false

  constructor(bootstrap: readonly string[], settings: LinkSettings) {
    this.#bootstrap = bootstrap
    this.#settings = settings
  }

  link(endpoint: string, lane: Lane): Link {
    if (this.#closed) throw new KdrError('the Kafka connection is closed', { code: 'closed' })
    const key = `${lane} ${endpoint}`
    const existing = this.#links.get(key)
    if (existing !== undefined && !existing.broken) return existing
    const link = new Link(endpoint, this.#settings, lane === 'configs' ? 'lingers' : 'breaks')
    this.#links.set(key, link)
    return link
  }

  /**
   * A broker that answered Metadata but still owes an answer about configuration. In ZooKeeper mode the
   * broker reads topic configuration from ZooKeeper and waits for it without limit (ZooKeeperClient), one
   * request handler thread a request: asking again and again during an outage would freeze the brokers.
   */
  owesConfigs(): string | undefined {
    return this.#answeredLast.find((endpoint) => this.#links.get(`configs ${endpoint}`)?.abandoned === true)
  }

  ask<Q, A>(endpoint: string, lane: Lane, message: Message<Q, A>, question: Q, signal: AbortSignal, extra = 0): Promise<A> {
    return this.link(endpoint, lane).ask(message, question, signal, extra)
  }

  /** Those that answered last come first. */
  endpoints(): readonly string[] {
    return [...new Set([...this.#answeredLast, ...this.#bootstrap, ...this.#seen])]
  }

  /**
   * Metadata of these topics (null: all) from everyone who answers in time, in order of arrival. Throws
   * `no-broker-answered`. An answer without brokers is of one that has just started and knows nothing yet.
   */
  async everyone(topics: readonly string[] | null, signal: AbortSignal): Promise<readonly MetadataFrom[]> {
    signal.throwIfAborted()
    const errors: unknown[] = []
    const askOne = async (by: string): Promise<MetadataFrom> => {
      try {
        const answer = await this.ask(by, 'look', Metadata, topics, signal)
        if (answer.brokers.length === 0) throw new KdrError(`${by} has no metadata yet`, { code: 'broker-not-ready' })
        return { answer, by }
      } catch (error) {
        errors.push(error)
        throw error
      }
    }
    const endpoints = this.endpoints()
    for (let at = 0; at < endpoints.length; at += ASKED_AT_ONCE) {
      const answers = await answersWithin(endpoints.slice(at, at + ASKED_AT_ONCE).map(askOne), GRACE)
      signal.throwIfAborted()
      if (answers.length > 0) return this.#remember(answers)
    }
    throw noAnswer(errors)
  }

  #remember(answers: readonly MetadataFrom[]): readonly MetadataFrom[] {
    this.#answeredLast = answers.map((one) => one.by)
    for (const { answer } of answers) for (const broker of answer.brokers) this.#seen.add(endpointOf(broker))
    return answers
  }

  /** The freshest Metadata of these topics (null: all). Throws `no-broker-answered`. */
  async freshest(topics: readonly string[] | null, signal: AbortSignal): Promise<MetadataFrom> {
    const answers = await this.everyone(topics, signal)
    return answers.reduce((best, next) => (fresher(next.answer, best.answer) > 0 ? next : best))
  }

  /** Endpoints of the registered brokers by id. Throws `no-broker-answered`. */
  async registered(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const { answer } = await this.freshest([], signal)
    return new Map(answer.brokers.map((broker) => [broker.id, endpointOf(broker)]))
  }

  /** Where each partition's leader listens, or why that cannot be told, in the order asked. */
  async leaders(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly ({ readonly endpoint: string } | { readonly why: string })[]> {
    const { answer } = await this.freshest([...new Set(partitions.map((row) => row.topic))], signal)
    const endpoints = new Map(answer.brokers.map((broker) => [broker.id, endpointOf(broker)]))
    const topics = new Map(answer.topics.map((topic) => [topic.name, topic]))
    return partitions.map(({ topic, partition }) => {
      const found = topics.get(topic)
      const row = found?.partitions.find((one) => one.partition === partition)
      if (row === undefined) return { why: errorName(found?.error || 3) }
      const endpoint = endpoints.get(row.leader)
      return endpoint === undefined ? { why: 'the partition has no leader' } : { endpoint }
    })
  }

  /**
   * Who takes requests for the controller: the controller itself in ZooKeeper mode (its id in Metadata is
   * real there), any broker in KRaft, which forwards (KIP-590), else the leader of the controllers, where that
   * was found (KIP-919). Throws `no-controller`.
   */
  async controller(signal: AbortSignal): Promise<string> {
    const seen = await this.freshest([], signal).catch((error: unknown) => {
      if (this.#governor === null || !(error instanceof KdrError) || error.code !== 'no-broker-answered') throw error
      return this.#governor
    })
    if (typeof seen === 'string') return seen
    const { answer, by } = seen
    if (await this.link(by, 'look').offers(DescribeQuorum, signal)) return by
    const controller = answer.brokers.find((broker) => broker.id === answer.controllerId)
    if (controller === undefined) throw new KdrError(`the cluster has no controller, says ${by}`, { code: 'no-controller' })
    return endpointOf(controller)
  }

  /** What takes requests for the controller where no broker answers. */
  governedBy(endpoint: string): void {
    this.#governor = endpoint
  }

  /** Destroys every connection at once, hung or not. */
  close(): void {
    this.#closed = true
    for (const link of this.#links.values()) link.destroy(new KdrError('the Kafka connection was closed', { code: 'closed' }))
    this.#links.clear()
  }
}
