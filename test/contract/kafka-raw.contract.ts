// Raw record batches as leaders take them, give them out and refuse them: what a restore may rely on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AT, type BatchView, BIT, walkBatches } from '../../src/model/batches/batch.ts'
import { crc32c } from '../../src/model/batches/crc.ts'
import { fillerBatch } from '../../src/model/batches/filler.ts'
import { patchForProduce } from '../../src/model/batches/patch.ts'
import { decodeRecords, encodeBatches } from '../../src/model/batches/records.ts'
import type { TopicPartition } from '../../src/ports/kafka.ts'
import type { ProducerIdentity, RawProduced } from '../../src/ports/kafka-backup.ts'
import { heal, type Subject, soon } from './subject.ts'

const TOPIC = 'raw-contract'
const at = (partition: number): TopicPartition => ({ topic: TOPIC, partition })
const NOW = 1_767_225_600_000 // 2026-01-01: older than any clock here, so that no limit on timestamps refuses it

const batchOf = (texts: readonly string[], codec = 0): Buffer => {
  const headers = [{ key: Buffer.from('h'), value: null }]
  const records = texts.map((text, index) => ({ offset: BigInt(index), timestamp: NOW + index, key: null, value: Buffer.from(text), headers }))
  const [only] = encodeBatches(records, { codec, maxBytes: 1 << 20 })
  if (only === undefined) throw new Error('no batch')
  return only.batch
}

/** With its checksum right again. */
const changed = (batch: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(batch)
  change(copy)
  copy.writeUInt32BE(crc32c(copy.subarray(AT.attributes)), AT.crc)
  return copy
}

const withBit = (batch: Buffer, bit: number): Buffer => changed(batch, (copy) => copy.writeInt16BE(copy.readInt16BE(AT.attributes) | bit, AT.attributes))

export const kafkaRawContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: raw batches`, () => {
    let subject: Subject
    let producer: ProducerIdentity
    const get = () => subject
    const patched = (texts: readonly string[], sequence: number, codec = 0): Buffer => {
      const batch = batchOf(texts, codec)
      patchForProduce(batch, producer, sequence)
      return batch
    }
    const send = (partition: number, batch: Buffer): Promise<RawProduced> =>
      subject.write.restore.produceRaw([{ ...at(partition), batch }], soon(subject)).then(([row]) => row as RawProduced)
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
      const configs = { 'retention.ms': '-1', 'cleanup.policy': 'delete' }
      const refused = await subject.write.restore.createTopics([{ name: TOPIC, partitions: 6, replicationFactor: 3, configs }], soon(subject, 60_000))
      expect([...refused]).toEqual([])
      producer = await subject.write.restore.producer(soon(subject, 60_000))
    })
    afterAll(() => subject.write.restore.deleteTopics([TOPIC], soon(subject, 60_000)))
    storing(get, patched, send)
    repeating(patched, send)
    refusing(get, patched, send)
    filling(get, send)
  })
}

type Patched = (texts: readonly string[], sequence: number, codec?: number) => Buffer
type Send = (partition: number, batch: Buffer) => Promise<RawProduced>

/** Every batch from `offset` on, copied out of what is given back. */
const readFrom = async (subject: Subject, partition: number, offset: bigint, maxBytes = 1 << 20) => {
  const fetched = await subject.ports.backup.fetchRaw(at(partition), offset, { maxBytes, rack: null }, soon(subject))
  const batches = [...walkBatches(Buffer.from(fetched.batches))]
  fetched.release()
  const { error, logStart, lastStable, highWatermark } = fetched
  return { error, logStart, lastStable, highWatermark, batches }
}

const valuesOf = (batches: readonly BatchView[]) => batches.flatMap((batch) => decodeRecords(batch)).map(({ offset, value }) => `${offset} ${value}`)

/** What is under the checksum. */
const payload = (batch: Buffer): string => batch.subarray(AT.crc).toString('hex')

const storing = (get: () => Subject, patched: Patched, send: Send): void => {
  it('stores batches of several partitions and gives them out byte for byte', async () => {
    const batches = [patched(['a', 'b', 'c'], 0), patched(['x', 'y'], 0, 1)]
    const stored = await get().write.restore.produceRaw(
      batches.map((batch, partition) => ({ ...at(partition), batch })),
      soon(get()),
    )
    expect([...stored].sort((a, b) => a.partition - b.partition)).toEqual(
      [0, 1].map((partition) => ({ ...at(partition), error: null, message: null, baseOffset: 0n })),
    )
    expect(await send(0, patched(['d'], 3))).toMatchObject({ error: null, baseOffset: 3n })
    for (const partition of [0, 1]) {
      const read = await readFrom(get(), partition, 0n)
      const end = partition === 0 ? 4n : 2n
      expect(read).toMatchObject({ error: null, logStart: 0n, lastStable: end, highWatermark: end })
      expect(payload(read.batches[0]?.bytes ?? Buffer.alloc(99))).toBe(payload(batches[partition] as Buffer))
    }
    expect(valuesOf((await readFrom(get(), 0, 0n)).batches)).toEqual(['0 a', '1 b', '2 c', '3 d'])
  })

  it('gives out whole batches: one in whose middle the reading begins, and no more than asked for', async () => {
    expect(valuesOf((await readFrom(get(), 0, 1n)).batches).slice(0, 3)).toEqual(['0 a', '1 b', '2 c'])
    expect(valuesOf((await readFrom(get(), 0, 0n, 1)).batches)).toEqual(['0 a', '1 b', '2 c'])
    expect((await readFrom(get(), 0, 4n)).batches).toEqual([])
  })

  it('shows consumers the same records, and says what is out of range', async () => {
    const { records } = await get().ports.kafka.fetch(at(1), 0n, { maxBytes: 1 << 20, maxWait: 200 }, soon(get()))
    expect(records.map(({ value, timestamp }) => [`${value}`, timestamp])).toEqual([
      ['x', NOW],
      ['y', NOW + 1],
    ])
    expect(await readFrom(get(), 0, 9n)).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE', batches: [] })
  })
}

const repeating = (patched: Patched, send: Send): void => {
  it('knows the last five batches of a producer again, and refuses gaps and older ones', async () => {
    for (let sequence = 0; sequence < 6; sequence += 1)
      expect(await send(2, patched([`${sequence}`], sequence))).toMatchObject({ error: null, baseOffset: BigInt(sequence) })
    for (const sequence of [5, 3, 1]) expect(await send(2, patched([`${sequence}`], sequence))).toMatchObject({ error: null, baseOffset: BigInt(sequence) })
    expect((await send(2, patched(['0'], 0))).error).toMatch(/^(OUT_OF_ORDER_SEQUENCE_NUMBER|DUPLICATE_SEQUENCE_NUMBER)$/)
    expect(await send(2, patched(['9'], 9))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(await send(2, patched(['6'], 6))).toMatchObject({ error: null, baseOffset: 6n })
  })
}

const refusing = (get: () => Subject, patched: Patched, send: Send): void => {
  it('refuses what no producer may send', async () => {
    const good = patched(['r', 's'], 0)
    const damaged = Buffer.from(good)
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1
    expect((await send(3, damaged)).error).toBe('CORRUPT_MESSAGE')
    expect((await send(3, withBit(good, BIT.transactional))).error).toMatch(/^(TRANSACTIONAL_ID_AUTHORIZATION_FAILED|INVALID_TXN_STATE|INVALID_RECORD)$/)
    expect((await send(3, withBit(good, BIT.control))).error).toBe('INVALID_RECORD')
    expect(
      (
        await send(
          3,
          changed(good, (copy) => copy.writeInt32BE(7, AT.lastOffsetDelta)),
        )
      ).error,
    ).toBe('INVALID_RECORD')
    const displaced = Buffer.from(good)
    displaced.writeBigInt64BE(5n, AT.baseOffset)
    expect((await send(3, displaced)).error).toBe('INVALID_RECORD')
    expect((await send(3, Buffer.concat([good, good]))).error).toBe('INVALID_RECORD')
    expect(await readFrom(get(), 3, 0n)).toMatchObject({ error: null, highWatermark: 0n, batches: [] })
    expect(await send(3, good)).toMatchObject({ error: null, baseOffset: 0n })
  })

  it('refuses a batch that is too large for the topic', async () => {
    expect((await send(3, patched(['z'.repeat(1_100_000)], 2))).error).toBe('MESSAGE_TOO_LARGE')
  })
}

const filling = (get: () => Subject, send: Send): void => {
  it('begins at any offset after fillers were deleted', async () => {
    const filler = fillerBatch(1000)
    expect(await send(4, filler)).toMatchObject({ error: null, baseOffset: 0n })
    expect(await send(4, filler)).toMatchObject({ error: null, baseOffset: 1000n })
    await get().write.restore.deleteRecords([{ ...at(4), before: 1500n }], soon(get()))
    await get().write.restore.deleteRecords([{ ...at(4), before: -1n }], soon(get()))
    expect(await send(4, batchOf(['first']))).toMatchObject({ error: null, baseOffset: 2000n })
    const read = await readFrom(get(), 4, 2000n)
    expect(read).toMatchObject({ error: null, logStart: 2000n, highWatermark: 2001n })
    expect(valuesOf(read.batches)).toEqual(['2000 first'])
  })
}
