// G1, G2 and G5 by table, and by property: what was not seen never licenses anything.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Guard, Refusal } from '../../src/engine/step.ts'
import { blankDisk, quorumKept, restartSafe, reviveGuards, startGuards, stopGuards } from '../../src/judgement/guards.ts'
import type { BrokerTarget } from '../../src/judgement/refusals.ts'
import { outOfService } from '../../src/judgement/status.ts'
import type { Known } from '../../src/model/known.ts'
import { PartitionTable } from '../../src/model/partitions.ts'
import type { Survey } from '../../src/model/survey.ts'
import {
  blind,
  changeBroker,
  changeMember,
  changeQuorum,
  changeRows,
  changeVolume,
  changeZooKeeper,
  dead,
  dimmed,
  healthy,
  killed,
  paused,
  row,
  seen,
  table,
  topic,
} from '../helpers/survey.ts'

const G1 = restartSafe()
const G2 = blankDisk()
const G5 = quorumKept()
const withRow = (survey: Survey, minIsr: number, one: ReturnType<typeof row>): Survey => ({
  ...survey,
  partitions: table([topic(one.topic, { minIsr: seen(minIsr) })], [one]),
})
const of = (guards: readonly Guard<BrokerTarget>[], name: string): Guard<BrokerTarget> => {
  const found = guards.find((guard) => guard.name === name)
  if (found === undefined) throw new Error(`there is no guard ${name}`)
  return found
}
const refused = (refusal: Refusal | null): Refusal => {
  expect(refusal).not.toBeNull()
  return refusal as Refusal
}

describe('G1, restart safety', () => {
  const passes: readonly (readonly [string, Survey, number])[] = [
    ['a healthy broker of a healthy cluster', healthy(), 1],
    ['a healthy broker under KRaft', healthy('kraft'), 2],
    ['a dead broker, though its partitions are below min ISR', withRow(dead(healthy(), 2), 2, row('pairs', 0, [1, 2], { isr: [1] })), 2],
    ['a dead broker that is the only replica', withRow(dead(healthy(), 2), 1, row('single', 0, [2], { leader: -1 })), 2],
    ['a hung broker that is still in every ISR at the bar', withRow(paused(healthy(), 2), 2, row('pairs', 0, [1, 2])), 2],
    ['a broker without replicas', withRow(healthy(), 2, row('elsewhere', 0, [1, 2])), 3],
    ['ISR of two with min ISR one', withRow(healthy(), 1, row('orders', 0, [1, 2, 3], { isr: [1, 2] })), 1],
    ['out of the ISR, which is at the bar without it', withRow(healthy(), 2, row('orders', 0, [1, 2, 3], { isr: [1, 2] })), 3],
  ]
  it.each(passes)('passes %s', (_, survey, broker) => {
    expect(G1.check(survey, { broker })).toBeNull()
  })

  const refusals: readonly (readonly [string, Survey, number, readonly string[] | RegExp])[] = [
    ['brokers not seen', { ...healthy(), brokers: blind }, 1, ['broker 1']],
    ['platform not seen', { ...healthy(), members: blind }, 1, ['broker 1']],
    ['partitions not seen', { ...healthy(), partitions: blind }, 1, ['broker 1']],
    ['reassignments not seen', { ...healthy(), reassigning: blind }, 1, ['broker 1']],
    ['a reassignment under way', { ...healthy(), reassigning: seen(['orders-4']) }, 1, ['orders-4']],
    ['a broker that does not exist', healthy(), 7, ['broker 7']],
    ['min ISR not seen', { ...healthy(), partitions: table([topic('orders', { minIsr: blind })], [row('orders', 0, [1, 2, 3])]) }, 1, ['orders-0']],
    ['ISR − 1 below min ISR', withRow(healthy(), 2, row('orders', 0, [1, 2, 3], { isr: [1, 2] })), 1, ['orders-0']],
    ['ISR below min ISR with the broker outside it', withRow(healthy(), 2, row('orders', 0, [1, 2, 3], { isr: [1] })), 3, ['orders-0']],
    ['min ISR zero, one replica left', withRow(healthy(), 0, row('orders', 0, [1, 2, 3], { isr: [1] })), 1, ['orders-0']],
    ['an empty ISR (4.x)', withRow(healthy('kraft'), 1, row('orders', 0, [1, 2, 3], { isr: [], leader: -1, elr: [2] })), 1, ['orders-0']],
    ['a dead broker while another is silent', changeBroker(dead(healthy(), 2), 1, { reachable: blind }), 2, /orders-/],
  ]
  it.each(refusals)('refuses: %s', (_, survey, broker, protects) => {
    const refusal = refused(G1.check(survey, { broker }))
    expect(refusal.guard).toBe('G1')
    if (protects instanceof RegExp) expect(refusal.protects.join(' ')).toMatch(protects)
    else expect(refusal.protects).toEqual(protects)
    expect(refusal.force).toBeNull()
  })

  it('names every partition that both brokers host while another is missing', () => {
    const rows = [row('orders', 0, [1, 3]), row('orders', 1, [1, 2]), row('orders', 2, [3, 1, 2]), row('orders', 3, [2, 3])]
    const survey = dead({ ...healthy(), partitions: table([topic('orders', { minIsr: seen(1) })], rows) }, 3)
    expect(refused(G1.check(survey, { broker: 1 })).protects).toEqual(['orders-0', 'orders-2'])
  })

  it('names all partitions it hosts when it shares none with the missing broker, else the broker', () => {
    const survey = dead({ ...healthy(), partitions: table([topic('orders', { minIsr: seen(1) })], [row('orders', 0, [1, 2])]) }, 3)
    expect(refused(G1.check(survey, { broker: 1 })).protects).toEqual(['orders-0'])
    expect(refused(G1.check(dead({ ...healthy(), partitions: table([], []) }, 3), { broker: 1 })).protects).toEqual(['broker 3'])
  })

  it('may be forced for single-replica partitions only, as loss, each named', () => {
    const single = withRow(healthy(), 1, row('single', 0, [2]))
    expect(refused(G1.check(single, { broker: 2 })).force).toEqual({ as: 'lose-data', partitions: ['single-0'] })
    const both = { ...healthy(), partitions: table([topic('single', { minIsr: seen(1) }), topic('pairs')], [row('single', 0, [2]), row('pairs', 0, [1, 2])]) }
    expect(refused(G1.check(both, { broker: 2 })).force).toBeNull()
  })

  it('never allows an ISR below min ISR', () => {
    const subset = fc.subarray([1, 2, 3, 4], { minLength: 1 })
    const arbitrary = fc.record({ replicas: subset, isr: subset, minIsr: fc.integer({ min: 0, max: 4 }), broker: fc.constantFrom(1, 2, 3, 4) })
    fc.assert(
      fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 4 }), fc.constantFrom(1, 2, 3, 4), (specs, broker) => {
        const topics = specs.map((spec, at) => topic(`t${at}`, { minIsr: seen(spec.minIsr) }))
        const rows = specs.map((spec, at) => row(`t${at}`, 0, spec.replicas, { isr: spec.isr.filter((id) => spec.replicas.includes(id)) }))
        const survey: Survey = { ...healthy('zookeeper', 4), partitions: table(topics, rows) }
        if (G1.check(survey, { broker }) !== null) return
        specs.forEach((spec, at) => {
          if (!spec.replicas.includes(broker)) return
          const left = (rows[at]?.isr ?? []).filter((id) => id !== broker).length
          expect(left).toBeGreaterThanOrEqual(Math.max(spec.minIsr, 1))
        })
      }),
    )
  })
})

describe('UNCLEAN', () => {
  const UNCLEAN = of(reviveGuards(), 'UNCLEAN')
  /** Nobody lives; two partitions, ISRs apart. */
  const apart = (unclean: Known<boolean>): Survey => {
    const rows = [row('orders', 0, [1, 2, 3], { isr: [1], leader: -1 }), row('orders', 1, [1, 2, 3], { isr: [2], leader: -1 })]
    const dead3 = [1, 2, 3].reduce((survey, id) => killed(survey, id), healthy())
    return { ...dead3, partitions: table([topic('orders', { uncleanElection: unclean })], rows) }
  }
  it('refuses every first start while nobody saw who is on record', () => {
    const refusal = refused(UNCLEAN.check({ ...apart(seen(false)), partitions: blind }, { broker: 1 }))
    expect(refusal).toMatchObject({ guard: 'UNCLEAN', blind: true, force: null, protects: ['broker 1'] })
  })
  it('refuses what could be elected stale where nobody saw whether it is on; what it may lose can be typed', () => {
    const refusal = refused(UNCLEAN.check(apart(blind), { broker: 1 }))
    expect(refusal).toMatchObject({ guard: 'UNCLEAN', blind: true, protects: ['orders-1'], force: { as: 'lose-data', partitions: ['orders-1'] } })
    expect(UNCLEAN.check(apart(seen(false)), { broker: 1 })).toBeNull()
  })
  it('passes whoever is on record for everything without a leader that it hosts', () => {
    const both = {
      ...apart(blind),
      partitions: table([topic('orders', { uncleanElection: blind })], [row('orders', 0, [1, 2, 3], { isr: [1, 2], leader: -1 })]),
    }
    expect([1, 2, 3].map((broker) => UNCLEAN.check(both, { broker })?.guard ?? null)).toEqual([null, null, 'UNCLEAN'])
  })
  it('leaves known dangers to G2, which cannot be forced', () => {
    expect(UNCLEAN.check(apart(seen(true)), { broker: 1 })).toBeNull()
    expect(refused(of(reviveGuards(), 'G2').check(apart(seen(true)), { broker: 1 }))).toMatchObject({ force: null, protects: ['orders-1'] })
  })
})

describe('G2, blank disk', () => {
  const blank = (survey: Survey, id: number, state: Parameters<typeof changeVolume>[2]['state'] = seen('blank')): Survey =>
    changeVolume(killed(survey, id), `kafka${id}`, { state })
  const only = (survey: Survey, isr: readonly number[]): Survey =>
    withRow(survey, 2, row('orders', 0, [1, 2, 3], { isr, leader: isr[0] === 2 ? -1 : (isr[0] ?? -1) }))
  /** Broker 2 is dead on an intact disk; orders-0 has no leader although broker 3, alone on record, is up. */
  const stale = (unclean: boolean): Survey => {
    const survey = withRow(killed(healthy(), 2), 2, row('orders', 0, [1, 2, 3], { isr: [3], leader: -1 }))
    if (!survey.partitions.known) throw new Error('the fixture has partitions')
    const { topics } = survey.partitions.value
    const changed = topics.map((topic) => (topic.name === 'orders' ? { ...topic, uncleanElection: seen(unclean) } : topic))
    return { ...survey, partitions: seen(PartitionTable.of(changed, [...survey.partitions.value.rows()])) }
  }
  const passes: readonly (readonly [string, Survey])[] = [
    ['an intact volume, sole ISR member', only(killed(healthy(), 2), [2])],
    ['a blank volume, another ISR member live', only(blank(healthy(), 2), [1, 2])],
    ['a blank volume, out of the ISR', only(blank(healthy(), 2), [1])],
    ['an unknown volume, another ISR member live', only(blank(healthy(), 2, blind), [3, 2])],
    ['a partition without a leader, out of the ISR, clean election only', stale(false)],
  ]
  it.each(passes)('passes %s', (_, survey) => {
    expect(G2.check(survey, { broker: 2 })).toBeNull()
  })
  const refusals: readonly (readonly [string, Survey])[] = [
    ['an intact volume that would be elected stale, unclean election on', stale(true)],
    [
      'a blank volume, a leaderless partition whose other ISR member only looks alive',
      withRow(blank(healthy(), 2), 2, row('orders', 0, [1, 2, 3], { isr: [2, 3], leader: -1 })),
    ],
    ['a blank volume, sole ISR member', only(blank(healthy(), 2), [2])],
    ['a volume that is gone, sole ISR member', only(blank(healthy(), 2, seen('gone')), [2])],
    ['an unknown volume, sole ISR member', only(blank(healthy(), 2, blind), [2])],
    ['a blank volume, the other ISR member dead', only(dead(blank(healthy(), 2), 3), [2, 3])],
    ['a blank volume, the other ISR member silent', only(changeBroker(blank(healthy(), 2), 3, { reachable: blind }), [2, 3])],
    ['a blank volume, ISR on record not readable', changeRows(only(blank(healthy('kraft'), 2), [2]), (one) => ({ ...one, isr: [], elr: null }))],
    [
      'a blank volume, last known ELR is it (4.x)',
      changeRows(only(blank(healthy('kraft'), 2), [2]), (one) => ({ ...one, isr: [], elr: [], lastKnownElr: [2] })),
    ],
    ['one blank volume of two', only(changeMember(killed(healthy(), 2), 'kafka2', { volumes: twoVolumes() }), [2])],
    ['no volume shown', only(changeMember(killed(healthy(), 2), 'kafka2', { volumes: [] }), [2])],
    ['member not matched', only(changeBroker(blank(healthy(), 2), 2, { member: blind }), [2])],
  ]
  it.each(refusals)('refuses %s', (_, survey) => {
    const refusal = refused(G2.check(survey, { broker: 2 }))
    expect(refusal).toMatchObject({ guard: 'G2', protects: ['orders-0'], force: null })
  })
  it('refuses a blank volume when the partitions were not seen', () => {
    expect(refused(G2.check({ ...blank(healthy(), 2), partitions: blind }, { broker: 2 })).protects).toEqual(['broker 2'])
  })
})

function twoVolumes() {
  const { members } = healthy()
  const [one] = members.known ? members.value.filter((member) => member.name === 'kafka2').flatMap((member) => member.volumes) : []
  if (one === undefined) throw new Error('no volume')
  return [one, { ...one, name: 'second', state: seen('blank' as const) }]
}

describe('G5, the quorum', () => {
  const combined = healthy('combined')
  const passes: readonly (readonly [string, Survey, number])[] = [
    ['a broker beside ZooKeeper', healthy(), 1],
    ['a broker beside its controllers', healthy('kraft'), 1],
    ['one of three combined nodes', combined, 1],
    ['a dead combined node, the other two live', killed(combined, 2), 2],
  ]
  it.each(passes)('passes %s', (_, survey, broker) => {
    expect(G5.check(survey, { broker })).toBeNull()
  })
  const refusals: readonly (readonly [string, Survey, number])[] = [
    ['the quorum was not seen', { ...healthy(), coordination: blind }, 1],
    ['ZooKeeper quorum lost', changeZooKeeper(healthy(), { quorum: seen(false) }), 1],
    ['ZooKeeper quorum unknown', changeZooKeeper(healthy(), { quorum: blind }), 1],
    ['controller quorum lost', changeQuorum(healthy('kraft'), { quorum: seen(false) }), 1],
    ['a combined node while another does not run', killed(combined, 2), 1],
    ['a combined node while another is paused', paused(combined, 2), 1],
    [
      'a combined node while a voter no longer fetches',
      changeQuorum(combined, { voters: seen([1, 2, 3].map((id) => ({ id, logEndOffset: 1n, lastFetchAgo: id === 3 ? 60_000 : 1, lastCaughtUpAgo: 1 }))) }),
      1,
    ],
    ['the voters were not seen', changeQuorum(combined, { voters: blind }), 1],
    ['its member was not matched', changeBroker(combined, 1, { member: blind }), 1],
    ['the only combined node', healthy('combined', 1), 1],
    ['a member that is also a ZooKeeper server', changeMember(healthy(), 'kafka1', { roles: ['broker', 'zookeeper'] }), 1],
  ]
  it.each(refusals)('refuses: %s', (_, survey, broker) => {
    expect(refused(G5.check(survey, { broker }))).toMatchObject({ guard: 'G5', force: null })
  })
})

describe('what was not seen', () => {
  const apply = { up: (survey: Survey) => survey, killed, dead, paused, silent: (survey: Survey, id: number) => changeBroker(survey, id, { reachable: blind }) }
  const state = fc.constantFrom('up' as const, 'killed' as const, 'dead' as const, 'paused' as const, 'silent' as const)
  const volumes = fc.constantFrom('intact' as const, 'blank' as const, 'gone' as const)
  const isrs = fc.array(fc.subarray([1, 2, 3]), { minLength: 9, maxLength: 9 })
  it('never turns a refusal into a pass', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('zookeeper' as const, 'kraft' as const, 'combined' as const),
        fc.tuple(state, state, state),
        volumes,
        isrs,
        fc.constantFrom(1, 2, 3),
        (kind, states, volume, sets, broker) => {
          let at = 0
          const base = states.reduce((now, word, index) => apply[word](now, index + 1), healthy(kind))
          const survey = changeRows(changeVolume(base, `kafka${broker}`, { state: seen(volume) }), (one) => ({
            ...one,
            isr: one.replicas.filter((id) => (sets[at++ % 9] ?? []).includes(id)),
          }))
          for (const guard of [G1, G2, G5]) {
            if (guard.check(survey, { broker }) === null) continue
            for (const dim of dimmed(survey)) expect(guard.check(dim.survey, { broker }), `${guard.name} without ${dim.path}`).not.toBeNull()
          }
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  it('never puts a broker out of service', () => {
    for (const dim of dimmed(healthy())) for (const id of [1, 2, 3]) expect(outOfService(dim.survey, id), dim.path).toBe(false)
  })

  it('is guarded in this order', () => {
    expect(stopGuards().map((guard) => guard.name)).toEqual(['OWNER', 'PDB', 'RETURN', 'G1', 'UNCLEAN', 'G2', 'G5'])
    expect(startGuards().map((guard) => guard.name)).toEqual(['OWNER', 'G1', 'UNCLEAN', 'G2', 'G5'])
  })
})
