// Archives to be taken apart: small ones of real record batches, the same every time.
import { createCipheriv, createHash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import { chooseCompression } from '../../src/archive/compression.ts'
import type { Sealer } from '../../src/archive/encryption.ts'
import { metadataEntries, segmentPath } from '../../src/archive/layout.ts'
import type { BackupMetadata, ChainLink, Compression, Manifest, PartitionBackup, Segment, Sidecar } from '../../src/archive/manifest.ts'
import { openArchiveWriter } from '../../src/archive/write-archive.ts'
import type { BackupStoreWriter } from '../../src/ports/backup-store.ts'

export const never = new AbortController().signal

/** Bytes that nothing can compress, by their seed. */
export const noise = (seed: string, length: number): Buffer =>
  createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16)).update(Buffer.alloc(length))

/** A batch as a broker would store it; its payload is told to be of `codec`, which only matters to who decodes it. */
export const rawBatch = (baseOffset: bigint, count: number, payload: Buffer, codec = 0): Buffer => {
  const bytes = Buffer.alloc(61 + payload.length)
  bytes.writeBigInt64BE(baseOffset, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(3, 12)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(codec, 21)
  bytes.writeInt32BE(count - 1, 23)
  bytes.writeBigInt64BE(1_700_000_000_000n, 27)
  bytes.writeBigInt64BE(1_700_000_000_500n, 35)
  bytes.writeBigInt64BE(-1n, 43)
  bytes.writeInt16BE(-1, 51)
  bytes.writeInt32BE(-1, 53)
  bytes.writeInt32BE(count, 57)
  payload.copy(bytes, 61)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

export const metadata: BackupMetadata = {
  topics: [{ name: 'orders', id: 'abcdefghijklmnopqrstuw', internal: false, partitions: 2, replicationFactor: 3, configs: { 'retention.ms': '1000' } }],
  acls: [],
  quotas: [],
  scramUsers: [{ user: 'alice', mechanisms: [{ mechanism: 'SCRAM-SHA-512', iterations: 4096 }] }],
  groups: [
    {
      group: 'billing',
      state: 'Empty',
      protocolType: 'consumer',
      offsets: [{ topic: 'orders', partition: 0, offset: '3', leaderEpoch: -1, metadata: '', archivedIndex: 3 }],
    },
  ],
  schemas: null,
}

export const emptyManifest = (name: string, chain: ChainLink): Manifest => ({
  backup_date: '2026-11-23T03:15:00.250Z',
  backup_type: chain.sequence === 0 ? 'full' : 'incremental',
  kafka_brokers: 'localhost:9092',
  topics_count: 1,
  topics: ['orders'],
  consumer_groups_count: 1,
  consumer_groups: ['billing'],
  backup_size_bytes: 0,
  format: 'kdr-archive/1',
  name,
  status: 'in-progress',
  incomplete: [],
  finished_at: null,
  kdr_version: '0.1.0',
  cluster_id: 'cluster',
  isolation_level: 'read_committed',
  chain,
  encryption: null,
  compression: 'auto',
  left_out: [],
  open_transactions: [],
  partitions: [],
  entries: [],
})

export interface SampleOptions {
  readonly store: BackupStoreWriter
  readonly name?: string
  readonly topic?: string
  readonly compression?: Compression
  readonly sealer?: Sealer | null
  readonly chain?: ChainLink
  readonly start?: bigint
  readonly date?: string
  /** Of each segment. */
  readonly payload?: number
  /** One entry after the other, so that a limit of the files is kept to the entry. */
  readonly inTurn?: boolean
  readonly change?: (manifest: Manifest) => Manifest
}

/** `work` on each of `items`: side by side, or in turn. */
const each = async <T, R>(items: readonly T[], inTurn: boolean, work: (item: T) => Promise<R>): Promise<R[]> => {
  if (!inTurn) return await Promise.all(items.map(work))
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}

/** Two partitions with two segments of two batches each; the second partition is compressible. */
export const writeSample = async (options: SampleOptions): Promise<{ readonly sidecar: Sidecar; readonly manifest: Manifest }> => {
  const {
    store,
    name = 'full_backup_20261123_031500',
    topic = 'orders',
    sealer = null,
    start = 0n,
    payload = 900,
    inTurn = false,
    change = (manifest) => manifest,
  } = options
  const empty = emptyManifest(name, options.chain ?? { id: 'chain', sequence: 0, parent: null })
  const provisional = {
    ...empty,
    backup_date: options.date ?? empty.backup_date,
    topics: [topic],
    encryption: sealer && { scheme: 'age' as const, recipients: sealer.recipients },
  }
  const writer = openArchiveWriter({ store, name, provisional, encryption: sealer }, never)
  const added = each(metadataEntries(metadata), inTurn, ({ path, content }) => writer.add(path, content))
  added.catch(() => {})
  const partitions = await each([0, 1], inTurn, async (partition): Promise<PartitionBackup> => {
    const segments = await each([0, 1], inTurn, async (index): Promise<Segment> => {
      const base = start + BigInt(index * 10)
      const content = (seed: number): Buffer => (partition === 0 ? noise(`${topic} ${index} ${seed}`, payload) : Buffer.alloc(payload, `line ${index} `))
      const batches = [rawBatch(base, 4, content(0), partition === 0 ? 3 : 0), rawBatch(base + 4n, 6, content(1), partition === 0 ? 3 : 0)]
      const compression = options.compression ?? chooseCompression(batches.map((bytes) => ({ codec: partition === 0 ? 3 : 0, bytes })))
      const entry = await writer.addSegment(segmentPath(topic, partition, base), batches, { compression })
      return {
        path: entry.path,
        baseOffset: String(base),
        lastOffset: String(base + 9n),
        records: 10,
        batches: 2,
        minTimestamp: 1_700_000_000_000,
        maxTimestamp: 1_700_000_000_500,
        bytes: batches.reduce((sum, { length }) => sum + length, 0),
      }
    })
    return {
      topic,
      partition,
      topicId: 'abcdefghijklmnopqrstuw',
      leaderEpoch: 3,
      logStart: '0',
      start: String(start),
      end: String(start + 20n),
      highWatermark: String(start + 20n),
      records: 20,
      bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
      minTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_500,
      largestBatch: payload + 61,
      holes: 0,
      gaps: [],
      segments,
    }
  })
  await added
  const manifest = change({ ...provisional, status: 'complete', finished_at: '2026-11-23T03:16:00Z', partitions })
  return { sidecar: await writer.finish(manifest), manifest }
}
