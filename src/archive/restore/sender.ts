// One partition being loaded: what was sent and not yet acknowledged, where the next record has to land, and
// what to do when the answer was an error. The identity and the sequence are kept for every repetition, so that
// a batch which was stored all the same is recognised by the broker and not stored twice.
import { KdrError } from '../../errors.ts'
import { patchForProduce } from '../../model/batches/patch.ts'
import { partitionName } from '../../model/partitions.ts'
import type { ProducerIdentity, RawProduce, RawProduced } from '../../ports/kafka-backup.ts'
import type { Feed } from './feed.ts'
import type { Piece } from './pieces.ts'

/** Kafka remembers the last five batches of a producer: more under way could not be told apart when repeated. */
export const IN_FLIGHT = 5

/** Errors that pass, or that follow from one before them. A batch is refused for good only by any other. */
const PASSING: ReadonlySet<string> = new Set([
  'NO_ANSWER',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'NOT_LEADER_FOR_PARTITION',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'THROTTLING_QUOTA_EXCEEDED',
])

interface Sent {
  readonly piece: Piece
  readonly expected: bigint
  readonly sequence: number
  failed: { readonly error: string; readonly message: string | null } | null
  answered: boolean
}

const SEQUENCES = 2 ** 31

export class Sender {
  readonly topic: string
  readonly partition: number
  readonly feed: Feed
  readonly #identity: ProducerIdentity
  readonly #end: bigint
  /** In the order they were sent. */
  readonly #sent: Sent[] = []
  #next: bigint
  #sequence = 0
  #underWay = 0
  /** The broker takes any first sequence of a producer it has not heard of: until it has, one batch at a time. */
  #known = false
  /** After an error nothing new is sent until what failed was stored, one batch at a time. */
  recovering = false
  loading = false
  ended = false
  /** Since when nothing was acknowledged; null while all is well. */
  stuckSince: number | null = null
  notBefore = 0

  constructor(at: { readonly topic: string; readonly partition: number; readonly next: bigint; readonly end: bigint }, feed: Feed, identity: ProducerIdentity) {
    this.topic = at.topic
    this.partition = at.partition
    this.#next = at.next
    this.#end = at.end
    this.feed = feed
    this.#identity = identity
  }

  get name(): string {
    return partitionName(this)
  }

  get done(): boolean {
    return this.ended && this.#sent.length === 0
  }

  /** Bytes of the batch it would send now; null: none can be sent. */
  ready(now: number): number | null {
    if (this.recovering) return this.#underWay === 0 && now >= this.notBefore ? (this.#sent[0]?.piece.batch.length ?? null) : null
    if (this.#underWay >= (this.#known ? IN_FLIGHT : 1)) return null
    return this.feed.peek()?.batch.length ?? null
  }

  next(): RawProduce {
    const row = { topic: this.topic, partition: this.partition }
    this.#underWay += 1
    const again = this.recovering ? this.#sent[0] : undefined
    if (again !== undefined) {
      again.failed = null
      again.answered = false
      return { ...row, batch: again.piece.batch }
    }
    const piece = this.feed.take()
    if (this.#next + BigInt(piece.count) > this.#end) throw miscounted(this.name)
    patchForProduce(piece.batch, this.#identity, this.#sequence)
    this.#sent.push({ piece, expected: this.#next, sequence: this.#sequence, failed: null, answered: false })
    this.#sequence = (this.#sequence + piece.count) % SEQUENCES
    this.#next += BigInt(piece.count)
    return { ...row, batch: piece.batch }
  }

  /** The answer to this very batch; returns how many records are known to be stored since. Throws what no repetition mends. */
  answered(batch: Buffer, { error, message, baseOffset }: Pick<RawProduced, 'error' | 'message' | 'baseOffset'>, now: number): number {
    this.#underWay -= 1
    const sent = this.#sent.find(({ piece }) => piece.batch === batch)
    if (sent === undefined) throw new Error(`${this.name}: an answer to a batch nobody sent`)
    sent.answered = true
    if (error !== null) {
      if (!PASSING.has(error)) throw refused(this.name, error, message)
      sent.failed = { error, message }
      this.stuckSince ??= now
    } else if (baseOffset !== sent.expected) throw elsewhere(this.name, sent.expected, baseOffset)
    return this.#settle()
  }

  #settle(): number {
    let records = 0
    let pieces = 0
    for (let first = this.#sent[0]; first?.answered === true && first.failed === null; first = this.#sent[0]) {
      this.#sent.shift()
      records += first.piece.count
      pieces += 1
    }
    if (pieces > 0) {
      this.#known = true
      this.feed.settled(pieces)
      this.stuckSince = null
    }
    if (this.#underWay === 0) this.recovering = this.#sent.length > 0
    else if (this.#sent.some(({ failed }) => failed !== null)) this.recovering = true
    return records
  }

  /** The last error, for words. */
  get trouble(): string {
    const failed = this.#sent.find(({ failed }) => failed !== null)?.failed
    return failed === null || failed === undefined ? 'no answer' : `${failed.error}${failed.message === null ? '' : `: ${failed.message}`}`
  }

  /** Throws when the feed gave fewer records than the backup says. */
  finish(): void {
    this.ended = true
    if (this.#next !== this.#end) throw miscounted(this.name)
  }
}

const miscounted = (name: string): KdrError =>
  new KdrError(`the archive does not hold as many records of ${name} as its manifest says`, {
    code: 'archive-corrupt',
    exit: 'corrupt',
    hint: 'kdr backup verify',
  })

const refused = (name: string, error: string, message: string | null): KdrError =>
  new KdrError(`${name} refused a batch: ${error}${message === null ? '' : `, ${message}`}`, {
    code: `kafka-${error.toLowerCase().replaceAll('_', '-')}`,
    hint: 'what was loaded stays; once the cause is gone, run the same command again',
  })

const elsewhere = (name: string, expected: bigint, found: bigint): KdrError =>
  new KdrError(`${name}: a batch that belongs at offset ${expected} was stored at ${found}: somebody else writes to it`, {
    code: 'foreign-write',
    hint: 'stop whoever writes, then restore with --existing recreate or another --topic-prefix',
  })
