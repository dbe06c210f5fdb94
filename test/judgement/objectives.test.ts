// RTO and RPO, and which leaders are not where they are preferred.
import { describe, expect, it } from 'vitest'
import { leaderSkew, skewedLeaders } from '../../src/judgement/leaders.ts'
import { lossBound } from '../../src/judgement/objectives.ts'
import type { Survey } from '../../src/model/survey.ts'
import { blind, changeRows, dead, dimmed, healthy, row, seen, table, topic } from '../helpers/survey.ts'

describe('lossBound', () => {
  const before = dead(healthy(), 2)
  const after = healthy()
  const one = (topicChange: object, rowChange: object): Survey => ({
    ...healthy(),
    partitions: table([topic('orders', topicChange)], [row('orders', 0, [1, 2, 3], rowChange)]),
  })
  it('is 0 when every leader came from the ISR on record', () => {
    expect(lossBound(before, after)).toMatchObject({ known: true, value: 0 })
    expect(lossBound(one({}, { isr: [], leader: -1, elr: [], lastKnownElr: [2] }), one({}, { isr: [2], leader: 2 }))).toMatchObject({ known: true, value: 0 })
  })
  const doubtful: readonly (readonly [string, Survey, Survey, RegExp])[] = [
    ['partitions before not seen', { ...before, partitions: blind }, after, /before/],
    ['partitions after not seen', before, { ...after, partitions: blind }, /after/],
    ['a topic is gone', after, one({}, {}), /no longer exists/],
    ['a topic was re-created', one({ id: 'old' }, {}), one({ id: 'new' }, {}), /re-created/],
    ['topic ids not seen', one({ id: null }, {}), one({ id: null }, {}), /topic id/],
    ['unclean election is on', one({ uncleanElection: seen(true) }, {}), one({}, {}), /unclean/],
    ['unclean election was turned on', one({}, {}), one({ uncleanElection: seen(true) }, {}), /unclean/],
    ['unclean election not seen', one({}, {}), one({ uncleanElection: blind }, {}), /unclean/],
    ['ISR on record not seen', one({}, { isr: [], leader: -1, elr: null }), one({}, {}), /on record/],
    ['led from outside the ISR on record', one({}, { isr: [2], leader: -1 }), one({}, { isr: [1, 3], leader: 1 }), /on record/],
    ['still leaderless', one({}, { isr: [2], leader: -1 }), one({}, { isr: [2], leader: -1 }), /no leader/],
  ]
  it.each(doubtful)('is unknown: %s', (_, then, now, why) => {
    const bound = lossBound(then, now)
    expect(bound.known).toBe(false)
    if (!bound.known) expect(bound.why).toMatch(why)
  })
  it('never becomes known by not seeing', () => {
    for (const [, then, now] of doubtful) for (const dim of dimmed(now)) expect(lossBound(then, dim.survey).known, dim.path).toBe(false)
  })
})

describe('skewedLeaders', () => {
  const moved = changeRows(dead(healthy(), 2), (one) => ({ ...one, isr: one.replicas }))
  it('lists what prefers a broker that is in the ISR and does not lead it', () => {
    expect(skewedLeaders(moved, 2)).toEqual([
      { topic: '__consumer_offsets', partition: 1 },
      { topic: 'orders', partition: 1 },
      { topic: 'orders', partition: 4 },
    ])
    expect(skewedLeaders(moved)).toHaveLength(3)
    expect(skewedLeaders(moved, 1)).toEqual([])
    expect(skewedLeaders(dead(healthy(), 2), 2)).toEqual([])
    expect(skewedLeaders({ ...moved, partitions: blind })).toEqual([])
  })
  it('counts the share', () => {
    expect(leaderSkew([row('a', 0, [1, 2]), row('a', 1, [1, 2], { leader: 2 }), row('a', 2, [1], { leader: -1 })])).toBe(0.5)
    expect(leaderSkew([])).toBe(0)
  })
})
