// Projections say so, leave the rest alone, and never make known what was not.
import { describe, expect, it } from 'vitest'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { skewedLeaders } from '../../src/judgement/leaders.ts'
import type { PartitionRow } from '../../src/model/partitions.ts'
import type { Survey } from '../../src/model/survey.ts'
import { brokerOf, memberOf } from '../../src/model/survey.ts'
import { withBroker, withBrokerBack, withBrokerOut, withLeadersPreferred, withMember } from '../../src/survey/project.ts'
import { blind, dead, healthy, row, seen, table, topic } from '../helpers/survey.ts'

const rows = (survey: Survey): readonly PartitionRow[] => (survey.partitions.known ? [...survey.partitions.value.rows()] : [])
const lone = (change: Partial<PartitionRow>): Survey => ({ ...healthy(), partitions: table([topic('t')], [row('t', 0, [1, 2, 3], change)]) })

describe('projections', () => {
  it('change one member or broker, and say that it is projected', () => {
    const survey = withBroker(withMember(healthy(), 'kafka2', { state: seen('stopped') }), 2, { registered: seen(false) })
    expect(memberOf(survey, 'kafka2')?.state).toEqual({ known: true, value: 'stopped', by: 'projected' })
    expect(brokerOf(survey, 2)?.registered).toEqual({ known: true, value: false, by: 'projected' })
    expect(memberOf(survey, 'kafka1')).toEqual(memberOf(healthy(), 'kafka1'))
    expect(survey.members.by).toBe('projected')
  })

  it('keep unknown what was unknown', () => {
    const dark: Survey = { ...healthy(), members: blind, brokers: blind, partitions: blind }
    const projected = withLeadersPreferred(withBrokerBack(withBrokerOut(withMember(dark, 'kafka1', { state: seen('stopped') }), 1), 1), [])
    expect([projected.members, projected.brokers, projected.partitions]).toEqual([blind, blind, blind])
  })

  it('lead from a dead broker to a healthy cluster', () => {
    const before = dead(healthy(), 2)
    const back = withBrokerBack(withMember(before, 'kafka2', { state: seen('running') }), 2)
    expect(rows(back).every((one) => one.isr.length === 3 && one.leader > 0)).toBe(true)
    expect(diagnose(back).verdict).toBe('healthy')
    const skewed = skewedLeaders(back, 2)
    expect(skewed).toHaveLength(3)
    const balanced = withLeadersPreferred(back, skewed)
    expect(skewedLeaders(balanced)).toEqual([])
    expect(rows(balanced).filter((one) => one.leaderEpoch === 1)).toHaveLength(3)
  })

  it('let a broker lead what is leaderless only from the ISR on record', () => {
    expect(rows(withBrokerBack(lone({ isr: [2], leader: -1 }), 2))).toMatchObject([{ leader: 2, isr: [2], leaderEpoch: 1 }])
    expect(rows(withBrokerBack(lone({ isr: [2], leader: -1 }), 1))).toMatchObject([{ leader: -1, isr: [2] }])
    expect(rows(withBrokerBack(lone({ isr: [], elr: [], lastKnownElr: [3], leader: -1 }), 3))).toMatchObject([{ leader: 3, isr: [3] }])
  })

  it('take a broker out, and keep the last ISR member on record', () => {
    expect(rows(withBrokerOut(lone({}), 1))).toMatchObject([{ leader: 2, isr: [2, 3], leaderEpoch: 1 }])
    expect(rows(withBrokerOut(lone({ isr: [1] }), 1))).toMatchObject([{ leader: -1, isr: [1] }])
    expect(rows(withBrokerOut(lone({ isr: [2, 3], leader: 2 }), 1))).toMatchObject([{ leader: 2, isr: [2, 3], leaderEpoch: 0 }])
  })
})
