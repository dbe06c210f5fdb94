// Start order, unclean candidates and reassignments: what they promise, by table and by property.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reassignmentPlan } from '../../src/judgement/reassignment.ts'
import { startOrder } from '../../src/judgement/start-order.ts'
import { hangingTransactions } from '../../src/judgement/transactions.ts'
import { judgeLeaderless, type Leaderless, ranked } from '../../src/judgement/unclean.ts'
import type { PartitionRow } from '../../src/model/partitions.ts'
import type { LogEnds, Survey } from '../../src/model/survey.ts'
import { blind, changeBroker, changeVolume, dead, dimmed, healthy, row, seen, table, topic } from '../helpers/survey.ts'

const withRows = (survey: Survey, rows: readonly PartitionRow[], minIsr = 2): Survey => ({
  ...survey,
  partitions: table(
    [...new Set(rows.map(({ topic: name }) => name))].map((name) => topic(name, { minIsr: seen(minIsr) })),
    rows,
  ),
})
const leaderless = (partition: number, replicas: readonly number[], isr: readonly number[]): PartitionRow =>
  row('orders', partition, replicas, { leader: -1, isr })
const twoDead = (): Survey => dead(dead(healthy(), 2), 3)

describe('start order', () => {
  it('begins with whoever the most partitions wait for, and says which', () => {
    const survey = withRows(twoDead(), [leaderless(0, [3, 1], [3]), leaderless(1, [2, 1], [2]), leaderless(2, [3, 1], [3])])
    const { order, held } = startOrder(survey, [2, 3], 'held')
    expect(order.map(({ broker }) => broker)).toEqual([3, 2])
    expect(order[0]?.because).toContain('it alone is in the ISR on record of orders-0, orders-2')
    expect(held).toEqual([])
  })

  it('never begins with a disk that lost its data, and holds back what would be elected empty', () => {
    const survey = changeVolume(withRows(twoDead(), [leaderless(0, [3, 1], [3]), leaderless(1, [2, 1], [2])]), 'kafka3', { state: seen('blank') })
    expect(startOrder(survey, [2, 3], 'held').order.map(({ broker }) => broker)).toEqual([2])
    expect(startOrder(survey, [2, 3], 'too')).toMatchObject({ order: [{ broker: 2 }], held: [{ broker: 3, because: expect.stringContaining('G2') }] })
  })

  const ids = fc.uniqueArray(fc.constantFrom(1, 2, 3), { minLength: 1 })
  it('following it leaves nothing leaderless that anybody on record could lead', () => {
    fc.assert(
      fc.property(fc.array(ids, { minLength: 1, maxLength: 6 }), (records) => {
        const survey = withRows(
          twoDead(),
          records.map((isr, partition) => leaderless(partition, [1, 2, 3], isr)),
        )
        const { order } = startOrder(survey, [2, 3], 'held')
        const live = new Set([1, ...order.map(({ broker }) => broker)])
        expect(order.map(({ broker }) => broker).sort()).toEqual([2, 3])
        for (const isr of records) expect(isr.some((id) => live.has(id))).toBe(true)
      }),
    )
  })
})

const ends = (...local: LogEnds['local']): LogEnds => ({ highWatermark: null, leaderEpoch: 0, local })
const lost = (logs: LogEnds, rows = [leaderless(0, [1, 2, 3], [3])], minIsr = 2): Survey => ({
  ...withRows(changeVolume(dead(healthy(), 3), 'kafka3', { state: seen('blank') }), rows, minIsr),
  logs: seen(new Map([['orders-0', logs]])),
})
const judged = (survey: Survey, before?: LogEnds): Leaderless | undefined => judgeLeaderless(survey, () => before)[0]
const both = ends({ broker: 1, end: 9, epoch: 4 }, { broker: 2, end: 9, epoch: 4 })

describe('a partition nobody on record can lead', () => {
  it('is bounded by min ISR where enough replicas are seen, and unbounded where not', () => {
    expect(judged(lost(both))).toMatchObject({ can: 'unclean', election: { candidate: { broker: 1 }, acknowledged: { atLeast: 0, atMost: 0 } } })
    expect(judged(lost(both, undefined, 1))).toMatchObject({ can: 'unclean', election: { acknowledged: { atLeast: 0, atMost: null } } })
  })

  it('is not bounded where more was committed than is left', () => {
    expect(judged(lost(both), { highWatermark: 12, leaderEpoch: 0, local: [] })).toMatchObject({ election: { acknowledged: { atLeast: 3, atMost: null } } })
  })

  it('is not bounded by a replica that came back on an empty disk: it was one of those that had the records', () => {
    const blankSurvivor = ends({ broker: 1, end: 9, epoch: 4 }, { broker: 2, end: 0, epoch: null })
    expect(judged(lost(blankSurvivor))).toMatchObject({ election: { candidate: { broker: 1 }, acknowledged: { atLeast: 0, atMost: null } } })
    const nothing = ends({ broker: 1, end: 0, epoch: null }, { broker: 2, end: 0, epoch: null })
    expect(judged(lost(nothing))).toMatchObject({ election: { acknowledged: { atMost: null } } })
    const elsewhere = new Map([
      ['orders-0', nothing],
      ['other-0', both],
    ])
    expect(judged({ ...lost(nothing), logs: seen(elsewhere) })).toMatchObject({ election: { acknowledged: { atLeast: 0, atMost: 0 } } })
  })

  it('is given to whoever has the most: where the controller would take a worse one, that one is put first', () => {
    const worse = ends({ broker: 1, end: 20, epoch: 3 }, { broker: 2, end: 9, epoch: 4 })
    expect(judged(lost(worse))).toMatchObject({ can: 'unclean', election: { candidate: { broker: 2 }, assigned: [1, 2, 3], reordered: [2, 1, 3] } })
    expect(judged(lost(both))).toMatchObject({ can: 'unclean', election: { candidate: { broker: 1 }, reordered: null } })
  })

  it('puts nobody first but the best, whatever the logs and the order, and changes nobody else', () => {
    const copy = fc.record({ end: fc.integer({ min: 1, max: 9 }), epoch: fc.integer({ min: 0, max: 3 }) })
    const order = fc.shuffledSubarray([1, 2, 3], { minLength: 3 })
    fc.assert(
      fc.property(order, copy, copy, (assigned, one, two) => {
        const found = judged(lost(ends({ broker: 1, ...one }, { broker: 2, ...two }), [leaderless(0, assigned, [3])]))
        if (found?.can !== 'unclean') throw new Error(`not judged: ${JSON.stringify(found)}`)
        const { candidate, others, reordered } = found.election
        const worth = ({ epoch, end }: { readonly epoch: number | null; readonly end: number | null }) => (epoch ?? -1) * 100 + (end ?? -1)
        for (const other of others) expect(worth(other)).toBeLessThanOrEqual(worth(candidate))
        const taken = (reordered ?? assigned).find((id) => id !== 3)
        expect(taken).toBe(candidate.broker)
        expect([...(reordered ?? assigned)].sort()).toEqual([1, 2, 3])
      }),
    )
  })

  it('waits for a replica that is down, is on no record, and may have the most, unless it was given up', () => {
    const absent = dead(lost(ends({ broker: 1, end: 9, epoch: 4 })), 2)
    expect(judged(absent)).toMatchObject({ can: 'nobody', because: expect.stringContaining('broker 2') })
    expect(judgeLeaderless(absent, () => undefined, [2])[0]).toMatchObject({ can: 'unclean', election: { acknowledged: { atMost: null } } })
  })

  it('waits for whoever is on record and did not provably lose its disk', () => {
    for (const state of [seen('intact' as const), blind])
      expect(judged(changeVolume(lost(both), 'kafka3', { state }))).toMatchObject({ can: 'wait', because: expect.stringContaining('broker 3') })
    const released = { claim: 'data-kafka3', phase: 'Released', volume: 'pv', reclaim: 'Retain', node: null }
    expect(judged(changeVolume(lost(both), 'kafka3', { state: seen('gone'), backing: released }))).toMatchObject({ can: 'wait' })
  })

  it('is licensed by nothing that was not seen', () => {
    for (const { path, survey } of dimmed(lost(both))) {
      const found = judged(survey)
      if (found?.can !== 'unclean') continue
      const { record, candidate } = found.election
      expect(record, path).toEqual([3])
      expect(candidate.end, path).toBe(9)
    }
    expect(judged({ ...lost(both), logs: blind })).toMatchObject({ can: 'nobody' })
    expect(judged(lost(ends({ broker: 1, end: 9, epoch: null }, { broker: 2, end: 9, epoch: 4 })))).toMatchObject({ can: 'nobody' })
    expect(judged(lost(both, [row('orders', 0, [1, 2, 3], { leader: -1, isr: [], elr: null })]))).toMatchObject({ can: 'nobody' })
  })

  it('ranks by epoch, then by length', () => {
    const candidate = fc.record({
      broker: fc.integer({ min: 1, max: 9 }),
      end: fc.integer({ min: 0, max: 99 }),
      epoch: fc.option(fc.integer({ min: 0, max: 9 })),
    })
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1 }), (all) => {
        const [best] = ranked(all)
        for (const { epoch, end } of all)
          expect((best?.epoch ?? -1) > (epoch ?? -1) || ((best?.epoch ?? -1) === (epoch ?? -1) && (best?.end ?? -1) >= end)).toBe(true)
      }),
    )
  })
})

describe('reassignment', () => {
  const five = (): Survey => dead(healthy('zookeeper', 5), 5)

  it('never goes below min ISR, never to whom is gone, never twice to one, and leaves the rest alone', () => {
    const replicas = fc.uniqueArray(fc.constantFrom(1, 2, 3, 4, 5), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(replicas, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 3 }), (assigned, minIsr) => {
        const rows = assigned.map((each, partition) => {
          const isr = each.filter((id) => id !== 5)
          return row('orders', partition, each, { isr, leader: isr[0] ?? -1 })
        })
        const { moves, stuck } = reassignmentPlan(withRows(five(), rows, minIsr), [5])
        for (const { after, before } of moves) {
          expect(after).not.toContain(5)
          expect(new Set(after).size).toBe(after.length)
          expect(after.length).toBeGreaterThanOrEqual(Math.min(minIsr, before.length + 1))
          expect(after.length).toBeLessThanOrEqual(before.length)
          expect(after.length).toBeGreaterThanOrEqual(minIsr)
          for (const id of before) if (id !== 5) expect(after).toContain(id)
        }
        expect(moves.length + stuck.length).toBe(assigned.filter((each) => each.includes(5)).length)
      }),
    )
  })

  it('prefers a rack that the partition lacks', () => {
    const racked = [1, 2, 3, 4].reduce((survey, id) => changeBroker(survey, id, { rack: id < 4 ? 'a' : 'b' }), five())
    const { moves } = reassignmentPlan(withRows(racked, [row('orders', 0, [1, 2, 5], { isr: [1, 2] })]), [5])
    expect(moves).toMatchObject([{ after: [1, 2, 4] }])
  })
})

describe('hanging transactions', () => {
  it('are those no coordinator has going', () => {
    const open = (state: string | null) => ({ partition: `orders-${state}`, producerId: 1n, openSince: 0n, state })
    const survey = { ...healthy(), transactions: seen([open(null), open('Ongoing'), open('CompleteCommit'), open('PrepareAbort')]) }
    expect(hangingTransactions(survey).map(({ partition }) => partition)).toEqual(['orders-null', 'orders-CompleteCommit'])
  })
})

it('states no bound where a log that is ranked behind for its epoch alone is the longer one: the epoch may be seen too low', () => {
  const longer = ends({ broker: 1, end: 20, epoch: 3 }, { broker: 2, end: 9, epoch: 4 })
  expect(judged(lost(longer))).toMatchObject({ election: { candidate: { broker: 2 }, longer: [1], acknowledged: { atLeast: 0, atMost: null } } })
  const shorter = ends({ broker: 1, end: 5, epoch: 3 }, { broker: 2, end: 9, epoch: 4 })
  expect(judged(lost(shorter))).toMatchObject({ election: { candidate: { broker: 2 }, longer: [], acknowledged: { atLeast: 0, atMost: 0 } } })
})
