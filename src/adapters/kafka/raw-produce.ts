// Record batches sent as they are, to their leaders, acks=all. Nothing is repeated here: whether a batch that nobody
// answered for was stored is for the caller to find out. Requests leave in the order they were asked for, since a
// partition takes its batches by sequence.
import { KdrError, wordsOf } from '../../errors.ts'
import type { ProducerIdentity, RawProduce, RawProduced } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import type { Cluster } from './cluster.ts'
import { pause } from './deadline.ts'
import { errorName, kafkaError } from './error-codes.ts'
import type { LinkSettings } from './link.ts'
import { InitProducerId } from './messages/producer-id.ts'
import { Produce, type ProduceAnswers, producePieces } from './messages/records.ts'
import { RawLink } from './raw-link.ts'
import { Places } from './raw-places.ts'
import { WireReader } from './wire.ts'

/** How long a leader waits for its followers (request.timeout.ms of Java's producer), and a little more for it to say so. */
const FOLLOWERS: Millis = 30_000
const TELLS: Millis = 2000
const CONNECT: Millis = 4000

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: KRaft's first answers after a start. */
const NOT_YET = [14, 15, 16]
const IDENTITY_PATIENCE: Millis = 30_000
const BETWEEN_TRIES: Millis = 200

const MOVED = ['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR', 'FENCED_LEADER_EPOCH']

/** Errors: Kafka's own by name, `no-broker-answered`. */
export const newProducer = async (cluster: Cluster, signal: AbortSignal): Promise<ProducerIdentity> => {
  for (const began = performance.now(); ; await pause(BETWEEN_TRIES, signal)) {
    const { by } = await cluster.freshest([], signal)
    const answer = await cluster.ask(by, 'write', InitProducerId, null, signal)
    if (answer.error === 0) return { id: answer.id, epoch: answer.epoch }
    if (!NOT_YET.includes(answer.error) || performance.now() - began > IDENTITY_PATIENCE) throw kafkaError(`InitProducerId at ${by}`, answer.error)
  }
}

const refusal = (row: RawProduce, error: string, message: string): RawProduced => ({
  topic: row.topic,
  partition: row.partition,
  error,
  message,
  baseOffset: -1n,
})

export class RawProducer {
  readonly #settings: LinkSettings
  readonly #places: Places
  readonly #links = new Map<string, RawLink>()
  /** Whoever still looks for a leader goes before those who ask after. */
  #turn: Promise<unknown> = Promise.resolve()
  #looking = 0

  constructor(cluster: Cluster, settings: LinkSettings) {
    this.#settings = settings
    this.#places = new Places(cluster)
  }

  /** Rejects once nothing of `rows` is under way any more. Errors: `broker-silent`, `broker-refused`, `broker-unreachable`. */
  async produce(rows: readonly RawProduce[], signal: AbortSignal): Promise<readonly RawProduced[]> {
    signal.throwIfAborted()
    const answers =
      this.#looking === 0 && rows.every((row) => this.#places.known(row) !== undefined) ? this.#send(rows, signal) : await this.#inTurn(rows, signal)
    const settled = await Promise.allSettled(answers)
    const failed = settled.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  }

  close(): void {
    for (const link of this.#links.values()) link.destroy(new KdrError('the Kafka connection was closed', { code: 'closed' }))
    this.#links.clear()
  }

  async #inTurn(rows: readonly RawProduce[], signal: AbortSignal): Promise<readonly Promise<readonly RawProduced[]>[]> {
    this.#looking += 1
    const mine = this.#turn.then(async () => {
      await Promise.all(rows.map((row) => this.#places.find(row, signal)))
      signal.throwIfAborted()
      return { sent: this.#send(rows, signal) }
    })
    this.#turn = mine.then(
      () => {
        this.#looking -= 1
      },
      () => {
        this.#looking -= 1
      },
    )
    return (await mine).sent
  }

  /** One request per leader, all of them before anything else happens. */
  #send(rows: readonly RawProduce[], signal: AbortSignal): readonly Promise<readonly RawProduced[]>[] {
    const leaders = new Map<string, RawProduce[]>()
    const lost: RawProduced[] = []
    for (const row of rows) {
      const place = this.#places.known(row)
      const list = place === undefined ? undefined : leaders.get(place.endpoint)
      if (place === undefined) lost.push(refusal(row, 'LEADER_NOT_AVAILABLE', 'the partition has no leader; nothing was sent'))
      else if (list === undefined) leaders.set(place.endpoint, [row])
      else list.push(row)
    }
    return [Promise.resolve(lost), ...Array.from(leaders, ([endpoint, list]) => this.#sendTo(endpoint, list, signal))]
  }

  async #sendTo(endpoint: string, rows: readonly RawProduce[], signal: AbortSignal): Promise<readonly RawProduced[]> {
    const link = this.#link(endpoint)
    try {
      const { bytes, release } = await link.request(Produce, producePieces(rows, FOLLOWERS), FOLLOWERS + TELLS, signal)
      const answers = readAnswers(endpoint, bytes)
      release()
      link.rest(answers.throttle)
      return rows.map((row) => this.#answerFor(row, answers))
    } catch (error) {
      for (const row of rows) this.#places.forget(row)
      // Memory that may still be read by the socket is the caller's again: nothing more of it may leave.
      link.destroy(error instanceof KdrError ? error : new KdrError(`${endpoint}: the request was abandoned`, { code: 'abandoned' }))
      throw error
    }
  }

  #answerFor(row: RawProduce, { rows }: ProduceAnswers): RawProduced {
    const answer = rows.find((one) => one.topic === row.topic && one.partition === row.partition)
    if (answer === undefined) return refusal(row, 'UNKNOWN_SERVER_ERROR', 'the answer does not name the partition')
    const error = answer.error === 0 ? null : errorName(answer.error)
    if (error !== null && MOVED.includes(error)) this.#places.forget(row)
    return { topic: row.topic, partition: row.partition, error, message: answer.message, baseOffset: answer.baseOffset }
  }

  #link(endpoint: string): RawLink {
    const existing = this.#links.get(endpoint)
    if (existing !== undefined && !existing.broken) return existing
    const link = new RawLink(endpoint, this.#settings, null, Math.max(CONNECT, this.#settings.requestTimeout))
    this.#links.set(endpoint, link)
    return link
  }
}

const readAnswers = (endpoint: string, bytes: Buffer): ProduceAnswers => {
  try {
    const reader = new WireReader(bytes)
    reader.tags() // of the header
    return Produce.decode(reader)
  } catch (error) {
    throw new KdrError(`${endpoint} answered Produce in a form kdr cannot read: ${wordsOf(error)}`, { code: 'malformed-answer', cause: error })
  }
}
