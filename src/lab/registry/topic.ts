// The `_schemas` topic: made where there is none, refused where it would lose schemas, read from its beginning for as
// long as the registry lives, and written one record at a time (storage/KafkaStore, KafkaStoreReaderThread).

import type { Cluster } from '../../adapters/kafka/cluster.ts'
import { pause } from '../../adapters/kafka/deadline.ts'
import { failOn } from '../../adapters/kafka/error-codes.ts'
import { DescribeConfigs } from '../../adapters/kafka/messages/configs.ts'
import { readOffsets } from '../../adapters/kafka/offsets.ts'
import { createCanary } from '../../adapters/kafka/probe.ts'
import { fetchRecords, Leaders, produceRecords } from '../../adapters/kafka/records.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import { decodeEntry, type Entry, encodeEntry } from './records.ts'
import type { RegistrySettings } from './settings.ts'

const POLICY = 'cleanup.policy'
const FETCH = { maxBytes: 1 << 20, maxWait: 500 }
const RETRY: Millis = 500
/** kdr's own messages wait so long for one answer. */
const WRITE: Millis = 3000

type Log = (line: string) => void

interface Parts {
  readonly cluster: Cluster
  readonly settings: RegistrySettings
  readonly apply: (entry: Entry) => void
  readonly log: Log
}

/** Throws `schemas-topic-unfit`, as Confluent's start is aborted: retention would delete schemas, and order needs one partition. */
const verify = async ({ cluster, settings: { topic, replicationFactor }, log }: Parts, signal: AbortSignal): Promise<boolean> => {
  const { answer, by } = await cluster.freshest([topic], signal)
  const found = answer.topics.find((each) => each.name === topic && each.partitions.length > 0)
  if (found === undefined) return false
  const unfit = (why: string) => new KdrError(why, { code: 'schemas-topic-unfit' })
  if (found.partitions.length !== 1) throw unfit(`The schema topic ${topic} should have only 1 partition but has ${found.partitions.length}`)
  const replicas = found.partitions[0]?.replicas.length ?? 0
  if (replicas < replicationFactor) log(`WARN The replication factor of ${topic} is ${replicas}, less than ${replicationFactor}`)
  const [configs] = await cluster.ask(by, 'configs', DescribeConfigs, { type: 'topic', names: [topic], keys: [POLICY] }, signal)
  failOn(`DescribeConfigs of ${topic}`, configs?.error ?? -1, configs?.message ?? null)
  const policy = configs?.values.get(POLICY)
  if (policy !== 'compact') throw unfit(`The retention policy of the schema topic ${topic} is incorrect: ${POLICY} is ${policy} and must be compact`)
  return true
}

const create = async ({ cluster, settings, log }: Parts, signal: AbortSignal): Promise<void> => {
  const ids = [...(await cluster.registered(signal)).keys()].sort((a, b) => a - b)
  const replicas = ids.slice(0, settings.replicationFactor)
  if (replicas.length < settings.replicationFactor) throw new KdrError(`only ${ids.length} brokers are registered`, { code: 'too-few-brokers' })
  log(`INFO Creating schemas topic ${settings.topic}`)
  await createCanary(cluster, settings.topic, [replicas], { [POLICY]: 'compact', 'min.insync.replicas': String(settings.minInSync) }, signal)
}

export class SchemasTopic {
  readonly #parts: Parts
  readonly #leaders: Leaders
  /** Next offset to be read. */
  #next = 0n
  /** Offset of this registry's last write; null: somebody else may have written since. */
  #written: bigint | null = null
  #waiting: { readonly offset: bigint; readonly resolve: () => void }[] = []

  constructor(parts: Parts) {
    this.#parts = parts
    this.#leaders = new Leaders(parts.cluster)
  }

  get #at() {
    return { topic: this.#parts.settings.topic, partition: 0 }
  }

  /** Throws `schemas-topic-unfit`, or what Kafka said last when the time is up. */
  async ready(signal: AbortSignal): Promise<void> {
    const end = performance.now() + this.#parts.settings.initTimeout
    for (;;) {
      try {
        if (!(await verify(this.#parts, signal))) await create(this.#parts, signal)
        return
      } catch (thrown) {
        signal.throwIfAborted()
        if ((thrown instanceof KdrError && thrown.code === 'schemas-topic-unfit') || performance.now() > end) throw thrown
        await pause(RETRY, signal)
      }
    }
  }

  /** Applies every record in order until the signal aborts; whatever goes wrong is tried again. */
  follow(signal: AbortSignal): void {
    this.#read(signal).catch((thrown) => this.#parts.log(`ERROR Reading ${this.#at.topic} has ended: ${wordsOf(thrown)}`))
  }

  async #read(signal: AbortSignal): Promise<void> {
    let said = ''
    while (!signal.aborted) {
      try {
        const { records, next } = await fetchRecords(this.#parts.cluster, this.#leaders, this.#at, this.#next, FETCH, signal)
        for (const record of records) this.#apply(record)
        this.#next = next
        for (const each of this.#waiting.filter(({ offset }) => offset < next)) each.resolve()
        this.#waiting = this.#waiting.filter(({ offset }) => offset >= next)
        said = ''
      } catch (thrown) {
        if (signal.aborted) return
        const words = wordsOf(thrown)
        if (words !== said) this.#parts.log(`WARN Reading ${this.#at.topic}: ${words}`)
        said = words
        if (thrown instanceof KdrError && thrown.code === 'kafka-offset-out-of-range') await this.#restart(signal)
        await pause(RETRY, signal).catch(() => {})
      }
    }
  }

  #apply(record: Parameters<typeof decodeEntry>[0]): void {
    const entry = decodeEntry(record)
    if (entry !== null) this.#parts.apply(entry)
  }

  /** As `auto.offset.reset=earliest`: the topic was made anew underneath; what is known stays in memory. */
  async #restart(signal: AbortSignal): Promise<void> {
    const [start] = await readOffsets(this.#parts.cluster, { ask: 'log-start' }, [this.#at], signal).catch(() => [])
    if (start?.offset.known) this.#next = start.offset.value
  }

  /** Others may have written: before the next write everything is read first. */
  distrust(): void {
    this.#written = null
  }

  /** Reads to the end, which a NOOP marks. Throws what `put` throws. */
  async sync(limit: Millis, signal: AbortSignal): Promise<void> {
    if (this.#written === null) await this.put({ type: 'noop' }, limit, signal)
  }

  /** Written with acks=all and read back, within `limit`. Throws `store-timeout`. */
  async put(entry: Entry, limit: Millis, signal: AbortSignal): Promise<void> {
    const end = performance.now() + limit
    this.#written = null
    const base = await this.#produce(entry, end, signal)
    await this.#until(base, end, signal)
    this.#written = base
  }

  /** A record that was stored although nobody said so is stored twice, which is the same as once. */
  async #produce(entry: Entry, end: number, signal: AbortSignal): Promise<bigint> {
    for (;;) {
      try {
        return await produceRecords(this.#parts.cluster, this.#leaders, this.#at, [encodeEntry(entry)], WRITE, signal)
      } catch (thrown) {
        signal.throwIfAborted()
        if (performance.now() > end) throw new KdrError(`the write was not acknowledged: ${wordsOf(thrown)}`, { code: 'store-timeout', cause: thrown })
        await pause(200, signal)
      }
    }
  }

  async #until(offset: bigint, end: number, signal: AbortSignal): Promise<void> {
    if (offset < this.#next) return
    const late = new AbortController()
    const timer = setTimeout(
      () => late.abort(new KdrError(`offset ${offset} was not read back`, { code: 'store-timeout' })),
      Math.max(1000, end - performance.now()),
    )
    const either = AbortSignal.any([signal, late.signal])
    try {
      await new Promise<void>((resolve, reject) => {
        either.addEventListener('abort', () => reject(either.reason), { once: true })
        this.#waiting.push({ offset, resolve })
      })
    } finally {
      clearTimeout(timer)
    }
  }
}
