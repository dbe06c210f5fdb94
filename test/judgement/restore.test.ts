// What an older record may be put back in front of: never of whoever lacks what was committed, in no order that would
// have him elected, and not at all where the disks have moved on.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Disks, judgeRestore, type KafkaRecord, recordOf } from '../../src/judgement/restore.ts'
import type { ReplicaOnDisk } from '../../src/model/replicas.ts'

const replica = (partition: number, change: Partial<ReplicaOnDisk> = {}): ReplicaOnDisk => ({
  topic: 'orders',
  partition,
  topicId: 'id',
  end: 10,
  highWatermark: 10,
  epoch: 3,
  producerId: null,
  ...change,
})
const record = (isrs: readonly (readonly number[])[], change: Partial<KafkaRecord> = {}): KafkaRecord => ({
  clusterId: 'c',
  topics: new Map([['orders', { id: 'id', partitions: new Map(isrs.map((isr, at) => [at, { replicas: [1, 2, 3], isr, leaderEpoch: 3 }])) }]]),
  producerIds: 999n,
  ...change,
})
const disks = (...ends: readonly (readonly number[])[]): Disks => {
  const committed = (ends[0] ?? []).map((_, at) => [...ends.map((of) => of[at] ?? 0)].sort((a, b) => b - a)[0] ?? 0)
  return new Map(
    ends.map((of, at) => [at + 1, of.map((end, partition) => replica(partition, { end, highWatermark: Math.min(end, committed[partition] ?? 0) }))]),
  )
}

describe('a record put back', () => {
  it('as new as the disks may be, in any order', () => {
    expect(judgeRestore(record([[1, 2, 3]]), disks([10], [10], [10]))).toMatchObject({
      problems: [],
      order: [1, 2, 3],
      late: [],
      committed: { 'orders-0': 10 },
    })
  })

  it('keeps whoever is behind for later', () => {
    expect(judgeRestore(record([[1, 2, 3]]), disks([4], [10], [10]))).toMatchObject({ problems: [], order: [2, 3, 1], late: [1] })
  })

  it('may not where nobody whom it would have elected has what was committed, or each is behind on something', () => {
    expect(judgeRestore(record([[1]]), disks([4], [10], [10])).problems).toEqual([expect.stringContaining('nobody whom the snapshot would have elected')])
    expect(
      judgeRestore(
        record([
          [1, 2],
          [1, 2],
        ]),
        disks([4, 9], [10, 3]),
      ).problems,
    ).toEqual([expect.stringContaining('no order in which nothing is lost')])
  })

  it('is put in an order that the platform can start them in, and may not where there is none', () => {
    const beside = (started: readonly number[], next: number) => started.length === 0 || started.includes(next - 1) || started.includes(next + 1)
    const missing2 = record([
      [1, 3],
      [1, 3],
    ])
    expect(judgeRestore(missing2, disks([10, 10], [10, 10], [10, 10]))).toMatchObject({ order: [1, 3, 2] })
    expect(judgeRestore(missing2, disks([10, 10], [10, 10], [10, 10]), beside)).toMatchObject({ problems: [], order: [1, 2, 3] })
    const last2 = record([
      [1, 2],
      [2, 3],
    ])
    expect(judgeRestore(last2, disks([10, 0], [4, 3], [0, 10]))).toMatchObject({ problems: [], order: [1, 3, 2], late: [2] })
    expect(judgeRestore(last2, disks([10, 0], [4, 3], [0, 10]), beside).problems).toEqual([expect.stringContaining('unbroken range of ordinals')])
  })

  it.each([
    ['lacks it', { topics: new Map() }, {}, 'does not know it'],
    ['has another id for it', {}, { topicId: 'other' }, 'under another id'],
    ['has a lower leader epoch', {}, { epoch: 4 }, 'leaders were elected since'],
    ['has handed out fewer producer ids', {}, { producerId: 1000n }, 'producer id 1000'],
  ])('may not where it %s', (_, change, own, why) => {
    const now = new Map([[1, [replica(0, own)]]])
    expect(judgeRestore(record([[1]], change), now).problems).toEqual([expect.stringContaining(why)])
  })

  it('says what it brings back that no disk has', () => {
    expect(judgeRestore(record([[1]]), new Map([[1, []]]))).toMatchObject({ problems: [], revived: ['orders'] })
  })

  it('starts nobody while he could be elected over what was committed, whatever the disks hold', () => {
    const ends = fc.array(fc.array(fc.nat(4), { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 })
    const isrs = fc.array(fc.subarray([1, 2, 3], { minLength: 1 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(ends, isrs, (of, isr) => {
        const { problems, order, committed } = judgeRestore(record(isr), disks(...of))
        if (problems.length > 0) return
        expect([...order].sort()).toEqual([1, 2, 3])
        for (const [partition, own] of isr.entries()) {
          const first = order.find((broker) => own.includes(broker)) ?? 0
          expect(of[first - 1]?.[partition]).toBeGreaterThanOrEqual(committed[`orders-${partition}`] ?? 0)
        }
      }),
    )
  })
})

describe('what znodes say of Kafka', () => {
  it('is the topics, who may be elected, and the producer ids handed out', () => {
    const json = (value: unknown) => Buffer.from(JSON.stringify(value))
    const found = recordOf(
      new Map([
        ['/cluster/id', json({ version: '1', id: 'abc' })],
        ['/brokers/topics/orders', json({ partitions: { 0: [1, 2] }, topic_id: 'x', version: 3 })],
        ['/brokers/topics/orders/partitions/0/state', json({ leader: 1, leader_epoch: 7, isr: [2, 1], controller_epoch: 3, version: 1 })],
        ['/latest_producer_id_block', json({ version: 1, broker: 1, block_start: '1000', block_end: '1999' })],
      ]),
    )
    expect(found).toEqual({
      clusterId: 'abc',
      topics: new Map([['orders', { id: 'x', partitions: new Map([[0, { replicas: [1, 2], isr: [2, 1], leaderEpoch: 7 }]]) }]]),
      producerIds: 1999n,
    })
  })
})
