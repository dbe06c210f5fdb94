// How single readings become brokers, quorums and a partition table: agreement, disagreement, silence.
import { describe, expect, it } from 'vitest'
import { type Known, known, unknown } from '../../src/model/known.ts'
import type { Member } from '../../src/model/member.ts'
import type { MetadataView, Ping, QuorumState } from '../../src/ports/kafka.ts'
import { brokersOf, type Sightings } from '../../src/survey/brokers.ts'
import { quorumView } from '../../src/survey/kraft.ts'
import { partitionsOf } from '../../src/survey/partitions.ts'
import { type ZooKeeperReading, zooKeeperView } from '../../src/survey/zookeeper.ts'
import { BY, blind, healthy, member, row, seen } from '../helpers/survey.ts'

const tableOf = (kind: 'zookeeper' | 'kraft' = 'zookeeper') => {
  const { partitions } = healthy(kind)
  if (!partitions.known) throw new Error('no table')
  return partitions.value
}
const metadata = (change: Partial<MetadataView> = {}): Known<MetadataView> =>
  seen({
    clusterId: 'c',
    controllerId: 1,
    brokers: [1, 2, 3].map((id) => ({ id, endpoint: `127.0.0.1:${19_000 + id}`, rack: null })),
    partitions: tableOf(),
    complete: seen(true as const),
    by: '127.0.0.1:19001',
    ...change,
  })
const members = (change: (one: Member) => Member = (one) => one): Known<readonly Member[]> =>
  seen([1, 2, 3].map((id) => change(member(`kafka${id}`, ['broker'], id))))
const ping = (id: number, answer: Ping['answer'], told: number | null = id): Ping => ({
  endpoint: `127.0.0.1:${19_000 + id}`,
  answer,
  id: answer === 'ready' ? told : null,
  detail: answer,
})
const sightings = (change: Partial<Sightings> = {}): Sightings => ({
  members: members(),
  metadata: metadata(),
  registrations: seen([1, 2, 3].map((id) => ({ id, czxid: BigInt(100 + id), endpoints: [`127.0.0.1:${19_000 + id}`], rack: null }))),
  quorum: seen(true),
  pings: [1, 2, 3].map((id) => ping(id, 'ready')),
  logDirs: new Map(),
  recorded: blind,
  unfenced: null,
  ...change,
})
const second = (change: Partial<Sightings>) => {
  const brokers = brokersOf(sightings(change))
  const found = brokers.known ? brokers.value.find((broker) => broker.id === 2) : undefined
  if (found === undefined) throw new Error('broker 2 was not put together')
  return found
}
const only2 = (change: Partial<Member>) => members((one) => (one.name === 'kafka2' ? { ...one, ...change } : one))

describe('brokers', () => {
  it('are the union of disks, registrations, Metadata and replica lists', () => {
    const ids = (change: Partial<Sightings>) => {
      const brokers = brokersOf(sightings(change))
      return brokers.known ? brokers.value.map((broker) => broker.id) : null
    }
    expect(ids({})).toEqual([1, 2, 3])
    expect(ids({ members: blind, metadata: blind })).toEqual([1, 2, 3])
    expect(ids({ metadata: blind, registrations: blind })).toEqual([1, 2, 3])
    expect(ids({ members: blind, metadata: metadata({ brokers: [] }), registrations: seen([]) })).toEqual([1, 2, 3])
    expect(ids({ members: blind, metadata: blind, registrations: blind })).toBeNull()
    expect(ids({ members: seen([]), metadata: blind, registrations: seen([]), recorded: seen(tableOf()) })).toEqual([1, 2, 3])
  })

  it('are matched by the id on their disk and what they advertise, never by name', () => {
    expect(second({}).member).toMatchObject({ known: true, value: 'kafka2' })
    expect(second({ members: only2({ name: 'kafka-1-pod' }) }).member).toMatchObject({ known: true, value: 'kafka-1-pod' })
    expect(second({ members: only2({ id: blind }) }).member).toMatchObject({ known: true, value: 'kafka2' })
    expect(second({ members: only2({ addresses: [] }) }).member).toMatchObject({ known: true, value: 'kafka2' })
  })

  it.each([
    ['its disk says another id than what listens there', { members: only2({ id: seen(7) }) }],
    ['two members carry its id', { members: members((one) => (one.name === 'kafka3' ? { ...one, id: seen(2) } : one)) }],
    [
      'it advertises what is another member',
      { members: members((one) => ({ ...one, addresses: [`127.0.0.1:${one.name === 'kafka2' ? 19_003 : one.name === 'kafka3' ? 19_002 : 19_001}`] })) },
    ],
    ['two members match nothing', { members: members((one) => (one.name === 'kafka1' ? one : { ...one, id: blind, addresses: [] })) }],
    ['the member that is left carries another id', { members: only2({ id: seen(7), addresses: [] }) }],
    ['the platform was not seen', { members: blind }],
  ] as const)('are not matched when %s', (_, change) => {
    expect(second(change).member.known).toBe(false)
  })

  // A pod that is gone can say neither its id nor what it advertises.
  const pods = (left: string) =>
    members((one) => {
      const { id } = one
      const name = `kafka-${(id.known ? id.value : 0) - 1}`
      return name === 'kafka-1' ? { ...one, name: left, id: blind, addresses: [] } : { ...one, name }
    })

  it('are matched to the only member that is left', () => {
    expect(second({ members: only2({ id: blind, addresses: [] }) }).member).toMatchObject({ known: true, value: 'kafka2' })
    expect(second({ members: pods('kafka-1') }).member).toMatchObject({ known: true, value: 'kafka-1', by: expect.stringContaining('only member') })
  })

  it('are not confused by claims that an old scale-down left behind', () => {
    const leftover = {
      ...member('kafka-9', ['broker'], 9),
      id: blind,
      addresses: [],
      state: seen('stopped' as const),
      waiting: seen({ reason: 'ScaledDown', message: '' }),
    }
    const all = pods('kafka-1')
    if (!all.known) throw new Error('no members')
    expect(second({ members: seen([...all.value, leftover]) }).member).toMatchObject({ known: true, value: 'kafka-1' })
  })

  it('are not matched to a member that is left when its ordinal is out of step with the others', () => {
    expect(second({ members: pods('kafka-7') }).member.known).toBe(false)
  })

  it.each([
    ['ready', [ping(2, 'ready')], true],
    ['ready without an id', [ping(2, 'ready', null)], true],
    ['refused', [ping(2, 'refused')], false],
    ['silent', [ping(2, 'silent')], null],
    ['refused on one listener, silent on another', [ping(2, 'refused'), { ...ping(2, 'silent'), endpoint: '127.0.0.1:19102' }], null],
    ['answered by another broker', [ping(2, 'ready', 9)], null],
    ['answered elsewhere under its own id', [{ ...ping(9, 'ready', 2) }], true],
    ['not asked', [], null],
  ] as const)('are reachable by their own answer: %s', (_, pings, reachable) => {
    const seenAs = second({ pings, members: only2({ addresses: ['127.0.0.1:19002', '127.0.0.1:19102'] }) }).reachable
    expect(seenAs.known ? seenAs.value : null).toBe(reachable)
  })

  it('are registered only by the word of a held quorum', () => {
    expect(second({}).registered).toMatchObject({ known: true, value: true })
    expect(second({ registrations: seen([]) }).registered).toMatchObject({ known: true, value: false })
    for (const quorum of [blind, seen(false)]) expect(second({ quorum }).registered.known).toBe(false)
    expect(second({ registrations: blind }).registered.known).toBe(false)
    expect(second({ registrations: null }).registered).toMatchObject({ known: true, value: true })
    expect(second({ registrations: null, metadata: metadata({ brokers: [] }) }).registered).toMatchObject({ known: true, value: false })
  })

  it('have an incarnation only while registered: czxid, or the start of their process', () => {
    expect(second({}).incarnation).toMatchObject({ known: true, value: 102n })
    expect(second({ registrations: null, members: only2({ startedAt: seen(1234.5) }) }).incarnation).toMatchObject({ known: true, value: 1234n })
    expect(second({ registrations: seen([]) }).incarnation.known).toBe(false)
    expect(second({ registrations: null, members: only2({ startedAt: seen(null) }) }).incarnation.known).toBe(false)
  })
})

describe('the partition table', () => {
  const zookeeper = (topics: readonly string[], persisted = new Map()) => ({ topics: seen(topics), persisted })
  const doubtful = metadata({ complete: unknown('not authorised', BY) })
  it.each([
    ['complete, quorum held', { metadata: metadata(), quorum: seen(true), zookeeper: null }, true],
    ['quorum lost', { metadata: metadata(), quorum: seen(false), zookeeper: null }, false],
    ['quorum not seen', { metadata: metadata(), quorum: blind, zookeeper: null }, false],
    ['Metadata not seen', { metadata: blind, quorum: seen(true), zookeeper: null }, false],
    ['not proven complete', { metadata: doubtful, quorum: seen(true), zookeeper: null }, false],
    ['proven complete by ZooKeeper', { metadata: doubtful, quorum: seen(true), zookeeper: zookeeper(['orders', '__consumer_offsets']) }, true],
    ['proven incomplete by ZooKeeper', { metadata: doubtful, quorum: seen(true), zookeeper: zookeeper(['orders', 'hidden']) }, false],
    ['ZooKeeper did not say', { metadata: doubtful, quorum: seen(true), zookeeper: { topics: blind, persisted: new Map() } }, false],
  ] as const)('%s', (_, from, told) => {
    expect(partitionsOf(from).known).toBe(told)
  })

  it('takes the record of leaderless partitions from ZooKeeper, and has none where it was not read', () => {
    const leaderless = metadata({ partitions: tableOf().map((one) => ({ ...one, leader: -1, isr: [] })) })
    const persisted = new Map([['orders-0', { leader: -1, leaderEpoch: 4, isr: [3] }]])
    const told = partitionsOf({ metadata: leaderless, quorum: seen(true), zookeeper: zookeeper([], persisted) })
    const rows = told.known ? [...told.value.rows()] : []
    expect(rows.find((one) => one.topic === 'orders' && one.partition === 0)).toEqual(row('orders', 0, [1, 2, 3], { leader: -1, leaderEpoch: 4, isr: [3] }))
    expect(rows.find((one) => one.topic === 'orders' && one.partition === 1)?.elr).toBeNull()
  })
})

describe('the ZooKeeper quorum', () => {
  const ADDRESSES = ['127.0.0.1:19011', '127.0.0.1:19012', '127.0.0.1:19013']
  const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests\n'
  const words = (...answers: readonly (string | null)[]): ZooKeeperReading['words'] => {
    const srvr = new Map(
      ADDRESSES.slice(0, answers.length).map((address, at): [string, Known<string>] => [
        address,
        answers[at] === null ? blind : known(answers[at] ?? '', address),
      ]),
    )
    return seen({ srvr, mntr: srvr })
  }
  const srvr = (mode: string) => `Zookeeper version: 3.6.4\nLatency min/avg/max: 0/1.1/4\nMode: ${mode}\nNode count: 45\n`
  const read = (said: ZooKeeperReading['words']): ZooKeeperReading => ({
    words: said,
    registrations: seen([]),
    clusterId: seen('c'),
    controller: seen(1),
    migrating: seen(false),
    topics: seen([]),
  })
  const stopped = (...names: readonly string[]): Known<readonly Member[]> =>
    seen(
      [1, 2, 3].map((id) =>
        member(`zk${id}`, ['zookeeper'], id, { addresses: [ADDRESSES[id - 1] ?? ''], state: seen(names.includes(`zk${id}`) ? 'stopped' : 'running') }),
      ),
    )
  it.each([
    ['a leader and two followers', [srvr('follower'), srvr('leader'), srvr('follower')], [], true],
    ['a leader and one follower', [srvr('leader'), srvr('follower'), null], [], true],
    ['alone', [srvr('standalone')], [], true],
    ['two not serving', [srvr('follower'), NOT_SERVING, NOT_SERVING], [], false],
    ['two stopped by the platform', [NOT_SERVING, null, null], ['zk2', 'zk3'], false],
    ['all stopped', [null, null, null], ['zk1', 'zk2', 'zk3'], false],
    ['two silent, running', [srvr('follower'), null, null], [], null],
    ['one not serving, one silent', [srvr('follower'), NOT_SERVING, null], [], null],
    ['two leaders', [srvr('leader'), srvr('leader'), srvr('follower')], [], null],
    ['no answer at all', [null, null, null], [], null],
    ['ruok would say imok, no mode', ['imok', 'imok', 'imok'], [], null],
    ['no server known', [], [], null],
  ] as const)('%s', (_, answers, down, held) => {
    const view = zooKeeperView(read(words(...answers)), ADDRESSES.slice(0, answers.length), stopped(...down))
    expect(view.quorum.known ? view.quorum.value : null).toBe(held)
    expect(view.clusterId.known).toBe(held === true)
    expect(view.migrating.known).toBe(held === true)
  })
  it('counts synced followers of the leader', () => {
    const said = seen({
      srvr: new Map([[ADDRESSES[0] ?? '', seen(srvr('leader'))]]),
      mntr: new Map([[ADDRESSES[0] ?? '', seen('zk_server_state\tleader\nzk_synced_followers\t2\n')]]),
    })
    expect(zooKeeperView(read(said), ADDRESSES.slice(0, 1), stopped()).servers[0]).toMatchObject({
      member: 'zk1',
      mode: { value: 'leader' },
      syncedFollowers: { value: 2 },
    })
  })
})

describe('the controller quorum', () => {
  const state = (leaderId: number, fetches: readonly (number | null)[]): Known<QuorumState> =>
    seen({
      leaderId,
      leaderEpoch: 3,
      highWatermark: 10n,
      voters: fetches.map((lastFetchAgo, at) => ({ id: 101 + at, logEndOffset: 10n, lastFetchAgo, lastCaughtUpAgo: lastFetchAgo })),
    })
  const controllers = (...down: readonly number[]): Known<readonly Member[]> =>
    seen([101, 102, 103].map((id) => member(`ctl${id}`, ['controller'], id, { state: seen(down.includes(id) ? 'stopped' : 'running') })))
  it.each([
    ['a leader answers, voters fetch', state(101, [null, 50, 60]), controllers(), true],
    ['one voter lags', state(101, [null, 50, 60_000]), controllers(), true],
    ['both followers lag: a leader of nobody', state(101, [null, 60_000, 60_000]), controllers(), null],
    ['a leader answers, but the platform sees two of three down', state(101, [null, 50, 60]), controllers(102, 103), false],
    ['no answer, two of three down', blind, controllers(101, 103), false],
    ['no answer, one of three down', blind, controllers(101), null],
    ['no answer, platform not seen', blind, blind, null],
    ['nobody leads', state(-1, [50, 50, 50]), controllers(), null],
  ] as const)('%s', (_, told, members, held) => {
    const { quorum } = quorumView(told, members)
    expect(quorum.known ? quorum.value : null).toBe(held)
  })
})
