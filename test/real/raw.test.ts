// Raw batches on real brokers: what leaders answer to good and bad ones, and that reading goes on whoever leads.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFaults } from '../../src/lab/faults.ts'
import { findLab } from '../../src/lab/labs.ts'
import { checksumHolds, walkBatches } from '../../src/model/batches/batch.ts'
import { patchForProduce } from '../../src/model/batches/patch.ts'
import { encodeBatches } from '../../src/model/batches/records.ts'
import type { KafkaBackupReader, KafkaRestoreWriter, ProducerIdentity, RawFetch, RawProduced } from '../../src/ports/kafka-backup.ts'
import { bringUp, type Ready, takeDown, until } from './harness.ts'

const MIB = 1024 * 1024
const soon = (): AbortSignal => AbortSignal.timeout(30_000)

let lab: Ready
let kafka: KafkaBackupReader & KafkaRestoreWriter
let me: ProducerIdentity

const batchOf = (values: readonly Buffer[]): Buffer => {
  const records = values.map((value, at) => ({ offset: BigInt(at), timestamp: 1_700_000_000_000, key: null, value, headers: [] }))
  const [encoded, ...more] = encodeBatches(records, { codec: 0, maxBytes: 64 * MIB })
  if (encoded === undefined || more.length > 0) throw new Error('not one batch')
  return encoded.batch
}

const ready = (values: readonly string[], sequence: number, who = me): Buffer => {
  const batch = batchOf(values.map((value) => Buffer.from(value)))
  patchForProduce(batch, who, sequence)
  return batch
}

const topic = async (name: string, replicationFactor = 1): Promise<string> => {
  const configs = { 'max.message.bytes': String(16 * MIB), 'min.insync.replicas': '1' }
  expect([...(await kafka.createTopics([{ name, partitions: 1, replicationFactor, configs }], soon()))]).toEqual([])
  return name
}

const produce = async (name: string, batch: Buffer): Promise<RawProduced | undefined> =>
  (await kafka.produceRaw([{ topic: name, partition: 0, batch }], soon()))[0]

const fetch = (name: string, offset: bigint, maxBytes = MIB, rack: string | null = null): Promise<RawFetch> =>
  kafka.fetchRaw({ topic: name, partition: 0 }, offset, { maxBytes, rack }, soon())

const spans = ({ batches, release }: RawFetch): string[] => {
  const all = [...walkBatches(batches)].map((batch) => {
    expect(checksumHolds(batch.bytes)).toBe(true)
    return `${batch.baseOffset}-${batch.lastOffset}`
  })
  release()
  return all
}

beforeAll(async () => {
  lab = await bringUp('raw-batches', '4')
  kafka = lab.truth.kafka
  me = await kafka.producer(soon())
})

afterAll(() => takeDown(lab))

describe('raw batches', () => {
  test('five in flight are stored in their order, and come back byte for byte', async () => {
    const name = await topic('raw-order')
    const batches = [0, 2, 4, 6, 8].map((sequence) => ready([`value ${sequence}`, 'and another'], sequence))
    const answers = await Promise.all(batches.map((batch) => produce(name, batch)))
    expect(answers.map((answer) => [answer?.error, answer?.baseOffset])).toEqual([0n, 2n, 4n, 6n, 8n].map((base) => [null, base]))
    const got = await fetch(name, 0n)
    expect(got).toMatchObject({ error: null, logStart: 0n, lastStable: 10n, highWatermark: 10n, aborted: [] })
    const payloads = [...walkBatches(got.batches)].map((batch) => batch.bytes.subarray(17).toString('hex'))
    expect(payloads).toEqual(batches.map((batch) => batch.subarray(17).toString('hex')))
    got.release()
  })

  test('one that is sent twice is stored once; a gap, damage and a hole are refused by name', async () => {
    const name = await topic('raw-refused')
    const first = ready(['a', 'b'], 0)
    expect(await produce(name, first)).toMatchObject({ error: null, baseOffset: 0n })
    expect(await produce(name, first)).toMatchObject({ error: null, baseOffset: 0n })
    expect(await produce(name, ready(['late'], 7))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    const damaged = batchOf([Buffer.from('carried through')])
    damaged[damaged.length - 3] = (damaged.at(-3) ?? 0) ^ 1
    patchForProduce(damaged, me, 2)
    expect(await produce(name, damaged)).toMatchObject({ error: 'CORRUPT_MESSAGE' })
    const got = await fetch(name, 0n)
    expect(got.highWatermark).toBe(2n)
    expect(spans(got)).toEqual(['0-1'])
  })

  test('the end of a log is empty, and what is not in it is out of range', async () => {
    const name = await topic('raw-range')
    await produce(name, ready(['a', 'b', 'c'], 0))
    expect(spans(await fetch(name, 3n))).toEqual([])
    expect(await fetch(name, 9n)).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE' })
    await kafka.deleteRecords([{ topic: name, partition: 0, before: 2n }], soon())
    const below = await fetch(name, 1n)
    expect(below).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE' })
    expect(await fetch('raw-not-there', 0n)).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  test('a batch larger than what was asked for comes whole, a smaller one behind it later', async () => {
    const name = await topic('raw-large')
    const large = batchOf([Buffer.alloc(6 * MIB, 'x')])
    patchForProduce(large, me, 0)
    expect(await produce(name, large)).toMatchObject({ error: null, baseOffset: 0n })
    await produce(name, ready(['small'], 1))
    const got = await fetch(name, 0n, 100_000)
    expect(got.batches.length).toBe(large.length)
    expect(spans(got)).toEqual(['0-0'])
    expect(spans(await fetch(name, 1n, 100_000))).toEqual(['1-1'])
  })

  test('reading and writing go on when another broker leads', async () => {
    const name = await topic('raw-moved', 3)
    expect(await produce(name, ready(['before'], 0))).toMatchObject({ error: null })
    expect(spans(await fetch(name, 0n))).toEqual(['0-0'])
    const leader = async () => (await lab.truth.rows()).find((row) => row.topic === name)?.leader ?? -1
    const before = await leader()
    const state = findLab('raw-batches', `${lab.here.home}/kdr/labs`)?.stateFile ?? ''
    await openFaults(state).inject('kill-broker', { broker: before }, soon())
    const other = await kafka.producer(soon())
    await until('another leads', async () => ![-1, before].includes(await leader()))
    const moved = await fetch(name, 0n)
    expect(spans(moved)).toEqual(['0-0'])
    // What was sent to the dead one is known to be lost or answered for; the next goes to the new leader.
    await until('written to the new leader', async () => (await produce(name, ready(['after'], 0, other)))?.error === null)
    expect(spans(await fetch(name, 1n))).toEqual(['1-1'])
  })

  test('where nobody leads, broker and partition are named within ten seconds', async () => {
    const name = await topic('raw-leaderless')
    await produce(name, ready(['a'], 0))
    const row = (await lab.truth.rows()).find((one) => one.topic === name)
    const state = findLab('raw-batches', `${lab.here.home}/kdr/labs`)?.stateFile ?? ''
    expect(spans(await fetch(name, 0n))).toEqual(['0-0'])
    await openFaults(state).inject('hang-broker', { broker: row?.leader ?? 1 }, soon())
    const began = performance.now()
    await expect(fetch(name, 1n)).rejects.toMatchObject({
      code: 'no-leader',
      message: expect.stringMatching(new RegExp(`raw-leaderless-0.*broker ${row?.leader}`)),
    })
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})
