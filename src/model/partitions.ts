// Partitions as columns: 50,000 of them must stay small and quick, so there is no object per replica.
// Rows are views made on demand.
import type { Known } from './known.ts'

export interface TopicInfo {
  readonly name: string
  /** Topic id (KIP-516) as a UUID string; null before 2.8 or where it was not seen. */
  readonly id: string | null
  readonly internal: boolean
  /** The topic's effective value, never the broker's file (4.x with ELR ignores the file). */
  readonly minIsr: Known<number>
  readonly uncleanElection: Known<boolean>
  /** cleanup.policy: `delete`, `compact` or both, by comma. */
  readonly cleanupPolicy: Known<string>
}

/** One partition, as a view. `leader` is -1 when it has none. */
export interface PartitionRow {
  readonly topic: string
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  /** As the controller has it: Metadata where the quorum is held, znodes where leaderless. */
  readonly isr: readonly number[]
  /** Eligible leader replicas (KIP-966); empty where the cluster has none; null when they could not be read. */
  readonly elr: readonly number[] | null
  readonly lastKnownElr: readonly number[] | null
}

/** ISR on record: ISR ∪ ELR, else the last known ELR; null when that cannot be told (KIP-966: 4.x shows an empty ISR when its last member dies). */
export const isrOnRecord = (row: PartitionRow): readonly number[] | null => {
  if (row.elr === null) return row.isr.length > 0 && row.leader >= 0 ? row.isr : null
  const union = [...new Set([...row.isr, ...row.elr])]
  if (union.length > 0) return union
  return row.lastKnownElr !== null && row.lastKnownElr.length > 0 ? row.lastKnownElr : null
}

const NONE: readonly number[] = []
/** Stored in `elrStart` differences as -1 would be fragile; a bitmap says where ELR was not readable. */
export class PartitionTable {
  readonly topics: readonly TopicInfo[]
  readonly size: number
  readonly #topic: Int32Array
  readonly #partition: Int32Array
  readonly #leader: Int32Array
  readonly #epoch: Int32Array
  readonly #elrRead: Uint8Array
  /** Per row: replicas, ISR, ELR, last known ELR, one after another; `#start` has 4n+1 marks. */
  readonly #start: Int32Array
  readonly #ids: Int32Array
  readonly #topicIndex: ReadonlyMap<string, number>

  private constructor(topics: readonly TopicInfo[], rows: readonly PartitionRow[]) {
    this.topics = topics
    this.size = rows.length
    this.#topicIndex = new Map(topics.map((topic, index) => [topic.name, index]))
    this.#topic = new Int32Array(rows.length)
    this.#partition = new Int32Array(rows.length)
    this.#leader = new Int32Array(rows.length)
    this.#epoch = new Int32Array(rows.length)
    this.#elrRead = new Uint8Array(rows.length)
    this.#start = new Int32Array(rows.length * 4 + 1)
    const ids: number[] = []
    rows.forEach((row, at) => {
      this.#topic[at] = this.#topicIndex.get(row.topic) ?? -1
      this.#partition[at] = row.partition
      this.#leader[at] = row.leader
      this.#epoch[at] = row.leaderEpoch
      this.#elrRead[at] = row.elr === null ? 0 : 1
      for (const [offset, list] of [row.replicas, row.isr, row.elr ?? NONE, row.lastKnownElr ?? NONE].entries()) {
        this.#start[at * 4 + offset] = ids.length
        ids.push(...list)
      }
      this.#start[at * 4 + 4] = ids.length
    })
    this.#ids = Int32Array.from(ids)
  }

  /** Rows are ordered by topic and partition; every row's topic must be among `topics`. */
  static of(topics: readonly TopicInfo[], rows: readonly PartitionRow[]): PartitionTable {
    const order = [...rows].sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
    return new PartitionTable(topics, order)
  }

  topic(name: string): TopicInfo | undefined {
    const at = this.#topicIndex.get(name)
    return at === undefined ? undefined : this.topics[at]
  }

  row(at: number): PartitionRow {
    const list = (offset: number) => Array.from(this.#ids.subarray(this.#start[at * 4 + offset], this.#start[at * 4 + offset + 1]))
    const elrRead = this.#elrRead[at] === 1
    return {
      topic: this.topics[this.#topic[at] ?? -1]?.name ?? '',
      partition: this.#partition[at] ?? -1,
      leader: this.#leader[at] ?? -1,
      leaderEpoch: this.#epoch[at] ?? -1,
      replicas: list(0),
      isr: list(1),
      elr: elrRead ? list(2) : null,
      lastKnownElr: elrRead ? list(3) : null,
    }
  }

  *rows(): IterableIterator<PartitionRow> {
    for (let at = 0; at < this.size; at += 1) yield this.row(at)
  }

  /** A table with every row replaced by what `change` makes of it. */
  map(change: (row: PartitionRow) => PartitionRow): PartitionTable {
    return PartitionTable.of(this.topics, Array.from(this.rows(), change))
  }
}

/** `orders-3`, as Kafka's own tools and log directories write it. */
export const partitionName = (row: { topic: string; partition: number }): string => `${row.topic}-${row.partition}`
