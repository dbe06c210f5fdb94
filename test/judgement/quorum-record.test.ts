// How old a record is that came back: older than what the brokers knew, or raised since by elections.
import { describe, expect, it } from 'vitest'
import { behind, raised } from '../../src/judgement/quorum-record.ts'

describe('a record that came back', () => {
  const before = { 'orders-0': 5, 'orders-1': 5, 'orders-2': 5 }
  it('is behind where its epoch is lower, or there is none', () => {
    expect(behind(before, new Map(Object.entries({ 'orders-0': 4, 'orders-1': 5 })))).toEqual(['orders-0', 'orders-2'])
  })
  it('was raised since where its epoch is higher: whether it was behind before cannot be told any more', () => {
    expect(raised(before, new Map(Object.entries({ 'orders-0': 6, 'orders-1': 5, 'orders-2': 4 })))).toEqual(['orders-0'])
  })
})
