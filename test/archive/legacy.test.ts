// Archives of the old script, made by the very tools that made them.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { segmentProblems } from '../../src/archive/check-segment.ts'
import { isLegacy, legacyRecords, readLegacy } from '../../src/archive/legacy.ts'
import { openLegacy } from '../../src/archive/legacy-archive.ts'
import { walkBatches } from '../../src/model/batches/batch.ts'
import { decodeRecords } from '../../src/model/batches/records.ts'
import { memoryStore } from './memory-store.ts'
import { never, writeSample } from './sample.ts'

const NAME = 'full_backup_20250102_030405'
const LONG = `pyairtable.${'x'.repeat(200)}`

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kdr-legacy-'))
  mkdirSync(join(folder, NAME))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const topic = (name: string, data: string | Buffer): void => {
  mkdirSync(join(folder, NAME, name))
  const file = (end: string): string => join(folder, NAME, name, `${name}-${end}`)
  writeFileSync(
    file('metadata.txt'),
    `Topic: ${name}\tTopicId: abc_DEF-1\tPartitionCount: 3\tReplicationFactor: 2\tConfigs: retention.ms=1000\n\tTopic: ${name}\tPartition: 0\n`,
  )
  writeFileSync(
    file('config.txt'),
    `Dynamic configs for topic ${name} are:\n  retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1000}\n  cleanup.policy=compact,delete sensitive=false synonyms={}\n`,
  )
  writeFileSync(file('data.jsonl.gz'), gzipSync(data))
}

const packed = (format = 'gnu') => {
  writeFileSync(
    join(folder, NAME, 'backup-manifest.json'),
    JSON.stringify({
      backup_date: '2025-01-02T03:04:05Z',
      backup_type: 'full',
      kafka_brokers: 'k:9092',
      topics_count: 1,
      topics: ['orders'],
      consumer_groups: ['billing'],
    }),
  )
  writeFileSync(
    join(folder, NAME, 'billing-offsets.txt'),
    '\nGROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID\nbilling orders 0 7 9 2 - - -\nbilling orders 1 - 9 - - - -\n',
  )
  execFileSync('tar', [`--format=${format}`, '-czf', 'x.tar.gz', NAME], { cwd: folder })
  const store = memoryStore()
  store.objects.set(`${NAME}.tar.gz`, readFileSync(join(folder, 'x.tar.gz')))
  return store
}

const recordsOf = async (store: ReturnType<typeof memoryStore>, name: string) => {
  const records = []
  const bad: number[] = []
  for await (const record of legacyRecords(store, NAME, name, (line) => bad.push(line), never)) records.push(record)
  return { records, bad }
}

describe('an archive of the old script', () => {
  it.each(['gnu', 'pax'])('in %s tar is known for one and read', async (format) => {
    topic('orders', 'CreateTime:5\tPartition:2\tOffset:7\tkey\ta\tb\nCreateTime:6\tPartition:0\tOffset:1\tnull\tnull\n')
    topic(LONG, 'LogAppendTime:5\tPartition:0\tOffset:0\t\t\n')
    const store = packed(format)
    expect(await isLegacy(store, NAME, never)).toBe(true)
    const legacy = await readLegacy(store, NAME, never)
    expect(legacy.manifest).toMatchObject({ backup_type: 'full', topics: ['orders'] })
    expect(legacy.topics.find(({ name }) => name === 'orders')).toEqual({
      name: 'orders',
      id: 'abc_DEF-1',
      internal: false,
      partitions: 3,
      replicationFactor: 2,
      configs: { 'retention.ms': '1000', 'cleanup.policy': 'compact,delete' },
    })
    expect(legacy.groups).toMatchObject([{ group: 'billing', offsets: [{ topic: 'orders', partition: 0, offset: '7' }] }])
    expect([...legacy.withRecords].sort()).toEqual(['orders', LONG].sort())
    expect(legacy.unreadable).toEqual([])
    expect(await recordsOf(store, 'orders')).toEqual({
      records: [
        { partition: 2, offset: 7n, timestamp: 5, key: Buffer.from('key'), value: Buffer.from('a\tb') },
        { partition: 0, offset: 1n, timestamp: 6, key: null, value: null },
      ],
      bad: [],
    })
    expect((await recordsOf(store, LONG)).records).toEqual([{ partition: 0, offset: 0n, timestamp: 5, key: Buffer.alloc(0), value: Buffer.alloc(0) }])
  })

  it('is restored from like one of kdr’s', async () => {
    const value = 'v'.repeat(3000)
    const lines = [...Array(1200).keys()].map(
      (index) => `CreateTime:${index}\tPartition:${index % 2}\tOffset:${50 + (index >> 1) + (index > 600 ? 5 : 0)}\tk${index}\t${value}`,
    )
    topic('orders', `${lines.join('\n')}\nnot a record\n`)
    const { archive, lossy } = await openLegacy(packed(), NAME, never)
    expect(lossy).toContain('topic orders: 1 lines of its text are no records')
    expect(archive.manifest).toMatchObject({ status: 'incomplete', topics: ['orders'] })
    expect((await archive.metadata(never)).groups).toHaveLength(1)
    expect(archive.manifest.partitions.map(({ start, end, records, holes }) => ({ start, end, records, holes }))).toEqual([
      { start: '50', end: '655', records: 600, holes: 5 },
      { start: '50', end: '655', records: 600, holes: 5 },
      { start: '0', end: '0', records: 0, holes: 0 },
    ])
    const keys = new Map<string, number>()
    // Backwards, so that nothing is ready when it is asked for.
    for (const partition of [...archive.manifest.partitions].reverse()) {
      for (const segment of [...partition.segments].reverse()) {
        const { bytes, release } = await archive.segment(partition, segment, never)
        expect(segmentProblems(bytes, segment)).toEqual([])
        for (const batch of walkBatches(bytes)) for (const { key, offset } of decodeRecords(batch)) keys.set(`${partition.partition} ${key}`, Number(offset))
        release()
      }
    }
    expect(keys.size).toBe(1200)
    expect([keys.get('0 k0'), keys.get('0 k600'), keys.get('1 k601'), keys.get('1 k1199')]).toEqual([50, 350, 355, 654])
  })

  it('names lines that are no records', async () => {
    topic('orders', 'CreateTime:5\tPartition:0\tOffset:0\tk\tone\ntwo\nProcessed a total of 1 messages\nCreateTime:5\tPartition:0\tOffset:1\tk\tlast')
    const { records, bad } = await recordsOf(packed(), 'orders')
    expect(records.map(({ value }) => String(value))).toEqual(['one', 'last'])
    expect(bad).toEqual([2, 3])
  })

  it('keeps bytes that are no text', async () => {
    topic('orders', Buffer.concat([Buffer.from('CreateTime:5\tPartition:0\tOffset:0\tk\t'), Buffer.from([0xff, 0xfe, 0, 0x80]), Buffer.from('\n')]))
    expect((await recordsOf(packed(), 'orders')).records[0]?.value).toEqual(Buffer.from([0xff, 0xfe, 0, 0x80]))
  })

  it('is read in bounded memory', async () => {
    const line = `CreateTime:5\tPartition:0\tOffset:0\tk\t${'v'.repeat(1000)}\n`
    topic('orders', line.repeat(30_000))
    const store = packed()
    let count = 0
    let most = 0
    const before = process.memoryUsage().arrayBuffers
    for await (const _ of legacyRecords(store, NAME, 'orders', () => {}, never)) {
      count += 1
      if (count % 1000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    expect(count).toBe(30_000)
    expect(most).toBeLessThan(24 << 20)
  })

  it('that is cut off or damaged is refused', async () => {
    topic('orders', 'CreateTime:5\tPartition:0\tOffset:0\tk\tv\n'.repeat(1000))
    const store = packed()
    const bytes = store.objects.get(`${NAME}.tar.gz`)!
    for (const changed of [
      bytes.subarray(0, bytes.length >> 1),
      bytes.subarray(0, bytes.length - 5),
      Buffer.concat([bytes.subarray(0, 300), Buffer.alloc(20), bytes.subarray(320)]),
    ]) {
      store.objects.set(`${NAME}.tar.gz`, changed)
      await expect(readLegacy(store, NAME, never)).rejects.toMatchObject({ code: 'archive-corrupt', exit: 'corrupt' })
    }
  })

  it('with links or paths that lead out of it is refused', async () => {
    const store = packed()
    symlinkSync('/etc/passwd', join(folder, NAME, 'link'))
    await expect(readLegacy(packed(), NAME, never)).rejects.toMatchObject({ code: 'archive-corrupt', message: expect.stringContaining('SymbolicLink') })
    for (const to of ['/etc', '../..', 'elsewhere', `${NAME}/../..`]) {
      execFileSync('tar', ['-P', '--format=gnu', `--transform=s,^${NAME},${to},`, '-czf', 'evil.tar.gz', `${NAME}/backup-manifest.json`], { cwd: folder })
      store.objects.set(`${NAME}.tar.gz`, readFileSync(join(folder, 'evil.tar.gz')))
      await expect(readLegacy(store, NAME, never)).rejects.toMatchObject({ code: 'archive-corrupt' })
      expect(await isLegacy(store, NAME, never)).toBe(false)
    }
  })

  it('is not what kdr left unfinished, nor what it finished', async () => {
    const store = memoryStore()
    await writeSample({ store, name: NAME })
    expect(await isLegacy(store, NAME, never)).toBe(false)
    store.objects.delete(`${NAME}.manifest.json`)
    expect(await isLegacy(store, NAME, never)).toBe(false)
    expect(await isLegacy(store, 'nothing', never)).toBe(false)
  })
})
