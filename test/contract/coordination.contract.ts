// What kdr reads from ZooKeeper, with and without a majority of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CoordinationReader } from '../../src/ports/coordination.ts'
import { brokerMember, codeOf, eventually, heal, metadata, rowOf, type Subject, seen, soon, startBroker, stopMember, unregistered, whole } from './subject.ts'

const TOPIC = '__kdr_state'

export const coordinationContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: coordination`, () => {
    let subject: Subject
    const get = () => subject
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
      await subject.write.probe.createTopic(TOPIC, [[1, 2, 3]], {}, soon(subject))
    })
    afterAll(async () => {
      await subject.write.probe.deleteTopic(TOPIC, soon(subject))
    })
    words(get)
    znodes(get)
    quorumLost(get)
  })
}

const readerOf = (subject: Subject): CoordinationReader => {
  const { coordination } = subject.ports
  if (coordination === null) throw new Error('this cluster has no ZooKeeper')
  return coordination
}

const wordOf = async (subject: Subject, word: 'srvr' | 'mntr' | 'ruok'): Promise<readonly string[]> => {
  const answers = await readerOf(subject).word(word, subject.zookeeperServers, soon(subject))
  return subject.zookeeperServers.map((server) => {
    const answer = answers.get(server)
    return answer?.known ? answer.value : 'unknown'
  })
}

const json = async (subject: Subject, path: string): Promise<Record<string, unknown>> => {
  const node = await readerOf(subject).get(path, soon(subject))
  if (node === null) throw new Error(`${path} does not exist`)
  return JSON.parse(node.data.toString('utf8'))
}

const brokerIds = async (subject: Subject): Promise<readonly string[]> => [...((await readerOf(subject).children('/brokers/ids', soon(subject))) ?? [])].sort()

const words = (get: () => Subject): void => {
  it('has one leader with two synced followers', async () => {
    const modes = (await wordOf(get(), 'srvr')).map((text) => /^Mode: (\w+)$/m.exec(text)?.[1])
    expect([...modes].sort()).toEqual(['follower', 'follower', 'leader'])
    const leader = (await wordOf(get(), 'mntr'))[modes.indexOf('leader')] ?? ''
    expect(leader).toMatch(/^zk_server_state\tleader$/m)
    expect(Number(/^zk_synced_followers\t([\d.]+)$/m.exec(leader)?.[1])).toBe(2)
    expect((await wordOf(get(), 'ruok')).map((text) => text.trim())).toEqual(['imok', 'imok', 'imok'])
  })

  it('knows nothing of a server that is not there', async () => {
    const answers = await readerOf(get()).word('ruok', ['127.0.0.1:1'], soon(get()))
    expect(answers.get('127.0.0.1:1')?.known).toBe(false)
  })
}

const znodes = (get: () => Subject): void => {
  it('reads what identifies the cluster and its brokers', async () => {
    const view = await metadata(get())
    expect((await json(get(), '/cluster/id'))['id']).toBe(view.clusterId)
    expect((await json(get(), '/controller'))['brokerid']).toBe(view.controllerId)
    expect(await brokerIds(get())).toEqual(['1', '2', '3'])
    const broker = await json(get(), '/brokers/ids/2')
    expect(`${broker['host']}:${broker['port']}`).toBe(get().endpoints[1])
    expect(await readerOf(get()).get('/migration', soon(get()))).toBeNull()
  })

  it('has null for what does not exist', async () => {
    expect(await readerOf(get()).get('/brokers/ids/99', soon(get()))).toBeNull()
    expect(await readerOf(get()).children('/brokers/ids/99', soon(get()))).toBeNull()
    expect(await readerOf(get()).children('/brokers/ids/1', soon(get()))).toEqual([])
  })

  it('reads the state of a partition as the controller keeps it', async () => {
    const row = await rowOf(get(), TOPIC)
    expect(await json(get(), `/brokers/topics/${TOPIC}/partitions/0/state`)).toMatchObject({ leader: row.leader, leader_epoch: row.leaderEpoch, isr: row.isr })
    expect(await json(get(), `/brokers/topics/${TOPIC}`)).toMatchObject({ partitions: { 0: [1, 2, 3] } })
    expect(await readerOf(get()).children('/brokers/topics', soon(get()))).toContain(TOPIC)
  })

  it('has a broker under a new transaction each time it registers', async () => {
    const czxid = async () => (await readerOf(get()).get('/brokers/ids/3', soon(get())))?.czxid
    const before = await czxid()
    await get().faults.inject('kill-broker', { broker: 3 }, soon(get()))
    // The process is gone, its session is not.
    expect(await czxid()).toBe(before)
    await unregistered(get(), 3)
    expect(await brokerIds(get())).toEqual(['1', '2'])
    expect(await czxid()).toBeUndefined()
    await startBroker(get(), 3)
    await whole(get())
    expect(Number(await czxid())).toBeGreaterThan(Number(before))
  })
}

const quorumLost = (get: () => Subject): void => {
  it('does not take a server for a quorum', async () => {
    const members = await get().ports.platform.members(soon(get()))
    const zookeepers = members.filter((member) => member.roles.includes('zookeeper'))
    for (const member of zookeepers.slice(0, 2)) await stopMember(get(), member)
    const last = get().zookeeperServers[2] as string
    await eventually(get(), 'the last server stops serving', async () => !(await wordOf(get(), 'srvr'))[2]?.includes('Mode:'))
    const ruok = await readerOf(get()).word('ruok', [last], soon(get()))
    const answer = ruok.get(last)
    expect(answer && seen(answer).trim()).toBe('imok')
    expect((await wordOf(get(), 'srvr')).slice(0, 2)).toEqual(['unknown', 'unknown'])
    expect(await codeOf(readerOf(get()).get('/cluster/id', soon(get())))).toBe('zookeeper-unreachable')
  })

  it('finds that brokers answer as before, however dead one of them is', async () => {
    await get().faults.inject('kill-broker', { broker: 3 }, soon(get()))
    await get().ports.clock.sleep(9000)
    const view = await metadata(get())
    expect(view.brokers.map((broker) => broker.id).sort()).toEqual([1, 2, 3])
    expect((await rowOf(get(), TOPIC)).isr).toHaveLength(3)
    expect(seen((await brokerMember(get(), 3)).state)).toBe('stopped')
  })

  it('serves again with a majority, and only then lets the dead broker go', async () => {
    const members = await get().ports.platform.members(soon(get()))
    for (const member of members) {
      if (member.roles.includes('zookeeper') && seen(member.state) === 'stopped')
        await get().write.platform.start({ name: member.name, uid: null }, soon(get()))
    }
    await eventually(get(), 'broker 3 is no longer registered', async () => {
      const ids = await brokerIds(get()).catch(() => ['1', '2', '3'])
      return !ids.includes('3')
    })
    await heal(get())
    expect(await brokerIds(get())).toEqual(['1', '2', '3'])
  })
}
