// Backups from end to end into a folder, and read back by the reader: what is in them is what was committed, a
// chain is contiguous, and whatever was stopped left nothing behind.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDirectory } from '../../../src/adapters/directory/open-directory.ts'
import { createClock, VirtualTime } from '../../../src/adapters/simulated/clock.ts'
import { Life } from '../../../src/adapters/simulated/life.ts'
import { createRandom } from '../../../src/adapters/simulated/random.ts'
import { openChain } from '../../../src/archive/chain.ts'
import { createBackup } from '../../../src/archive/create/create-backup.ts'
import type { CreateEvent, CreateOptions, CreatePorts } from '../../../src/archive/create/types.ts'
import { openArchive } from '../../../src/archive/read-archive.ts'
import { verifyRecords } from '../../../src/archive/verify-records.ts'
import { KdrError } from '../../../src/errors.ts'
import { walkBatches } from '../../../src/model/batches/batch.ts'
import { decodeRecords } from '../../../src/model/batches/records.ts'
import { known, unknown } from '../../../src/model/known.ts'
import { batchOf, FakeCluster, holed, marker, partitionOf, TRANSACTIONAL } from './fake-cluster.ts'

const signal = new AbortController().signal

let cluster: FakeCluster
let folder: string
let store: ReturnType<typeof openDirectory>
let notes: string[]
let clock: ReturnType<typeof createClock>
/** As lost or stopped as the test wants it. */
let ports: CreatePorts

beforeEach(() => {
  cluster = new FakeCluster()
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kdr-create-'))
  store = openDirectory({ path: folder })
  notes = []
  clock = createClock(new VirtualTime(), createRandom(1, 'clock'), new Life(1))
  ports = { backup: cluster.backup, kafka: cluster.kafka, schemas: async () => null, store, clock }
})

afterEach(async () => {
  await store.close()
  fs.rmSync(folder, { recursive: true })
})

const create = async (change: Partial<CreateOptions> = {}, change2: Partial<CreatePorts> = {}, until = signal) => {
  const options: CreateOptions = {
    type: 'auto',
    topics: [],
    schemasTopic: '_schemas',
    compression: 'auto',
    encryption: null,
    bytesPerSecond: null,
    rack: null,
    parallel: 3,
    kdrVersion: '0.1.0',
    holder: 'a test',
    ...change,
  }
  const tell = (event: CreateEvent) => {
    if (event.type === 'note') notes.push(event.text)
  }
  try {
    return await createBackup(options, { ...ports, ...change2 }, tell, until)
  } finally {
    expect(cluster.held).toBe(0)
  }
}

/** Offsets kept, by partition. */
const contentOf = async (name: string) => {
  const archive = await openArchive(store, name, null, signal)
  const kept: Record<string, number[]> = {}
  for (const partition of archive.manifest.partitions) {
    const offsets: number[] = []
    for (const segment of partition.segments) {
      const { bytes, release } = await archive.segment(partition, segment, signal)
      for (const batch of walkBatches(bytes)) offsets.push(...decodeRecords(batch).map(({ offset }) => Number(offset)))
      release()
    }
    kept[`${partition.topic}-${partition.partition}`] = offsets
    expect(partition.records).toBe(offsets.length)
  }
  return { archive, kept, metadata: await archive.metadata(signal) }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)
const files = () => fs.readdirSync(folder).filter((name) => !name.includes('lock'))

const group = (name: string, topic: string, offset: bigint) => ({
  group: name,
  state: 'Empty',
  protocolType: 'consumer',
  offsets: [{ topic, partition: 0, offset, leaderEpoch: -1, metadata: 'kept' }],
})

describe('a full backup', () => {
  it('has what was committed, groups in their places, and says so', async () => {
    cluster.topic('orders', partitionOf(batchOf(0, 10), batchOf(10, 20, { codec: 1 })), partitionOf(holed(0, 10, [1, 3])), partitionOf())
    cluster.topic('__consumer_offsets', partitionOf(batchOf(0, 10)))
    cluster.topic('_schemas', partitionOf(batchOf(0, 1)))
    cluster.groups = [group('billing', 'orders', 13n), group('old', 'gone', 3n)]
    const result = await create()
    expect(result).toMatchObject({ type: 'full', status: 'complete', topics: 2, records: 23, gaps: [], incomplete: [], forcedFull: null, parent: null })
    expect(result.name).toBe('full_backup_20260115_030000')
    const { archive, kept, metadata } = await contentOf(result.name)
    expect(kept).toEqual({ '_schemas-0': [0], 'orders-0': range(0, 20), 'orders-1': [1, 3], 'orders-2': [] })
    expect(archive.manifest.topics).toEqual(['_schemas', 'orders'])
    expect(archive.manifest.left_out).toMatchObject([{ topic: '__consumer_offsets' }])
    expect(metadata.groups).toEqual([
      {
        group: 'billing',
        state: 'Empty',
        protocolType: 'consumer',
        offsets: [{ topic: 'orders', partition: 0, offset: '13', leaderEpoch: -1, metadata: 'kept', archivedIndex: 13 }],
      },
    ])
    expect(metadata.topics).toMatchObject([
      { name: '_schemas', internal: true },
      { name: 'orders', internal: false, partitions: 3 },
    ])
    expect(archive.sidecar).toMatchObject({ status: 'complete', records: 23 })
  })

  it('asks groups before ends, and ends before records', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 10)))
    const order: string[] = []
    cluster.onFetch = () => {
      order.push('fetch')
    }
    const backup = { ...cluster.backup, groupOffsets: async () => [order.push('groups')].flatMap(() => []) }
    const kafka = {
      ...cluster.kafka,
      offsets: async (...asked: Parameters<typeof cluster.kafka.offsets>) => {
        order.push(asked[0].ask)
        return cluster.kafka.offsets(...asked)
      },
    }
    await create({}, { backup, kafka })
    expect(order).toEqual(['groups', 'last-stable', 'high-watermark', 'log-start', 'fetch'])
  })

  it('keeps only what patterns match, groups included', async () => {
    cluster.topic('a', partitionOf(batchOf(0, 1)))
    cluster.topic('b', partitionOf(batchOf(0, 1)))
    cluster.groups = [group('one', 'a', 1n), group('two', 'b', 1n)]
    const { kept, metadata, archive } = await contentOf((await create({ topics: ['a'] })).name)
    expect(kept).toEqual({ 'a-0': [0] })
    expect(metadata.groups.map((one) => one.group)).toEqual(['one'])
    expect(archive.manifest.consumer_groups).toEqual(['one'])
  })

  it('takes a name of its own where one of the same second is there', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    const first = await create({ type: 'full' })
    const second = await create({ type: 'full' })
    expect([first.name, second.name]).toEqual(['full_backup_20260115_030000', 'full_backup_20260115_030001'])
  })
})

describe('times that no date can be', () => {
  it('are kept, and verified, as the latest there is', async () => {
    const nanoseconds = 1_790_000_000_000_000_001n
    cluster.topic('t', partitionOf(batchOf(0, 3, { timestamp: nanoseconds }), batchOf(3, 4, { timestamp: 2 ** 53 }), batchOf(4, 5, { timestamp: 1000 })))
    const { name, status } = await create()
    const { archive } = await contentOf(name)
    expect({ status, latest: archive.sidecar.max_timestamp }).toEqual({ status: 'complete', latest: 8.64e15 })
    expect(archive.manifest.partitions[0]).toMatchObject({ minTimestamp: 1000, maxTimestamp: 8.64e15 })
    const { problems } = await verifyRecords(archive, () => {}, signal)
    expect(problems).toEqual([])
    const { bytes, release } = await archive.segment(archive.manifest.partitions[0]!, archive.manifest.partitions[0]!.segments[0]!, signal)
    expect([...walkBatches(bytes)].flatMap(decodeRecords)[0]?.timestamp).toBe(nanoseconds)
    release()
  })
})

describe('memory', () => {
  const large = (from: number) => batchOf(from, from + 1, { value: Buffer.alloc(40 << 20) })

  it('holds few of the largest batches at a time, however many partitions have them', async () => {
    cluster.topic('t', ...Array.from({ length: 8 }, () => partitionOf(large(0), large(1)))).configs = { 'max.message.bytes': '50000000' }
    expect(await create({ parallel: 8, compression: 'none' })).toMatchObject({ status: 'complete', records: 16 })
    expect(cluster.largestHeld).toBeLessThan(120 << 20)
  }, 60_000)

  it('reads small ones side by side, whatever a topic would allow', async () => {
    cluster.topic('t', ...Array.from({ length: 8 }, () => partitionOf(batchOf(0, 5), batchOf(5, 9)))).configs = { 'max.message.bytes': '1000000000' }
    let [underWay, most] = [0, 0]
    cluster.onFetch = async () => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay -= 1
    }
    expect(await create({ parallel: 4 })).toMatchObject({ status: 'complete' })
    expect(most).toBeGreaterThan(1)
  })
})

describe('an incremental backup', () => {
  it('goes on where its parent ended, without a record twice or missing', async () => {
    const topic = cluster.topic('t', partitionOf(batchOf(0, 10)))
    const first = await create()
    topic.partitions[0] = partitionOf(batchOf(0, 10), batchOf(10, 25))
    cluster.topic('new', partitionOf(batchOf(0, 3)))
    cluster.groups = [group('billing', 't', 12n), group('late', 't', 3n)]
    const second = await create()
    expect(second).toMatchObject({ type: 'incremental', parent: first.name, forcedFull: null, chain: { id: first.chain.id, sequence: 1 } })
    const { kept, archive, metadata } = await contentOf(second.name)
    expect(kept).toEqual({ 't-0': range(10, 25), 'new-0': [0, 1, 2] })
    expect(archive.manifest.partitions.find(({ topic: name }) => name === 't')).toMatchObject({ start: '10', end: '25' })
    expect(archive.manifest.since_timestamp).toBe((await openArchive(store, first.name, null, signal)).manifest.backup_date)
    expect(metadata.groups.flatMap(({ offsets }) => offsets.map(({ archivedIndex }) => archivedIndex))).toEqual([2, null])
    const third = await create({ type: 'incremental' })
    expect(third).toMatchObject({ type: 'incremental', records: 0, parent: second.name, chain: { sequence: 2 } })
  })

  it('is full, and says why, where there is nothing to go on from', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    expect(await create({ type: 'incremental' })).toMatchObject({ type: 'full', forcedFull: expect.stringContaining('no backup of this cluster') })
    cluster.clusterId = 'cluster-2'
    expect(await create({ type: 'auto' })).toMatchObject({ type: 'full', forcedFull: null })
    cluster.clusterId = 'cluster-1'
    expect(await create()).toMatchObject({ type: 'incremental' })
  })

  it.each([
    ['created again', /created again/],
    ['compacted', /compacted/],
  ])('is full where the topic was %s', async (what, reason) => {
    const topic = cluster.topic('t', partitionOf(batchOf(0, 10)))
    await create()
    topic.partitions[0] = partitionOf(batchOf(0, 30))
    if (what === 'created again') topic.id = 'another'
    else topic.configs = { 'cleanup.policy': 'compact', 'delete.retention.ms': '0' }
    const result = await create()
    expect(result).toMatchObject({ type: 'full', forcedFull: expect.stringMatching(reason), records: 30 })
    expect(notes.join()).toMatch(reason)
  })

  it('goes on from the chain that has its topics, whatever others were backed up since', async () => {
    const a = cluster.topic('a', partitionOf(batchOf(0, 10)))
    const b = cluster.topic('b', partitionOf(batchOf(0, 5)))
    const [ofA, ofB] = [await create({ topics: ['a'] }), await create({ topics: ['b'] })]
    expect([ofA, ofB]).toMatchObject([
      { type: 'full', forcedFull: null },
      { type: 'full', forcedFull: null },
    ])
    a.partitions[0] = partitionOf(batchOf(0, 10), batchOf(10, 12))
    b.partitions[0] = partitionOf(batchOf(0, 5), batchOf(5, 6))
    const againA = await create({ topics: ['a'], type: 'incremental' })
    expect(againA).toMatchObject({ type: 'incremental', parent: ofA.name, chain: { id: ofA.chain.id, sequence: 1 }, records: 2 })
    const againB = await create({ topics: ['b'] })
    expect(againB).toMatchObject({ type: 'incremental', parent: ofB.name, records: 1 })
    expect((await openChain(store, againB.name, null, signal)).map(({ manifest }) => manifest.name)).toEqual([ofB.name, againB.name])
    expect(notes).toEqual([])
  })

  it('goes on from the chain that has most of its topics', async () => {
    for (const name of ['a', 'b']) cluster.topic(name, partitionOf(batchOf(0, 10)))
    const most = await create()
    cluster.topic('c', partitionOf(batchOf(0, 3)))
    await create({ topics: ['c'] })
    expect(await create()).toMatchObject({ type: 'incremental', parent: most.name, records: 3 })
  })

  it('goes on from an older chain where the newest has lost a file, and says so', async () => {
    const topic = cluster.topic('t', partitionOf(batchOf(0, 10)))
    const older = await create()
    const newer = await create({ type: 'full' })
    fs.truncateSync(path.join(folder, `${newer.name}.tar.gz`), 100)
    topic.partitions[0] = partitionOf(batchOf(0, 10), batchOf(10, 12))
    expect(await create()).toMatchObject({ type: 'incremental', parent: older.name, records: 2 })
    expect(notes).toEqual([expect.stringMatching(`goes on from ${older.name}.*${newer.name}.*100 bytes`)])
  })

  it('is full where a topic was gone in between', async () => {
    cluster.topic('kept', partitionOf(batchOf(0, 10)))
    cluster.topic('t', partitionOf(batchOf(0, 10)))
    const first = await create()
    cluster.topics.delete('t')
    expect(await create()).toMatchObject({ type: 'incremental', topics: 1 })
    expect(await create()).toMatchObject({ type: 'incremental', topics: 1 })
    cluster.topic('t', partitionOf(batchOf(0, 4))).id = 'another'
    expect(await create()).toMatchObject({ type: 'full', forcedFull: expect.stringContaining(`t is in ${first.name}, was gone`), records: 14 })
  })

  it('is full where a link of the chain is gone', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 10)))
    const first = await create()
    await create()
    fs.rmSync(path.join(folder, `${first.name}.manifest.json`))
    expect(await create()).toMatchObject({ type: 'full', forcedFull: expect.stringContaining(first.name) })
  })
})

describe('an incomplete backup', () => {
  it('names what is missing of the records, and goes on with the others', async () => {
    const partition = partitionOf(batchOf(0, 10), batchOf(10, 20))
    cluster.topic('a', partition)
    cluster.topic('b', partitionOf(batchOf(0, 5)))
    cluster.onFetch = ({ topic }) => {
      if (topic === 'a') partition.logStart = 10n
    }
    const result = await create()
    expect(result).toMatchObject({ status: 'incomplete', records: 15, gaps: [{ topic: 'a', partition: 0, from: '0', to: '10' }] })
    expect(result.incomplete).toEqual(['a-0: offsets 0 to 10 are missing: deleted by retention or by DeleteRecords before it was read'])
    expect((await openArchive(store, result.name, null, signal)).sidecar.status).toBe('incomplete')
  })

  it('names what could not be read beside the records', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    cluster.complete = unknown('CLUSTER_AUTHORIZATION_FAILED', 'fake')
    cluster.groups = [group('fine', 't', 1n), group('lost', 't', 1n)]
    const backup = {
      ...cluster.backup,
      acls: async () => unknown('refused', 'fake'),
      quotas: async () => {
        throw new KdrError('broker 1 is silent', { code: 'broker-silent' })
      },
      topicOverrides: async () => new Map([['t', unknown('refused as well', 'fake')]]),
      groupOffsets: async (groups: readonly string[] | null) => {
        if (groups === null || groups.includes('lost')) throw new KdrError('lost did not answer', { code: 'groups-incomplete' })
        return cluster.groups.filter((one) => groups.includes(one.group))
      },
    }
    const schemas = async () => {
      throw new KdrError('registry refused', { code: 'registry' })
    }
    const result = await create({}, { backup, schemas })
    expect(result.status).toBe('incomplete')
    expect(result.incomplete).toEqual([
      'topics may be hidden from this principal: CLUSTER_AUTHORIZATION_FAILED',
      'groups may be missing, or their offsets: lost did not answer',
      'offsets of group lost could not be read: lost did not answer',
      'the schemas could not be read: registry refused',
      'settings of t could not be read: refused as well',
      'ACLs could not be read: refused',
      'quotas could not be read: broker 1 is silent',
    ])
    const { metadata } = await contentOf(result.name)
    expect(metadata.topics[0]?.configs).toBeNull()
    expect(metadata.groups.map((one) => one.group)).toEqual(['fine'])
  })

  it('says that groups may be missing where a coordinator is gone whose groups nobody lists', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    cluster.groups = [group('fine', 't', 1n)]
    const gone = new KdrError('groups kept in __consumer_offsets-7 cannot be read: the partition has no leader', { code: 'groups-incomplete' })
    const backup = {
      ...cluster.backup,
      groupOffsets: async (groups: readonly string[] | null) => {
        if (groups === null) throw gone
        return cluster.groups
      },
    }
    const result = await create({}, { backup })
    expect(result).toMatchObject({ status: 'incomplete', incomplete: [expect.stringContaining('__consumer_offsets-7 cannot be read')] })
    expect((await contentOf(result.name)).metadata.groups.map((one) => one.group)).toEqual(['fine'])
  })

  it('lacks no group where the brokers only had to be asked twice', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    cluster.groups = [group('fine', 't', 1n)]
    let asked = 0
    const groupOffsets = async () => {
      asked += 1
      if (asked === 1) throw new KdrError('the connection broke', { code: 'groups-incomplete' })
      return cluster.groups
    }
    expect(await create({}, { backup: { ...cluster.backup, groupOffsets } })).toMatchObject({ status: 'complete', incomplete: [] })
  })

  it('names a topic that the cluster has and does not describe', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    const topics = async (names: readonly string[] | null) => ({
      ...(await cluster.backup.topics(names)),
      missing: [
        { topic: 'dark', error: 'KAFKA_STORAGE_ERROR' },
        { topic: '__transaction_state', error: 'LEADER_NOT_AVAILABLE' },
      ],
    })
    expect(await create({}, { backup: { ...cluster.backup, topics } })).toMatchObject({
      status: 'incomplete',
      incomplete: ['dark could not be described: KAFKA_STORAGE_ERROR'],
    })
    expect(await create({ topics: ['t'] }, { backup: { ...cluster.backup, topics } })).toMatchObject({ status: 'complete' })
  })

  it('names a log that lost its end while it was read, though it is longer by now', async () => {
    const partition = partitionOf(batchOf(0, 10))
    cluster.topic('t', partition)
    cluster.onFetch = () => {
      partition.epoch = 1
      partition.epochEnds = new Map([
        [0, 6n],
        [1, 40n],
      ])
    }
    const result = await create()
    expect(result).toMatchObject({
      status: 'incomplete',
      gaps: [{ topic: 't', from: '6', to: '10', why: expect.stringContaining('cut short while it was read') }],
    })
    cluster.onFetch = () => {}
    expect(await create()).toMatchObject({ type: 'full', status: 'complete', forcedFull: expect.any(String) })
  })

  it('says where nobody can tell whether a log lost its end', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 10)))
    const endOfEpoch = async () => {
      throw new KdrError('broker 1 is silent', { code: 'broker-silent' })
    }
    const result = await create({}, { kafka: { ...cluster.kafka, endOfEpoch } })
    expect(result).toMatchObject({ status: 'incomplete', gaps: [{ from: '10', to: '10', why: expect.stringContaining('broker 1 is silent') }] })
  })

  it('waits for a new leader to tell', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 10)))
    let asked = 0
    const endOfEpoch: CreatePorts['kafka']['endOfEpoch'] = async (rows) => {
      asked += 1
      if (asked > 5) return cluster.kafka.endOfEpoch(rows)
      return [{ topic: 't', partition: 0, endOffset: unknown('the partition has no leader', 'fake'), epoch: null }]
    }
    expect(await create({}, { kafka: { ...cluster.kafka, endOfEpoch } })).toMatchObject({ status: 'complete', gaps: [] })
  })

  it('lacks nothing of a topic that was deleted once it was read', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 10)))
    const endOfEpoch = async () => [{ topic: 't', partition: 0, endOffset: unknown('UNKNOWN_TOPIC_OR_PARTITION', 'fake'), epoch: null }]
    expect(await create({}, { kafka: { ...cluster.kafka, endOfEpoch } })).toMatchObject({ status: 'complete', records: 10 })
  })

  it('keeps nothing of a topic that was created again while it was read', async () => {
    const topic = cluster.topic('t', partitionOf(batchOf(0, 10)))
    cluster.groups = [group('billing', 't', 5n)]
    cluster.onFetch = () => {
      topic.id = 'another'
    }
    const result = await create()
    expect(result).toMatchObject({ status: 'incomplete', records: 0, gaps: [{ from: '0', to: '10', why: expect.stringContaining('created again') }] })
    expect((await contentOf(result.name)).metadata.groups[0]?.offsets[0]?.archivedIndex).toBe(0)
  })
})

describe('an open transaction', () => {
  const open = async (lastWrite: number) => {
    const partition = partitionOf(batchOf(0, 10), batchOf(10, 12, { producerId: 7n, attributes: TRANSACTIONAL }), batchOf(12, 15))
    partition.lastStable = 10n
    partition.producers = known([{ producerId: 7n, producerEpoch: 0, lastTimestamp: clock.now() - lastWrite, openSince: 10n }], 'fake')
    cluster.topic('t', partition)
    cluster.transactions = [{ transactionalId: 'payments', producerId: 7n, state: 'Ongoing' }]
    return create()
  }

  it('is named, with what it keeps out, and is nothing wrong while it is young', async () => {
    const result = await open(60_000)
    expect(result).toMatchObject({
      status: 'complete',
      records: 10,
      openTransactions: [{ topic: 't', partition: 0, from: '10', to: '15', producerId: '7', transactionalId: 'payments', hanging: false }],
    })
    expect((await contentOf(result.name)).kept).toEqual({ 't-0': range(0, 10) })
  })

  it('makes the backup incomplete where it hangs', async () => {
    const result = await open(3_600_000)
    expect(result).toMatchObject({ status: 'incomplete', gaps: [] })
    expect(result.incomplete).toEqual([expect.stringMatching(/t-0: a transaction of producer 7 \(payments\).* hangs and keeps offsets 10 to 15 out/)])
  })

  it.each([
    ['names no time at all', -1],
    ['dates its records ten thousand years ahead', Date.UTC(12_026, 0)],
    ['counts nanoseconds', 1.79e18],
  ])('may hang for all one knows where its producer %s', async (_, lastTimestamp) => {
    const result = await open(clock.now() - lastTimestamp)
    expect(result).toMatchObject({ status: 'incomplete', openTransactions: [{ lastWrite: null, hanging: true }] })
    expect((await contentOf(result.name)).kept).toEqual({ 't-0': range(0, 10) })
  })

  it('is picked up by the next backup once it has ended', async () => {
    await open(60_000)
    const partition = partitionOf(batchOf(0, 10), batchOf(10, 12, { producerId: 7n, attributes: TRANSACTIONAL }), batchOf(12, 15), marker(15, 7n, true))
    cluster.topic('t', partition)
    const result = await create()
    expect(result).toMatchObject({ type: 'incremental', openTransactions: [] })
    expect((await contentOf(result.name)).kept).toEqual({ 't-0': range(10, 15) })
  })
})

describe('a backup that is stopped', () => {
  const value = Buffer.alloc(3 << 20, 1)

  it('leaves nothing behind, and says so', async () => {
    cluster.topic(
      't',
      partitionOf(...range(0, 8).map((at) => batchOf(at, at + 1, { value }))),
      partitionOf(...range(0, 8).map((at) => batchOf(at, at + 1, { value }))),
    )
    const stopping = new AbortController()
    cluster.onFetch = (_, offset) => {
      if (offset === 5n) stopping.abort(new Error('Ctrl-C'))
      stopping.signal.throwIfAborted()
    }
    await expect(create({}, {}, stopping.signal)).rejects.toThrow('Ctrl-C')
    expect(files()).toEqual([])
    expect(notes.join()).toContain('nothing of it remains')
    cluster.onFetch = () => {}
    expect(await create()).toMatchObject({ status: 'complete', records: 16 })
  })

  it('leaves nothing behind where the store fails', async () => {
    cluster.topic('t', partitionOf(...range(0, 8).map((at) => batchOf(at, at + 1, { value }))))
    const full: CreatePorts['store'] = {
      ...store,
      where: folder,
      put: async (_, source) => {
        let bytes = 0
        for await (const chunk of source) {
          bytes += chunk.length
          if (bytes > 8 << 20) throw new KdrError('the disk is full', { code: 'store-full' })
        }
        return { bytes }
      },
    }
    await expect(create({ compression: 'none' }, { store: full })).rejects.toThrow('the disk is full')
    expect(files()).toEqual([])
  })

  it('gives the lock back', async () => {
    cluster.topic('t', partitionOf(batchOf(0, 1)))
    await expect(create({ topics: ['nothing'] })).rejects.toThrow('no topic matches')
    await create()
    const { release } = await store.lock('backups', 'somebody else', signal)
    await expect(create()).rejects.toThrow(/somebody else/)
    await release()
  })
})
