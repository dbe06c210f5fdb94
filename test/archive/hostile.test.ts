// Archives that somebody made to do harm, with every checksum right: refused before anything follows them.

import { createHash } from 'node:crypto'
import { crc32, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { deflatedMember, openMember, storedMember } from '../../src/archive/gzip-member.ts'
import type { Manifest } from '../../src/archive/manifest.ts'
import { manifestBytes, sidecarOf, sidecarText } from '../../src/archive/manifest-text.ts'
import { openArchive } from '../../src/archive/read-archive.ts'
import { paddingOf, tarEnd, tarHead } from '../../src/archive/tar-head.ts'
import { verifyFile } from '../../src/archive/verify-file.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'
import { emptyManifest, never, rawBatch } from './sample.ts'

const NAME = 'full_backup_20261123_031500'
const SEGMENT = 'data/orders/0/00000000000000000000.seg'
const mtime = Date.parse('2026-11-23T03:15:00Z') / 1000

interface Forged {
  readonly path: string
  readonly content: Buffer
  readonly head?: Buffer
  readonly member?: (tar: readonly Buffer[]) => Promise<Buffer>
  readonly bytes?: number
}

const memberOf = async ({ path, content, head, member }: Forged): Promise<Buffer> => {
  const tar = [head ?? tarHead(path, content.length, mtime), content, Buffer.alloc(paddingOf(content.length))]
  return member === undefined ? Buffer.concat([...storedMember(tar)]) : member(tar)
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** An archive of these entries whose manifest and sidecar agree with it. */
const forge = async (forged: readonly Forged[], change: (manifest: Manifest) => Manifest = (manifest) => manifest): Promise<MemoryStore> => {
  const provisional = Buffer.concat(manifestBytes(emptyManifest(NAME, { id: 'chain', sequence: 0, parent: null })))
  const members = [await memberOf({ path: 'backup-manifest.json', content: provisional }), ...(await Promise.all(forged.map(memberOf)))]
  const offsets = members.map((_, index) => members.slice(0, index).reduce((sum, { length }) => sum + length, 0))
  const entries = forged.map(({ path, content, bytes }, index) => ({
    path,
    part: 1,
    offset: offsets[index + 1]!,
    length: members[index + 1]!.length,
    bytes: bytes ?? content.length,
    sha256: sha256(content),
    encrypted: false,
  }))
  const manifest = change({ ...emptyManifest(NAME, { id: 'chain', sequence: 0, parent: null }), status: 'complete', entries })
  const text = Buffer.concat(manifestBytes(manifest))
  const final = await memberOf({ path: 'backup-manifest.json', content: text })
  const bytes = Buffer.concat([...members, final, ...storedMember([tarEnd()])])
  const store = memoryStore()
  const place = {
    offset: bytes.length - final.length - Buffer.concat([...storedMember([tarEnd()])]).length,
    length: final.length,
    bytes: text.length,
    sha256: sha256(text),
  }
  store.objects.set(`${NAME}.tar.gz`, bytes)
  store.objects.set(`${NAME}.manifest.json`, Buffer.from(sidecarText(sidecarOf(manifest, [{ name: `${NAME}.tar.gz`, bytes: bytes.length }], place))))
  return store
}

const partition = (bytes: number, records: number, batches: number) => ({
  topic: 'orders',
  partition: 0,
  topicId: null,
  leaderEpoch: 0,
  logStart: '0',
  start: '0',
  end: '10',
  highWatermark: '10',
  records,
  bytes,
  minTimestamp: 0,
  maxTimestamp: 0,
  largestBatch: bytes,
  holes: 0,
  gaps: [],
  segments: [{ path: SEGMENT, baseOffset: '0', lastOffset: '9', records, batches, minTimestamp: 0, maxTimestamp: 0, bytes }],
})

const withSegment =
  (bytes: number, records = 10, batches = 1) =>
  (manifest: Manifest) => ({ ...manifest, partitions: [partition(bytes, records, batches)] })
const batch = rawBatch(0n, 10, Buffer.from('records'))

const readSegment = async (store: MemoryStore): Promise<Buffer> => {
  const archive = await openArchive(store, NAME, null, never)
  const [first] = archive.manifest.partitions
  return (await archive.segment(first!, first!.segments[0]!, never)).bytes
}

/** A header of another type, its checksum right. */
const typed = (type: string, link = ''): Buffer => {
  const head = tarHead(SEGMENT, batch.length, mtime)
  head.write(type, 156, 'latin1')
  head.write(link, 157, 'latin1')
  head.write('        ', 148, 'latin1')
  head.write(
    `${head
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return head
}

describe('a forged archive', () => {
  it('that is none at all is read', async () => {
    const store = await forge([{ path: SEGMENT, content: batch }], withSegment(batch.length))
    expect(await readSegment(store)).toEqual(batch)
    expect(await verifyFile(store, NAME, null, () => {}, never)).toEqual([])
  })

  it.each([
    '/etc/cron.d/x',
    '../../x.json',
    'metadata/../../x.json',
    'data/../0/00000000000000000000.seg',
    'data/orders/0/../../../../x.seg',
    'C:\\x.json',
    'metadata/a b.json',
    'x',
  ])('with the path %s is refused', async (path) => {
    await expect(openArchive(await forge([{ path, content: Buffer.from('{}') }]), NAME, null, never)).rejects.toMatchObject({
      code: 'archive-corrupt',
      message: expect.stringContaining('no path that an archive may have'),
    })
  })

  it.each([
    ['1', 'a hard link'],
    ['2', 'a symbolic link'],
    ['3', 'a device'],
    ['6', 'a pipe'],
  ])('with an entry of type %s is refused', async (type, words) => {
    const store = await forge([{ path: SEGMENT, content: batch, head: typed(type, '/etc/passwd') }], withSegment(batch.length))
    await expect(readSegment(store)).rejects.toMatchObject({ code: 'archive-corrupt', message: expect.stringContaining(`it is ${words} in the tar`) })
  })

  it('with more in a member than it says is refused without making it', async () => {
    const bomb = (tar: readonly Buffer[]) => deflatedMember([...tar, Buffer.alloc(64 << 20)]).then((pieces) => Buffer.concat(pieces))
    const lying = async (tar: readonly Buffer[]): Promise<Buffer> => {
      const member = await bomb(tar)
      const length = tar.reduce((sum, piece) => sum + piece.length, 0)
      member.writeUInt32LE(length, member.length - 4)
      // Whoever lies also knows the sum over it that stands in the header.
      member.writeUInt32LE(crc32(member.subarray(20)), 16)
      return member
    }
    for (const member of [bomb, lying]) {
      const store = await forge([{ path: SEGMENT, content: batch, member }], withSegment(batch.length))
      await expect(readSegment(store)).rejects.toMatchObject({ code: 'archive-corrupt' })
    }
    const before = process.memoryUsage().arrayBuffers
    await expect(openMember(await lying([Buffer.alloc(512)]), 512)).rejects.toThrow('more than the 512 bytes')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20)
  })

  it('with a size that cannot come out of it is refused before it is allocated', async () => {
    const store = await forge([{ path: 'metadata/topics.json', content: Buffer.from('[]'), bytes: 400 << 20 }])
    await expect((await openArchive(store, NAME, null, never)).entry('metadata/topics.json', never)).rejects.toMatchObject({ code: 'archive-corrupt' })
    await expect(
      openArchive(await forge([{ path: 'metadata/topics.json', content: Buffer.from('[]'), bytes: 4 * 2 ** 40 }]), NAME, null, never),
    ).rejects.toThrow('bytes')
  })

  it('with a compressed segment larger than it says is refused', async () => {
    const path = `${SEGMENT}.gz`
    const content = gzipSync(Buffer.alloc(64 << 20))
    const segment = { ...partition(batch.length, 10, 1).segments[0]!, path }
    const store = await forge([{ path, content }], (manifest) => ({ ...manifest, partitions: [{ ...partition(batch.length, 10, 1), segments: [segment] }] }))
    const archive = await openArchive(store, NAME, null, never)
    await expect(archive.segment(archive.manifest.partitions[0]!, segment, never)).rejects.toThrow('more than the')
  })

  it('with a member of anybody else’s making is refused', async () => {
    const foreign = async (tar: readonly Buffer[]) => gzipSync(Buffer.concat(tar))
    await expect(readSegment(await forge([{ path: SEGMENT, content: batch, member: foreign }], withSegment(batch.length)))).rejects.toMatchObject({
      code: 'archive-corrupt',
    })
  })

  it.each([
    [
      'entries that overlap',
      (manifest: Manifest) => ({ ...manifest, entries: [...manifest.entries, { ...manifest.entries[0]!, path: 'metadata/acls.json' }] }),
    ],
    ['an entry of no partition', (manifest: Manifest) => ({ ...manifest, partitions: [] })],
    ['a part that is not there', (manifest: Manifest) => ({ ...manifest, entries: manifest.entries.map((entry) => ({ ...entry, part: 2 })) })],
    ['a segment of another partition', (manifest: Manifest) => ({ ...manifest, partitions: [{ ...partition(batch.length, 10, 1), partition: 1 }] })],
    ['a wrong sum of records', (manifest: Manifest) => ({ ...manifest, partitions: [{ ...partition(batch.length, 10, 1), records: 11 }] })],
    ['an offset after the end', (manifest: Manifest) => ({ ...manifest, partitions: [{ ...partition(batch.length, 10, 1), end: '5' }] })],
    ['an unknown field', (manifest: Manifest) => ({ ...manifest, partitions: [partition(batch.length, 10, 1)], surprise: true })],
    [
      'a provisional manifest at its end',
      (manifest: Manifest) => ({ ...manifest, status: 'in-progress' as const, partitions: [partition(batch.length, 10, 1)] }),
    ],
  ])('with %s is refused', async (_, change) => {
    const store = await forge([{ path: SEGMENT, content: batch }], change)
    await expect(openArchive(store, NAME, null, never)).rejects.toMatchObject({ code: 'archive-corrupt', exit: 'corrupt' })
    expect(await verifyFile(store, NAME, null, () => {}, never)).not.toEqual([])
  })

  it('of a later format is named as that', async () => {
    const store = await forge([])
    const sidecar = JSON.parse(store.objects.get(`${NAME}.manifest.json`)!.toString())
    store.objects.set(`${NAME}.manifest.json`, Buffer.from(JSON.stringify({ ...sidecar, format: 'kdr-archive/2' })))
    await expect(openArchive(store, NAME, null, never)).rejects.toThrow('kdr-archive/1')
  })
})

describe('batches that the digests cannot tell of', () => {
  const problems = async (content: Buffer, records = 10, batches = 1): Promise<readonly string[]> =>
    (await verifyFile(await forge([{ path: SEGMENT, content }], withSegment(content.length, records, batches)), NAME, null, () => {}, never)).map(
      ({ what }) => what,
    )

  it('are found: a wrong CRC-32C, a cut, an order, a count', async () => {
    const damaged = Buffer.from(batch)
    damaged[64] = damaged[64]! ^ 1
    expect(await problems(damaged)).toEqual(['the batch at offset 0 does not have the CRC-32C that stands in it'])
    expect(await problems(batch.subarray(0, batch.length - 1), 0, 0)).toEqual([expect.stringContaining('cut off')])
    const two = Buffer.concat([rawBatch(5n, 5, Buffer.from('b')), rawBatch(0n, 5, Buffer.from('a'))])
    expect(await problems(two, 10, 2)).toEqual(['the batch at offset 0 is out of order'])
    expect(await problems(batch, 11)).toEqual(['10 records lie in it, and the manifest says 11'])
    expect(await problems(batch, 10, 2)).toEqual(['1 batches lie in it, and the manifest says 2'])
    expect(await problems(rawBatch(5n, 10, Buffer.from('x')))).toEqual(['the batch at offset 5 lies outside the segment'])
  })
})
