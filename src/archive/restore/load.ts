// The loading engine: several partitions at once, one lane per broker, a request carrying one batch of each of
// its partitions, up to five requests of a lane under way. Memory is bounded by how many partitions are open.
import { KdrError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { KafkaRestoreWriter, ProducerIdentity, RawProduced } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import type { Feed } from './feed.ts'
import { IN_FLIGHT, Sender } from './sender.ts'

export interface LoadPartition {
  readonly topic: string
  readonly partition: number
  /** Broker that leads it, as far as is known: partitions of one broker share requests. */
  readonly leader: number
  /** Offset its next record has to get. */
  readonly next: bigint
  /** Offset after the last one. */
  readonly end: bigint
  /** Opened when its turn comes. */
  readonly feed: () => Feed
}

export interface LoadPorts {
  readonly clock: Clock
  readonly restore: KafkaRestoreWriter
}

export interface LoadOptions {
  /** Partitions open at once. */
  readonly width: number
  readonly bytesPerSecond: number | null
  /** Records and bytes acknowledged since the last call. */
  readonly progress: (records: number, bytes: number) => void
  /** Every now and then: for which broker and partition it waits, in words; null: for none. */
  readonly waiting: (words: string | null) => void
  /** Nothing new is begun once it is aborted. */
  readonly stopping: AbortSignal
}

const REQUEST_BYTES = 8 * 1024 * 1024
const PAUSE: Millis = 250
/** So long may a partition take no batch: a broker that died has a successor by then. */
const PATIENCE: Millis = 5 * 60_000

/** A broker that stores nothing is named after so long, and is looked for so often. */
const NAMED_AFTER: Millis = 4000
const WATCHING: Millis = 2000

/** Rejections of a request of which nothing is known: its batches may have been stored or not. */
const UNANSWERED: ReadonlySet<unknown> = new Set(['broker-silent', 'broker-refused', 'broker-unreachable', 'no-leader', 'no-broker-answered'])

interface Lane {
  readonly leader: number
  readonly waiting: LoadPartition[]
  readonly active: Sender[]
  /** Since when each request waits for its answer. */
  readonly asked: Map<readonly Sender[], number>
  inFlight: number
}

const ledBy = (leader: number): string => (leader < 0 ? '' : `, which broker ${leader} led,`)

/** Whoever has stored nothing for a while: the broker and a partition of it, and what it said. */
const waitedFor = (lanes: readonly Lane[], now: number): string | null => {
  const words = lanes.flatMap(({ leader, active, asked }) => {
    const silent = new Set([...asked].flatMap(([senders, since]) => (now - since >= NAMED_AFTER ? senders : [])))
    const stuck = active.filter((sender) => silent.has(sender) || (sender.stuckSince !== null && now - sender.stuckSince >= NAMED_AFTER))
    const [first] = stuck
    if (first === undefined) return []
    const who = leader < 0 ? first.name : `broker ${leader}, which led ${first.name}`
    return [`${who}${stuck.length === 1 ? '' : ` and ${stuck.length - 1} more`} (${first.trouble})`]
  })
  return words.length === 0 ? null : words.join('; ')
}

class Loader {
  readonly #ports: LoadPorts
  readonly #options: LoadOptions
  readonly #signal: AbortSignal
  readonly #identity: ProducerIdentity
  readonly #lanes: readonly Lane[]
  #wake: () => void = () => {}
  #failed: { readonly thrown: unknown } | null = null
  #underWay = 0
  #free = 0

  constructor(partitions: readonly LoadPartition[], identity: ProducerIdentity, ports: LoadPorts, options: LoadOptions, signal: AbortSignal) {
    this.#ports = ports
    this.#options = options
    this.#signal = signal
    this.#identity = identity
    const lanes = new Map<number, Lane>()
    for (const partition of partitions) {
      const lane: Lane = lanes.get(partition.leader) ?? { leader: partition.leader, waiting: [], active: [], asked: new Map(), inFlight: 0 }
      lane.waiting.push(partition)
      lanes.set(partition.leader, lane)
    }
    this.#lanes = [...lanes.values()]
  }

  async run(): Promise<void> {
    const over = new AbortController()
    void this.#watch(over.signal)
    try {
      for (;;) {
        this.#check()
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#admit()
        const wait = this.#send()
        if (this.#lanes.every(({ active, waiting }) => active.length === 0 && waiting.length === 0)) break
        // Once in a while on its own, for what has to be repeated after a pause.
        await (wait === null ? woken : Promise.race([woken, this.#ports.clock.sleep(wait, this.#signal)]))
      }
    } finally {
      over.abort()
      // Memory of a batch under way must not be given back before its request is over.
      while (this.#underWay > 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
      for (const { active } of this.#lanes) for (const { feed } of active) feed.close()
    }
  }

  async #watch(over: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    const slept = () =>
      clock.sleep(WATCHING, over).then(
        () => true,
        () => false,
      )
    while (await slept()) this.#options.waiting(waitedFor(this.#lanes, clock.monotonic()))
  }

  #check(): void {
    if (this.#failed !== null) throw this.#failed.thrown
    this.#signal.throwIfAborted()
    if (this.#options.stopping.aborted) throw new KdrError('stopped while records were being loaded', { code: 'load-stopped', exit: 'stopped' })
    const now = this.#ports.clock.monotonic()
    for (const { active, leader } of this.#lanes)
      for (const sender of active)
        if (sender.stuckSince !== null && now - sender.stuckSince > PATIENCE)
          throw new KdrError(`${sender.name}${ledBy(leader)} has taken no batch for ${PATIENCE / 60_000} minutes: ${sender.trouble}`, {
            code: 'load-stuck',
            hint: 'kdr diagnose; what was loaded stays, and the same command goes on from there',
          })
  }

  /** Opens partitions of the lane that has the fewest open, as long as there is room. */
  #admit(): void {
    for (const lane of this.#lanes) {
      for (let at = lane.active.length - 1; at >= 0; at -= 1) {
        const sender = lane.active[at] as Sender
        if (!sender.done) continue
        sender.feed.close()
        lane.active.splice(at, 1)
      }
    }
    for (let open = this.#lanes.reduce((sum, { active }) => sum + active.length, 0); open < this.#options.width; open += 1) {
      const [lane] = this.#lanes.filter(({ waiting }) => waiting.length > 0).sort((a, b) => a.active.length - b.active.length)
      const next = lane?.waiting.shift()
      if (lane === undefined || next === undefined) return
      lane.active.push(new Sender(next, next.feed(), this.#identity))
    }
  }

  /** Sends whatever can be sent; returns after what time to look again, null: only when something has happened. */
  #send(): Millis | null {
    const { clock } = this.#ports
    const now = clock.monotonic()
    if (now < this.#free) return this.#free - now
    let again: Millis | null = null
    for (const lane of this.#lanes) {
      for (const sender of lane.active) this.#load(sender)
      while (lane.inFlight < IN_FLIGHT) {
        const rows = this.#rowsOf(lane, now)
        if (rows.length === 0) break
        this.#request(lane, rows)
        if (now < this.#free) return this.#free - now
      }
      if (lane.active.some(({ recovering }) => recovering)) again = PAUSE
    }
    return again
  }

  #load(sender: Sender): void {
    if (sender.loading || sender.ended || sender.feed.peek() !== null) return
    sender.loading = true
    sender.feed
      .load(this.#signal)
      .then((more) => {
        sender.loading = false
        if (!more) sender.finish()
      })
      .catch((thrown) => this.#fail(thrown))
      .finally(() => this.#wake())
  }

  #rowsOf(lane: Lane, now: number): readonly Sender[] {
    const rows: Sender[] = []
    let bytes = 0
    // Who comes first takes turns, so that a full request never leaves out the same ones.
    const turn = lane.active.shift()
    if (turn !== undefined) lane.active.push(turn)
    for (const sender of lane.active) {
      const size = sender.ready(now)
      if (size === null || (rows.length > 0 && bytes + size > REQUEST_BYTES)) continue
      rows.push(sender)
      bytes += size
    }
    const { bytesPerSecond } = this.#options
    if (bytesPerSecond !== null) this.#free = Math.max(now, this.#free) + (bytes * 1000) / bytesPerSecond
    return rows
  }

  #request(lane: Lane, senders: readonly Sender[]): void {
    const rows = senders.map((sender) => sender.next())
    lane.asked.set(senders, this.#ports.clock.monotonic())
    lane.inFlight += 1
    this.#underWay += 1
    this.#ports.restore
      .produceRaw(rows, this.#signal)
      .catch((thrown): readonly RawProduced[] => {
        if (!(thrown instanceof KdrError) || !UNANSWERED.has(thrown.code)) throw thrown
        return rows.map(({ topic, partition }) => ({ topic, partition, error: 'NO_ANSWER', message: thrown.message, baseOffset: -1n }))
      })
      .then((answers) => {
        const now = this.#ports.clock.monotonic()
        senders.forEach((sender, at) => {
          const row = rows[at]
          if (row === undefined) return
          const answer = answers.find(({ topic, partition }) => topic === row.topic && partition === row.partition)
          const records = sender.answered(row.batch, answer ?? { error: 'NO_ANSWER', message: 'the answer does not name it', baseOffset: -1n }, now)
          if (answer?.error != null) sender.notBefore = now + PAUSE
          this.#options.progress(records, row.batch.length)
        })
      })
      .catch((thrown) => this.#fail(thrown))
      .finally(() => {
        lane.asked.delete(senders)
        lane.inFlight -= 1
        this.#underWay -= 1
        this.#wake()
      })
  }

  #fail(thrown: unknown): void {
    this.#failed ??= { thrown }
  }
}

/**
 * Stores every record of these partitions, each at its expected offset. What was stored stays when it throws: the target tells how far it came.
 * Errors: `foreign-write`, `load-stuck`, `load-stopped`, `archive-corrupt`, Kafka's own refusals by name.
 */
export const loadPartitions = async (partitions: readonly LoadPartition[], ports: LoadPorts, options: LoadOptions, signal: AbortSignal): Promise<void> => {
  const open = partitions.filter(({ next, end }) => next < end)
  if (open.length === 0) return
  const identity = await ports.restore.producer(signal)
  await new Loader(open, identity, ports, options, signal).run()
}
