// The manifest as text: bit by bit, and still what JSON.stringify would have made of it all.
import { expect, it } from 'vitest'
import type { Manifest } from '../../src/archive/manifest.ts'
import { parseManifest } from '../../src/archive/manifest-schema.ts'
import { manifestBytes } from '../../src/archive/manifest-text.ts'
import { emptyManifest } from './sample.ts'

const segmentsOf = (partition: number, count: number): Manifest['partitions'][number]['segments'] =>
  Array.from({ length: count }, (_, at) => ({
    path: `data/orders/${partition}/${String(at).padStart(20, '0')}.seg`,
    baseOffset: String(at),
    lastOffset: String(at),
    records: 1,
    batches: 1,
    minTimestamp: -1,
    maxTimestamp: at,
    bytes: 100,
  }))

const manifestOf = (counts: readonly number[]): Manifest => {
  const partitions = counts.map((count, partition) => ({
    topic: 'orders',
    partition,
    topicId: null,
    leaderEpoch: 0,
    logStart: '0',
    start: '0',
    end: String(count),
    highWatermark: String(count),
    records: count,
    bytes: count * 100,
    minTimestamp: -1,
    maxTimestamp: count - 1,
    largestBatch: 100,
    holes: 0,
    gaps: [{ from: '0', to: '1', why: '"segments":[ "quoted", ünï \u2028' }],
    segments: segmentsOf(partition, count),
  }))
  const entries = partitions
    .flatMap(({ segments }) => segments)
    .map(({ path }, at) => ({ path, part: 1, offset: at * 200, length: 200, bytes: 100, sha256: 'a'.repeat(64), encrypted: false }))
  return { ...emptyManifest('full_backup_20261123_031500', { id: 'chain', sequence: 0, parent: null }), partitions, entries }
}

it.each([[], [0], [1], [999, 1000, 1001, 0, 3], [12_000]].map((counts) => [counts]))('is JSON of segments %j', (counts) => {
  const manifest = manifestOf(counts)
  const text = Buffer.concat(manifestBytes(manifest)).toString('utf8')
  expect(text).toBe(`${JSON.stringify(manifest)}\n`)
  expect(parseManifest(text, 'it')).toEqual(manifest)
})

it.each([
  ['partitions.1.segments.2.records', (manifest: Manifest) => Object.assign(manifest.partitions[1]?.segments[2] ?? {}, { records: -1 })],
  ['partitions.0.end', (manifest: Manifest) => Object.assign(manifest.partitions[0] ?? {}, { end: '-1' })],
  ['entries.3.sha256', (manifest: Manifest) => Object.assign(manifest.entries[3] ?? {}, { sha256: 'none' })],
  ['entries.0.more', (manifest: Manifest) => Object.assign(manifest.entries[0] ?? {}, { more: 1 })],
])('says that %s is wrong', (at, change) => {
  const manifest = manifestOf([2, 3])
  change(manifest)
  expect(() => parseManifest(Buffer.concat(manifestBytes(manifest)).toString('utf8'), 'it')).toThrow(`${at}: `)
})
