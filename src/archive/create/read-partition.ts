// One partition, from its start to its end. The position moves by what batches say they cover, never by the
// records seen: compacted and aborted tails have none. Whatever could not be read is a gap that says why.
import { KdrError, wordsOf } from '../../errors.ts'
import type { BatchView } from '../../model/batches/batch.ts'
import { committed } from '../../model/batches/visible.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { KafkaReader, OffsetAnswer } from '../../ports/kafka.ts'
import type { Instant, Millis } from '../../units.ts'
import type { Gap, ManifestEntry, PartitionBackup } from '../manifest.ts'
import { CLEANING_KEYS, type Cleaning, cleaningOf, deletesMissed } from './cleaning.ts'
import { cutBatch } from './cut.ts'
import type { PartitionPlan } from './ends.ts'
import { DAMAGED, type FetchContext, type Fetched, fetchAhead, fetchNow } from './fetcher.ts'
import type { PositionCounter } from './positions.ts'
import type { Progress } from './progress.ts'
import { type SegmentSink, Segments } from './segments.ts'
import { soundPart } from './sound.ts'
import { PartitionTally } from './tally.ts'
import { UNDECODABLE } from './why-full.ts'

export interface ReadContext extends FetchContext {
  readonly kafka: Pick<KafkaReader, 'offsets' | 'configs'>
  readonly progress: Progress
  readonly sink: SegmentSink
}

export interface PartitionRead {
  readonly backup: PartitionBackup
  readonly entries: readonly ManifestEntry[]
}

/** Answers without a batch before the leader is believed: that it has none, or that the log is shorter by now. */
const EMPTY_TRIES = 5
const EMPTY_PAUSE: Millis = 200
/** How long an election may take to settle: in tries, and between them. */
const ELECTION_TRIES = 30
const ELECTION_PAUSE = 1000
/** Where a batch must be: it may have to be fetched from slow storage, which a broker gives up waiting for without a word (KIP-405, KIP-1018). */
const SLOW_TRIES = 10
const SLOW_PAUSE: Millis = 1000
const SLOW_WAIT: Millis = 5000

/** Of a compacted log: how often it is read on to where it ends by then. Each time takes a fraction of the one before. */
const MOST_PASSES = 8

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
  /** That of the plan, or later: see `#readsOn`. */
  #end: bigint
  #leaderEpoch: number
  #logStart: bigint
  #ahead: Promise<Fetched> | null = null
  /** Damage was seen here once: on its way, perhaps. */
  #suspect: bigint | null = null
  #empty = 0
  #wait: { readonly wait?: Millis } = {}
  /** Whether in what was read since the end was last looked at offsets are missing that compaction may have taken. */
  #holed = false
  #passes = 0
  #everHoled = false
  #cleaning: Promise<Known<Cleaning>> | null = null

  constructor(context: ReadContext, plan: PartitionPlan, counter: PositionCounter, signal: AbortSignal) {
    this.#context = context
    this.#plan = plan
    this.#counter = counter
    this.#signal = signal
    this.#position = plan.start
    this.#end = plan.end
    this.#leaderEpoch = plan.leaderEpoch
    this.#logStart = plan.logStart
    this.#segments = new Segments(plan.topic, plan.partition, context.sink)
  }

  /** Throws the signal's reason, and what the archive could not be written for; never for what Kafka did. */
  async read(): Promise<PartitionRead> {
    const { start, problem, since = this.#context.clock.now() } = this.#plan
    if (problem !== null) this.#gaps.push({ from: String(start), to: String(start), why: `its offsets could not be read: ${problem}` })
    try {
      while (this.#position < this.#end || (await this.#readsOn())) await this.#step()
      await this.#sayMissedDeletes(since)
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

  /**
   * Whether there is more to read. What the cleaner took of a compacted log while it was read has a newer record, perhaps behind
   * the end: the log is read on to where it ends now, until a stretch comes from which nothing was taken.
   */
  async #readsOn(): Promise<boolean> {
    const gaveUp = this.#gaps.at(-1)?.to === String(this.#end)
    if (!this.#holed || gaveUp) return false
    const compacted = await this.#compacted()
    if (compacted.known && !compacted.value) return false
    const { offset: end, leaderEpoch } = await this.#asked('last-stable')
    this.#passes += 1
    if (!end.known || this.#passes > MOST_PASSES) {
      const why = end.known ? 'it is compacted faster than it can be read' : `where it ends now could not be read: ${end.why}`
      this.#gap(this.#end, this.#end, `compaction may have taken records while it was read whose newer ones lie behind: ${why}`)
      return false
    }
    if (end.value <= this.#end) return false
    this.#context.progress.more(end.value - this.#end)
    this.#end = end.value
    this.#leaderEpoch = leaderEpoch ?? this.#leaderEpoch
    this.#holed = false
    return true
  }

  /** A leader that was just elected does not answer at once. */
  async #asked(question: 'last-stable'): Promise<Pick<OffsetAnswer, 'offset' | 'leaderEpoch'>> {
    for (let left = ELECTION_TRIES; ; left -= 1) {
      const answer = await this.#ask(question)
      if (answer.offset.known || left === 1) return answer
      await this.#context.clock.sleep(ELECTION_PAUSE, this.#signal)
    }
  }

  async #ask(question: 'log-start' | 'last-stable'): Promise<Pick<OffsetAnswer, 'offset' | 'leaderEpoch'>> {
    const { topic, partition } = this.#plan
    const lacking = (why: string) => ({ offset: unknown(why, 'ListOffsets'), leaderEpoch: null })
    try {
      const [answer] = await this.#context.kafka.offsets({ ask: question }, [{ topic, partition }], this.#signal)
      return answer ?? lacking('no answer')
    } catch (thrown) {
      this.#signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
      return lacking(wordsOf(thrown))
    }
  }

  #cleaned(): Promise<Known<Cleaning>> {
    const { topic } = this.#plan
    const read = async (): Promise<Known<Cleaning>> => cleaningOf((await this.#context.kafka.configs('topic', [topic], CLEANING_KEYS, this.#signal)).get(topic))
    this.#cleaning ??= read().catch((thrown: unknown) => {
      this.#signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
      return unknown(wordsOf(thrown), 'DescribeConfigs')
    })
    return this.#cleaning
  }

  async #compacted(): Promise<Known<boolean>> {
    const cleaning = await this.#cleaned()
    return cleaning.known ? known(cleaning.value.compacted, cleaning.by) : cleaning
  }

  /** Once all is read. Where nothing was taken of it, no tombstone was. */
  async #sayMissedDeletes(since: Instant): Promise<void> {
    if (!this.#everHoled) return
    const why = deletesMissed(await this.#cleaned(), since, this.#context.clock.now())
    if (why !== null) this.#gap(this.#end, this.#end, why)
  }

  async #step(): Promise<void> {
    let fetched: Fetched
    try {
      fetched = await this.#fetched()
    } catch (thrown) {
      this.#signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
      if (thrown.code === DAMAGED) await this.#damaged(null, `${UNDECODABLE}: ${wordsOf(thrown)}`)
      else this.#giveUp(wordsOf(thrown))
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
    // What looks damaged may be so on a follower only.
    const from = { at: this.#plan, offset: this.#position, ...this.#wait, ...(this.#suspect === this.#position ? { rack: null } : {}) }
    const soon = fetchAhead(this.#context, from, this.#signal)
    if (soon !== null) {
      try {
        return await soon
      } catch (thrown) {
        this.#signal.throwIfAborted()
        if (!(thrown instanceof KdrError)) throw thrown
      }
    }
    await this.#segments.flush()
    return fetchNow(this.#context, from, this.#signal)
  }

  /** Whether its memory is in use by a segment now. */
  async #taken(fetched: Fetched): Promise<boolean> {
    const { fetch } = fetched
    const { sound, damage } = soundPart(fetch.batches, this.#position, fetch.highWatermark)
    const { batches, next, holed, unreadable } = committed(sound, fetch.aborted, this.#position)
    const trouble = unreadable === null ? damage : { next: unreadable.next, why: `${UNDECODABLE}: ${unreadable.why}` }
    if (next <= this.#position) {
      await this.#damaged(trouble?.next ?? null, trouble?.why ?? `${UNDECODABLE}: it came without a whole batch`)
      return false
    }
    this.#empty = 0
    this.#wait = {}
    this.#suspect = null
    if (holed) this.#wasHoled()
    if (next < this.#end && trouble === null) this.#ahead = fetchAhead(this.#context, { at: this.#plan, offset: next }, this.#signal)
    const kept = batches.flatMap((batch) => this.#within(batch))
    this.#account(kept, next)
    if (kept.length === 0) return false
    await this.#keep(kept, fetched)
    return true
  }

  /** A batch that reaches over the position or the end is cut. */
  #within(batch: BatchView): readonly BatchView[] {
    const from = max(batch.baseOffset, this.#position)
    const to = min(batch.lastOffset + 1n, this.#end)
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

  #wasHoled(): void {
    this.#holed = true
    this.#everHoled = true
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
    const reached = min(next, this.#end)
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
    const end = this.#end
    const { offset } = await this.#ask('log-start')
    const start = offset.known ? offset.value : null
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
    const { lastStable } = fetch
    if (lastStable < this.#end) {
      // The high watermark of a new leader lags until its followers have asked it (replica.lag.time.max.ms).
      return this.#again(`the log is stable to offset ${lastStable} only: it was cut short while it was read`, ELECTION_TRIES, ELECTION_PAUSE)
    }
    const compacted = await this.#compacted()
    if (compacted.known && compacted.value) {
      // Compaction may leave nothing before an open transaction. Such topics are on the brokers' own disks, always.
      if (this.#empty + 1 < EMPTY_TRIES) return this.#again('')
      this.#wasHoled()
      this.#skipTo(this.#end)
      return
    }
    this.#wait = { wait: SLOW_WAIT }
    const policy = compacted.known ? '' : `; whether it is compacted could not be read: ${compacted.why}`
    await this.#again(`the broker gave nothing, though its log is stable to offset ${lastStable}${policy}`, SLOW_TRIES, SLOW_PAUSE)
  }

  async #again(why: string, tries = EMPTY_TRIES, pause = EMPTY_PAUSE): Promise<void> {
    this.#empty += 1
    if (this.#empty >= tries) this.#giveUp(why)
    else await this.#context.clock.sleep(pause, this.#signal)
  }

  /** Seen twice, it is what the broker has. Where nobody can tell what comes next, the rest is lost with it. */
  async #damaged(next: bigint | null, why: string): Promise<void> {
    if (this.#suspect !== this.#position) {
      this.#suspect = this.#position
      await this.#context.clock.sleep(EMPTY_PAUSE, this.#signal)
      return
    }
    const to = next === null || next <= this.#position ? this.#end : min(next, this.#end)
    this.#gap(this.#position, to, why)
    this.#skipTo(to)
  }

  #giveUp(why: string): void {
    this.#gap(this.#position, this.#end, why)
    this.#skipTo(this.#end)
  }

  #gap(from: bigint, to: bigint, why: string): void {
    this.#gaps.push({ from: String(from), to: String(to), why })
  }

  #skipTo(offset: bigint): void {
    this.#context.progress.add(offset - this.#position, 0, 0)
    this.#position = offset
    this.#empty = 0
    this.#wait = {}
  }

  async #dropAhead(): Promise<void> {
    const ahead = this.#ahead
    this.#ahead = null
    const fetched = await ahead?.catch(() => null)
    fetched?.release()
  }

  #backup(): PartitionBackup {
    const { topic, partition, topicId, start, highWatermark } = this.#plan
    const end = this.#end
    return {
      topic,
      partition,
      topicId,
      leaderEpoch: this.#leaderEpoch,
      logStart: String(this.#logStart),
      start: String(start),
      end: String(end),
      highWatermark: String(max(highWatermark, end)),
      ...this.#tally.totals(),
      gaps: this.#gaps,
      segments: this.#segments.written.map(({ segment }) => segment),
    }
  }
}
