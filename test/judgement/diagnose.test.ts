// Every row of the diagnosis table, on clusters of all three kinds, and that not seeing is never health.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Diagnosis, diagnose } from '../../src/judgement/diagnose.ts'
import type { Survey, Verdict } from '../../src/model/survey.ts'
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
  type Kind,
  killed,
  member,
  paused,
  seen,
  signals,
} from '../helpers/survey.ts'

const KINDS: readonly Kind[] = ['zookeeper', 'kraft', 'combined']
const silent = (survey: Survey, id: number): Survey => changeBroker(survey, id, { reachable: blind })
const zkDown = (survey: Survey, ...names: readonly string[]): Survey => {
  if (!survey.coordination.known || survey.coordination.value.kind !== 'zookeeper') throw new Error('not ZooKeeper')
  const view = survey.coordination.value
  const servers = view.servers.map((server) => (names.includes(server.member) ? { ...server, mode: seen('not-serving' as const) } : server))
  return names.reduce((now, name) => changeMember(now, name, { state: seen('stopped') }), changeZooKeeper(survey, { servers }))
}
const lostZooKeeper = (survey: Survey): Survey =>
  changeZooKeeper(zkDown(survey, 'zk1', 'zk2'), { quorum: seen(false), clusterId: blind, migrating: blind, brokerIds: blind, controller: blind })
const wiped = (survey: Survey, id: number): Survey => changeVolume(killed(survey, id), `kafka${id}`, { state: seen('blank'), clusterId: seen(null) })
const all = (change: (survey: Survey, id: number) => Survey, survey: Survey): Survey => [1, 2, 3].reduce(change, survey)

interface Case {
  readonly name: string
  readonly survey: Survey
  readonly verdict: Verdict
  readonly brokers?: readonly number[]
  readonly because?: RegExp
  readonly next?: readonly string[]
  readonly compound?: readonly Verdict[]
  readonly expectedClusterId?: string
}

const CASES: readonly Case[] = [
  ...KINDS.flatMap((kind): readonly Case[] => [
    { name: `${kind}: healthy`, survey: healthy(kind), verdict: 'healthy', brokers: [], next: [] },
    {
      name: `${kind}: one broker dead, unregistered`,
      survey: dead(healthy(kind), 2),
      verdict: 'single-broker',
      brokers: [2],
      next: ['recover', 'single-broker', '--broker', '2', '--cluster', 'lab'],
    },
    { name: `${kind}: one broker just killed, still registered`, survey: killed(healthy(kind), 3), verdict: 'single-broker', brokers: [3] },
    { name: `${kind}: one broker hung by the platform's word`, survey: paused(healthy(kind), 1), verdict: 'single-broker', brokers: [1], because: /paused/ },
    { name: `${kind}: one silent broker that runs and is registered`, survey: silent(healthy(kind), 1), verdict: 'unknown', because: /broker 1/ },
    { name: `${kind}: one dead and one silent`, survey: silent(dead(healthy(kind), 2), 1), verdict: 'unknown', because: /broker 1/ },
    {
      name: `${kind}: under-replicated though all are up`,
      survey: changeRows(healthy(kind), (row) => (row.partition === 0 ? { ...row, isr: row.isr.filter((id) => id !== 3) } : row)),
      verdict: 'at-risk',
      brokers: [3],
      next: [],
    },
    {
      name: `${kind}: leaderless though all are up`,
      survey: changeRows(healthy(kind), (row) => (row.partition === 1 ? { ...row, leader: -1 } : row)),
      verdict: 'at-risk',
      because: /leaderless/,
    },
    { name: `${kind}: partitions not seen`, survey: { ...healthy(kind), partitions: blind }, verdict: 'unknown', because: /partitions/ },
    { name: `${kind}: platform not seen`, survey: { ...healthy(kind), members: blind }, verdict: 'unknown', because: /platform/ },
    { name: `${kind}: brokers not seen`, survey: { ...healthy(kind), brokers: blind }, verdict: 'unknown', because: /vantage point/ },
    { name: `${kind}: no broker at all`, survey: { ...healthy(kind), brokers: seen([]) }, verdict: 'unknown', because: /vantage point/ },
    { name: `${kind}: quorum not seen`, survey: { ...healthy(kind), coordination: blind }, verdict: 'unknown', because: /quorum|cluster.id/ },
    { name: `${kind}: every broker volume blank`, survey: all(wiped, healthy(kind)), verdict: 'complete-loss', brokers: [1, 2, 3] },
    {
      name: `${kind}: two volumes blank, one not seen`,
      survey: changeVolume(all(wiped, healthy(kind)), 'kafka3', { state: blind }),
      verdict: 'unknown',
      because: /volumes/,
    },
    { name: `${kind}: a broker of unknown id beside them`, survey: withMemberOfUnknownId(healthy(kind)), verdict: 'unknown', because: /kafka9/ },
  ]),
  ...(['zookeeper', 'kraft'] as const).flatMap((kind): readonly Case[] => [
    {
      name: `${kind}: two of three dead`,
      survey: dead(dead(healthy(kind), 2), 3),
      verdict: 'multi-broker',
      brokers: [2, 3],
      next: ['recover', 'multi-broker', '--cluster', 'lab'],
    },
    { name: `${kind}: two just killed`, survey: killed(killed(healthy(kind), 1), 3), verdict: 'multi-broker', brokers: [1, 3] },
    { name: `${kind}: one dead, one hung`, survey: paused(dead(healthy(kind), 1), 2), verdict: 'multi-broker', brokers: [1, 2] },
    { name: `${kind}: two dead, the third silent`, survey: silent(dead(dead(healthy(kind), 2), 3), 1), verdict: 'multi-broker', brokers: [2, 3] },
    { name: `${kind}: none left, volumes intact`, survey: all(dead, healthy(kind)), verdict: 'multi-broker', brokers: [1, 2, 3] },
    { name: `${kind}: one of five dead`, survey: dead(healthy(kind, 5), 4), verdict: 'single-broker', brokers: [4] },
    {
      name: `${kind}: three of five dead`,
      survey: dead(dead(dead(healthy(kind, 5), 1), 2), 4),
      verdict: 'multi-broker',
      brokers: [1, 2, 4],
      because: /majority is lost/,
    },
    { name: `${kind}: two of five dead`, survey: dead(dead(healthy(kind, 5), 1), 2), verdict: 'multi-broker', because: /majority is left/ },
    { name: `${kind}: the only broker dead`, survey: dead(healthy(kind, 1), 1), verdict: 'single-broker', brokers: [1] },
  ]),
  {
    name: 'leaderless with one dead: the last-ISR path',
    survey: changeRows(dead(healthy(), 2), (row) => (row.partition === 1 ? { ...row, isr: [2], leader: -1 } : row)),
    verdict: 'single-broker',
    because: /last ISR/,
  },
  { name: 'one dead, partitions not seen', survey: { ...dead(healthy(), 2), partitions: blind }, verdict: 'single-broker', brokers: [2] },
  {
    name: 'ZooKeeper quorum lost while brokers answer',
    survey: lostZooKeeper(healthy()),
    verdict: 'zookeeper',
    brokers: [],
    next: ['recover', 'zookeeper', '--cluster', 'lab'],
  },
  {
    name: 'ZooKeeper quorum lost and two brokers dead',
    survey: killed(killed(lostZooKeeper(healthy()), 1), 2),
    verdict: 'zookeeper',
    compound: ['zookeeper', 'multi-broker'],
  },
  {
    name: 'ZooKeeper quorum lost with all its data',
    survey: ['zk1', 'zk2', 'zk3'].reduce((now, name) => changeVolume(now, name, { state: seen('gone') }), lostZooKeeper(healthy())),
    verdict: 'zookeeper',
    because: /all its data is gone/,
    next: [],
  },
  {
    name: 'ZooKeeper serves another cluster.id than the disks carry',
    survey: changeZooKeeper({ ...healthy(), clusterId: blind }, { clusterId: seen('another') }),
    verdict: 'zookeeper',
    because: /another/,
    next: [],
  },
  { name: 'another cluster.id than the last snapshot had', survey: healthy(), verdict: 'zookeeper', expectedClusterId: 'before', next: [] },
  {
    name: 'quorum held, one ZooKeeper down',
    survey: zkDown(healthy(), 'zk2'),
    verdict: 'at-risk',
    because: /zk2/,
    next: ['recover', 'zookeeper', '--cluster', 'lab'],
  },
  {
    name: 'quorum held, one ZooKeeper and one broker down',
    survey: dead(zkDown(healthy(), 'zk2'), 1),
    verdict: 'single-broker',
    compound: ['at-risk', 'single-broker'],
    // What the broker depends on comes first.
    next: ['recover', 'zookeeper', '--cluster', 'lab'],
  },
  { name: 'every volume blank: no scenario, so no command', survey: all(wiped, healthy()), verdict: 'complete-loss', next: [] },
  { name: 'Connect runs', survey: withConnect(healthy(), { state: 'RUNNING', tasks: ['RUNNING', 'RUNNING'] }), verdict: 'healthy' },
  { name: 'a paused connector is as wanted', survey: withConnect(healthy(), { state: 'PAUSED', tasks: ['PAUSED'] }), verdict: 'healthy' },
  {
    name: 'a connector runs, one of its tasks has failed',
    survey: withConnect(healthy(), { state: 'RUNNING', tasks: ['RUNNING', 'FAILED'] }),
    verdict: 'connect',
    because: /orders-sink task 1 is FAILED/,
    next: [],
  },
  { name: 'a connector has failed', survey: withConnect(healthy(), { state: 'FAILED', tasks: [] }), verdict: 'connect', because: /orders-sink is FAILED/ },
  { name: 'Connect does not run', survey: withConnect(healthy(), null, 'stopped'), verdict: 'connect', because: /connect1 does not run/ },
  { name: 'Connect runs and was not seen', survey: withConnect(healthy(), null), verdict: 'unknown', because: /connectors of connect1/ },
  {
    name: 'Connect is not to be looked at',
    survey: { ...withConnect(healthy(), null), connect: seen(null) },
    verdict: 'healthy',
  },
  {
    name: 'an application that ended with an error',
    survey: withService(healthy(), { state: seen('stopped'), lastExit: seen({ code: 1, signal: null, oomKilled: false }) }),
    verdict: 'applications',
    because: /shop/,
    next: [],
  },
  {
    name: 'an application that ended well',
    survey: withService(healthy(), { state: seen('stopped'), lastExit: seen({ code: 0, signal: null, oomKilled: false }) }),
    verdict: 'healthy',
  },
  { name: 'an application that was not seen', survey: withService(healthy(), { state: blind }), verdict: 'unknown', because: /shop/ },
  {
    name: 'ZooKeeper member, broker, registry, Connect and an application at once',
    survey: withService(withConnect(withRegistry(dead(zkDown(healthy(), 'zk2'), 1), 'stopped'), { state: 'RUNNING', tasks: ['FAILED'] }), {
      state: seen('pending'),
      waiting: seen({ reason: 'CrashLoopBackOff', message: 'again' }),
    }),
    verdict: 'single-broker',
    compound: ['at-risk', 'single-broker', 'schema-registry', 'connect', 'applications'],
  },
  { name: 'one controller does not run', survey: changeMember(healthy('kraft'), 'ctl3', { state: seen('stopped') }), verdict: 'at-risk', because: /ctl3/ },
  { name: 'one voter no longer fetches', survey: lagging(healthy('kraft')), verdict: 'at-risk', because: /voter 102/ },
  { name: 'controller quorum lost', survey: changeQuorum(healthy('kraft'), { quorum: seen(false), voters: blind, leaderId: blind }), verdict: 'zookeeper' },
  { name: 'controller quorum not seen', survey: changeQuorum(healthy('kraft'), { quorum: blind }), verdict: 'unknown', because: /controller quorum/ },
  {
    name: 'all brokers of KRaft dead: nobody to ask, the controllers run',
    survey: { ...changeQuorum(all(killed, healthy('kraft')), { quorum: blind, voters: blind, leaderId: blind }), clusterId: blind, partitions: blind },
    verdict: 'multi-broker',
    brokers: [1, 2, 3],
  },
  {
    name: 'two of three combined nodes dead',
    survey: changeQuorum(killed(killed(healthy('combined'), 1), 2), { quorum: seen(false) }),
    verdict: 'zookeeper',
    compound: ['zookeeper', 'multi-broker'],
  },
  { name: 'migration under way', survey: changeZooKeeper(healthy(), { migrating: seen(true) }), verdict: 'unknown', because: /migration/ },
  { name: 'migration not seen', survey: changeZooKeeper(healthy(), { migrating: blind }), verdict: 'unknown', because: /migration/ },
  { name: 'a ZooKeeper of unknown mode', survey: changeZooKeeper(healthy(), { servers: unseenServer() }), verdict: 'unknown', because: /zk1/ },
  { name: 'a schema registry that does not run', survey: withRegistry(healthy(), 'stopped'), verdict: 'schema-registry' },
  { name: 'a schema registry whose reads were not seen', survey: withRegistry(healthy(), 'running'), verdict: 'unknown', because: /19081/ },
  { name: 'a broker in log recovery', survey: recovering(dead(healthy(), 2)), verdict: 'single-broker', brokers: [2], because: /recovering/ },
  {
    name: 'a broker that runs, unregistered and silent',
    survey: recovering(dead(healthy(), 2), 'none'),
    verdict: 'single-broker',
    brokers: [2],
    because: /silent|refuses/,
  },
]

function withMemberOfUnknownId(survey: Survey): Survey {
  return {
    ...survey,
    members: survey.members.known ? seen([...survey.members.value, member('kafka9', ['broker'], 9, { id: blind, state: seen('stopped') })]) : blind,
  }
}
function withRegistry(survey: Survey, state: 'running' | 'stopped'): Survey {
  const url = 'http://127.0.0.1:19081'
  const instance = { url, member: 'sr1', reads: state === 'stopped' ? seen(false) : blind, mode: blind, held: blind }
  const leader = seen(state === 'stopped' ? null : { url, answers: blind })
  return {
    ...survey,
    members: survey.members.known ? seen([...survey.members.value, member('sr1', ['schema-registry'], 81, { state: seen(state) })]) : blind,
    registry: seen({ topic: '_schemas', group: 'schema-registry', instances: [instance], identities: seen([]), leader, stored: blind }),
  }
}
function withConnect(survey: Survey, says: { state: string; tasks: readonly string[] } | null, state: 'running' | 'stopped' = 'running'): Survey {
  const tasks = (says?.tasks ?? []).map((word, id) => ({ id, state: word }))
  const connectors = says === null ? blind : seen([{ name: 'orders-sink', state: says.state, tasks }])
  return {
    ...survey,
    members: survey.members.known ? seen([...survey.members.value, member('connect1', ['connect'], 91, { state: seen(state) })]) : blind,
    connect: seen(state === 'running' ? [{ member: 'connect1', connectors }] : []),
  }
}
function withService(survey: Survey, change: Partial<ReturnType<typeof member>>): Survey {
  return { ...survey, members: survey.members.known ? seen([...survey.members.value, member('shop', ['service'], 95, change)]) : blind }
}
function lagging(survey: Survey): Survey {
  return changeQuorum(survey, {
    voters: seen([101, 102, 103].map((id) => ({ id, logEndOffset: 1n, lastFetchAgo: id === 102 ? 60_000 : 10, lastCaughtUpAgo: 10 }))),
  })
}
function unseenServer() {
  const { coordination } = healthy()
  if (!coordination.known || coordination.value.kind !== 'zookeeper') throw new Error('not ZooKeeper')
  return coordination.value.servers.map((server) => (server.member === 'zk1' ? { ...server, mode: blind } : server))
}
function recovering(survey: Survey, log: 'log-recovery' | 'none' = 'log-recovery'): Survey {
  return changeMember(survey, 'kafka2', {
    state: seen('running'),
    startedAt: seen(survey.takenAt - 600_000),
    signals: log === 'none' ? signals() : signals(log),
  })
}

describe('the first-match table', () => {
  it.each(CASES)('$name → $verdict', ({ survey, verdict, brokers, because, next, compound, expectedClusterId }) => {
    const diagnosis: Diagnosis = diagnose(survey, { expectedClusterId: expectedClusterId ?? null })
    expect(diagnosis.verdict, diagnosis.because).toBe(verdict)
    if (brokers !== undefined) expect(diagnosis.brokers).toEqual(brokers)
    if (because !== undefined) expect(diagnosis.because).toMatch(because)
    if (next !== undefined) expect(diagnosis.next).toEqual(next)
    if (compound !== undefined) expect(diagnosis.compound).toEqual(compound)
    if (verdict !== 'unknown') expect(diagnosis.evidence.some((item) => 'for' in item && item.for === verdict)).toBe(true)
    if (verdict !== 'healthy') expect(diagnosis.doNot.length).toBeGreaterThan(0)
  })

  it('says for each of several at once what to do, in the order of what depends on what', () => {
    const { incidents, doNot } = diagnose(withConnect(dead(zkDown(healthy(), 'zk2'), 1), { state: 'FAILED', tasks: [] }))
    expect(incidents.map(({ layer, verdict }) => [layer, verdict])).toEqual([
      ['quorum', 'at-risk'],
      ['brokers', 'single-broker'],
      ['connect', 'connect'],
    ])
    expect(incidents[1]).toMatchObject({ brokers: [1], next: ['recover', 'single-broker', '--broker', '1', '--cluster', 'lab'], instead: null })
    expect(incidents[2]).toMatchObject({ next: [], instead: expect.stringContaining('restart?includeTasks=true&onlyFailed=true') })
    expect(doNot.join()).toMatch(/other broker[\s\S]*Connect/)
  })

  it('weighs every candidate, not only the first that fits', () => {
    const { evidence } = diagnose(dead(healthy(), 2))
    const against = evidence.flatMap((item) => ('against' in item ? [item.against] : []))
    for (const candidate of ['complete-loss', 'zookeeper', 'multi-broker', 'schema-registry', 'connect']) expect(against).toContain(candidate)
  })

  it('always says what to do about what is wrong', () => {
    for (const { survey, verdict, expectedClusterId } of CASES) {
      const { next, instead } = diagnose(survey, { expectedClusterId: expectedClusterId ?? null })
      if (verdict !== 'healthy' && verdict !== 'unknown') expect(next.length > 0 || instead !== null).toBe(true)
    }
  })

  it('names evidence with its source', () => {
    for (const item of diagnose(dead(healthy(), 2)).evidence) expect(item.source, item.what).not.toBe('')
  })
})

describe('unknown is never health', () => {
  it.each(CASES.filter((one) => one.verdict !== 'healthy'))('dimming anything in "$name" does not make it healthy', ({ survey, expectedClusterId }) => {
    for (const dim of dimmed(survey)) expect(diagnose(dim.survey, { expectedClusterId: expectedClusterId ?? null }).verdict, dim.path).not.toBe('healthy')
  })

  it('holds for any set of things not seen, on any state of three brokers', () => {
    const change = fc.constantFrom('up', 'killed', 'dead', 'paused', 'silent', 'wiped')
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), fc.tuple(change, change, change), fc.array(fc.nat(), { maxLength: 6 }), (kind, changes, picks) => {
        const apply = { up: (survey: Survey) => survey, killed, dead, paused, silent, wiped }
        let survey = changes.reduce((now, word, at) => apply[word](now, at + 1), healthy(kind))
        for (const pick of picks) {
          const choices = dimmed(survey)
          survey = choices[pick % choices.length]?.survey ?? survey
        }
        const { verdict } = diagnose(survey)
        if (changes.some((word) => word !== 'up')) expect(verdict).not.toBe('healthy')
      }),
      { numRuns: 300 },
    )
  })
})
