// Brokers whose set was scaled to nothing: what may be said of them without their disks, and whom a start brings along.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { reviveGuards } from '../../src/judgement/guards.ts'
import { claimsStay, nobodyElses } from '../../src/judgement/platform-guards.ts'
import { unknown } from '../../src/model/known.ts'
import { companyOf, heldUpBy, isUnlooked, type Member, rangeWith, type Workload } from '../../src/model/member.ts'
import type { Survey } from '../../src/model/survey.ts'
import { BY, blind, dead, healthy, member, row, seen, table, topic } from '../helpers/survey.ts'

const SET: Workload = {
  kind: 'StatefulSet',
  name: 'kafka',
  version: '7',
  replicas: 0,
  first: 0,
  ordered: true,
  deletesClaims: { whenScaled: false, whenDeleted: false },
}
const unlooked = unknown('it does not run', BY)
const bound = (name: string) => ({ claim: `data-${name}`, phase: 'Bound', volume: `pv-${name}`, reclaim: 'Delete', node: null })

const pod = (ordinal: number, change: Partial<Member> = {}): Member => {
  const name = `kafka-${ordinal}`
  const own = member(name, ['broker'], ordinal + 1)
  return {
    ...own,
    id: unlooked,
    state: seen('stopped'),
    uid: seen(null),
    startedAt: seen(null),
    waiting: seen({ reason: 'ScaledDown', message: 'StatefulSet kafka has 0 replicas' }),
    workload: seen(SET),
    volumes: own.volumes.map((volume) => ({ ...volume, state: unlooked, clusterId: unlooked, backing: bound(name) })),
    ...change,
  }
}

/** Every broker is down and registered no more; which member each is was not seen. */
const scaled = (kind: 'zookeeper' | 'kraft', pods: readonly Member[] = [pod(0), pod(1), pod(2)]): Survey => {
  const down = [1, 2, 3].reduce(dead, healthy(kind))
  const rest = down.members.known ? down.members.value.filter(({ roles }) => !roles.includes('broker')) : []
  const brokers = down.brokers.known ? down.brokers.value.map((each) => ({ ...each, member: unknown('no member carries its id', BY) })) : []
  return {
    ...down,
    clusterId: unknown('no broker answers', BY),
    members: seen([...rest, ...pods]),
    brokers: seen(kind === 'kraft' ? [] : brokers),
    partitions: kind === 'kraft' ? blind : down.partitions,
  }
}

describe('the diagnosis of a cluster that was scaled to nothing', () => {
  it.each(['zookeeper', 'kraft'] as const)('is a lost majority of a %s cluster, not a complete loss: the claims are there', (kind) => {
    expect(diagnose(scaled(kind))).toMatchObject({ verdict: 'multi-broker', next: ['recover', 'multi-broker', '--cluster', 'lab'] })
  })

  it.each(['zookeeper', 'kraft'] as const)('is a complete loss of a %s cluster where every claim was looked at, and is empty', (kind) => {
    const empty = [0, 1, 2].map((at) => pod(at, { volumes: pod(at).volumes.map((volume) => ({ ...volume, state: seen('blank'), clusterId: seen(null) })) }))
    expect(diagnose(scaled(kind, empty)).verdict).not.toBe('healthy')
    if (kind === 'zookeeper') expect(diagnose(scaled(kind, empty)).verdict).toBe('complete-loss')
  })

  it('is unknown where the claims are not known to be there', () => {
    const lost = [0, 1, 2].map((at) => pod(at, { volumes: pod(at).volumes.map((volume) => ({ ...volume, backing: { ...bound('x'), phase: 'Unknown' } })) }))
    expect(diagnose(scaled('zookeeper', lost)).verdict).toBe('unknown')
    expect(lost.some(isUnlooked)).toBe(false)
  })
})

describe('what a start brings along', () => {
  it('of brokers that are all scaled away nobody, of a quorum whoever is before it', () => {
    expect(rangeWith(SET, { name: 'kafka-2', roles: ['broker'] })).toEqual({ first: 2, replicas: 1 })
    expect(rangeWith(SET, { name: 'zookeeper-2', roles: ['zookeeper'] })).toEqual({ first: 0, replicas: 3 })
    expect(rangeWith({ first: 2, replicas: 1 }, { name: 'kafka-0', roles: ['broker'] })).toEqual({ first: 0, replicas: 3 })
  })

  it('is everybody who is made by then and was not before', () => {
    const ordinals = fc.nat({ max: 9 })
    fc.assert(
      fc.property(ordinals, fc.integer({ min: 0, max: 5 }), ordinals, (first, replicas, wanted) => {
        const set = { ...SET, first, replicas }
        const all = Array.from({ length: 10 }, (_, at) => pod(at, { workload: seen(set), revives: 'never' }))
        const made = (range: { first: number; replicas: number }, at: number) => at >= range.first && at < range.first + range.replicas
        const after = rangeWith(set, { name: `kafka-${wanted}`, roles: ['broker'] })
        const company = companyOf(pod(wanted, { workload: seen(set), revives: 'never' }), all).map(({ name }) => name)
        expect(made(after, wanted)).toBe(true)
        for (let at = 0; at < 10; at += 1) {
          if (made(set, at)) expect(made(after, at)).toBe(true)
          if (at !== wanted) expect(company.includes(`kafka-${at}`)).toBe(made(after, at) && !made(set, at))
        }
      }),
    )
  })

  const known = (at: number, change: Partial<Member> = {}) =>
    pod(at, {
      id: seen(at + 1),
      volumes: pod(at).volumes.map((volume) => ({ ...volume, state: seen('intact') })),
      workload: seen({ ...SET, first: 2, replicas: 1 }),
      ...change,
    })
  const two = (between: Member, unclean: boolean | null): Survey => {
    const base = scaled('zookeeper', [known(0), between, known(2, { state: seen('running'), uid: seen('u'), waiting: seen(null), revives: 'always' })])
    const matched = base.brokers.known ? base.brokers.value.map((each) => ({ ...each, member: seen(`kafka-${each.id - 1}`) })) : []
    const orders = topic('orders', { uncleanElection: unclean === null ? blind : seen(unclean) })
    return { ...base, brokers: seen(matched), partitions: table([orders], [row('orders', 0, [1, 2, 3], { leader: -1, isr: [1] })]) }
  }
  const refusals = (survey: Survey) => reviveGuards<{ broker: number }>().flatMap((guard) => guard.check(survey, { broker: 1 }) ?? [])

  it('is refused for what G2 says of whoever comes along', () => {
    expect(refusals(two(known(1), false))).toEqual([])
    expect(refusals(two(known(1), null))).toMatchObject([
      { guard: 'UNCLEAN', blind: true, because: expect.stringMatching(/kafka-0 can only be started together with kafka-1: .*stale/) },
    ])
    expect(refusals(two(pod(1, { workload: seen({ ...SET, first: 2, replicas: 1 }), roles: ['broker'] }), false))).toMatchObject([])
  })
})

describe('the order of a set', () => {
  it('holds up whoever comes after one that is not well', () => {
    const all = [pod(0), pod(1), pod(2)]
    expect(heldUpBy(pod(2), all).map(({ name }) => name)).toEqual(['kafka-0', 'kafka-1'])
    expect(heldUpBy(pod(0), all)).toEqual([])
    expect(heldUpBy(pod(2, { workload: seen({ ...SET, ordered: false }) }), all)).toEqual([])
  })
})

describe('a set that is to be made anew', () => {
  const at = { members: ['kafka-2'] }
  const survey = (change: Partial<Member>) => scaled('zookeeper', [pod(0), pod(1), pod(2, change)])

  it('is nobody else’s', () => {
    const argo = { name: 'Argo CD', minds: 'spec' as const, instead: 'argocd app sync kafka', pause: null }
    expect(nobodyElses().check(survey({}), at)).toBeNull()
    expect(nobodyElses().check(survey({ owner: seen(argo) }), at)).toMatchObject({ guard: 'OWNER' })
    expect(nobodyElses().check(survey({ owner: blind }), at)).toMatchObject({ blind: true })
  })

  it('keeps its claims', () => {
    const deleting = { ...SET, deletesClaims: { whenScaled: true, whenDeleted: false } }
    expect(claimsStay().check(survey({}), at)).toBeNull()
    expect(claimsStay().check(survey({ workload: seen(deleting) }), at)).toMatchObject({
      guard: 'CLAIMS',
      force: null,
      instead: expect.stringContaining('Retain'),
    })
    expect(claimsStay().check(survey({ workload: blind }), at)).toMatchObject({ blind: true, force: null })
  })
})
