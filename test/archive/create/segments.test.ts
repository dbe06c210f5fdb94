// How large segments become: the longer a backup, the fewer rows of the manifest has each gigabyte of it.
import { expect, it } from 'vitest'
import { SegmentSize, Segments } from '../../../src/archive/create/segments.ts'
import { spareCompression } from '../../../src/archive/create/spare-compression.ts'
import { walkBatches } from '../../../src/model/batches/batch.ts'
import { noise, rawBatch } from '../sample.ts'

const MIB = 1024 * 1024

const writtenAfter = async (segments: number): Promise<readonly number[]> => {
  const size = new SegmentSize()
  for (let at = 0; at < segments; at += 1) size.begin()
  const bytes: number[] = []
  const sink = {
    compression: spareCompression('none'),
    size,
    write: async (path: string, pieces: readonly Buffer[]) => {
      bytes.push(pieces.reduce((sum, { length }) => sum + length, 0))
      return { path, part: 1, offset: 0, length: 0, bytes: 0, sha256: '', encrypted: false }
    },
  }
  const written = new Segments('t', 0, sink)
  const payload = noise('payload', MIB)
  for (let at = 0; at < 32; at += 1) await written.add([...walkBatches(rawBatch(BigInt(at), 1, payload))], { bytes: 0, release: () => undefined })
  await written.flush()
  return bytes.map((one) => Math.floor(one / MIB))
}

it('is a fetch each at first, and more of them the more there are, up to what a reader has room for', async () => {
  expect(await writtenAfter(0)).toEqual([4, 4, 4, 4, 4, 4, 4, 4])
  expect(await writtenAfter(25_000)).toEqual([7, 7, 7, 7, 4])
  expect(await writtenAfter(50_000)).toEqual([11, 11, 10])
  expect(await writtenAfter(5_000_000)).toEqual([11, 11, 10])
})

/** One row in `entries` and one in `segments`, with a topic's name of usual length. */
const ROW = 450
const LONGEST_STRING = 512 * MIB

it('keeps the manifest of 10 TB within what can be read', () => {
  const size = new SegmentSize()
  let rows = 0
  for (let left = 10e12; left > 0; left -= size.bytes) {
    rows += 1
    size.begin()
  }
  expect(rows * ROW).toBeLessThan(LONGEST_STRING)
})
