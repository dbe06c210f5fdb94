// What the platform's other masters are asked: nothing is forced on them unless it is named.
import { describe, expect, it } from 'vitest'
import { stopGuards } from '../../src/judgement/guards.ts'
import { ableToReturn, notManaged, withinBudget } from '../../src/judgement/platform-guards.ts'
import type { Member, Owner } from '../../src/model/member.ts'
import { blind, changeMember, changeVolume, dead, healthy, seen } from '../helpers/survey.ts'

const strimzi: Owner = {
  name: 'Strimzi (Kafka prod)',
  minds: 'restart',
  instead: 'kubectl annotate pod kafka2 strimzi.io/manual-rolling-update=true',
  pause: 'kubectl annotate kafka prod strimzi.io/pause-reconciliation=true',
}
const argo: Owner = { name: 'Argo CD', minds: 'spec', instead: 'argocd app sync kafka', pause: 'argocd app set kafka --sync-policy none' }
const with2 = (change: Partial<Member>) => changeMember(healthy(), 'kafka2', change)
const scaledDown = { reason: 'ScaledDown', message: 'the StatefulSet wants 2 replicas' }
const at = { broker: 2 }

describe('OWNER', () => {
  const check = (change: Partial<Member>) => notManaged().check(with2(change), at)

  it('lets through what nobody else manages', () => expect(check({})).toBeNull())

  it('refuses to restart what an operator restarts itself, and says its way', () => {
    expect(check({ owner: seen(strimzi) })).toMatchObject({
      guard: 'OWNER',
      protects: ['kafka2'],
      instead: expect.stringMatching(/manual-rolling-update.*pause-reconciliation/),
      force: { partitions: [] },
    })
  })

  it('leaves GitOps alone, until what it declares is to change', () => {
    expect(check({ owner: seen(argo) })).toBeNull()
    expect(check({ owner: seen(argo), waiting: seen(scaledDown) })).toMatchObject({ guard: 'OWNER' })
  })

  it('refuses blind when the owner was not seen', () => expect(check({ owner: blind })).toMatchObject({ blind: true }))
})

describe('RETURN', () => {
  const set = {
    kind: 'StatefulSet',
    name: 'kafka',
    version: '7',
    replicas: 3,
    first: 0,
    ordered: true,
    deletesClaims: { whenScaled: false, whenDeleted: false },
  }
  const pods = (change: Partial<Member> = {}, first: Partial<Member> = {}) => {
    const of = (ordinal: number): Partial<Member> => ({ name: `kafka-${ordinal}`, revives: 'always', workload: seen(set) })
    const named = changeMember(changeMember(healthy(), 'kafka1', { ...of(0), ...first }), 'kafka2', { ...of(1), ...change })
    if (!named.brokers.known) throw new Error('no brokers')
    return { ...named, brokers: seen(named.brokers.value.map((broker) => (broker.id === 2 ? { ...broker, member: seen('kafka-1') } : broker))) }
  }
  const check = (...given: Parameters<typeof pods>) => ableToReturn().check(pods(...given), at)

  it('lets through what would come back', () => expect(check()).toBeNull())
  it('says nothing where nobody starts it again', () => expect(check({ revives: 'never', nodeTrouble: seen('cordoned') })).toBeNull())
  it('refuses while its node would not take it', () => {
    expect(check({ nodeTrouble: seen('cordoned by ada') })).toMatchObject({
      guard: 'RETURN',
      because: expect.stringContaining('cordoned'),
      force: { partitions: [] },
    })
  })
  it('refuses while an earlier ordinal holds it up, unless they start side by side', () => {
    const waits = { waiting: seen({ reason: 'NotReady', message: 'its probe fails' }) }
    expect(check({}, waits)).toMatchObject({ because: expect.stringContaining('kafka-0') })
    expect(check({ workload: seen({ ...set, ordered: false }) }, waits)).toBeNull()
  })
  it('never lets a successor start beside it, forced or not', () => {
    expect(check({ workload: seen({ ...set, kind: 'ReplicaSet' }) })).toMatchObject({ guard: 'RETURN', force: null })
  })
  it('refuses blind when its controller was not seen', () => expect(check({ workload: blind })).toMatchObject({ blind: true }))
})

describe('PDB', () => {
  const check = (change: Partial<Member>) => withinBudget().check(with2(change), at)
  const why = 'PodDisruptionBudget kafka allows no disruption: 2 of 3 are healthy, 3 wanted'

  it('lets through what no budget covers', () => expect(check({})).toBeNull())
  it('refuses in the words of the budget', () => expect(check({ disruption: seen(why) })).toMatchObject({ guard: 'PDB', because: why }))
  it('refuses blind when the budgets were not seen', () => expect(check({ disruption: blind })).toMatchObject({ blind: true }))
  it('has nothing to say where nothing runs', () => expect(check({ disruption: seen(why), state: seen('stopped') })).toBeNull())
})

describe('where the platform starts again whatever was stopped', () => {
  const blank = (revives: Member['revives']) => {
    const down = changeVolume(dead(dead(healthy(), 1), 3), 'kafka2', { state: seen('blank') })
    return changeMember(down, 'kafka2', { revives })
  }
  const g2 = (revives: Member['revives']) =>
    stopGuards()
      .find(({ name }) => name === 'G2')
      ?.check(blank(revives), at) ?? null

  const bound = { claim: 'data-kafka2', phase: 'Bound', volume: 'pv-2', reclaim: 'Delete', node: null }
  const lastOfIsr = (backing: typeof bound | null) => {
    const down = changeVolume(dead(dead(healthy(), 1), 3), 'kafka2', { backing })
    return stopGuards()
      .find(({ name }) => name === 'G2')
      ?.check(changeMember(down, 'kafka2', { revives: 'always' }), at)
  }

  it('the disk has to outlive the pod', () => {
    expect(lastOfIsr(bound)).toBeNull()
    expect(lastOfIsr({ ...bound, phase: 'Terminating' })).toMatchObject({ guard: 'G2', because: expect.stringContaining('Terminating') })
    expect(lastOfIsr(null)).toMatchObject({ guard: 'G2', because: expect.stringContaining('no claim') })
  })

  it('a stop is a start, and G2 guards it', () => expect(g2('always')).toMatchObject({ guard: 'G2' }))
  it('elsewhere it is not', () => expect([g2('never'), g2('crashes')]).toEqual([null, null]))
})
