// What a leader takes as a batch and what it refuses (LogValidator, ProduceRequest, ProducerAppendInfo), as
// measured on real brokers; ZooKeeper's rules are those of 3.5, KRaft's those of 4.
import { AT, type BatchView, checksumHolds, hasHoles, walkBatches } from '../../model/batches/batch.ts'
import { decodeRecords, type StoredRecord } from '../../model/batches/records.ts'
import type { Cluster } from './cluster.ts'
import { minIsrOf } from './controller.ts'
import type { ReplicaLog, SimBatch, SimPartition, SimRecord } from './state.ts'

/** message.max.bytes. */
const MAX_BYTES = 1_048_588
/** message.timestamp.after.max.ms of Kafka 4 (KIP-1030). */
const AN_HOUR = 3_600_000
const REMEMBERED = 5
const SEQUENCES = 2 ** 31

const numberOf = (partition: SimPartition, key: string, otherwise: number): number => Number(partition.topic.configs.get(key) ?? otherwise)

/** The one batch there is, or none. */
const onlyBatch = (bytes: Buffer): BatchView | null => {
  try {
    const [first, ...more] = walkBatches(bytes)
    return first === undefined || more.length > 0 || first.bytes.length !== bytes.length ? null : first
  } catch {
    return null
  }
}

const judgeTimes = (cluster: Cluster, partition: SimPartition, batch: BatchView): boolean => {
  if (cluster.mode === 'zookeeper') return !batch.logAppendTime
  return batch.maxTimestamp <= cluster.now + numberOf(partition, 'message.timestamp.after.max.ms', AN_HOUR)
}

/** Kafka's error name, or null. */
const judgeForm = (cluster: Cluster, partition: SimPartition, bytes: Buffer, batch: BatchView): string | null => {
  if (!checksumHolds(bytes)) return 'CORRUPT_MESSAGE'
  if (batch.transactional) return 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
  if (batch.control || batch.baseOffset !== 0n || batch.count < 1 || hasHoles(batch)) return 'INVALID_RECORD'
  if (bytes.length > numberOf(partition, 'max.message.bytes', MAX_BYTES)) return 'MESSAGE_TOO_LARGE'
  if (!judgeTimes(cluster, partition, batch)) return 'INVALID_TIMESTAMP'
  return partition.isr.length < minIsrOf(partition) ? 'NOT_ENOUGH_REPLICAS' : null
}

const decoded = (partition: SimPartition, batch: BatchView): readonly StoredRecord[] | null => {
  try {
    const records = decodeRecords(batch)
    const compacted = partition.topic.configs.get('cleanup.policy')?.includes('compact') === true
    return compacted && records.some(({ key }) => key === null) ? null : records
  } catch {
    return null
  }
}

/** A repeat of one that is remembered, one that follows, or why not. Of a producer nobody knows any sequence is the first. */
const judgeSequence = (log: ReplicaLog, batch: SimBatch): SimBatch | string | null => {
  if (batch.producerId < 0n) return null
  const before = log.producers.get(batch.producerId) ?? []
  const last = before.at(-1)
  if (last === undefined) return null
  if (batch.epoch < last.epoch) return 'INVALID_PRODUCER_EPOCH'
  if (batch.epoch > last.epoch) return batch.sequence === 0 ? null : 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  const repeated = before.find(({ sequence, count }) => sequence === batch.sequence && count === batch.count)
  if (repeated !== undefined) return repeated
  return batch.sequence === (last.sequence + last.count) % SEQUENCES ? null : 'OUT_OF_ORDER_SEQUENCE_NUMBER'
}

const remember = (log: ReplicaLog, batch: SimBatch): void => {
  if (batch.producerId < 0n) return
  const before = (log.producers.get(batch.producerId) ?? []).filter(({ epoch }) => epoch === batch.epoch)
  log.producers.set(batch.producerId, [...before, batch].slice(-REMEMBERED))
}

export type Taken = { readonly error: string } | { readonly base: number; readonly records: readonly SimRecord[]; readonly fresh: boolean }

/** Appends to the leader's log, unless it is a repeat: that is answered with where it was stored first. */
export const takeBatch = (cluster: Cluster, partition: SimPartition, bytes: Buffer): Taken => {
  const view = onlyBatch(bytes)
  if (view === null) return { error: 'INVALID_RECORD' }
  const wrong = judgeForm(cluster, partition, bytes, view)
  if (wrong !== null) return { error: wrong }
  const log = cluster.logOf(partition.leader, partition)
  const batch: SimBatch = {
    bytes: Buffer.from(bytes),
    base: log.end,
    count: view.count,
    producerId: view.producerId,
    epoch: bytes.readInt16BE(AT.producerEpoch),
    sequence: bytes.readInt32BE(AT.baseSequence),
  }
  const verdict = judgeSequence(log, batch)
  if (typeof verdict === 'string') return { error: verdict }
  if (verdict !== null) return { base: verdict.base, records: log.records.slice(verdict.base, verdict.base + verdict.count), fresh: false }
  const records = decoded(partition, view)
  if (records === null) return { error: 'INVALID_RECORD' }
  const made = records.map(({ timestamp, key, value }, at) => ({
    offset: batch.base + at,
    epoch: partition.epoch,
    timestamp: Number(timestamp),
    key,
    value,
    batch,
  }))
  for (const record of made) log.records.push(record)
  remember(log, batch)
  return { base: batch.base, records: made, fresh: true }
}
