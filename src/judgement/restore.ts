// Whether an older record of the cluster may be put back in front of the brokers' disks: what it lacks, what has moved
// on since, whom it would let be elected though he is behind, and in which order nobody of those is.
import type { ReplicaOnDisk } from '../model/replicas.ts'
import { few } from './evidence.ts'

interface RecordedPartition {
  readonly replicas: readonly number[]
  /** Who may be elected by it. */
  readonly isr: readonly number[]
  readonly leaderEpoch: number
}

/** What ZooKeeper knows of Kafka, as far as disks can be compared with it. */
export interface KafkaRecord {
  readonly clusterId: string | null
  /** By name. */
  readonly topics: ReadonlyMap<string, { readonly id: string | null; readonly partitions: ReadonlyMap<number, RecordedPartition> }>
  /** The last producer id of the newest block handed out; null: none was. */
  readonly producerIds: bigint | null
}

const json = (data: Buffer | undefined): Record<string, unknown> => {
  if (data === undefined || data.length === 0) return {}
  const value: unknown = JSON.parse(data.toString('utf8'))
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const numbers = (value: unknown): readonly number[] => (Array.isArray(value) ? value.map(Number) : [])

const TOPIC = /^\/brokers\/topics\/([^/]+)$/

/** Paths and JSON as in kafka.zk.ZkData. Throws SyntaxError on what is not JSON. */
export const recordOf = (data: ReadonlyMap<string, Buffer>): KafkaRecord => {
  const topics = [...data].flatMap(([path, own]) => {
    const name = TOPIC.exec(path)?.[1]
    if (name === undefined) return []
    const { partitions, topic_id: id } = json(own)
    const rows = Object.entries((partitions ?? {}) as Record<string, unknown>).map(([index, replicas]): [number, RecordedPartition] => {
      const { isr, leader_epoch: epoch } = json(data.get(`${path}/partitions/${index}/state`))
      return [Number(index), { replicas: numbers(replicas), isr: numbers(isr), leaderEpoch: typeof epoch === 'number' ? epoch : -1 }]
    })
    return [[name, { id: typeof id === 'string' ? id : null, partitions: new Map(rows) }] as const]
  })
  const clusterId = json(data.get('/cluster/id'))['id']
  const block = json(data.get('/latest_producer_id_block'))['block_end']
  return {
    clusterId: typeof clusterId === 'string' ? clusterId : null,
    topics: new Map(topics),
    producerIds: block === undefined ? null : BigInt(String(block)),
  }
}

/** By broker id. */
export type Disks = ReadonlyMap<number, readonly ReplicaOnDisk[]>

export interface JudgedRestore {
  /** Why it must not be put back, a line each; empty: it may. */
  readonly problems: readonly string[]
  /** Brokers in the order in which none of them is elected over one that has more. */
  readonly order: readonly number[]
  /** Brokers of which something on record is behind: they come after those that have it. */
  readonly late: readonly number[]
  /** Topics on record of which no disk has anything: they come back empty. */
  readonly revived: readonly string[]
  /** By partition: what was committed, by the latest checkpoint of any of its replicas. */
  readonly committed: Readonly<Record<string, number>>
}

const nameOf = ({ topic, partition }: ReplicaOnDisk): string => `${topic}-${partition}`

interface Copies {
  readonly topic: string
  readonly partition: number
  readonly committed: number
  readonly epoch: number
  readonly topicId: string | null
  readonly ends: ReadonlyMap<number, number>
}

const byPartition = (disks: Disks): ReadonlyMap<string, Copies> => {
  const found = new Map<string, Copies>()
  for (const [broker, replicas] of disks)
    for (const replica of replicas) {
      const before = found.get(nameOf(replica))
      found.set(nameOf(replica), {
        topic: replica.topic,
        partition: replica.partition,
        committed: Math.max(before?.committed ?? 0, replica.highWatermark ?? 0),
        epoch: Math.max(before?.epoch ?? -1, replica.epoch ?? -1),
        topicId: before?.topicId ?? replica.topicId,
        ends: new Map([...(before?.ends ?? []), [broker, replica.end]]),
      })
    }
  return found
}

/** Every partition a line would be too many: what they have in common, and some of them. */
const said = (names: readonly string[], what: string): readonly string[] => (names.length === 0 ? [] : [`${few(names)}: ${what}`])

const staleness = (record: KafkaRecord, copies: ReadonlyMap<string, Copies>, disks: Disks): readonly string[] => {
  const lacking: string[] = []
  const other: string[] = []
  const older: string[] = []
  for (const [name, { topic, partition, epoch, topicId }] of copies) {
    const recorded = record.topics.get(topic)
    const row = recorded?.partitions.get(partition)
    if (row === undefined) lacking.push(name)
    else if (topicId !== null && recorded?.id !== null && recorded?.id !== topicId) other.push(name)
    else if (row.leaderEpoch < epoch) older.push(name)
  }
  const highest = [...disks.values()].flat().reduce<bigint>((most, { producerId }) => (producerId !== null && producerId > most ? producerId : most), -1n)
  return [
    ...said(lacking, 'the snapshot does not know it: no broker would serve it'),
    ...said(other, 'the topic was deleted and made anew since, under another id: brokers would refuse it (INCONSISTENT_TOPIC_ID)'),
    ...said(older, "leaders were elected since the snapshot: its leader epochs are lower than the disks', and followers would not find their place (KIP-101)"),
    ...(highest > (record.producerIds ?? -1n)
      ? [`producer id ${highest} was handed out since the snapshot: given out again, new records could be taken for old ones and dropped (KIP-98)`]
      : []),
  ]
}

interface Election {
  readonly name: string
  /** On record as in sync, with everything that was committed. */
  readonly fit: readonly number[]
  /** On record as in sync, and behind. */
  readonly behind: readonly number[]
}

/** An in-sync follower always reaches the high watermark, and a checkpoint of it is never ahead. */
const electionsOf = (record: KafkaRecord, copies: ReadonlyMap<string, Copies>): readonly Election[] =>
  [...copies].flatMap(([name, { topic, partition, committed, ends }]) => {
    const isr = record.topics.get(topic)?.partitions.get(partition)?.isr ?? []
    const reaches = (broker: number) => (ends.get(broker) ?? 0) >= committed
    return [{ name, fit: isr.filter(reaches), behind: isr.filter((broker) => !reaches(broker)) }]
  })

/** Whether the platform can start a broker next, after those that it has started. */
export type MayFollow = (started: readonly number[], next: number) => boolean

/** Whoever is behind waits until somebody fit leads; of the others, whoever the most partitions wait for comes first, then who is in sync the most. */
const orderFrom = (first: number | null, brokers: readonly number[], elections: readonly Election[], mayFollow: MayFollow): readonly number[] => {
  const order: number[] = []
  const waits = (broker: number) => elections.some(({ fit, behind }) => behind.includes(broker) && !fit.some((id) => order.includes(id)))
  const unlocks = (broker: number) => elections.filter(({ fit }) => fit.includes(broker) && !fit.some((id) => order.includes(id))).length
  const fits = (broker: number) => elections.filter(({ fit }) => fit.includes(broker)).length
  for (let left = [...brokers].sort((a, b) => a - b); left.length > 0; ) {
    const [next] = left
      .filter((broker) => !waits(broker) && mayFollow(order, broker) && (order.length > 0 || broker === (first ?? broker)))
      .sort((a, b) => unlocks(b) - unlocks(a) || fits(b) - fits(a))
    if (next === undefined) return order
    order.push(next)
    left = left.filter((broker) => broker !== next)
  }
  return order
}

const anybody: MayFollow = () => true

/** Whoever is started first decides who can follow: where the best one leads nowhere, another does. All of them, or as many as there is an order for. */
const orderOf = (brokers: readonly number[], elections: readonly Election[], mayFollow: MayFollow): readonly number[] => {
  const best = orderFrom(null, brokers, elections, mayFollow)
  if (best.length === brokers.length || mayFollow === anybody) return best
  for (const first of brokers) {
    const order = orderFrom(first, brokers, elections, mayFollow)
    if (order.length === brokers.length) return order
  }
  return best
}

/** Pure. Source of the dangers: kafka-operations.md §1.4 (4c), KIP-101, KIP-98, KIP-516. */
export const judgeRestore = (record: KafkaRecord, disks: Disks, mayFollow = anybody): JudgedRestore => {
  const copies = byPartition(disks)
  const elections = electionsOf(record, copies)
  const brokers = [...disks.keys()]
  const safe = orderOf(brokers, elections, anybody)
  const order = orderOf(brokers, elections, mayFollow)
  const left = brokers.filter((broker) => !safe.includes(broker))
  const apart = left.length === 0 && order.length < brokers.length
  const hopeless = elections.filter(({ fit, behind }) => fit.length === 0 && behind.length > 0).map(({ name }) => name)
  const crossed = left.length > 0 && hopeless.length === 0
  const topics = new Set([...copies.values()].map(({ topic }) => topic))
  return {
    problems: [
      ...staleness(record, copies, disks),
      ...said(hopeless, 'nobody whom the snapshot would have elected has what was committed since'),
      ...(apart
        ? [
            `broker ${safe.join(', then ')} would have to start in this order, and no unbroken range of ordinals, which is all that a set makes, grows in one that is safe`,
          ]
        : []),
      ...(crossed ? [`broker ${few(left)}: each is behind on something the other would have to lead first; there is no order in which nothing is lost`] : []),
    ],
    order,
    late: brokers.filter((broker) => elections.some(({ behind }) => behind.includes(broker))),
    revived: [...record.topics.keys()].filter((topic) => !topics.has(topic)),
    committed: Object.fromEntries([...copies].map(([name, { committed }]) => [name, committed])),
  }
}
