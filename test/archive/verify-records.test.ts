// What an archive really holds against what its manifest says: every lie is found and named.
import { describe, expect, it } from 'vitest'
import type { BackupMetadata, Manifest, PartitionBackup, Segment } from '../../src/archive/manifest.ts'
import type { Archive } from '../../src/archive/read-archive.ts'
import { verifyRecords } from '../../src/archive/verify-records.ts'
import { encodeBatches, type StoredRecord } from '../../src/model/batches/records.ts'
import { emptyManifest, metadata, never } from './sample.ts'

const NAME = 'full_backup_20261123_031500'
const TIME = 1_700_000_000_000

const record = (offset: number, value: Buffer | null = Buffer.from(`value ${offset}`)): StoredRecord => ({
  offset: BigInt(offset),
  timestamp: TIME + offset,
  key: null,
  value,
  headers: [],
})

const batchesOf = (records: readonly StoredRecord[]): Buffer =>
  Buffer.concat(
    encodeBatches(records, { codec: 0, maxBytes: 1 << 20 }).map(({ batch, baseOffset }) => {
      batch.writeBigInt64BE(baseOffset, 0)
      return batch
    }),
  )

interface Change {
  readonly segment?: Partial<Segment>
  readonly partition?: Partial<PartitionBackup>
  readonly bytes?: (bytes: Buffer) => Buffer
  readonly metadata?: Partial<BackupMetadata>
}

const flipped = (bytes: Buffer): Buffer => {
  bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70)
  return bytes
}

/** Offsets 0 to 4 and 7 to 9 of orders-0, in two batches: two holes. */
const archive = (change: Change = {}, records: readonly StoredRecord[] = [0, 1, 2, 3, 4].map((at) => record(at))): Archive => {
  const first = batchesOf(records)
  const second = batchesOf([7, 8, 9].map((at) => record(at)))
  const bytes = Buffer.concat([first, second])
  const segment: Segment = {
    path: 'data/orders/0/00000000000000000000.seg',
    baseOffset: '0',
    lastOffset: '9',
    records: 8,
    batches: 2,
    minTimestamp: TIME,
    maxTimestamp: TIME + 9,
    bytes: bytes.length,
    ...change.segment,
  }
  const partition: PartitionBackup = {
    topic: 'orders',
    partition: 0,
    topicId: null,
    leaderEpoch: 0,
    logStart: '0',
    start: '0',
    end: '10',
    highWatermark: '10',
    records: 8,
    bytes: bytes.length,
    minTimestamp: TIME,
    maxTimestamp: TIME + 9,
    largestBatch: Math.max(first.length, second.length),
    holes: 2,
    gaps: [],
    segments: [segment],
    ...change.partition,
  }
  const manifest: Manifest = { ...emptyManifest(NAME, { id: 'c', sequence: 0, parent: null }), partitions: [partition] }
  return {
    sidecar: { name: NAME } as Archive['sidecar'],
    manifest,
    entry: async () => Buffer.alloc(0),
    segment: async () => ({ bytes: change.bytes?.(Buffer.from(bytes)) ?? bytes, release: () => {} }),
    metadata: async () => ({ ...metadata, ...change.metadata }),
  }
}

const said = async (given: Archive): Promise<string> => {
  const { problems } = await verifyRecords(given, () => {}, never)
  return problems.map(({ what, where }) => `${where}: ${what}`).join('\n')
}

const groups = (offset: string, archivedIndex: number | null): BackupMetadata['groups'] => [
  {
    group: 'billing',
    state: 'Empty',
    protocolType: 'consumer',
    offsets: [{ topic: 'orders', partition: 0, offset, leaderEpoch: -1, metadata: null, archivedIndex }],
  },
]

it('has nothing to say of a sound archive', async () => {
  expect(await verifyRecords(archive(), () => {}, never)).toEqual({ problems: [], warnings: [], records: 8 })
})

describe('finds', () => {
  const cases: readonly [what: string, change: Change, says: string][] = [
    ['a flipped byte of a batch', { bytes: flipped }, 'the batch at offset 0 has a wrong CRC-32C'],
    ['a cut', { bytes: (bytes) => bytes.subarray(0, -3) }, 'bytes at its end are no whole batch'],
    ['a wrong count of a segment', { segment: { records: 9 } }, 'the manifest says 9 records, there are 8'],
    ['a wrong count of batches', { segment: { batches: 3 } }, 'the manifest says 3 batches, there are 2'],
    ['a wrong count of a partition', { partition: { records: 7 } }, 'orders-0: the manifest says 7 records, there are 8'],
    ['wrong times', { segment: { maxTimestamp: TIME } }, `the manifest says ${TIME} as its latest timestamp, there are ${TIME + 9}`],
    ['holes that nobody recorded', { partition: { holes: 0 } }, 'the manifest says 0 offsets without a record, there are 2'],
    ['records past the end', { partition: { end: '9' } }, 'it goes on to offset 9, past its end 9'],
    ['records before the start', { partition: { start: '3' } }, 'the batch at offset 0 begins before 3'],
    ['a position that would skip records', { metadata: { groups: groups('8', 8) } }, 'group billing is said to stand after 8 records, but 6 lie before'],
  ]
  it.each(cases)('%s', async (_, change, says) => {
    expect(await said(archive(change))).toContain(says)
  })

  it('a swap of two batches', async () => {
    const swapped = (bytes: Buffer): Buffer => {
      const length = bytes.readInt32BE(8) + 12
      return Buffer.concat([bytes.subarray(length), bytes.subarray(0, length)])
    }
    expect(await said(archive({ bytes: swapped }))).toContain('the batch at offset 0 begins before 10')
  })
})

describe('warns', () => {
  const warnings = async (given: Archive) => (await verifyRecords(given, () => {}, never)).warnings.map(({ what }) => what)

  it('of a group past the end of what was there', async () => {
    expect(await warnings(archive({ metadata: { groups: groups('50', 8) } }))).toEqual([expect.stringContaining('group billing stands at 50, past the end 10')])
  })

  it('of schema ids that the backup has no schema of', async () => {
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 42]), Buffer.from('avro')])
    const records = [0, 1, 2, 3, 4].map((at) => record(at, value))
    const first = batchesOf(records).length
    const sized = { segment: { bytes: 0 }, partition: { bytes: first + batchesOf([7, 8, 9].map((at) => record(at))).length, largestBatch: first } }
    expect(await warnings(archive({ ...sized, metadata: { schemas: { versions: [{ id: 7 }] } } }, records))).toEqual([
      expect.stringContaining('5 fields begin like schema ids'),
    ])
    expect(await warnings(archive({ ...sized, metadata: { schemas: { versions: [{ id: 42 }] } } }, records))).toEqual([])
    expect(await warnings(archive(sized, records))).toEqual([])
  })
})
