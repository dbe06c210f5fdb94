// What is produced of a stored segment: batches as they were wherever Kafka takes them so, and every record once.
import { describe, expect, it } from 'vitest'
import { piecesOf, type Shape } from '../../../src/archive/restore/pieces.ts'
import { AT, type BatchView, BIT, walkBatches } from '../../../src/model/batches/batch.ts'
import { decodeRecords, encodeBatches, type StoredRecord } from '../../../src/model/batches/records.ts'

const T0 = 1_767_225_600_000

const record = (offset: number, size = 8000): StoredRecord => ({
  offset: BigInt(offset),
  timestamp: T0 + offset,
  key: offset % 2 === 0 ? null : Buffer.from(`k${offset}`),
  value: offset % 5 === 0 ? null : Buffer.alloc(size, `${offset} `),
  headers: [{ key: Buffer.from('h'), value: null }],
})

const batch = (from: number, to: number, { codec = 0, size = 8000 } = {}): Buffer => {
  const records = Array.from({ length: to - from }, (_, at) => record(from + at, size))
  const [only] = encodeBatches(records, { codec, maxBytes: 1 << 24 })
  const bytes = only?.batch ?? Buffer.alloc(0)
  bytes.writeBigInt64BE(BigInt(from), AT.baseOffset)
  return bytes
}

const withAttribute = (bytes: Buffer, bit: number): Buffer => {
  bytes.writeInt16BE(bytes.readInt16BE(AT.attributes) | bit, AT.attributes)
  return bytes
}

/** The last offset is one further than its last record, as compaction leaves it. */
const hollow = (bytes: Buffer): Buffer => {
  bytes.writeInt32BE(bytes.readInt32BE(AT.lastOffsetDelta) + 1, AT.lastOffsetDelta)
  return bytes
}

const read = (batches: readonly Buffer[], shape: Partial<Shape> = {}) => {
  const pieces = [...piecesOf(Buffer.concat(batches), batches.length, { skip: 0, toTime: null, ...shape })]
  const views = pieces.flatMap(({ batch: bytes }) => [...walkBatches(bytes)])
  expect(views.map(({ count }) => count)).toEqual(pieces.map(({ count }) => count))
  return { pieces, views, times: views.flatMap((view: BatchView) => decodeRecords(view).map(({ timestamp }) => Number(timestamp) - T0)) }
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, at) => from + at)

describe('pieces of a segment', () => {
  it('are the batches as they were', () => {
    const batches = [batch(0, 3, { size: 80_000 }), batch(3, 9, { codec: 1, size: 80_000 }), batch(9, 12, { size: 80_000 })]
    expect(read(batches).pieces.map(({ batch: bytes }) => bytes)).toEqual(batches)
  })

  it('are moved together where they are small and uncompressed, in order with those that are compressed', () => {
    const packed = batch(60, 66, { codec: 1, size: 5000 })
    const { pieces, times } = read([...range(0, 20).map((at) => batch(at * 3, at * 3 + 3)), packed, batch(66, 69), batch(69, 72)])
    expect(pieces.map(({ count }) => count)).toEqual([60, 6, 6])
    expect(pieces[1]?.batch).toEqual(packed)
    expect(times).toEqual(range(0, 72))
    expect(pieces.map(({ release }) => release !== undefined)).toEqual([true, false, true])
  })

  it('are moved together up to half a MiB', () => {
    const batches = range(0, 100).map((at) => batch(at * 3, at * 3 + 3, { size: 6000 }))
    const { pieces, times } = read(batches)
    expect(times).toEqual(range(0, 300))
    expect(pieces.map(({ batch: bytes }) => bytes.length <= 512 * 1024)).not.toContain(false)
    const total = Buffer.concat(batches).length
    expect(pieces.length).toBe(Math.ceil(total / (512 * 1024 - (batches[0]?.length ?? 0))))
  })

  it('are dense where a batch has holes, and in order with the others', () => {
    const { views, times } = read([batch(0, 3), hollow(batch(3, 6)), batch(7, 9)])
    expect(times).toEqual([...range(0, 6), 7, 8])
    expect(views.map(({ count, lastOffset, baseOffset }) => BigInt(count) === lastOffset - baseOffset + 1n)).not.toContain(false)
  })

  it('carry the time the broker gave, as create time', () => {
    const { views, times } = read([withAttribute(batch(0, 4), BIT.logAppendTime)])
    expect(times).toEqual([3, 3, 3, 3])
    expect(views[0]?.logAppendTime).toBe(false)
  })

  it('are merged where they are tiny', () => {
    const { pieces, times } = read(range(0, 50).map((at) => batch(at, at + 1, { size: 100 })))
    expect(pieces.length).toBe(1)
    expect(times).toEqual(range(0, 50))
  })

  it.each(range(0, 13))('go on after %i records', (skip) => {
    const batches = [batch(0, 3), hollow(batch(3, 6)), batch(7, 12), withAttribute(batch(12, 13), BIT.logAppendTime)]
    expect(read(batches, { skip }).times).toEqual([...range(0, 6), ...range(7, 13)].slice(skip))
  })

  it('leave out what is younger, wherever it lies, and go on there too', () => {
    const batches = [batch(0, 3), batch(10, 14), batch(4, 8)]
    expect(read(batches, { toTime: T0 + 11 }).times).toEqual([0, 1, 2, 10, 11, 4, 5, 6, 7])
    expect(read(batches, { toTime: T0 + 11, skip: 4 }).times).toEqual([11, 4, 5, 6, 7])
  })
})
