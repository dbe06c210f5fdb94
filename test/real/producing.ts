// Records for tests that are about backups and not about records: batches as any producer writes them, and what is there.
import { randomBytes } from 'node:crypto'
import { walkBatches } from '../../src/model/batches/batch.ts'
import { patchForProduce } from '../../src/model/batches/patch.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../src/model/batches/records.ts'
import type { KafkaReader } from '../../src/ports/kafka.ts'
import type { KafkaBackupReader, KafkaRestoreWriter } from '../../src/ports/kafka-backup.ts'

const soon = () => AbortSignal.timeout(60_000)

export interface Producing {
  /** Its records are kept for ever, unless `configs` say otherwise. */
  topic(name: string, configs?: Readonly<Record<string, string>>, partitions?: number): Promise<void>
  /** To partition 0, stamped with `at`. */
  values(topic: string, values: readonly (string | Buffer)[], at?: number): Promise<void>
  /** So many bytes that nothing compresses, a thousand to the record. */
  bulk(topic: string, bytes: number): Promise<void>
  /** Of partition 0. */
  valuesOf(topic: string): Promise<readonly string[]>
  count(topic: string): Promise<number>
}

export const producing = async (kafka: KafkaBackupReader & KafkaRestoreWriter & Pick<KafkaReader, 'offsets'>): Promise<Producing> => {
  const me = await kafka.producer(soon())
  const sequences = new Map<string, number>()
  const write = async (topic: string, records: readonly StoredRecord[]): Promise<void> => {
    for (const { batch } of encodeBatches(records, { codec: 0, maxBytes: 500_000 })) {
      const sequence = sequences.get(topic) ?? 0
      patchForProduce(batch, me, sequence)
      const [answer] = await kafka.produceRaw([{ topic, partition: 0, batch }], soon())
      if (answer?.error !== null) throw new Error(`${topic}: ${answer?.error} ${answer?.message}`)
      sequences.set(topic, sequence + ([...walkBatches(batch)][0]?.count ?? 0))
    }
  }
  const read = async (topic: string): Promise<readonly StoredRecord[]> => {
    const found: StoredRecord[] = []
    const [start] = await kafka.offsets({ ask: 'log-start' }, [{ topic, partition: 0 }], soon())
    for (let offset = start?.offset.known === true ? start.offset.value : 0n; ; ) {
      const { batches, error, lastStable, release } = await kafka.fetchRaw({ topic, partition: 0 }, offset, { maxBytes: 1 << 20, rack: null }, soon())
      const from = offset
      for (const batch of walkBatches(Buffer.from(batches))) {
        found.push(...decodeRecords(batch).filter((record) => record.offset >= from))
        offset = batch.lastOffset + 1n
      }
      release()
      if (error !== null) throw new Error(`${topic}: ${error}`)
      if (offset >= lastStable) return found
    }
  }
  const recordOf = (value: Buffer, at: number, index: number): StoredRecord => ({
    offset: BigInt(index),
    timestamp: at,
    key: Buffer.from(`k${index}`),
    value,
    headers: [],
  })
  return {
    topic: async (name, configs = {}, partitions = 1) => {
      sequences.delete(name)
      const all = { 'retention.ms': '-1', 'min.insync.replicas': '1', ...configs }
      const refused = await kafka.createTopics([{ name, partitions, replicationFactor: 3, configs: all }], soon())
      if (refused.size > 0) throw new Error(`${name}: ${[...refused.values()].join()}`)
    },
    values: (topic, values, at = Date.now()) =>
      write(
        topic,
        values.map((value, index) => recordOf(Buffer.from(value), at, index)),
      ),
    bulk: (topic, bytes) =>
      write(
        topic,
        Array.from({ length: bytes / 1000 }, (_, index) => recordOf(randomBytes(970), Date.now(), index)),
      ),
    valuesOf: async (topic) => (await read(topic)).map(({ value }) => value?.toString('latin1') ?? 'null'),
    count: async (topic) => (await read(topic)).length,
  }
}
