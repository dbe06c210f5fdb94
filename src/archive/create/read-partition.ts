// One partition, from its start to its end. The position moves by what batches say they cover, never by the
// records seen: compacted and aborted tails have none. Whatever could not be read is a gap that says why.
import { KdrError, wordsOf } from '../../errors.ts'
import type { BatchView } from '../../model/batches/batch.ts'
import { committed } from '../../model/batches/visible.ts'
import type { KafkaReader } from '../../ports/kafka.ts'
import type { Gap, ManifestEntry, PartitionBackup } from '../manifest.ts'
import { cutBatch } from './cut.ts'
import type { PartitionPlan } from './ends.ts'
import { type FetchContext, type Fetched, fetchAhead, fetchNow } from './fetcher.ts'
import type { PositionCounter } from './positions.ts'
import type { Progress } from './progress.ts'
import { type SegmentSink, Segments } from './segments.ts'
import { soundPart } from './sound.ts'
import { PartitionTally } from './tally.ts'
import { UNDECODABLE } from './why-full.ts'

export interface ReadContext extends FetchContext {
  readonly kafka: Pick<KafkaReader, 'offsets'>
  readonly progress: Progress
  readonly sink: SegmentSink
}

export interface PartitionRead {
  readonly backup: PartitionBackup
  readonly entries: readonly ManifestEntry[]
}

/** Answers without a batch before it is believed that there is none. */
const EMPTY_TRIES = 5
const EMPTY_PAUSE = 200

const GONE = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID'])

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

export class PartitionReader {
  readonly #context: ReadContext
  readonly #plan: PartitionPlan
  readonly #counter: PositionCounter
  readonly #signal: AbortSignal
  readonly #gaps: Gap[] = []
  readonly #tally = new PartitionTally()
  readonly #segments: Segments
  #position: bigint
  #logStart: bigint
  #ahead: Promise<Fetched> | null = null
  /** Damage was seen here once: on its way, perhaps. */
  #suspect: bigint | null = null
  #empty = 0

  constructor(context: ReadContext, plan: PartitionPlan, counter: PositionCounter, signal: AbortSignal) {
    this.#context = context
    this.#plan = plan
    this.#counter = counter
    this.#signal = signal
    this.#position = plan.start
    this.#logStart = plan.logStart
    this.#segments = new Segments(plan.topic, plan.partition, context.sink)
  }

  /** Throws the signal's reason, and what the archive could not be written for; never for what Kafka did. */
  async read(): Promise<PartitionRead> {
    const { start, problem } = this.#plan
    if (problem !== null) this.#gaps.push({ from: String(start), to: String(start), why: `its offsets could not be read: ${problem}` })
    try {
      while (this.#position < this.#plan.end) await this.#step()
      await this.#segments.flush()
    } catch (thrown) {
      await this.#segments.drop()
      throw thrown
    } finally {
      await this.#dropAhead()
    }
    this.#context.progress.partitionDone()
    return { backup: this.#backup(), entries: this.#segments.written.map(({ entry }) => entry) }
  }

  async #step(): Promise<void> {
    let fetched: Fetched
    try {
      fetched = await this.#fetched()
    } catch (thrown) {
      this.#signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
      this.#giveUp(wordsOf(thrown))
      return
    }
    let kept = false
    try {
      if (fetched.fetch.error !== null) await this.#failed(fetched.fetch.error)
      else if (fetched.bytes === 0) await this.#nothing(fetched)
      else kept = await this.#taken(fetched)
    } finally {
      if (!kept) fetched.release()
    }
  }

  /** Whoever waits for memory has written all he holds. */
  async #fetched(): Promise<Fetched> {
    const ahead = this.#ahead
    this.#ahead = null
    if (ahead !== null) {
      try {
        return await ahead
      } catch (thrown) {
        this.#signal.throwIfAborted()
        if (!(thrown instanceof KdrError)) throw thrown
      }
    }
    const soon = fetchAhead(this.#context, this.#plan, this.#position, this.#signal)
    if (soon !== null) {
      try {
        return await soon
      } catch (thrown) {
        this.#signal.throwIfAborted()
        if (!(thrown instanceof KdrError)) throw thrown
      }
    }
    await this.#segments.flush()
    return fetchNow(this.#context, this.#plan, this.#position, this.#signal)
  }

  /** Whether its memory is in use by a segment now. */
  async #taken(fetched: Fetched): Promise<boolean> {
    const { fetch } = fetched
    const { sound, damage } = soundPart(fetch.batches, this.#position, fetch.highWatermark)
    const { batches, next } = committed(sound, fetch.aborted, this.#position)
    if (next <= this.#position) {
      await this.#damaged(damage?.next ?? null, damage?.why ?? `${UNDECODABLE}: it came without a whole batch`)
      return false
    }
    this.#empty = 0
    this.#suspect = null
    if (next < this.#plan.end && damage === null) this.#ahead = fetchAhead(this.#context, this.#plan, next, this.#signal)
    const kept = batches.flatMap((batch) => this.#within(batch))
    this.#account(kept, next)
    if (kept.length === 0) return false
    await this.#keep(kept, fetched)
    return true
  }

  /** A batch that reaches over the position or the end is cut. */
  #within(batch: BatchView): readonly BatchView[] {
    const from = max(batch.baseOffset, this.#position)
    const to = min(batch.lastOffset + 1n, this.#plan.end)
    if (from >= to) return []
    if (from === batch.baseOffset && to === batch.lastOffset + 1n) return [batch]
    try {
      return cutBatch(batch, from, to)
    } catch (thrown) {
      if (!(thrown instanceof KdrError)) throw thrown
      this.#gap(from, to, `${UNDECODABLE}: ${wordsOf(thrown)}`)
      return []
    }
  }

  #account(kept: readonly BatchView[], next: bigint): void {
    let bytes = 0
    let records = 0
    for (const batch of kept) {
      this.#tally.add(batch)
      this.#counter.pass(batch)
      bytes += batch.bytes.length
      records += batch.count
    }
    const reached = min(next, this.#plan.end)
    this.#context.progress.add(reached - this.#position, bytes, records)
    this.#position = reached
  }

  /** Where little of what was fetched is kept, only that is held on to. */
  async #keep(kept: readonly BatchView[], fetched: Fetched): Promise<void> {
    const bytes = kept.reduce((sum, batch) => sum + batch.bytes.length, 0)
    if (bytes * 2 > fetched.bytes) return this.#segments.add(kept, fetched)
    const copies = kept.map((batch) => ({ ...batch, bytes: Buffer.from(batch.bytes) }))
    fetched.release()
    const { memory } = this.#context
    memory.adjust(bytes)
    return this.#segments.add(copies, { bytes, release: () => memory.give(bytes) })
  }

  async #failed(error: string): Promise<void> {
    if (error === 'OFFSET_OUT_OF_RANGE') return this.#outOfRange()
    this.#giveUp(GONE.has(error) ? `the topic was deleted while it was read (${error})` : `the leader answered ${error}`)
  }

  /** Retention has been here, or the log was cut short. */
  async #outOfRange(): Promise<void> {
    const { topic, partition, end } = this.#plan
    const [answer] = await this.#context.kafka.offsets({ ask: 'log-start' }, [{ topic, partition }], this.#signal)
    const start = answer?.offset.known === true ? answer.offset.value : null
    if (start !== null && start > this.#position) {
      this.#logStart = start
      const to = min(start, end)
      this.#gap(this.#position, to, 'deleted by retention or by DeleteRecords before it was read')
      this.#skipTo(to)
      return
    }
    await this.#again('offset out of range: the log was cut short while it was read')
  }

  async #nothing({ fetch }: Fetched): Promise<void> {
    const { end } = this.#plan
    if (fetch.lastStable < end) return this.#again(`the log is stable to offset ${fetch.lastStable} only: it was cut short while it was read`)
    // Compaction may leave nothing at the end of a log: these offsets have no records.
    if (this.#empty + 1 >= EMPTY_TRIES) this.#skipTo(end)
    else await this.#again('')
  }

  async #again(why: string): Promise<void> {
    this.#empty += 1
    if (this.#empty >= EMPTY_TRIES) this.#giveUp(why)
    else await this.#context.clock.sleep(EMPTY_PAUSE, this.#signal)
  }

  /** Seen twice, it is what the broker has. Where nobody can tell what comes next, the rest is lost with it. */
  async #damaged(next: bigint | null, why: string): Promise<void> {
    if (this.#suspect !== this.#position) {
      this.#suspect = this.#position
      return
    }
    const to = next === null || next <= this.#position ? this.#plan.end : min(next, this.#plan.end)
    this.#gap(this.#position, to, why)
    this.#skipTo(to)
  }

  #giveUp(why: string): void {
    this.#gap(this.#position, this.#plan.end, why)
    this.#skipTo(this.#plan.end)
  }

  #gap(from: bigint, to: bigint, why: string): void {
    this.#gaps.push({ from: String(from), to: String(to), why })
  }

  #skipTo(offset: bigint): void {
    this.#context.progress.add(offset - this.#position, 0, 0)
    this.#position = offset
    this.#empty = 0
  }

  async #dropAhead(): Promise<void> {
    const ahead = this.#ahead
    this.#ahead = null
    const fetched = await ahead?.catch(() => null)
    fetched?.release()
  }

  #backup(): PartitionBackup {
    const { topic, partition, topicId, leaderEpoch, start, end, highWatermark } = this.#plan
    return {
      topic,
      partition,
      topicId,
      leaderEpoch,
      logStart: String(this.#logStart),
      start: String(start),
      end: String(end),
      highWatermark: String(highWatermark),
      ...this.#tally.totals(),
      gaps: this.#gaps,
      segments: this.#segments.written.map(({ segment }) => segment),
    }
  }
}
