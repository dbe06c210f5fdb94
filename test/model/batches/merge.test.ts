// Small batches made one: the same records in the same order, to the byte.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checksumHolds, walkBatches } from '../../../src/model/batches/batch.ts'
import { isPlain, Merge } from '../../../src/model/batches/merge.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../../src/model/batches/records.ts'
import { record, records, stored } from './helpers.ts'

const plain = (list: readonly StoredRecord[]): Buffer => encodeBatches(list, { codec: 0, maxBytes: 1 << 20 })[0]?.batch ?? Buffer.alloc(0)
const viewOf = (bytes: Buffer) => {
  const [view] = walkBatches(bytes)
  if (view === undefined) throw new Error('no batch')
  return view
}
const withoutOffsets = (list: readonly StoredRecord[]) => list.map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers }))

describe('merged batches', () => {
  test('hold every record of theirs in order, under a checksum of their own', () => {
    fc.assert(
      fc.property(fc.array(records(), { minLength: 1, maxLength: 6 }), (lists) => {
        const merge = new Merge(Buffer.alloc(1 << 20))
        const taken: StoredRecord[] = []
        for (const list of lists) {
          // Times too far apart for one batch are refused, and nothing of the batch is taken.
          if (!merge.add(viewOf(plain(list)))) continue
          taken.push(...list)
        }
        const merged = Buffer.from(merge.finish())
        expect(checksumHolds(merged)).toBe(true)
        const view = viewOf(merged)
        expect(view.count).toBe(taken.length)
        expect(view.maxTimestamp).toBe(Math.max(...taken.map(({ timestamp }) => Number(timestamp))))
        const decoded = decodeRecords(view)
        expect(withoutOffsets(decoded)).toEqual(withoutOffsets(taken))
        expect(decoded.map(({ offset }) => Number(offset))).toEqual(taken.map((_, at) => at))
      }),
    )
  })

  test('take no batch that does not fit any more', () => {
    const one = viewOf(plain([record(0n, 'x'.repeat(100))]))
    const merge = new Merge(Buffer.alloc(61 + 2 * (one.bytes.length - 61 + 16)))
    expect([merge.add(one), merge.add(one), merge.add(one)]).toEqual([true, true, false])
    expect(merge.count).toBe(2)
    expect(decodeRecords(viewOf(merge.finish()))).toHaveLength(2)
  })

  test('leave a batch on its own whose times lie too far from the first', () => {
    const merge = new Merge(Buffer.alloc(4096))
    expect(merge.add(viewOf(plain([record(0n, 'a', 0)])))).toBe(true)
    expect(merge.add(viewOf(plain([record(1n, 'b', 2 ** 31)])))).toBe(false)
    expect(merge.add(viewOf(plain([record(1n, 'b', 2 ** 31 - 1)])))).toBe(true)
    expect(decodeRecords(viewOf(merge.finish())).map(({ timestamp }) => timestamp)).toEqual([0, 2 ** 31 - 1])
  })

  test('keep a first batch as it is whose own times lie far apart', () => {
    const list = [record(0n, 'a', 2 ** 33), record(1n, 'b', 0)]
    const merge = new Merge(Buffer.alloc(4096))
    expect(merge.add(viewOf(plain(list)))).toBe(true)
    expect(decodeRecords(viewOf(merge.finish())).map(({ timestamp }) => timestamp)).toEqual([2 ** 33, 0])
  })

  test('say what is damaged', () => {
    const bytes = plain([record(0n, 'abc')])
    bytes[61] = 0x7e // a length beyond the batch
    expect(() => new Merge(Buffer.alloc(4096)).add(viewOf(bytes))).toThrow('the record batch at offset 0 is damaged')
  })

  /** Where the header ends: what stands behind may say anything, under a checksum that holds. */
  const change = fc.record({
    at: fc.nat(),
    to: fc.nat(255),
    cut: fc.option(fc.nat(20)),
    count: fc.option(fc.integer({ min: 1, max: 40 })),
    first: fc.boolean(),
  })

  test('are of what the batch holds, or say that it is damaged, whatever lengths and numbers stand in it', () => {
    fc.assert(
      fc.property(records(), change, (list, { at, to, cut, count, first }) => {
        const whole = plain(list)
        const bytes = Buffer.from(whole.subarray(0, Math.max(61, whole.length - (cut ?? 0))))
        if (bytes.length > 61) bytes[61 + (at % (bytes.length - 61))] = to
        bytes.writeInt32BE(bytes.length - 12, 8)
        if (count !== null) bytes.writeInt32BE(count, 57)
        const damaged = viewOf(stored(bytes, 0n, { lastOffsetDelta: (count ?? list.length) - 1 }))
        let decoded: readonly StoredRecord[] | null = null
        try {
          decoded = decodeRecords(damaged)
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'corrupt-batch' })
        }
        const merge = new Merge(Buffer.alloc(1 << 16))
        if (!first) merge.add(viewOf(plain([record(0n, 'before')])))
        const before = merge.count
        let taken = false
        try {
          taken = merge.add(damaged)
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'corrupt-batch' })
          return
        }
        if (!taken) {
          expect(merge.count).toBe(before)
          return
        }
        const merged = decodeRecords(viewOf(merge.finish()))
        expect(decoded).not.toBeNull()
        expect(withoutOffsets(merged.slice(before))).toEqual(withoutOffsets(decoded ?? []))
        expect(decoded?.map(({ offset }) => Number(offset))).toEqual(decoded?.map((_, index) => index))
      }),
      { numRuns: 3000 },
    )
  })

  test('are made of what has neither codec, holes nor times of the broker', () => {
    const bytes = plain([record(0n, 'a'), record(1n, 'b')])
    expect(isPlain(viewOf(bytes))).toBe(true)
    expect(isPlain(viewOf(stored(Buffer.from(bytes), 0n, { attributes: 0x08 })))).toBe(false)
    expect(isPlain(viewOf(stored(Buffer.from(bytes), 0n, { attributes: 0x03 })))).toBe(false)
  })
})
