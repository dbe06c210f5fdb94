// The ledger: acknowledged records with unique ids, written in the background while a cluster is broken and
// recovered. What was acknowledged must be there afterwards; nothing else in a drill is proof.
import { wordsOf } from '../errors.ts'
import { unknown } from '../model/known.ts'
import type { Clock } from '../ports/clock.ts'
import type { KafkaProbe, KafkaReader } from '../ports/kafka.ts'
import { type Millis, seconds } from '../units.ts'
import { DRILL_TOPIC } from './schemas.ts'

export interface LedgerPorts {
  readonly clock: Clock
  readonly kafka: KafkaReader
  readonly probe: KafkaProbe
}

export interface LedgerScore {
  /** Records acknowledged with acks=all. */
  readonly acknowledged: number
  /** Acknowledged and not found. */
  readonly lost: number
  /** How many of them by partition, as `topic-partition`. */
  readonly lostIn: Readonly<Record<string, number>>
  /** Partitions that could not be read to their end, and why: what was acknowledged there counts neither as lost nor as found. */
  readonly unread: Readonly<Record<string, string>>
  /** Found more than once: a retry whose first try had been written. */
  readonly duplicated: number
}

export interface Ledger {
  readonly topic: string
  /** Records acknowledged so far. */
  acknowledged(): number
  /** Stops writing; resolves once no record is in flight. */
  stop(): Promise<void>
  /** Reads everything back, as far as it can be read; throws nothing: an unread partition is not a passed one, and says so. */
  score(signal: AbortSignal): Promise<LedgerScore>
  remove(signal: AbortSignal): Promise<void>
}

const PARTITIONS_PER_BROKER = 2
const PAUSE: Millis = 25
/** One record's patience: a leader may be gone for a session time-out and an election. */
const PRODUCE: Millis = seconds(5)

/** Creates the topic (RF 3 or as many brokers as there are, min ISR 2) and begins to write to every partition. */
export const openLedger = async (ports: LedgerPorts, brokers: readonly number[], signal: AbortSignal): Promise<Ledger> => {
  const { clock, probe } = ports
  const topic = `__kdr_ledger_${clock.randomHex(6)}`
  const replicas = Math.min(3, brokers.length)
  const count = brokers.length * PARTITIONS_PER_BROKER
  const assignments = Array.from({ length: count }, (_, first) =>
    Array.from({ length: replicas }, (__, next) => brokers[(first + next) % brokers.length] ?? -1),
  )
  await probe.createTopic(topic, assignments, { 'min.insync.replicas': String(Math.min(2, replicas)), 'retention.ms': '-1' }, signal)
  const acknowledged = new Set<string>()
  const state = { stopped: false }
  const writers = assignments.map((_, partition) => write(ports, { topic, partition }, acknowledged, state))
  return {
    topic,
    acknowledged: () => acknowledged.size,
    stop: async () => {
      state.stopped = true
      await Promise.all(writers)
    },
    score: (inTime) => score(ports, topic, count, acknowledged, inTime),
    remove: (inTime) => probe.deleteTopic(topic, inTime),
  }
}

/** One record at a time, tried until acknowledged: an error says nothing about whether it was written. */
const write = async (
  { clock, probe }: LedgerPorts,
  at: { topic: string; partition: number },
  acknowledged: Set<string>,
  state: { readonly stopped: boolean },
): Promise<void> => {
  for (let count = 0; !state.stopped; count += 1) {
    const id = `${at.partition}-${count}-${clock.randomHex(4)}`
    const record = { key: Buffer.from(id), value: Buffer.from(id) }
    for (;;) {
      try {
        await probe.produce(at, [record], clock.deadline(PRODUCE))
        acknowledged.add(id)
        break
      } catch {
        if (state.stopped) break
        await clock.sleep(PAUSE * 10)
      }
    }
    await clock.sleep(PAUSE)
  }
}

const score = async (ports: LedgerPorts, topic: string, count: number, acknowledged: ReadonlySet<string>, signal: AbortSignal): Promise<LedgerScore> => {
  const seen = new Map<string, number>()
  const unread: Record<string, string> = {}
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  const blind = (thrown: unknown) => partitions.map((at) => ({ ...at, offset: unknown(wordsOf(thrown), 'ListOffsets') }))
  for (const { partition, offset } of await ports.kafka.offsets({ ask: 'high-watermark' }, partitions, signal).catch(blind)) {
    const name = `${topic}-${partition}`
    if (offset.known) await readTo(ports, { topic, partition }, offset.value, seen, signal).catch((thrown: unknown) => (unread[name] = wordsOf(thrown)))
    else unread[name] = offset.why
  }
  const lost = [...acknowledged].map((id) => ({ id, name: `${topic}-${id.split('-')[0]}` })).filter(({ id, name }) => !seen.has(id) && !(name in unread))
  const lostIn: Record<string, number> = {}
  for (const { name } of lost) lostIn[name] = (lostIn[name] ?? 0) + 1
  return { acknowledged: acknowledged.size, lost: lost.length, lostIn, unread, duplicated: [...seen.values()].filter((times) => times > 1).length }
}

const STALLED = 20

const readTo = async (
  { kafka }: LedgerPorts,
  at: { topic: string; partition: number },
  end: bigint,
  seen: Map<string, number>,
  signal: AbortSignal,
): Promise<void> => {
  let stalled = 0
  for (let next = 0n; next < end; ) {
    const page = await kafka.fetch(at, next, { maxBytes: 4_194_304, maxWait: 500 }, signal)
    for (const { key } of page.records) {
      const id = key?.toString() ?? ''
      seen.set(id, (seen.get(id) ?? 0) + 1)
    }
    stalled = page.next > next ? 0 : stalled + 1
    if (stalled > STALLED) throw new Error(`${at.topic}-${at.partition} could not be read past ${next} of ${end}`)
    next = page.next
  }
}

/** Deletes ledgers that a killed drill left behind; a failure here is told, not fatal. */
export const removeOldLedgers = async ({ kafka, probe }: LedgerPorts, signal: AbortSignal, tell: (problem: string) => void): Promise<void> => {
  const { partitions } = await kafka.metadata(signal)
  for (const { name } of partitions.topics) {
    if (name.startsWith('__kdr_ledger_') || name === DRILL_TOPIC)
      await probe.deleteTopic(name, signal).catch((thrown: unknown) => tell(`${name} was not deleted: ${wordsOf(thrown)}`))
  }
}
