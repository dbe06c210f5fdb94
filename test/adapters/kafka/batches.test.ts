// Record batches: what kdr writes is what it reads, and a read_committed reader sees no control records
// and nothing of aborted transactions.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCommitted, writeBatch } from '../../../src/adapters/kafka/batches.ts'
import { crc32c } from '../../../src/model/batches/crc.ts'

const AT = 1_700_000_000_000
const TRANSACTIONAL = 0x10
const CONTROL = 0x20

/** Offsets of the fields in a batch, as DefaultRecordBatch has them. */
const FIELD = { length: 8, crc: 17, attributes: 21, signed: 21, producerId: 43, count: 57, payload: 61 }

const resign = (batch: Buffer): Buffer => {
  batch.writeUInt32BE(crc32c(batch.subarray(FIELD.signed)), FIELD.crc)
  return batch
}

const at = (offset: bigint, batch: Buffer, change: { attributes?: number; producerId?: bigint } = {}): Buffer => {
  batch.writeBigInt64BE(offset, 0)
  if (change.attributes !== undefined) batch.writeInt16BE(change.attributes, FIELD.attributes)
  if (change.producerId !== undefined) batch.writeBigInt64BE(change.producerId, FIELD.producerId)
  return resign(batch)
}

const text = (...values: string[]) =>
  writeBatch(
    values.map((value) => ({ key: null, value: Buffer.from(value) })),
    AT,
  )
const marker = (offset: bigint, producerId: bigint, commit: boolean) => {
  const key = Buffer.from([0, 0, 0, commit ? 1 : 0])
  return at(offset, writeBatch([{ key, value: Buffer.alloc(6) }], AT), { attributes: CONTROL | TRANSACTIONAL, producerId })
}
const values = (read: Awaited<ReturnType<typeof readCommitted>>) => read.records.map((record) => `${record.offset}:${record.value}`)

/** The same batch with its records compressed. */
const gzipped = (batch: Buffer): Buffer => {
  const payload = gzipSync(batch.subarray(FIELD.payload))
  const whole = Buffer.concat([batch.subarray(0, FIELD.payload), payload])
  whole.writeInt32BE(whole.length - 12, FIELD.length)
  whole.writeInt16BE(1, FIELD.attributes)
  return resign(whole)
}

describe('a batch', () => {
  test('is laid out byte by byte as Kafka wants it', () => {
    const batch = writeBatch([{ key: Buffer.from('k'), value: Buffer.from('v') }], 1)
    expect(batch.subarray(0, FIELD.crc).toString('hex')).toBe('0000000000000000' + '0000003a' + 'ffffffff' + '02')
    expect(batch.subarray(FIELD.signed, FIELD.payload).toString('hex')).toBe(
      ['0000', '00000000', '0000000000000001'.repeat(2), 'ffffffffffffffff', 'ffff', 'ffffffff', '00000001'].join(''),
    )
    expect(batch.subarray(FIELD.payload).toString('hex')).toBe('10' + '00' + '00' + '00' + '026b' + '0276' + '00')
  })

  test('round-trips any keys and values, also null', async () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)))
    const input = fc.array(fc.record({ key: bytes, value: bytes }), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(input, fc.boolean(), async (records, compress) => {
        const plain = at(100n, writeBatch(records, AT))
        const read = await readCommitted(compress ? gzipped(plain) : plain, 0n, [])
        expect(read.records).toEqual(records.map((record, delta) => ({ ...record, offset: 100n + BigInt(delta), timestamp: AT })))
        expect(read.next).toBe(100n + BigInt(records.length))
      }),
    )
  })

  test('that starts before the offset asked for gives only what is asked for', async () => {
    expect(values(await readCommitted(at(5n, text('a', 'b', 'c')), 6n, []))).toEqual(['6:b', '7:c'])
  })

  test('that is cut off is left for the next fetch', async () => {
    const bytes = Buffer.concat([at(0n, text('a')), at(1n, text('b')).subarray(0, 65)])
    const read = await readCommitted(bytes, 0n, [])
    expect(values(read)).toEqual(['0:a'])
    expect(read.next).toBe(1n)
  })

  test('whose bytes were changed is refused', async () => {
    const batch = at(3n, text('abc'))
    const last = batch.length - 2
    batch[last] = (batch[last] ?? 0) ^ 1
    await expect(readCommitted(batch, 0n, [])).rejects.toMatchObject({ code: 'corrupt-batch', message: expect.stringContaining('offset 3') })
  })

  test('of an impossible length is refused, not read for ever', async () => {
    const batch = text('abc')
    batch.writeInt32BE(-12, FIELD.length)
    await expect(readCommitted(batch, 0n, [])).rejects.toMatchObject({ code: 'corrupt-batch' })
  })

  test('in an old message format is refused by name', async () => {
    const batch = text('abc')
    batch[16] = 1
    await expect(readCommitted(batch, 0n, [])).rejects.toMatchObject({ code: 'old-message-format' })
  })

  test('compressed with an unknown codec is refused by name', async () => {
    await expect(readCommitted(at(0n, text('a'), { attributes: 7 }), 0n, [])).rejects.toMatchObject({ code: 'codec-unknown' })
  })

  test('whose compressed records are damaged is refused', async () => {
    await expect(readCommitted(at(0n, text('a'), { attributes: 1 }), 0n, [])).rejects.toMatchObject({ code: 'corrupt-batch' })
  })
})

describe('transactions', () => {
  test('aborted ones are skipped up to their marker, committed ones are not, and next moves past all', async () => {
    const bytes = Buffer.concat([
      at(0n, text('lost'), { attributes: TRANSACTIONAL, producerId: 7n }),
      at(1n, text('kept'), { attributes: TRANSACTIONAL, producerId: 8n }),
      marker(2n, 7n, false),
      at(3n, text('again'), { attributes: TRANSACTIONAL, producerId: 7n }),
      marker(4n, 8n, true),
      marker(5n, 7n, true),
    ])
    const read = await readCommitted(bytes, 0n, [{ producerId: 7n, firstOffset: 0n }])
    expect(values(read)).toEqual(['1:kept', '3:again'])
    expect(read.next).toBe(6n)
  })

  test('a fetch of nothing but markers still moves on', async () => {
    expect(await readCommitted(marker(9n, 7n, false), 9n, [])).toEqual({ records: [], next: 10n })
  })

  test('records of the same producer outside a transaction are seen', async () => {
    const read = await readCommitted(at(0n, text('plain'), { producerId: 7n }), 0n, [{ producerId: 7n, firstOffset: 0n }])
    expect(values(read)).toEqual(['0:plain'])
  })
})
