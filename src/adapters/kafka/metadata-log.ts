// The partition table where no broker is left to ask: read from the controllers' own log, record by record. What was
// read is kept, so that the next look only reads what came since, and one that was too short is not in vain.
import { KdrError, wordsOf } from '../../errors.ts'
import { type Known, known } from '../../model/known.ts'
import { type PartitionRow, PartitionTable, type TopicInfo } from '../../model/partitions.ts'
import type { RecordedView } from '../../ports/kafka.ts'
import { storedBatches } from './batches.ts'
import type { Cluster } from './cluster.ts'
import { answersWithin } from './deadline.ts'
import { failOn } from './error-codes.ts'
import { DescribeQuorum } from './messages/controller.ts'
import { FetchMetadata, FetchSnapshot, type SnapshotId } from './messages/metadata-log.ts'
import { CLEANUP, MIN_ISR, type Policy, readPolicies, UNCLEAN } from './metadata.ts'
import { MetadataImage } from './metadata-image.ts'
import { readMetadataRecord } from './metadata-records.ts'

const MAX_BYTES = 8 * 1024 * 1024

interface Leader {
  readonly endpoint: string
  readonly epoch: number
}

/** Of the controllers the leader alone answers DescribeQuorum (KafkaRaftClient.handleDescribeQuorumRequest). Throws `no-quorum-leader`. */
const findLeader = async (cluster: Cluster, controllers: readonly string[], signal: AbortSignal): Promise<Leader> => {
  const reasons: string[] = []
  const askOne = async (endpoint: string): Promise<Leader> => {
    try {
      const answer = await cluster.ask(endpoint, 'controller', DescribeQuorum, null, signal)
      failOn(`DescribeQuorum of ${endpoint}`, answer.error)
      return { endpoint, epoch: answer.leaderEpoch }
    } catch (error) {
      reasons.push(wordsOf(error))
      throw error
    }
  }
  const answers = await answersWithin(controllers.map(askOne), 0)
  signal.throwIfAborted()
  const [first, ...others] = answers
  if (first === undefined) throw new KdrError(`no leader of the controller quorum answered: ${reasons.join('; ')}`, { code: 'no-quorum-leader' })
  return others.reduce((best, next) => (next.epoch > best.epoch ? next : best), first)
}

export class MetadataLog {
  readonly #cluster: Cluster
  #image = new MetadataImage()
  #offset = 0n
  #lastEpoch = 0
  /** One reader at a time: a record is applied once. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async view(controllers: readonly string[], signal: AbortSignal): Promise<RecordedView> {
    signal.throwIfAborted()
    const leader = await findLeader(this.#cluster, controllers, signal)
    this.#cluster.governedBy(leader.endpoint)
    const mine = this.#turn.then(() => this.#catchUp(leader, signal))
    this.#turn = mine.catch(() => {})
    await mine
    return this.#shown(leader, signal)
  }

  #restart(): void {
    this.#image = new MetadataImage()
    this.#offset = 0n
    this.#lastEpoch = 0
  }

  async #catchUp({ endpoint, epoch }: Leader, signal: AbortSignal): Promise<void> {
    for (let highWatermark = -1n; highWatermark < 0n || this.#offset < highWatermark; ) {
      const question = { leaderEpoch: epoch, offset: this.#offset, lastEpoch: this.#lastEpoch, maxBytes: MAX_BYTES }
      const answer = await this.#cluster.ask(endpoint, 'fetch', FetchMetadata, question, signal)
      failOn(`Fetch of the controllers' log from ${endpoint}`, answer.error)
      if (answer.diverged) this.#restart()
      else if (answer.snapshot !== null) await this.#load(endpoint, epoch, answer.snapshot, signal)
      else if (answer.highWatermark < 0n) throw new KdrError(`${endpoint} does not know yet what is committed`, { code: 'no-quorum-leader' })
      else {
        highWatermark = answer.highWatermark
        if (!this.#take(answer.batches, highWatermark) && this.#offset < highWatermark)
          throw new KdrError(`${endpoint} gave nothing of its log after ${this.#offset}, which ends at ${highWatermark}`, { code: 'malformed-answer' })
      }
    }
  }

  /** Only what is committed: the rest may still be taken back. Whether there was any. */
  #take(bytes: Buffer, end: bigint): boolean {
    let any = false
    for (const { lastOffset, leaderEpoch, records } of storedBatches(bytes)) {
      if (lastOffset >= end) break
      apply(this.#image, records)
      this.#offset = lastOffset + 1n
      this.#lastEpoch = leaderEpoch
      any = true
    }
    return any
  }

  async #load(endpoint: string, leaderEpoch: number, id: SnapshotId, signal: AbortSignal): Promise<void> {
    const parts: Buffer[] = []
    let position = 0n
    for (let size = 1n; position < size; ) {
      const answer = await this.#cluster.ask(endpoint, 'fetch', FetchSnapshot, { leaderEpoch, id, position, maxBytes: MAX_BYTES }, signal)
      failOn(`FetchSnapshot from ${endpoint}`, answer.error)
      if (answer.bytes.length === 0) throw new KdrError(`${endpoint} gave nothing of its snapshot at ${position}`, { code: 'malformed-answer' })
      parts.push(answer.bytes)
      position += BigInt(answer.bytes.length)
      size = answer.size
    }
    this.#restart()
    for (const { records } of storedBatches(Buffer.concat(parts))) apply(this.#image, records)
    this.#offset = id.endOffset
    this.#lastEpoch = id.epoch
  }

  async #shown({ endpoint }: Leader, signal: AbortSignal): Promise<RecordedView> {
    const image = this.#image
    const topics = [...image.topics.values()]
    const by = `the log of controller ${endpoint}`
    const policies = await readPolicies(
      this.#cluster,
      endpoint,
      topics.map(({ name }) => name),
      signal,
    )
    const infos = topics.map(({ name, id }): TopicInfo => ({ name, id, internal: name.startsWith('__'), ...completed(policies(name), image, name, by) }))
    const rows = topics.flatMap(({ name: topic, partitions }) => [...partitions].map(([partition, state]): PartitionRow => ({ topic, partition, ...state })))
    return { partitions: PartitionTable.of(infos, rows), registered: [...image.registered].sort((a, b) => a - b), by: endpoint }
  }
}

const apply = (image: MetadataImage, records: readonly { readonly value: Buffer | null }[]): void => {
  for (const { value } of records) {
    const record = value === null ? null : readMetadataRecord(value)
    if (record !== null) image.apply(record)
  }
}

/** Controllers before 3.7 answer nothing about settings: what is on record for them then counts, and nothing is assumed of their files. */
const completed = (policy: Policy, image: MetadataImage, topic: string, by: string): Policy => {
  const orElse = <T>(asked: Known<T>, key: string, read: (value: string) => T): Known<T> => {
    const value = asked.known ? null : image.setting(topic, key)
    return value === null ? asked : known(read(value), by)
  }
  return {
    minIsr: orElse(policy.minIsr, MIN_ISR, Number),
    uncleanElection: orElse(policy.uncleanElection, UNCLEAN, (value) => value === 'true'),
    cleanupPolicy: orElse(policy.cleanupPolicy, CLEANUP, String),
  }
}
