// Whatever is seen of a quorum: no start that lets empty disks elect each other, no stop of a second member, and
// what was not seen is never taken for good news.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { identityProblem, judgeQuorum, quorumChecks, quorumOf, stands } from '../../src/judgement/quorum.ts'
import { memberStartGuards, memberStopGuards, startsWith } from '../../src/judgement/quorum-guards.ts'
import { behind, epochsOf } from '../../src/judgement/quorum-record.ts'
import { unknown } from '../../src/model/known.ts'
import type { Member, MemberState } from '../../src/model/member.ts'
import type { Survey } from '../../src/model/survey.ts'
import { BY, changeMember, changeQuorum, changeVolume, changeZooKeeper, dimmed, healthy, seen } from '../helpers/survey.ts'

const NAMES = ['zk1', 'zk2', 'zk3'] as const

interface One {
  readonly disk: 'intact' | 'blank' | 'unknown'
  readonly state: MemberState
}

/** An ensemble without a quorum, member by member. */
const lostWith = (ones: readonly One[]): Survey => {
  const servers = ones.map((_, at) => ({ member: `zk${at + 1}`, id: seen(at + 1), mode: seen('not-serving' as const), syncedFollowers: seen(null) }))
  const base = changeZooKeeper(healthy(), { quorum: seen(false), servers, clusterId: unknown('no quorum', BY) })
  return ones.reduce((survey, { disk, state }, at) => {
    const name = `zk${at + 1}`
    const withDisk = changeVolume(survey, name, { state: disk === 'unknown' ? unknown('not read', BY) : seen(disk), clusterId: seen(null) })
    return changeMember(withDisk, name, { state: seen(state), uid: seen(state === 'stopped' ? null : 'uid') })
  }, base)
}

const one = fc.record({
  disk: fc.constantFrom('intact' as const, 'blank' as const, 'unknown' as const),
  state: fc.constantFrom('running' as const, 'stopped' as const, 'pending' as const),
})
const target = (member: string) => ({ member, clusterId: null })
const mayStart = (now: Survey, member: string) => memberStartGuards().every((guard) => guard.check(now, target(member)) === null)
const mayStop = (now: Survey, member: string) => memberStopGuards().every((guard) => guard.check(now, target(member)) === null)

describe('starting a member', () => {
  it('never makes a majority without data, whatever runs already', () => {
    fc.assert(
      fc.property(fc.array(one, { minLength: 3, maxLength: 3 }), fc.constantFrom(...NAMES), (ones, name) => {
        const own = ones[NAMES.indexOf(name)]
        fc.pre(own?.state === 'stopped' && own.disk !== 'intact')
        const now = lostWith(ones)
        if (!mayStart(now, name)) return
        const without = ones.filter(({ disk, state }, at) => disk !== 'intact' && (state !== 'stopped' || NAMES[at] === name))
        expect(without.length).toBeLessThan(2)
        if (own.disk === 'blank') expect(ones.some(({ disk, state }) => disk === 'intact' && state !== 'stopped')).toBe(true)
      }),
    )
  })

  it('with data is allowed while the cluster is the same', () => {
    fc.assert(
      fc.property(fc.array(one, { minLength: 3, maxLength: 3 }), fc.constantFrom(...NAMES), (ones, name) => {
        fc.pre(ones[NAMES.indexOf(name)]?.disk === 'intact')
        // Two empty ones that run may elect each other before it is up.
        const empties = ones.filter(({ disk, state }) => disk === 'blank' && state !== 'stopped')
        expect(mayStart(lostWith(ones), name)).toBe(empties.length < 2)
      }),
    )
  })

  it('with data is started before whoever is empty, and one empty disk waits for the other', () => {
    const down = { disk: 'intact', state: 'stopped' } as const
    const up = { disk: 'intact', state: 'running' } as const
    const empty = { disk: 'blank', state: 'stopped' } as const
    expect(mayStart(lostWith([down, empty, empty]), 'zk2')).toBe(false)
    expect(mayStart(lostWith([up, empty, empty]), 'zk2')).toBe(true)
    expect(mayStart(lostWith([up, { ...empty, state: 'running' }, empty]), 'zk3')).toBe(false)
    expect(mayStart(lostWith([up, down, empty]), 'zk3')).toBe(false)
  })

  it('is refused for now only where the disk of one that runs was not seen, and for good where none can be looked at', () => {
    const refusal = (now: Survey, name: string) => memberStartGuards().flatMap((guard) => guard.check(now, target(name)) ?? [])[0]
    const [running, stopped] = (['running', 'stopped'] as const).map((state) => ({ disk: 'unknown' as const, state }))
    if (running === undefined || stopped === undefined) throw new Error('there are two')
    expect(refusal(lostWith([running, stopped, stopped]), 'zk2')).toMatchObject({ guard: 'G2', blind: true })
    expect(refusal(lostWith([{ disk: 'blank', state: 'running' }, stopped, stopped]), 'zk2')?.blind).toBeUndefined()
  })

  it('of a set that was scaled down counts those that are started with it', () => {
    const workload = {
      kind: 'StatefulSet',
      name: 'zookeeper',
      version: '1',
      replicas: 0,
      first: 0,
      ordered: true,
      deletesClaims: { whenScaled: false, whenDeleted: false },
    }
    const base = lostWith([
      { disk: 'blank', state: 'stopped' },
      { disk: 'blank', state: 'stopped' },
      { disk: 'intact', state: 'stopped' },
    ])
    const rename = (member: Member, at: number): Member => ({
      ...member,
      name: `zookeeper-${at}`,
      workload: seen(workload),
      waiting: seen({ reason: 'ScaledDown', message: '' }),
    })
    const members = base.members.known ? base.members.value : []
    const now: Survey = { ...base, members: seen(members.map((member, at) => (at < 3 ? rename(member, at) : member))) }
    expect(startsWith(now, 'zookeeper-2')).toEqual(['zookeeper-0', 'zookeeper-1'])
    expect(memberStartGuards().map((guard) => guard.check(now, target('zookeeper-2'))?.guard)).toContain('G2')
  })

  it('is refused while nobody saw whose the ensemble is that serves', () => {
    const held = changeMember(changeZooKeeper(healthy(), { clusterId: unknown('the session was lost', BY) }), 'zk1', { state: seen('stopped') })
    const refused = memberStartGuards().flatMap((guard) => guard.check(held, target('zk1')) ?? [])
    expect(refused).toMatchObject([{ guard: 'CLUSTER', blind: true, force: null }])
  })

  it('is refused in a cluster that has become another one', () => {
    const other = changeZooKeeper(healthy(), { clusterId: seen('other') })
    expect(identityProblem(other, null)).toContain('cluster.id other')
    expect(identityProblem(changeZooKeeper(healthy(), { clusterId: seen(null) }), null)).toContain('no cluster.id')
    expect(mayStart(other, 'zk1')).toBe(false)
    expect(judgeQuorum(other)).toMatchObject({ blocked: expect.stringContaining('cluster.id') })
    expect(identityProblem(healthy(), null)).toBeNull()
    expect(identityProblem(healthy(), 'another')).not.toBeNull()
  })
})

describe('stopping a member', () => {
  const without = (survey: Survey, name: string): Survey =>
    changeZooKeeper(changeMember(survey, name, { state: seen('stopped'), uid: seen(null) }), {
      servers: NAMES.map((each, at) => ({
        member: each,
        id: seen(at),
        mode: seen(each === name ? 'not-serving' : each === 'zk3' ? 'leader' : 'follower'),
        syncedFollowers: seen(each === 'zk3' ? 1 : null),
      })),
    })

  it('is never a second one', () => {
    expect(mayStop(healthy(), 'zk1')).toBe(true)
    expect(mayStop(without(healthy(), 'zk2'), 'zk1')).toBe(false)
    expect(mayStop(healthy('kraft'), 'ctl1')).toBe(true)
    const silent = changeQuorum(healthy('kraft'), {
      voters: seen([101, 102, 103].map((id) => ({ id, logEndOffset: 1n, lastFetchAgo: id === 103 ? 60_000 : 0, lastCaughtUpAgo: 0 }))),
    })
    expect(mayStop(silent, 'ctl2')).toBe(false)
  })
})

describe('the record that came back', () => {
  it('is behind exactly where its epoch is lower than what brokers had, or is not there', () => {
    const epochs = fc.dictionary(fc.constantFrom('orders-0', 'orders-1', 'a-b-2'), fc.nat(5))
    fc.assert(
      fc.property(epochs, epochs, (before, after) => {
        const old = behind(before, new Map(Object.entries(after)))
        for (const [name, epoch] of Object.entries(before)) expect(old.includes(name)).toBe(!(name in after) || (after[name] ?? 0) < epoch)
        expect(old.every((name) => name in before)).toBe(true)
      }),
    )
  })

  it('is measured by the highest epoch that brokers or their logs have seen', () => {
    const local = [
      { broker: 1, end: 5, epoch: 4 },
      { broker: 2, end: 5, epoch: null },
    ]
    expect(epochsOf(new Map([['orders-0', { highWatermark: 5, leaderEpoch: 3, local }]]))).toEqual({ 'orders-0': 4 })
    expect(epochsOf(new Map([['orders-0', { highWatermark: 5, leaderEpoch: 7, local }]]))).toEqual({ 'orders-0': 7 })
  })
})

describe('judging the quorum', () => {
  const stopped = (disk: One['disk']): One => ({ disk, state: 'stopped' })

  it.each([
    ['4a', ['intact', 'intact', 'intact']],
    ['4a', ['intact', 'blank', 'intact']],
    ['4b', ['intact', 'blank', 'blank']],
    ['4b', ['unknown', 'blank', 'blank']],
    ['4a', ['unknown', 'unknown', 'unknown']],
    ['4c', ['blank', 'blank', 'blank']],
  ] as const)('is %s where the disks are %s', (which, disks) => {
    const judged = judgeQuorum(lostWith(disks.map(stopped)))
    expect(judged).toMatchObject({ target: { case: which } })
    const order = 'target' in judged ? judged.target.broken.map(({ disk }) => disk) : []
    expect(order).toEqual([...order].sort((a, b) => ['intact', 'unknown', 'blank'].indexOf(a) - ['intact', 'unknown', 'blank'].indexOf(b)))
  })

  it('names how far each disk reaches, and repairs the one that reaches furthest first', () => {
    const lost = lostWith([stopped('intact'), stopped('intact'), stopped('intact')])
    const reaching = (['zk1', 'zk2'] as const).reduce((now, name, at) => changeVolume(now, name, { zxid: at === 0 ? 0x10n : 0x100000002n }), lost)
    const judged = judgeQuorum(reaching)
    expect(judged).toMatchObject({ target: { because: expect.stringContaining('at least zk1 to zxid 0x10, zk2 to zxid 0x100000002') } })
    expect('target' in judged && judged.target.broken.map(({ name }) => name)).toEqual(['zk2', 'zk1', 'zk3'])
  })

  it('of controllers hands over where a majority is empty', () => {
    const lost = changeQuorum(healthy('kraft'), { quorum: seen(false) })
    const empty = ['ctl2', 'ctl3'].reduce((survey, name) => changeVolume(survey, name, { state: seen('blank'), clusterId: seen(null) }), lost)
    expect(judgeQuorum(lost)).toMatchObject({ target: { case: 'kraft' } })
    expect(judgeQuorum(empty)).toMatchObject({ target: { case: 'kraft-lost' } })
  })

  it('finds nothing to recover in a whole one, and says nothing where it could not see', () => {
    expect(judgeQuorum(healthy())).toMatchObject({ blocked: expect.stringContaining('nothing to recover') })
    for (const kind of ['zookeeper', 'kraft'] as const) {
      for (const { path, survey } of dimmed(healthy(kind))) {
        expect('target' in judgeQuorum(survey) && !survey.members.known, path).toBe(false)
        const [check] = quorumChecks(survey)
        expect(check?.result, path).not.toBe('FAIL')
      }
    }
  })

  it('passes only where everybody serves in sync', () => {
    expect(quorumChecks(healthy())).toMatchObject([{ result: 'PASS' }])
    const behind = changeZooKeeper(healthy(), {
      servers: NAMES.map((member, at) => ({ member, id: seen(at), mode: seen(at === 2 ? 'leader' : 'follower'), syncedFollowers: seen(at === 2 ? 1 : null) })),
    })
    expect(quorumChecks(behind)).toMatchObject([{ result: 'UNKNOWN' }])
    const quorum = quorumOf(behind)
    expect(quorum.known && stands(quorum.value, 'zk1')).toBe(false)
  })
})
