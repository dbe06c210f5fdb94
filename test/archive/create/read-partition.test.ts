// What of a partition is kept: everything committed between start and end, once, and a gap with its reason for
// whatever could not be.
import { beforeEach, describe, expect, it } from 'vitest'
import { createClock, VirtualTime } from '../../../src/adapters/simulated/clock.ts'
import { Life } from '../../../src/adapters/simulated/life.ts'
import { createRandom } from '../../../src/adapters/simulated/random.ts'
import type { PartitionPlan } from '../../../src/archive/create/ends.ts'
import { Memory } from '../../../src/archive/create/memory.ts'
import { PositionCounter } from '../../../src/archive/create/positions.ts'
import { Progress } from '../../../src/archive/create/progress.ts'
import { PartitionReader } from '../../../src/archive/create/read-partition.ts'
import { FetchRoom } from '../../../src/archive/create/room.ts'
import { SegmentSize } from '../../../src/archive/create/segments.ts'
import { spareCompression } from '../../../src/archive/create/spare-compression.ts'
import { openThrottle } from '../../../src/archive/create/throttle.ts'
import { KdrError } from '../../../src/errors.ts'
import { AT, walkBatches } from '../../../src/model/batches/batch.ts'
import { decodeRecords } from '../../../src/model/batches/records.ts'
import { batchOf, FakeCluster, type FakePartition, holed, marker, partitionOf, reseal, TRANSACTIONAL } from './fake-cluster.ts'

interface Late {
  readonly age?: number
  readonly batches?: readonly Buffer[]
}

let cluster: FakeCluster
let clock: ReturnType<typeof createClock>
beforeEach(() => {
  clock = createClock(new VirtualTime(), createRandom(1, 'clock'), new Life(1))
  cluster = new FakeCluster()
})

const signal = new AbortController().signal

const read = async (
  partition: FakePartition,
  change: Partial<PartitionPlan> & { readonly committed?: readonly bigint[]; readonly maxBytes?: number; readonly rack?: string } = {},
) => {
  if (!cluster.topics.has('t')) cluster.topic('t', partition)
  const { committed = [], maxBytes = 4 << 20, rack = null, ...rest } = change
  const plan: PartitionPlan = {
    topic: 't',
    partition: 0,
    topicId: 'id of t',
    leaderEpoch: 0,
    logStart: partition.logStart,
    start: partition.logStart,
    end: partition.lastStable,
    highWatermark: partition.highWatermark,
    problem: null,
    ...rest,
  }
  const stored: Buffer[] = []
  const context = {
    backup: cluster.backup,
    kafka: cluster.kafka,
    clock,
    rack,
    progress: new Progress([plan], clock, () => {}),
    throttle: openThrottle(null, { fetchBytes: maxBytes, parallel: 1 }, clock),
    memory: new Memory(64 << 20),
    room: new FetchRoom(),
    patience: { left: 3000 },
    sink: {
      compression: spareCompression('none'),
      size: new SegmentSize(),
      write: async (path: string, pieces: readonly Buffer[]) => {
        // Copied late, so that memory given back too early is seen.
        await new Promise((resolve) => setImmediate(resolve))
        stored.push(...pieces.map((piece) => Buffer.from(piece)))
        return { path, part: 1, offset: 0, length: 0, bytes: 0, sha256: '', encrypted: false }
      },
    },
  }
  const counter = new PositionCounter(committed, plan.start)
  const { backup } = await new PartitionReader(context, plan, counter, signal).read()
  const offsets = [...walkBatches(Buffer.concat(stored))].flatMap(decodeRecords).map(({ offset }) => Number(offset))
  expect(cluster.held).toBe(0)
  return { backup, offsets, places: committed.map((offset) => counter.indexOf(offset)) }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)

describe('what is kept of a partition', () => {
  it('is every record, with what the headers say of it', async () => {
    const { backup, offsets } = await read(partitionOf(batchOf(0, 10), batchOf(10, 30, { codec: 1 }), batchOf(30, 31)))
    expect(offsets).toEqual(range(0, 31))
    expect(backup).toMatchObject({ records: 31, start: '0', end: '31', minTimestamp: 1000, maxTimestamp: 1030, holes: 0, gaps: [] })
    expect(backup.segments).toMatchObject([{ baseOffset: '0', lastOffset: '30', records: 31, batches: 3 }])
  })

  it('is nothing of an empty one', async () => {
    const { backup } = await read({ ...partitionOf(), logStart: 7n, highWatermark: 7n, lastStable: 7n })
    expect(backup).toMatchObject({ records: 0, start: '7', end: '7', minTimestamp: -1, segments: [], gaps: [] })
  })

  it('comes in segments, in order, whatever a fetch brings', async () => {
    const value = Buffer.alloc(1 << 20, 7)
    const { backup, offsets } = await read(partitionOf(...range(0, 20).map((at) => batchOf(at, at + 1, { value }))))
    expect(offsets).toEqual(range(0, 20))
    expect(backup.segments.length).toBeGreaterThan(3)
    expect(backup.segments.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(backup.bytes)
  })

  it('holds a batch larger than a fetch', async () => {
    const { offsets } = await read(partitionOf(batchOf(0, 1, { value: Buffer.alloc(10 << 20) }), batchOf(1, 2)))
    expect(offsets).toEqual([0, 1])
  })

  it('leaves out markers and aborted data, and counts them as holes', async () => {
    const partition = partitionOf(
      batchOf(0, 2),
      batchOf(2, 5, { producerId: 5n, attributes: TRANSACTIONAL }),
      marker(5, 5n, false),
      batchOf(6, 8, { producerId: 5n, attributes: TRANSACTIONAL }),
      marker(8, 5n, true),
      batchOf(9, 10),
    )
    partition.aborted = [{ producerId: 5n, firstOffset: 2n }]
    const { backup, offsets, places } = await read(partition, { committed: [0n, 1n, 2n, 4n, 6n, 7n, 9n, 10n, 50n] })
    expect(offsets).toEqual([0, 1, 6, 7, 9])
    expect(backup.holes).toBe(5)
    expect(places).toEqual([0, 1, 2, 2, 2, 3, 4, 5, 5])
  })

  it('ends at the end though more is there by now, and though nothing visible is before it', async () => {
    const partition = partitionOf(batchOf(0, 3), batchOf(3, 5, { producerId: 5n, attributes: TRANSACTIONAL }), marker(5, 5n, false), batchOf(6, 9))
    partition.aborted = [{ producerId: 5n, firstOffset: 3n }]
    const { backup, offsets } = await read(partition, { end: 6n })
    expect(offsets).toEqual([0, 1, 2])
    expect(backup).toMatchObject({ end: '6', gaps: [] })
  })

  it('goes over compacted holes, also where the log has nothing left at its end', async () => {
    const partition = partitionOf(holed(0, 10, [2, 5]), batchOf(20, 22))
    partition.highWatermark = partition.lastStable = 30n
    cluster.topic('t', partition).configs = COMPACTED
    const { backup, offsets, places } = await read(partition, { committed: [2n, 3n, 6n, 15n, 25n] })
    expect(offsets).toEqual([2, 5, 20, 21])
    expect(backup).toMatchObject({ records: 4, holes: 18, gaps: [] })
    expect(places).toEqual([0, 1, 2, 2, 4])
  })

  it('is cut within a batch at the start and at the end', async () => {
    const { backup, offsets } = await read(partitionOf(batchOf(0, 10, { codec: 1 }), batchOf(10, 20, { codec: 1 })), { start: 4n, end: 17n })
    expect(offsets).toEqual(range(4, 17))
    expect(backup).toMatchObject({ records: 13, holes: 0 })
  })

  it('is cut exactly in a batch with holes', async () => {
    const { offsets, places } = await read(partitionOf(holed(0, 10, [1, 2, 7])), { start: 2n, committed: [0n, 2n, 3n, 8n] })
    expect(offsets).toEqual([2, 7])
    expect(places).toEqual([null, 0, 1, 2])
  })
})

describe('a compacted log', () => {
  const appended = (partition: FakePartition, batch: Buffer): void => {
    partition.batches = [...partition.batches, batch]
    partition.highWatermark = partition.lastStable = BigInt(batch.readBigInt64BE(0)) + BigInt(batch.readInt32BE(23)) + 1n
  }

  it('is read on to where it ends by then, for what was cleaned out of it has its newer record there', async () => {
    const partition = partitionOf(batchOf(0, 10), batchOf(10, 20))
    cluster.topic('t', partition).configs = COMPACTED
    let fetches = 0
    cluster.onFetch = () => {
      fetches += 1
      // The newer record of offset 12, and the cleaner that takes the old one.
      if (fetches === 1) partition.batches = [batchOf(0, 10), holed(10, 20, [10, 11, 13, 19])]
      if (fetches === 1) appended(partition, batchOf(20, 25))
      if (fetches === 1) partition.epoch = 3
    }
    const { backup, offsets, places } = await read(partition, { committed: [12n, 20n], maxBytes: 1, end: 20n, highWatermark: 20n })
    expect(offsets).toEqual([...range(0, 12), 13, 19, ...range(20, 25)])
    expect(backup).toMatchObject({ end: '25', highWatermark: '25', leaderEpoch: 3, gaps: [] })
    expect(places).toEqual([12, 14])
  })

  it.each([
    ['nothing was taken from it', {}, [batchOf(0, 10)]],
    ['nothing is cleaned', { 'cleanup.policy': 'delete' }, [holed(0, 10, [1, 9])]],
  ])('is not read on where %s', async (_, configs, batches) => {
    const partition = partitionOf(...batches)
    cluster.topic('t', partition).configs = { ...COMPACTED, ...configs }
    cluster.onFetch = () => appended(partition, batchOf(10, 15))
    const { backup } = await read(partition, { end: 10n })
    expect(backup).toMatchObject({ end: '10', gaps: [] })
  })

  it('is said to lack something where it is cleaned faster than it can be read', async () => {
    const partition = partitionOf(holed(0, 10, [1, 9]))
    cluster.topic('t', partition).configs = COMPACTED
    cluster.onFetch = (_, offset) => appended(partition, holed(Number(offset) + 10, Number(offset) + 20, [Number(offset) + 12]))
    const { backup } = await read(partition, { end: 10n })
    expect(backup.gaps).toEqual([{ from: backup.end, to: backup.end, why: expect.stringContaining('compacted faster than it can be read') }])
  })

  it.each([
    ['longer than tombstones are kept', {}, 61_000, {}, true],
    ['less long', {}, 30_000, {}, false],
    ['less long, but on top of a backup that is too old with it', {}, 30_000, { age: 40_000 }, true],
    ['longer, and it is not compacted', { 'cleanup.policy': 'delete' }, 61_000, {}, false],
    ['longer, and nothing was taken from it', {}, 61_000, { batches: [batchOf(0, 10)] }, false],
    ['longer than a cleaner pauses, where tombstones go at once', { 'delete.retention.ms': '0' }, 61_000, {}, true],
    ['shorter than that', { 'delete.retention.ms': '0' }, 2000, {}, false],
  ])('is said to lack deletes where it is read %s: %o', async (_, configs, took, { age = 0, batches = [holed(0, 10, [1, 9])] }: Late, missed) => {
    const partition = partitionOf(...batches)
    cluster.topic('t', partition).configs = { ...COMPACTED, 'delete.retention.ms': '60000', ...configs }
    cluster.onFetch = () => clock.sleep(took, signal)
    const { backup } = await read(partition, age === 0 ? {} : { since: clock.now() - age })
    expect(backup.gaps).toEqual(missed ? [{ from: '10', to: '10', why: expect.stringContaining('deletes may have been missed') }] : [])
  })

  it('is said to lack something where its end could not be read', async () => {
    const partition = partitionOf(holed(0, 10, [1, 9]))
    cluster.topic('t', partition).configs = COMPACTED
    cluster.kafka.offsets = async () => {
      throw new KdrError('nobody leads t-0', { code: 'no-broker-answered' })
    }
    const { backup } = await read(partition)
    expect(backup.gaps).toEqual([{ from: '10', to: '10', why: expect.stringContaining('nobody leads t-0') }])
  })
})

describe('what could not be read', () => {
  it('is a gap where the broker gives nothing, however often it is asked', async () => {
    const partition = partitionOf(batchOf(0, 10))
    partition.highWatermark = partition.lastStable = 30n
    const { backup, offsets } = await read(partition)
    expect(offsets).toEqual(range(0, 10))
    expect(backup.gaps).toEqual([{ from: '10', to: '30', why: 'the broker gave nothing, though its log is stable to offset 30' }])
  })

  it('is no gap where the broker only takes its time', async () => {
    const partition = { ...partitionOf(batchOf(0, 10)), batches: [] as Buffer[] }
    const waits: (number | undefined)[] = []
    const { fetchRaw } = cluster.backup
    cluster.backup.fetchRaw = (at, offset, options) => {
      waits.push(options.wait)
      if (waits.length === 8) partition.batches = [batchOf(0, 10)]
      return fetchRaw(at, offset, options)
    }
    const { backup, offsets } = await read(partition)
    expect(offsets).toEqual(range(0, 10))
    expect(backup.gaps).toEqual([])
    expect(waits).toEqual([undefined, ...range(0, 7).map(() => 5000)])
  })

  it('is a gap that no other backup can close where a batch never comes whole', async () => {
    cluster.onFetch = () => {
      throw new KdrError('t-0: the batch at offset 0 did not come whole', { code: 'corrupt-batch' })
    }
    const { backup } = await read(partitionOf(batchOf(0, 10)))
    expect(backup.gaps).toEqual([{ from: '0', to: '10', why: 'undecodable: t-0: the batch at offset 0 did not come whole' }])
  })

  it('is a gap up to the new log start where retention came first, and reading goes on', async () => {
    const partition = partitionOf(batchOf(0, 10), batchOf(10, 20), batchOf(20, 30))
    cluster.onFetch = () => {
      partition.logStart = 13n
    }
    const { backup, offsets } = await read(partition)
    expect(offsets).toEqual(range(13, 30))
    expect(backup).toMatchObject({ gaps: [{ from: '0', to: '13' }], logStart: '13', start: '0' })
    expect(backup.gaps[0]?.why).toContain('retention')
  })

  it('is a gap naming a damaged batch, without what follows it', async () => {
    const bad = batchOf(10, 20)
    bad.writeUInt8(bad.readUInt8(80) ^ 1, 80)
    const { backup, offsets } = await read(partitionOf(batchOf(0, 10), bad, batchOf(20, 30)))
    expect(offsets).toEqual([...range(0, 10), ...range(20, 30)])
    expect(backup.gaps).toEqual([{ from: '10', to: '20', why: 'undecodable: the checksum of the batch does not hold' }])
  })

  it('is the rest where a length is damaged', async () => {
    const bad = batchOf(10, 20)
    bad.writeInt32BE(12, AT_LENGTH)
    const { backup, offsets } = await read(partitionOf(batchOf(0, 10), bad, batchOf(20, 30)))
    expect(offsets).toEqual(range(0, 10))
    expect(backup.gaps).toMatchObject([{ from: '10', to: '30' }])
  })

  it('is no gap where damage was on the way only', async () => {
    const good = batchOf(0, 10)
    const bad = Buffer.from(good)
    bad.writeUInt8(bad.readUInt8(80) ^ 1, 80)
    const partition = partitionOf(bad)
    let fetches = 0
    cluster.onFetch = () => {
      fetches += 1
      if (fetches === 2) partition.batches[0] = good
    }
    const { backup, offsets } = await read(partition)
    expect(offsets).toEqual(range(0, 10))
    expect(backup.gaps).toEqual([])
  })

  it('is asked of the leader, where a follower nearby may have damaged it', async () => {
    const bad = batchOf(0, 10)
    bad.writeUInt8(bad.readUInt8(80) ^ 1, 80)
    const racks: (string | null)[] = []
    cluster.onFetch = (_, __, { rack }) => racks.push(rack)
    await read(partitionOf(bad), { rack: 'a' })
    expect(racks).toEqual(['a', null])
  })

  it('is a marker alone that cannot be read, with all before and behind it kept', async () => {
    const bad = marker(10, 5n, false)
    bad.writeUInt8(0xff, AT.records)
    const aborted = batchOf(8, 10, { producerId: 5n, attributes: TRANSACTIONAL })
    const later = batchOf(11, 13, { producerId: 5n, attributes: TRANSACTIONAL })
    const partition = partitionOf(batchOf(0, 8), aborted, reseal(bad), later, marker(13, 5n, true), batchOf(14, 15))
    cluster.onFetch = (_, offset) => {
      partition.aborted = offset <= 10n ? [{ producerId: 5n, firstOffset: 8n }] : []
    }
    const { backup, offsets } = await read(partition)
    expect(offsets).toEqual([...range(0, 8), 11, 12, 14])
    expect(backup.gaps).toMatchObject([{ from: '10', to: '11', why: expect.stringContaining('undecodable') }])
  })

  it('is the rest of a topic that was deleted', async () => {
    const value = Buffer.alloc(3 << 20)
    cluster.onFetch = (_, offset) => {
      if (offset > 0n) cluster.topics.delete('t')
    }
    const { backup, offsets } = await read(partitionOf(batchOf(0, 1, { value }), batchOf(1, 2, { value })))
    expect(offsets).toEqual([0])
    expect(backup.gaps).toMatchObject([{ from: '1', to: '2', why: expect.stringContaining('deleted') }])
  })

  it('is the rest of a partition that nobody leads, once patience is over', async () => {
    cluster.onFetch = (_, offset) => {
      if (offset > 0n) throw new KdrError('t-0 has no leader', { code: 'no-leader' })
    }
    const value = Buffer.alloc(3 << 20)
    const { backup, offsets } = await read(partitionOf(batchOf(0, 1, { value }), batchOf(1, 2, { value })))
    expect(offsets).toEqual([0])
    expect(backup.gaps).toEqual([{ from: '1', to: '2', why: 't-0 has no leader' }])
  })

  it('is waited for where a leader comes back in time', async () => {
    let away = 4
    cluster.onFetch = () => {
      away -= 1
      if (away > 0) throw new KdrError('t-0 has no leader', { code: 'no-leader' })
    }
    const { backup, offsets } = await read(partitionOf(batchOf(0, 5)))
    expect(offsets).toEqual(range(0, 5))
    expect(backup.gaps).toEqual([])
  })

  it('is the rest of a log that was cut short meanwhile', async () => {
    const partition = partitionOf(batchOf(0, 5), batchOf(5, 10))
    cluster.onFetch = () => {
      partition.batches = [batchOf(0, 5)]
      partition.highWatermark = partition.lastStable = 5n
    }
    const { backup, offsets } = await read(partition)
    expect(offsets).toEqual(range(0, 5))
    expect(backup.gaps).toMatchObject([{ from: '5', to: '10', why: expect.stringContaining('cut short') }])
  })
})

const AT_LENGTH = 8
const COMPACTED = { 'cleanup.policy': 'compact' }
