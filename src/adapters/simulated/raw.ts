// Raw record batches in the simulated logs: taken from a producer by the rules of a real leader, and given out
// as they were taken. Records that were appended one by one are given out in batches made for it.
import { KdrError } from '../../errors.ts'
import { AT } from '../../model/batches/batch.ts'
import { encodeBatches } from '../../model/batches/records.ts'
import { partitionName } from '../../model/partitions.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { RawFetch, RawProduce, RawProduced } from '../../ports/kafka-backup.ts'
import { takeBatch } from './batch-rules.ts'
import type { Cluster } from './cluster.ts'
import { replicate } from './controller.ts'
import { lastStable, unreachable, until } from './kafka-logs.ts'
import { REQUEST_TIMEOUT } from './kafka-write.ts'
import type { SimPartition, SimRecord } from './state.ts'
import { highWatermark, judgeAppend } from './topics.ts'

const PLAIN = { codec: 0, maxBytes: 64 * 1024 }

/** As a leader stores it: where it begins, in which epoch. Neither is under the checksum. */
const stored = (bytes: Buffer, base: number, epoch: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy.writeBigInt64BE(BigInt(base), AT.baseOffset)
  copy.writeInt32BE(epoch, AT.leaderEpoch)
  return copy
}

/** From the record at `from` on, all that belong into one batch with it. */
const together = (records: readonly SimRecord[], from: number, end: number): readonly SimRecord[] => {
  const first = records[from] as SimRecord
  const run = [first]
  for (let at = from + 1; at < end; at += 1) {
    const record = records[at] as SimRecord
    if (record.batch !== first.batch || record.epoch !== first.epoch) break
    run.push(record)
  }
  return run
}

const batchesOf = (run: readonly SimRecord[]): readonly Buffer[] => {
  const first = run[0] as SimRecord
  if (first.batch !== undefined) return [stored(first.batch.bytes, first.batch.base, first.epoch)]
  const records = run.map(({ offset, timestamp, key, value }) => ({ offset: BigInt(offset), timestamp, key, value, headers: [] }))
  return encodeBatches(records, PLAIN).map(({ batch, baseOffset }) => stored(batch, Number(baseOffset), first.epoch))
}

/** Whole batches up to `maxBytes`; the first one whatever its size. */
const readBatches = (cluster: Cluster, partition: SimPartition, from: number, maxBytes: number): Buffer => {
  const { records } = cluster.logOf(partition.leader, partition)
  const end = lastStable(cluster, partition)
  const batches: Buffer[] = []
  let bytes = 0
  for (let at = records[from]?.batch?.base ?? from; at < end; ) {
    const run = together(records, at, end)
    for (const batch of batchesOf(run)) {
      bytes += batch.length
      if (bytes > maxBytes && batches.length > 0) return Buffer.concat(batches)
      batches.push(batch)
    }
    at += run.length
  }
  return Buffer.concat(batches)
}

const refused = (what: string, why: string): KdrError => new KdrError(`${what}: ${why}`, { code: why.includes('in time') ? 'broker-silent' : 'broker-refused' })

/** How long a client looks for a leader that answers. */
const PATIENCE = 8000
const NOTHING = { logStart: -1n, lastStable: -1n, highWatermark: -1n, aborted: [], batches: Buffer.alloc(0), release: () => {} }

/** Of whoever leads and answers; throws `no-leader` where nobody does in time. A topic that is not there is an answer. */
export const fetchBatches = async (cluster: Cluster, at: TopicPartition, offset: bigint, maxBytes: number, signal: AbortSignal): Promise<RawFetch> => {
  const led = () => cluster.up(cluster.partition(at.topic, at.partition)?.leader ?? -1)
  const found = await until(cluster, PATIENCE, signal, led)
  const partition = cluster.partition(at.topic, at.partition)
  if (partition === undefined) return { ...NOTHING, error: 'UNKNOWN_TOPIC_OR_PARTITION' }
  if (!found) {
    const why = partition.leader < 0 ? 'the partition has no leader' : `broker ${partition.leader} does not answer`
    throw new KdrError(`${partitionName(at)}: ${why}`, { code: 'no-leader' })
  }
  const log = cluster.logOf(partition.leader, partition)
  const inside = offset >= BigInt(log.start) && offset <= BigInt(log.end)
  let held = true
  return {
    error: inside ? null : 'OFFSET_OUT_OF_RANGE',
    logStart: BigInt(log.start),
    lastStable: BigInt(lastStable(cluster, partition)),
    highWatermark: BigInt(highWatermark(cluster, partition)),
    aborted: [],
    batches: inside ? readBatches(cluster, partition, Number(offset), maxBytes) : Buffer.alloc(0),
    release: () => {
      if (!held) throw new Error('a fetch was released twice')
      held = false
    },
  }
}

/** Kafka's error name of a refusal in the adapter's own form; others reject. */
const errorOf = (verdict: KdrError): string => {
  if (!verdict.code.startsWith('kafka-')) throw verdict
  return verdict.code.slice('kafka-'.length).toUpperCase().replaceAll('-', '_')
}

const produceOne = async (cluster: Cluster, row: RawProduce, signal: AbortSignal): Promise<RawProduced> => {
  const at = { topic: row.topic, partition: row.partition }
  const no = (error: string): RawProduced => ({ ...at, error, message: null, baseOffset: -1n })
  const partition = cluster.partition(at.topic, at.partition)
  // Nobody to send it to: nothing was sent.
  if (partition === undefined || partition.leader < 0) return no('LEADER_NOT_AVAILABLE')
  const why = await unreachable(cluster, partition.leader, signal)
  if (why !== null) throw refused(`cannot produce to ${partitionName(at)}`, why)
  const taken = takeBatch(cluster, partition, row.batch)
  if ('error' in taken) return no(taken.error)
  replicate(cluster, partition)
  cluster.changed()
  const made = { partition, leader: partition.leader, records: taken.records }
  let verdict = judgeAppend(cluster, made)
  await until(cluster, REQUEST_TIMEOUT, signal, () => {
    verdict = judgeAppend(cluster, made)
    return verdict !== 'waiting'
  })
  if (verdict === 'waiting') return no('REQUEST_TIMED_OUT')
  if (verdict !== 'acknowledged') return no(errorOf(verdict))
  cluster.truth.acknowledge(partition, taken.fresh ? taken.records : [])
  return { ...at, error: null, message: null, baseOffset: BigInt(taken.base) }
}

/** Rejects where a leader is silent or gone, once nothing is under way any more: nothing is known then of what it was sent. */
export const produceBatches = async (cluster: Cluster, rows: readonly RawProduce[], signal: AbortSignal): Promise<readonly RawProduced[]> => {
  const settled = await Promise.allSettled(rows.map((row) => produceOne(cluster, row, signal)))
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}
