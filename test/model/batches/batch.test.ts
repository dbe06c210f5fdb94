// Batches as they are stored: found whole, checked, made ready for another cluster, and filtered.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AT, checksumHolds, hasHoles, walkBatches } from '../../../src/model/batches/batch.ts'
import { patchForProduce } from '../../../src/model/batches/patch.ts'
import { decodeRecords, encodeBatches } from '../../../src/model/batches/records.ts'
import { committed } from '../../../src/model/batches/visible.ts'
import { type Change, record, records, resign, stored } from './helpers.ts'

const TRANSACTIONAL = 0x10
const CONTROL = 0x20
const DELETE_HORIZON = 0x40

const batchOf = (values: readonly string[], offset = 0n, change: Change = {}): Buffer => {
  const [encoded] = encodeBatches(
    values.map((value, at) => record(BigInt(at), value)),
    { codec: 0, maxBytes: 1 << 20 },
  )
  return stored(encoded?.batch ?? Buffer.alloc(0), offset, change)
}

describe('walking', () => {
  test('gives every whole batch with its header and leaves a cut-off tail', () => {
    const second = batchOf(['c'], 12n, { producerId: 44n, attributes: TRANSACTIONAL })
    const bytes = Buffer.concat([batchOf(['a', 'b'], 10n), second, batchOf(['d'], 13n).subarray(0, 40)])
    const [first, other, ...more] = walkBatches(bytes)
    expect(more).toEqual([])
    expect(first).toMatchObject({ baseOffset: 10n, lastOffset: 11n, leaderEpoch: 7, count: 2, transactional: false, producerId: -1n })
    expect(other).toMatchObject({ baseOffset: 12n, transactional: true, control: false, codec: 0, producerId: 44n })
    expect(other?.bytes.equals(second)).toBe(true)
  })

  test.each([-12, 0, 48])('refuses a length of %i', (length) => {
    const batch = batchOf(['a'])
    batch.writeInt32BE(length, AT.length)
    expect(() => [...walkBatches(batch)]).toThrow(expect.objectContaining({ code: 'corrupt-batch' }))
  })

  test.each([0, 1])('refuses magic %i by name', (magic) => {
    const batch = batchOf(['a'])
    batch.writeInt8(magic, AT.magic)
    expect(() => [...walkBatches(batch)]).toThrow(expect.objectContaining({ code: 'old-message-format' }))
  })

  test('never ends in anything but batches or a refusal, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          for (const batch of walkBatches(Buffer.from(bytes))) decodeRecords(batch)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/corrupt-batch|old-message-format|codec-unknown/) })
        }
      }),
      { numRuns: 500 },
    )
  })

  test('tells a batch with holes', () => {
    const views = [...walkBatches(Buffer.concat([batchOf(['a', 'b']), batchOf(['a', 'b'], 2n, { lastOffsetDelta: 4 })]))]
    expect(views.map(hasHoles)).toEqual([false, true])
  })
})

test('a checksum holds over shared memory too, and not when any bit under it is flipped', () => {
  const batch = batchOf(['some', 'values'])
  const shared = Buffer.from(new SharedArrayBuffer(batch.length))
  batch.copy(shared)
  expect(checksumHolds(shared)).toBe(true)
  fc.assert(
    fc.property(fc.integer({ min: AT.crc, max: batch.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const flipped = Buffer.from(batch)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
      expect(checksumHolds(flipped)).toBe(false)
    }),
  )
})

describe('a patch', () => {
  const producer = fc.record({ id: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }), epoch: fc.integer({ min: -1, max: 32767 }) })
  const attributes = fc.constantFrom(0, TRANSACTIONAL, DELETE_HORIZON, TRANSACTIONAL | DELETE_HORIZON)

  test('leaves the checksum that a computation over the whole would give', () => {
    fc.assert(
      fc.property(records(), producer, fc.integer({ min: 0, max: 2 ** 31 - 1 }), attributes, (list, who, sequence, bits) => {
        const [encoded] = encodeBatches(list, { codec: 0, maxBytes: 1 << 20 })
        const batch = stored(encoded?.batch ?? Buffer.alloc(0), 123n, { attributes: bits })
        const payload = Buffer.from(batch.subarray(AT.records))
        patchForProduce(batch, who, sequence)
        const patched = Buffer.from(batch)
        expect(batch.equals(resign(patched))).toBe(true)
        expect(batch.subarray(AT.records).equals(payload)).toBe(true)
        expect(batch.readBigInt64BE(AT.producerId)).toBe(who.id)
        expect(batch.readInt16BE(AT.producerEpoch)).toBe(who.epoch)
        expect(batch.readInt32BE(AT.baseSequence)).toBe(sequence)
        expect([batch.readBigInt64BE(0), batch.readInt32BE(AT.leaderEpoch), batch.readInt16BE(AT.attributes)]).toEqual([0n, -1, 0])
      }),
    )
  })

  test('holds for a batch of megabytes', () => {
    const batch = batchOf(['x'.repeat(3_000_001)])
    patchForProduce(batch, { id: 7n, epoch: 1 }, 5)
    expect(checksumHolds(batch)).toBe(true)
  })

  test('carries damage through: a batch that was wrong stays wrong', () => {
    const batch = batchOf(['abc'])
    batch[batch.length - 2] = (batch.at(-2) ?? 0) ^ 1
    patchForProduce(batch, { id: 7n, epoch: 1 }, 5)
    expect(checksumHolds(batch)).toBe(false)
  })
})

describe('what is committed', () => {
  const marker = (offset: bigint, producerId: bigint, commit: boolean) => {
    const key = Buffer.from([0, 0, 0, commit ? 1 : 0])
    const [encoded] = encodeBatches([{ ...record(0n, '123456'), key }], { codec: 0, maxBytes: 1024 })
    return stored(encoded?.batch ?? Buffer.alloc(0), offset, { attributes: CONTROL | TRANSACTIONAL, producerId })
  }
  const inTransaction = (value: string, offset: bigint, producerId: bigint) => batchOf([value], offset, { attributes: TRANSACTIONAL, producerId })
  const seen = (bytes: Buffer, aborted: readonly { producerId: bigint; firstOffset: bigint }[], from = 0n) => {
    const { batches, next } = committed(bytes, aborted, from)
    return { offsets: batches.map((batch) => Number(batch.baseOffset)), next: Number(next) }
  }

  test('is what was not aborted, up to each marker', () => {
    const bytes = Buffer.concat([
      inTransaction('lost', 0n, 7n),
      inTransaction('kept', 1n, 8n),
      marker(2n, 7n, false),
      inTransaction('again', 3n, 7n),
      marker(4n, 8n, true),
      inTransaction('lost', 5n, 7n),
      batchOf(['plain'], 6n, { producerId: 7n }),
      marker(7n, 7n, false),
    ])
    const aborted = [
      { producerId: 7n, firstOffset: 5n },
      { producerId: 7n, firstOffset: 0n },
    ]
    expect(seen(bytes, aborted)).toEqual({ offsets: [1, 3, 6], next: 8 })
  })

  test('leaves out what lies before and what is empty, and still moves past it', () => {
    const empty = stored(batchOf(['x']), 4n)
    empty.writeInt32BE(0, AT.count)
    const bytes = Buffer.concat([batchOf(['a', 'b'], 0n), batchOf(['c', 'd'], 2n), resign(empty)])
    expect(seen(bytes, [], 3n)).toEqual({ offsets: [2], next: 5 })
    expect(seen(Buffer.alloc(0), [], 3n)).toEqual({ offsets: [], next: 3 })
  })
})
