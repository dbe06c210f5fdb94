// Record batches as they are stored, from whoever leads now or a follower nearby. A broker answers one request of a
// connection at a time, so that there is more than one to each broker.
import { KdrError, wordsOf } from '../../errors.ts'
import { wholeLength } from '../../model/batches/batch.ts'
import { partitionName } from '../../model/partitions.ts'
import { Slabs } from '../../model/slabs.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { RawFetch, RawFetchOptions } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import type { Cluster } from './cluster.ts'
import { pause } from './deadline.ts'
import { errorName } from './error-codes.ts'
import type { LinkSettings } from './link.ts'
import { Fetch, type FetchAnswer, type FetchQuestion } from './messages/records.ts'
import { RawLink } from './raw-link.ts'
import { Places } from './raw-places.ts'
import { WireReader, WireWriter } from './wire.ts'

const CONNECTIONS = 2
/** The caller knows whether there is more: the broker need not wait for it. */
const MAX_WAIT: Millis = 50
/** Nothing at all for so long means that the broker hangs. */
const SILENCE: Millis = 4000
/** How long a leader is looked for; a broker that hangs is asked twice. */
const PATIENCE: Millis = 8000
/** Brokers that have just started do not know every topic yet. */
const GONE_AFTER: Millis = 2000
const BETWEEN_TRIES: Millis = 100
/** A follower is asked for so long before the leader may name another (metadata.max.age.ms), and the leader alone for so long after a follower failed. */
const NEARBY_FOR: Millis = 300_000
const LEADER_FOR: Millis = 10_000

/** What another broker, or the same one a moment later, may answer better. */
const TRY_AGAIN = [
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  // Consumers ask again, too: tiered storage says so of a read that failed.
  'UNKNOWN_SERVER_ERROR',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
]
const GONE = 'UNKNOWN_TOPIC_OR_PARTITION'
/** What no other try changes. */
const FINAL = ['authentication-failed', 'closed', 'malformed-answer', 'old-message-format', 'corrupt-batch']

const NOTHING = { logStart: -1n, lastStable: -1n, highWatermark: -1n, aborted: [], batches: Buffer.alloc(0), release: () => {} }

/** One try that failed, and may not if made again. */
interface Trouble {
  readonly trouble: string
  /** The partition is not there, as far as is known. */
  readonly gone: boolean
}

/** `again`: there is nothing wrong, but nothing came. */
type Tried = RawFetch | Trouble | 'again'

const trouble = (words: string, error: string | null = null): Trouble => ({ trouble: words, gone: error === GONE })

interface Taken {
  readonly answer: FetchAnswer
  release(): void
}

export class RawFetcher {
  readonly #settings: LinkSettings
  readonly #places: Places
  readonly #slabs = new Slabs()
  readonly #links = new Map<string, RawLink[]>()
  /** Whom to ask instead of the leader; null where it must be the leader. */
  readonly #nearby = new Map<string, { readonly endpoint: string | null; readonly until: number }>()

  constructor(cluster: Cluster, settings: LinkSettings) {
    this.#settings = settings
    this.#places = new Places(cluster)
  }

  /** Errors: `no-leader`, naming broker and partition. */
  async fetch(at: TopicPartition, offset: bigint, options: RawFetchOptions, signal: AbortSignal): Promise<RawFetch> {
    const began = performance.now()
    let first: string | null = null
    for (;;) {
      const tried = await this.#try(at, offset, options, signal)
      if (tried === 'again') continue
      if (!('trouble' in tried)) return tried
      first ??= tried.trouble
      const elapsed = performance.now() - began
      if (tried.gone && elapsed >= GONE_AFTER) return { ...NOTHING, error: GONE }
      if (elapsed >= PATIENCE) {
        const words = first === tried.trouble ? first : `${tried.trouble}; before that, ${first}`
        throw new KdrError(`${partitionName(at)}: ${words}`, { code: 'no-leader', hint: 'Look at its brokers: kdr diagnose' })
      }
      await pause(BETWEEN_TRIES, signal)
    }
  }

  close(): void {
    for (const link of [...this.#links.values()].flat()) link.destroy(new KdrError('the Kafka connection was closed', { code: 'closed' }))
    this.#links.clear()
  }

  async #try(at: TopicPartition, offset: bigint, { maxBytes, rack, wait = MAX_WAIT }: RawFetchOptions, signal: AbortSignal): Promise<Tried> {
    const place = await this.#places.find(at, signal)
    if ('why' in place) return trouble(place.why, place.why)
    const nearby = rack === null ? null : this.#nearbyOf(at)
    const endpoint = nearby?.endpoint ?? place.endpoint
    const who = nearby?.endpoint == null ? `its leader, broker ${place.broker} at ${endpoint}` : `a follower at ${endpoint}`
    try {
      const question = { ...at, offset, maxBytes, maxWait: wait, leaderEpoch: place.leaderEpoch, rack: nearby === null ? rack : null }
      const taken = await this.#ask(endpoint, question, signal)
      const error = taken.answer.error === 0 ? null : errorName(taken.answer.error)
      const follower = nearby?.endpoint != null
      const empty = error === null && taken.answer.batches.length === 0 && taken.answer.throttle === 0
      // What a follower does not have its leader may: it lags behind, and nobody but the leader says what there is.
      if (follower && empty) {
        taken.release()
        this.#forget(at, true)
        return 'again'
      }
      if (error === null || (!follower && !TRY_AGAIN.includes(error))) return this.#settle(at, offset, taken, error)
      taken.release()
      this.#forget(at, nearby !== null)
      return trouble(`${who}, answers ${error}`, error)
    } catch (error) {
      signal.throwIfAborted()
      this.#forget(at, nearby !== null)
      if (error instanceof KdrError && FINAL.includes(error.code)) throw error
      return trouble(`${who}: ${wordsOf(error)}`)
    }
  }

  #nearbyOf(at: TopicPartition): { readonly endpoint: string | null } | null {
    const nearby = this.#nearby.get(partitionName(at))
    return nearby === undefined || nearby.until < performance.now() ? null : nearby
  }

  /** A follower may lag behind or be gone: then only the leader counts. */
  #forget(at: TopicPartition, follower: boolean): void {
    this.#places.forget(at)
    if (follower) this.#nearby.set(partitionName(at), { endpoint: null, until: performance.now() + LEADER_FOR })
  }

  #settle(at: TopicPartition, offset: bigint, { answer, release }: Taken, error: string | null): Tried {
    const { logStart, lastStable, highWatermark, aborted } = answer
    const batches = answer.batches.subarray(0, wholeLength(answer.batches))
    if (batches.length > 0) return { error, logStart, lastStable, highWatermark, aborted, batches, release }
    const cutOff = answer.batches.length > 0
    release()
    if (cutOff) throw new KdrError(`${partitionName(at)}: the batch at offset ${offset} did not come whole`, { code: 'corrupt-batch' })
    const nearer = answer.preferredReplica < 0 ? undefined : this.#places.endpoint(answer.preferredReplica)
    if (error === null && nearer !== undefined) {
      this.#nearby.set(partitionName(at), { endpoint: nearer, until: performance.now() + NEARBY_FOR })
      return 'again'
    }
    // Over its quota kdr is answered with nothing, and asks again when the broker lets it.
    if (error === null && answer.throttle > 0 && (lastStable < 0n || offset < lastStable)) return 'again'
    return { ...NOTHING, error, logStart, lastStable, highWatermark, aborted }
  }

  async #ask(endpoint: string, question: FetchQuestion, signal: AbortSignal): Promise<Taken> {
    const link = this.#link(endpoint)
    const writer = new WireWriter()
    Fetch.encode(writer, question)
    const { bytes, release } = await link.request(Fetch, [writer.finish()], this.#silence + question.maxWait, signal)
    try {
      const answer = Fetch.decode(new WireReader(bytes))
      link.rest(answer.throttle)
      return { answer, release }
    } catch (error) {
      release()
      throw new KdrError(`${endpoint} answered Fetch in a form kdr cannot read: ${wordsOf(error)}`, { code: 'malformed-answer', cause: error })
    }
  }

  get #silence(): Millis {
    return Math.max(SILENCE, this.#settings.requestTimeout)
  }

  /** The one with the least to do; another where all have something to do. */
  #link(endpoint: string): RawLink {
    const links = (this.#links.get(endpoint) ?? []).filter((link) => !link.broken)
    const best = links.reduce<RawLink | undefined>((least, link) => (least === undefined || link.open < least.open ? link : least), undefined)
    if (best !== undefined && (best.open === 0 || links.length >= CONNECTIONS)) return best
    const link = new RawLink(endpoint, this.#settings, this.#slabs, this.#silence)
    this.#links.set(endpoint, [...links, link])
    return link
  }
}
