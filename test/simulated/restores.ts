// A simulated cluster with some topics and a group, its backup, and a restore of that composed as the edge does.

import { expect } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { createBackup } from '../../src/archive/create/create-backup.ts'
import { openArchive } from '../../src/archive/read-archive.ts'
import { REPORT_STEP, type RestoreOptions, type RestoreReport } from '../../src/archive/restore/options.ts'
import type { RunDeps } from '../../src/engine/interaction.ts'
import { walkBatches } from '../../src/model/batches/batch.ts'
import { patchForProduce } from '../../src/model/batches/patch.ts'
import { decodeRecords, encodeBatches } from '../../src/model/batches/records.ts'
import { restoreBackup } from '../../src/scenarios/restore-backup.ts'
import type { MemoryStore } from '../archive/memory-store.ts'
import { compose, open } from './stage.ts'

export const signal = new AbortController().signal
export const T0 = 1_767_225_600_000

export const TOPICS = [
  { name: 'orders', partitions: 3, configs: { 'min.insync.replicas': '2', 'retention.ms': '-1' } },
  { name: 'people', partitions: 1, configs: { 'cleanup.policy': 'compact' } },
  { name: 'empty', partitions: 2, configs: {} },
  { name: '__consumer_offsets', partitions: 5, configs: { 'cleanup.policy': 'compact' } },
]

export const produce = async (simulation: Simulation, topic: string, partition: number, from: number, count: number, per: number): Promise<void> => {
  const producer = await simulation.write.restore.producer(signal)
  let sequence = 0
  for (let at = from; at < from + count; at += per) {
    const records = Array.from({ length: Math.min(per, from + count - at) }, (_, each) => ({
      offset: BigInt(each),
      timestamp: T0 + at + each,
      key: Buffer.from(`key-${at + each}`),
      value: (at + each) % 7 === 0 ? null : Buffer.from(`${topic}-${partition}-${at + each}-${'x'.repeat(300)}`),
      headers: [{ key: Buffer.from('h'), value: null }],
    }))
    for (const { batch, count: held } of encodeBatches(records, { codec: at % 2 === 0 ? 1 : 0, maxBytes: 1 << 20 })) {
      patchForProduce(batch, producer, sequence)
      sequence += held
      const [row] = await simulation.write.restore.produceRaw([{ topic, partition, batch }], signal)
      expect(row?.error).toBeNull()
    }
  }
}

/** orders-1 begins at 40; people is empty of records but not new. */
export const source = async (): Promise<Simulation> => {
  const simulation = open({ topics: TOPICS, groups: [] })
  for (const partition of [0, 1, 2]) await produce(simulation, 'orders', partition, 0, 100 + partition * 20, 10)
  await produce(simulation, 'people', 0, 0, 30, 3)
  await simulation.write.restore.deleteRecords([{ topic: 'orders', partition: 1, before: 40n }], signal)
  await simulation.write.restore.commitOffsets(
    'billing',
    [0, 1, 2].map((partition) => ({ topic: 'orders', partition, offset: 55n + BigInt(partition), leaderEpoch: 3, metadata: `streams-${partition}` })),
    signal,
  )
  return simulation
}

export const backUp = async (simulation: Simulation, store: MemoryStore): Promise<string> => {
  const { name } = await createBackup(
    {
      type: 'full',
      topics: [],
      schemasTopic: '_schemas',
      compression: 'none',
      encryption: null,
      bytesPerSecond: null,
      rack: null,
      parallel: 2,
      kdrVersion: '0',
      holder: 'test',
    },
    { backup: simulation.ports.backup, kafka: simulation.ports.kafka, schemas: async () => null, store, clock: simulation.clock },
    () => {},
    signal,
  )
  return name
}

const OPTIONS: RestoreOptions = {
  store: 'memory',
  name: '',
  what: 'all',
  topics: [],
  topicPrefix: null,
  toTime: null,
  existing: 'refuse',
  offsets: 'auto',
  replicationFactor: null,
  bytesPerSecond: null,
  acceptLossy: false,
  groups: true,
}

export const restoring = (simulation: Simulation, store: MemoryStore, options: Partial<RestoreOptions>) => {
  const scenario = restoreBackup({ open: async (name) => ({ archives: [await openArchive(store, name, null, signal)], lossy: null }) })
  const { deps, events } = compose(simulation)
  return { deps: { ...deps, scenario, options: { ...OPTIONS, ...options } } as unknown as RunDeps<RestoreOptions>, events }
}

export const reportOf = (events: ReturnType<typeof restoring>['events']): RestoreReport | undefined =>
  events.flatMap((event) => (event.type === 'step.settled' && event.step === REPORT_STEP ? [event.target as RestoreReport] : []))[0]

/** Every record by its words. */
export const held = async (simulation: Simulation, topic: string, partition: number): Promise<readonly string[]> => {
  const at = { topic, partition }
  const [start] = await simulation.ports.kafka.offsets({ ask: 'log-start' }, [at], signal)
  const [end] = await simulation.ports.kafka.offsets({ ask: 'high-watermark' }, [at], signal)
  if (start?.offset.known !== true || end?.offset.known !== true) throw new Error('not seen')
  const words: string[] = [`${start.offset.value} to ${end.offset.value}`]
  for (let next = start.offset.value; next < end.offset.value; ) {
    const fetched = await simulation.ports.backup.fetchRaw(at, next, { maxBytes: 1 << 20, rack: null }, signal)
    for (const batch of walkBatches(Buffer.from(fetched.batches))) {
      for (const { offset, timestamp, key, value, headers } of decodeRecords(batch))
        if (offset >= next) words.push(`${offset} ${timestamp} ${key} ${value} ${headers.length}`)
      next = batch.lastOffset + 1n
    }
    fetched.release()
  }
  return words
}

export const everything = async (simulation: Simulation, prefix = ''): Promise<Record<string, readonly string[]>> => {
  const all: Record<string, readonly string[]> = {}
  for (const { name, partitions } of TOPICS.slice(0, 3))
    for (let partition = 0; partition < partitions; partition += 1) all[`${name}-${partition}`] = await held(simulation, `${prefix}${name}`, partition)
  return all
}
