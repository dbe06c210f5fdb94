// Logs in memory behind the ports a backup reads through: batches made by hand, so that a test says to the byte
// what lies where, and what happens at which fetch.
import { AT, BIT } from '../../../src/model/batches/batch.ts'
import { crc32c } from '../../../src/model/batches/crc.ts'
import { encodeBatches } from '../../../src/model/batches/records.ts'
import { type Known, known } from '../../../src/model/known.ts'
import type { OffsetQuestion, ProducerState, TopicPartition, TransactionState } from '../../../src/ports/kafka.ts'
import type { AbortedTransaction, BackupTopics, GroupOffsets, RawFetch, RawFetchOptions } from '../../../src/ports/kafka-backup.ts'

interface BatchOptions {
  readonly codec?: number
  readonly attributes?: number
  readonly producerId?: bigint
  readonly epoch?: number
  readonly value?: Buffer
  readonly timestamp?: number | bigint
}

export const reseal = (batch: Buffer): Buffer => {
  batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc)
  return batch
}

/** Records at `from` up to, not including, `to`. */
export const batchOf = (from: number, to: number, options: BatchOptions = {}): Buffer => {
  const records = Array.from({ length: to - from }, (_, at) => ({
    offset: BigInt(from + at),
    timestamp: options.timestamp ?? 1_000 + from + at,
    key: Buffer.from(`key ${from + at}`),
    value: options.value ?? Buffer.from(`value ${from + at}`),
    headers: [],
  }))
  const [made] = encodeBatches(records, { codec: options.codec ?? 0, maxBytes: 1 << 30 })
  const batch = made?.batch ?? Buffer.alloc(0)
  batch.writeBigInt64BE(BigInt(from), AT.baseOffset)
  batch.writeInt32BE(options.epoch ?? 0, AT.leaderEpoch)
  batch.writeInt16BE(batch.readInt16BE(AT.attributes) | (options.attributes ?? 0), AT.attributes)
  batch.writeBigInt64BE(options.producerId ?? -1n, AT.producerId)
  return reseal(batch)
}

/** As compaction leaves it: `offsets` of what was `from` to `to`. */
export const holed = (from: number, to: number, offsets: readonly number[]): Buffer => {
  const batch = batchOf(from, from + offsets.length)
  // A zigzag varint each, after length, attributes and timestamp delta: all of one byte here.
  for (let at: number = AT.records, index = 0; index < offsets.length; index += 1) {
    const length = batch.readUInt8(at) >> 1
    batch.writeUInt8(((offsets[index] as number) - from) << 1, at + 3)
    at += 1 + length
  }
  batch.writeInt32BE(to - 1 - from, AT.lastOffsetDelta)
  return reseal(batch)
}

export const TRANSACTIONAL = BIT.transactional

/** The marker that ends a transaction. */
export const marker = (offset: number, producerId: bigint, commit: boolean): Buffer => {
  const key = Buffer.from([0, 0, 0, commit ? 1 : 0])
  const [made] = encodeBatches([{ offset: BigInt(offset), timestamp: 1, key, value: Buffer.alloc(6), headers: [] }], { codec: 0, maxBytes: 1000 })
  const batch = made?.batch ?? Buffer.alloc(0)
  batch.writeBigInt64BE(BigInt(offset), AT.baseOffset)
  batch.writeInt16BE(BIT.control | BIT.transactional, AT.attributes)
  batch.writeBigInt64BE(producerId, AT.producerId)
  return reseal(batch)
}

export interface FakePartition {
  batches: Buffer[]
  logStart: bigint
  highWatermark: bigint
  lastStable: bigint
  epoch: number
  /** Where each leader epoch ends. */
  epochEnds: Map<number, bigint>
  aborted: AbortedTransaction[]
  producers: Known<readonly ProducerState[]>
  /** Answered instead of batches. */
  error: string | null
}

const endOf = (batch: Buffer): bigint => batch.readBigInt64BE(AT.baseOffset) + BigInt(batch.readInt32BE(AT.lastOffsetDelta)) + 1n

export const partitionOf = (...batches: Buffer[]): FakePartition => {
  const last = batches.at(-1)
  const end = last === undefined ? 0n : endOf(last)
  return {
    batches,
    logStart: 0n,
    highWatermark: end,
    lastStable: end,
    epoch: 0,
    epochEnds: new Map([[0, end]]),
    aborted: [],
    producers: known([], 'fake'),
    error: null,
  }
}

export interface FakeTopic {
  id: string
  configs: Record<string, string>
  readonly partitions: FakePartition[]
}

export class FakeCluster {
  clusterId: string | null = 'cluster-1'
  complete: Known<true> = known(true, 'fake')
  readonly topics = new Map<string, FakeTopic>()
  groups: GroupOffsets[] = []
  transactions: TransactionState[] = []
  /** Fetched memory that nobody has given back. */
  held = 0
  largestHeld = 0
  fetched = 0
  /** Called before each fetch is answered. */
  onFetch: (at: TopicPartition, offset: bigint, options: RawFetchOptions) => unknown = () => {}

  topic(name: string, ...partitions: FakePartition[]): FakeTopic {
    const topic = { id: `id of ${name}`, configs: {}, partitions }
    this.topics.set(name, topic)
    return topic
  }

  of({ topic, partition }: TopicPartition): FakePartition | undefined {
    return this.topics.get(topic)?.partitions[partition]
  }

  readonly backup = {
    topics: async (names: readonly string[] | null): Promise<BackupTopics> => ({
      clusterId: this.clusterId,
      brokers: [{ id: 1, endpoint: 'one:9092', rack: null }],
      topics: [...this.topics]
        .filter(([name]) => names === null || names.includes(name))
        .map(([name, { id, partitions }]) => ({
          name,
          id,
          internal: name.startsWith('__consumer'),
          partitions: partitions.map(({ epoch }, partition) => ({ partition, replicas: [1], leader: 1, leaderEpoch: epoch })),
        })),
      missing: [],
      complete: this.complete,
    }),
    topicOverrides: async (names: readonly string[]) =>
      new Map(names.map((name) => [name, known(new Map(Object.entries(this.topics.get(name)?.configs ?? {})), 'fake')])),
    acls: async () => known([], 'fake'),
    quotas: async () => known([], 'fake'),
    scramUsers: async () => known([], 'fake'),
    groupOffsets: async () => this.groups,
    groupNames: async () => this.groups.map(({ group }) => group),
    fetchRaw: async (at: TopicPartition, offset: bigint, options: RawFetchOptions): Promise<RawFetch> => {
      const { maxBytes } = options
      await this.onFetch(at, offset, options)
      const partition = this.of(at)
      if (partition === undefined) return this.#answer('UNKNOWN_TOPIC_OR_PARTITION', null, [])
      if (partition.error !== null) return this.#answer(partition.error, partition, [])
      if (offset < partition.logStart || offset > partition.highWatermark) return this.#answer('OFFSET_OUT_OF_RANGE', null, [])
      const found = partition.batches.filter((batch) => endOf(batch) > offset && batch.readBigInt64BE(AT.baseOffset) < partition.lastStable)
      const sent: Buffer[] = []
      for (let bytes = 0; sent.length < found.length; ) {
        const next = found[sent.length] as Buffer
        if (sent.length > 0 && bytes + next.length > maxBytes) break
        bytes += next.length
        sent.push(next)
      }
      return this.#answer(null, partition, sent)
    },
  }

  readonly kafka = {
    offsets: async ({ ask }: OffsetQuestion, rows: readonly TopicPartition[]) =>
      rows.map((row) => {
        const partition = this.of(row)
        const value = ask === 'log-start' ? partition?.logStart : ask === 'last-stable' ? partition?.lastStable : partition?.highWatermark
        const offset: Known<bigint> = value === undefined ? { known: false, why: 'no leader', by: 'fake' } : known(value, 'fake')
        return { topic: row.topic, partition: row.partition, offset, leaderEpoch: partition?.epoch ?? null }
      }),
    endOfEpoch: async (rows: readonly (TopicPartition & { readonly epoch: number })[]) =>
      rows.map(({ topic, partition, epoch }) => ({
        topic,
        partition,
        endOffset: known(this.of({ topic, partition })?.epochEnds.get(epoch) ?? -1n, 'fake'),
        epoch,
      })),
    producers: async (rows: readonly TopicPartition[]) =>
      rows.map(({ topic, partition }) => ({ topic, partition, producers: this.of({ topic, partition })?.producers ?? known([], 'fake') })),
    transactions: async () => this.transactions,
    configs: async (_: 'topic' | 'broker', names: readonly string[], keys: readonly string[]) =>
      new Map(names.map((name) => [name, known(new Map(keys.map((key) => [key, this.topics.get(name)?.configs[key] ?? DEFAULTS[key] ?? null])), 'fake')])),
  }

  #answer(error: string | null, partition: FakePartition | null, sent: readonly Buffer[]): RawFetch {
    const batches = Buffer.concat(sent)
    this.held += batches.length
    this.largestHeld = Math.max(this.largestHeld, this.held)
    this.fetched += batches.length
    let released = false
    return {
      error,
      logStart: partition?.logStart ?? -1n,
      lastStable: partition?.lastStable ?? -1n,
      highWatermark: partition?.highWatermark ?? -1n,
      aborted: partition?.aborted ?? [],
      batches,
      release: () => {
        if (released) throw new Error('released twice')
        released = true
        this.held -= batches.length
        // Whoever looks at it afterwards finds it used for something else.
        batches.fill(0xff)
      },
    }
  }
}

const DEFAULTS: Readonly<Record<string, string>> = { 'cleanup.policy': 'delete', 'delete.retention.ms': '86400000' }
