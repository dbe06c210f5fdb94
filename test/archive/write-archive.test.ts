// Archives as plain tools see them, and as kdr reads them back.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import zlib from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { scanStore } from '../../src/archive/list-backups.ts'
import { MANIFEST, type Manifest } from '../../src/archive/manifest.ts'
import { openArchive } from '../../src/archive/read-archive.ts'
import { verifyFile } from '../../src/archive/verify-file.ts'
import { openArchiveWriter } from '../../src/archive/write-archive.ts'
import { memoryStore } from './memory-store.ts'
import { emptyManifest, metadata, never, noise, writeSample } from './sample.ts'

const NAME = 'full_backup_20261123_031500'
const chain = { id: 'chain', sequence: 0, parent: null }
const hasZstd = 'zstdCompress' in zlib

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kdr-archive-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const shell = (line: string): string => execFileSync('bash', ['-euo', 'pipefail', '-c', line], { cwd: folder, encoding: 'utf8' })

const onDisk = (store: ReturnType<typeof memoryStore>): void => {
  for (const [name, bytes] of store.objects) writeFileSync(join(folder, name), bytes)
}

describe('an archive', () => {
  it('is taken apart by tar, gzip and jq', async () => {
    const store = memoryStore()
    const { manifest } = await writeSample({ store })
    onDisk(store)
    shell(`gzip -t ${NAME}.tar.gz && tar -xzf ${NAME}.tar.gz`)
    expect(JSON.parse(shell(`tar -xzf ${NAME}.tar.gz ${MANIFEST} && jq .topics ${MANIFEST}`))).toEqual(['orders'])
    expect(shell(`jq -r .backup_date ${MANIFEST}; jq -r .status ${MANIFEST}`)).toBe('2026-11-23T03:15:00.250Z\ncomplete\n')
    expect(shell(`tar -tzf ${NAME}.tar.gz`).split('\n').slice(0, 2)).toEqual([MANIFEST, 'metadata/topics.json'])
    const archive = await openArchive(store, NAME, null, never)
    for (const partition of manifest.partitions) {
      for (const segment of partition.segments) {
        const { bytes, release } = await archive.segment(partition, segment, never)
        expect(readFileSync(join(folder, segment.path)).equals(bytes)).toBe(true)
        release()
      }
    }
  })

  it('cut off, it yields the provisional manifest and no success', async () => {
    const store = memoryStore()
    await writeSample({ store })
    onDisk(store)
    const bytes = readFileSync(join(folder, `${NAME}.tar.gz`))
    writeFileSync(join(folder, 'cut.tar.gz'), bytes.subarray(0, bytes.length >> 1))
    expect(() => shell('tar -xzf cut.tar.gz 2>/dev/null')).toThrow()
    expect(shell(`jq -r .status ${MANIFEST}`)).toBe('in-progress\n')
  })

  it('comes back as it was', async () => {
    const store = memoryStore()
    const { sidecar, manifest } = await writeSample({ store })
    const archive = await openArchive(store, NAME, null, never)
    expect(archive.sidecar).toEqual(sidecar)
    expect(archive.manifest).toEqual({ ...manifest, entries: archive.manifest.entries })
    expect(archive.manifest.entries).toHaveLength(10)
    expect(sidecar).toMatchObject({ records: 40, topics: 1, max_timestamp: 1_700_000_000_500, status: 'complete', encrypted: false })
    expect(await archive.metadata(never)).toEqual(metadata)
  })

  it('goes on in further files where the store wants no longer one, and each can be taken apart', async () => {
    const store = memoryStore({ partLimit: 2500 })
    const { sidecar, manifest } = await writeSample({ store, inTurn: true })
    expect(sidecar.parts.length).toBeGreaterThan(2)
    expect(sidecar.parts.map(({ name }) => name).slice(0, 2)).toEqual([`${NAME}.tar.gz`, `${NAME}.part-2.tar.gz`])
    expect([...store.objects].map(([name]) => name).sort()).toEqual([...sidecar.parts.map(({ name }) => name), `${NAME}.manifest.json`].sort())
    expect(await verifyFile(store, NAME, null, () => {}, never)).toEqual([])
    const archive = await openArchive(store, NAME, null, never)
    expect(new Set(archive.manifest.entries.map(({ part }) => part)).size).toBeGreaterThan(1)
    expect(await archive.metadata(never)).toEqual(metadata)
    onDisk(store)
    // In the order of the parts, so that the final manifest wins.
    for (const { name } of sidecar.parts) shell(`gzip -t ${name} && tar -xzf ${name}`)
    expect(shell(`jq -r .status ${MANIFEST}`)).toBe('complete\n')
    for (const partition of manifest.partitions)
      for (const segment of partition.segments) {
        const { bytes, release } = await archive.segment(partition, segment, never)
        expect(readFileSync(join(folder, segment.path)).equals(bytes)).toBe(true)
        release()
      }
  })

  it('of several files tells which is missing, cut or not its own', async () => {
    const store = memoryStore({ partLimit: 2500 })
    await writeSample({ store, inTurn: true })
    const second = `${NAME}.part-2.tar.gz`
    const whole = store.objects.get(second) as Buffer
    const problems = async () => (await verifyFile(store, NAME, null, () => {}, never)).map(({ where, what }) => `${where} ${what}`)
    store.objects.delete(second)
    expect(await problems()).toEqual([expect.stringMatching(/part-2\.tar\.gz it is missing/)])
    expect((await scanStore(store, never)).damaged).toEqual([{ name: NAME, why: `its part ${second} is missing` }])
    store.objects.set(second, whole.subarray(1))
    expect(await problems()).toEqual([expect.stringMatching(/part-2\.tar\.gz it has \d+ bytes/)])
    const flipped = Buffer.from(whole)
    flipped[700] = (flipped[700] as number) ^ 1
    store.objects.set(second, flipped)
    expect(await problems()).toEqual([expect.stringContaining(second)])
  })

  it('leaves none of its files behind when it is abandoned in the middle', async () => {
    const store = memoryStore({ partLimit: 1000 })
    const writer = openArchiveWriter({ store, name: NAME, provisional: emptyManifest(NAME, chain), encryption: null }, never)
    for (let at = 0; at < 5; at += 1)
      await writer.addSegment(`data/orders/0/${String(at).padStart(20, '0')}.seg`, [noise(String(at), 900)], { compression: 'none' })
    expect([...store.objects.keys()]).toContain(`${NAME}.part-2.tar.gz`)
    await writer.abandon(new Error('enough'))
    expect([...store.objects.keys()]).toEqual([])
  })

  it('leaves none of its files behind when one of them cannot be stored', async () => {
    const store = memoryStore({ partLimit: 1000 })
    const put = store.put
    store.put = async (name, source, signal) => {
      if (!name.includes('part-3')) return put(name, source, signal)
      throw new Error('the disk is full')
    }
    const writer = openArchiveWriter({ store, name: NAME, provisional: emptyManifest(NAME, chain), encryption: null }, never)
    const adding = async () => {
      for (let at = 0; at < 9; at += 1)
        await writer.addSegment(`data/orders/0/${String(at).padStart(20, '0')}.seg`, [noise(String(at), 900)], { compression: 'none' })
    }
    await expect(adding()).rejects.toThrow('the disk is full')
    expect([...store.objects.keys()]).toContain(`${NAME}.tar.gz`)
    await writer.abandon(new Error('enough'))
    expect([...store.objects.keys()]).toEqual([])
  })

  it('holds topics with the longest of names', async () => {
    const store = memoryStore()
    const topic = 't'.repeat(249)
    const { manifest } = await writeSample({ store, topic })
    onDisk(store)
    shell(`tar -xzf ${NAME}.tar.gz`)
    const archive = await openArchive(store, NAME, null, never)
    const [partition] = manifest.partitions
    for (const segment of partition!.segments) {
      expect(readFileSync(join(folder, segment.path)).equals((await archive.segment(partition!, segment, never)).bytes)).toBe(true)
    }
  })

  it.each(['none', 'gzip'] as const)('with compression %s holds large segments in shared memory', async (compression) => {
    const store = memoryStore()
    const { manifest } = await writeSample({ store, compression, payload: 3 << 20 })
    onDisk(store)
    shell(`gzip -t ${NAME}.tar.gz && tar -tzf ${NAME}.tar.gz`)
    const archive = await openArchive(store, NAME, null, never)
    const [partition] = manifest.partitions
    expect((await archive.segment(partition!, partition!.segments[1]!, never)).bytes.subarray(61, 61 + 1000)).toEqual(noise('orders 1 0', 1000))
  })

  const opensZstd = async () => {
    const store = memoryStore()
    const { manifest } = await writeSample({ store, compression: 'zstd' })
    onDisk(store)
    shell(`tar -xzf ${NAME}.tar.gz && find data -name '*.zst' | xargs zstd -d -q`)
    const archive = await openArchive(store, NAME, null, never)
    const segment = manifest.partitions[1]!.segments[0]!
    expect(segment.path).toMatch(/\.seg\.zst$/)
    expect((await archive.segment(manifest.partitions[1]!, segment, never)).bytes).toEqual(readFileSync(join(folder, segment.path.slice(0, -4))))
  }
  const refusesZstd = async () => {
    await expect(writeSample({ store: memoryStore(), compression: 'zstd' })).rejects.toMatchObject({ code: 'zstd-unsupported', exit: 'usage' })
  }
  it(
    `with compression zstd has segments that zstd opens, or is refused: ${hasZstd ? 'this Node has it' : 'this Node has none'}`,
    hasZstd ? opensZstd : refusesZstd,
  )
})

describe('the writer', () => {
  const open = (store: ReturnType<typeof memoryStore>, signal = never) =>
    openArchiveWriter({ store, name: NAME, provisional: emptyManifest(NAME, chain), encryption: null }, signal)

  it('writes in the order of the calls, whatever is ready first', async () => {
    const store = memoryStore()
    const writer = open(store)
    const slow = writer.addSegment('data/orders/0/00000000000000000000.seg', [Buffer.alloc(4 << 20, 'slow')], { compression: 'gzip' })
    const quick = writer.addSegment('data/orders/1/00000000000000000000.seg', [Buffer.from('quick')], { compression: 'none' })
    const [first, second] = await Promise.all([slow, quick])
    expect(second.offset).toBe(first.offset + first.length)
    await writer.abandon(new Error('enough'))
  })

  it('leaves nothing where it is abandoned, and tells whoever adds', async () => {
    const store = memoryStore()
    const writer = open(store)
    await writer.add('metadata/topics.json', Buffer.from('[]'))
    await writer.abandon(new Error('no more'))
    await expect(writer.add('metadata/acls.json', Buffer.from('[]'))).rejects.toThrow('no more')
    await expect(writer.finish(emptyManifest(NAME, chain))).rejects.toThrow('no more')
    expect([...store.objects.keys()]).toEqual([])
  })

  it.each([
    ['its manifest', (manifest: Manifest): Manifest => ({ ...manifest, topics: ['no topic of Kafka/s'] }), /manifest.*topics\.0: must be a topic name/],
    ['a time in it', (manifest: Manifest): Manifest => ({ ...manifest, finished_at: '+012345-01-01T00:00:00.000Z' }), /finished_at: must be a time/],
    ['what it says of its parts', (manifest: Manifest): Manifest => ({ ...manifest, topics_count: 7 }), /counts its topics wrongly/],
  ])('keeps nothing that its reader would refuse: %s', async (_, change, why) => {
    const store = memoryStore()
    await expect(open(store).finish({ ...change(emptyManifest(NAME, chain)), status: 'complete' })).rejects.toMatchObject({
      code: 'archive-unreadable',
      message: expect.stringMatching(why),
    })
    expect([...store.objects.keys()]).toEqual([])
  })

  it('leaves nothing where it is called off', async () => {
    const store = memoryStore()
    const off = new AbortController()
    const writer = open(store, off.signal)
    await writer.add('metadata/topics.json', Buffer.from('[]'))
    off.abort(new Error('Ctrl-C'))
    await expect(writer.add('metadata/acls.json', Buffer.from('[]'))).rejects.toThrow('Ctrl-C')
    await writer.abandon(new Error('over'))
    expect([...store.objects.keys()]).toEqual([])
  })

  it('leaves nothing where the sidecar could not be written', async () => {
    const store = memoryStore()
    const put = store.put
    store.put = (name, source, signal) => (name.endsWith('.json') ? Promise.reject(new Error('disk full')) : put(name, source, signal))
    await expect(writeSample({ store })).rejects.toThrow('disk full')
    expect([...store.objects.keys()]).toEqual([])
  })

  it('passes on what the store says', async () => {
    const store = memoryStore()
    store.put = () => Promise.reject(new Error('disk full'))
    await expect(writeSample({ store })).rejects.toThrow('disk full')
  })

  it('takes no other paths than a reader would', async () => {
    const writer = open(memoryStore())
    for (const path of ['/etc/passwd', '../x', 'data/../../x', 'data/a/0/1.seg', 'data/../0/00000000000000000000.seg', 'other.json']) {
      await expect(writer.add(path, Buffer.alloc(0))).rejects.toThrow('no entry of an archive')
    }
    await writer.abandon(new Error('over'))
  })

  it('does not take a finished backup away', async () => {
    const store = memoryStore()
    const writer = open(store)
    for (const key of ['topics', 'acls']) await writer.add(`metadata/${key}.json`, Buffer.from('[]'))
    await writer.finish({ ...emptyManifest(NAME, chain), status: 'complete' })
    await writer.abandon(new Error('late'))
    expect(store.objects.size).toBe(2)
  })
})
