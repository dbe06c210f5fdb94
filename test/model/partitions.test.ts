// The columns give back what was put into them, and the ISR on record is what KIP-966 makes of it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isrOnRecord, type PartitionRow, PartitionTable } from '../../src/model/partitions.ts'
import { row, topic } from '../helpers/survey.ts'

const ids = fc.uniqueArray(fc.integer({ min: 0, max: 2_147_483_647 }), { maxLength: 6 })
const some = fc.record({
  name: fc.string({ minLength: 1, maxLength: 8 }),
  partition: fc.nat(50_000),
  leader: fc.integer({ min: -1, max: 9 }),
  leaderEpoch: fc.integer({ min: -1 }),
  replicas: ids,
  isr: ids,
  elr: fc.option(ids),
  lastKnownElr: ids,
})
const rowsOf = fc
  .uniqueArray(some, { maxLength: 40, selector: (one) => `${one.name}\0${one.partition}` })
  .map((all) =>
    all.map(({ name, elr, lastKnownElr, ...rest }): PartitionRow => ({ ...rest, topic: name, elr, lastKnownElr: elr === null ? null : lastKnownElr })),
  )
const order = (a: PartitionRow, b: PartitionRow) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1)
const topicsOf = (rows: readonly PartitionRow[]) => [...new Set(rows.map((one) => one.topic))].map((name) => topic(name))

describe('PartitionTable', () => {
  it('gives back every row, in order', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const table = PartitionTable.of(topicsOf(rows), rows)
        expect(table.size).toBe(rows.length)
        expect([...table.rows()]).toEqual([...rows].sort(order))
        expect([...table.map((one) => one).rows()]).toEqual([...table.rows()])
      }),
    )
  })
})

describe('isrOnRecord', () => {
  const of = (change: Partial<PartitionRow>) => isrOnRecord(row('t', 0, [1, 2, 3], change))
  it.each([
    ['the ISR', { isr: [1, 2] }, [1, 2]],
    ['ISR ∪ ELR', { isr: [1], elr: [2] }, [1, 2]],
    ['the last ISR member that ZooKeeper keeps', { isr: [2], leader: -1 }, [2]],
    ['the ELR when the ISR is empty', { isr: [], leader: -1, elr: [3] }, [3]],
    ['else the last known ELR', { isr: [], leader: -1, elr: [], lastKnownElr: [2] }, [2]],
    ['nothing when neither was kept', { isr: [], leader: -1, elr: [], lastKnownElr: [] }, null],
    ['nothing when leaderless and the ELR was not read', { isr: [1], leader: -1, elr: null }, null],
    ['the ISR of a led partition, though the ELR was not read', { isr: [1], leader: 1, elr: null }, [1]],
  ] as const)('%s', (_, change, record) => {
    expect(of(change)).toEqual(record)
  })
})
