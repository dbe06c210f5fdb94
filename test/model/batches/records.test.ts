// What is encoded is what is decoded, to the byte, whatever the codec.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BIT, checksumHolds, hasHoles, walkBatches } from '../../../src/model/batches/batch.ts'
import { canCompress } from '../../../src/model/batches/codecs.ts'
import { fillerBatch } from '../../../src/model/batches/filler.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../../src/model/batches/records.ts'
import { record, records, stored } from './helpers.ts'

const WIDE = 1 << 20

const encodeOne = (list: readonly StoredRecord[], codec = 0): Buffer => {
  const [encoded, ...more] = encodeBatches(list, { codec, maxBytes: WIDE })
  expect(more).toEqual([])
  return encoded?.batch ?? Buffer.alloc(0)
}

const decodeAll = (bytes: Buffer): StoredRecord[] => [...walkBatches(bytes)].flatMap((batch) => decodeRecords(batch))

describe('records', () => {
  test.each([0, 1, 2, 3, 4].filter(canCompress))('round-trip with codec %i: null, empty, repeated headers, any time', (codec) => {
    fc.assert(
      fc.property(records(), (list) => {
        const batch = encodeOne(list, codec)
        expect(checksumHolds(batch)).toBe(true)
        expect(decodeAll(batch)).toEqual(list)
      }),
    )
  })

  test('keep times that a number cannot hold, one nanosecond from the next', () => {
    const list = [1_790_000_000_000_000_001n, 1_790_000_000_000_000_002n, 5, -1, 2n ** 63n - 1n, -(2n ** 63n)].map((timestamp, at) => ({
      ...record(BigInt(at), 'x'),
      timestamp,
    }))
    expect(decodeAll(encodeOne(list))).toEqual(list)
    expect(decodeAll(encodeOne(list.toReversed().map((one, at) => ({ ...one, offset: BigInt(at) })))).map(({ timestamp }) => timestamp)).toEqual(
      list.toReversed().map(({ timestamp }) => timestamp),
    )
    const stamped = stored(encodeOne([record(0n, 'x')]), 0n, { attributes: BIT.logAppendTime, maxTimestamp: 2n ** 53n + 1n })
    expect(decodeAll(stamped)[0]?.timestamp).toBe(2n ** 53n + 1n)
  })

  test.each([1, 2, 3])('that compress are compressed with codec %i', (codec) => {
    const list = Array.from({ length: 200 }, (_, at) => record(BigInt(at), 'again and again and again'))
    const batch = encodeOne(list, codec)
    expect([...walkBatches(batch)][0]?.codec).toBe(codec)
    expect(batch.length).toBeLessThan(encodeOne(list).length / 2)
    expect(decodeAll(batch)).toEqual(list)
  })

  test('are split by bytes, and one that is larger alone is kept whole', () => {
    fc.assert(
      fc.property(records(100), fc.integer({ min: 62, max: 400 }), (list, maxBytes) => {
        const batches = encodeBatches(list, { codec: 0, maxBytes })
        for (const { batch, count } of batches) expect(batch.length <= maxBytes || count === 1).toBe(true)
        const at = batches.map(({ batch, baseOffset }) => stored(batch, baseOffset))
        expect(decodeAll(Buffer.concat(at))).toEqual(list)
      }),
    )
  })

  test('with holes between them come into one batch without, which says what it covers', () => {
    const [encoded] = encodeBatches([record(5n, 'a'), record(9n, 'b')], { codec: 0, maxBytes: WIDE })
    expect(encoded).toMatchObject({ count: 2, baseOffset: 5n, lastOffset: 9n })
    const [batch] = walkBatches(encoded?.batch ?? Buffer.alloc(0))
    expect(batch !== undefined && hasHoles(batch)).toBe(false)
  })

  test('of a batch stamped by the broker all have its time', () => {
    const batch = stored(encodeOne([record(0n, 'a', 1), record(1n, 'b', 2)]), 0n, { attributes: 0x08, maxTimestamp: 99n })
    expect(decodeAll(batch).map((one) => one.timestamp)).toEqual([99, 99])
  })

  test('that are not as long as they say, or fewer than counted, are damage', () => {
    const batch = encodeOne([record(0n, 'abc')])
    const longer = Buffer.from(batch)
    longer[61] = (longer[61] ?? 0) + 2
    expect(() => decodeAll(longer)).toThrow(expect.objectContaining({ code: 'corrupt-batch' }))
    const more = Buffer.from(batch)
    more.writeInt32BE(2, 57)
    expect(() => decodeAll(more)).toThrow(expect.objectContaining({ code: 'corrupt-batch' }))
  })
})

test('a filler is a small batch of as many records as were asked for, without anything in them', () => {
  const batch = fillerBatch(100_000)
  expect(batch.length).toBeLessThan(200_000)
  expect(checksumHolds(batch)).toBe(true)
  const list = decodeAll(batch)
  expect(list).toHaveLength(100_000)
  expect(list.at(-1)).toEqual({ offset: 99_999n, timestamp: -1, key: null, value: null, headers: [] })
})
