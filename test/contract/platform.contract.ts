// What every platform must do: say truly what runs, act only on the member that was looked at, and keep the
// dead process's log apart from the living one's.
import { beforeAll, describe, expect, it } from 'vitest'
import type { Member } from '../../src/model/member.ts'
import { partitionName } from '../../src/model/partitions.ts'
import { minutes } from '../../src/units.ts'
import { BROKERS, brokerMember, codeOf, eventually, heal, metadata, type Subject, seen, soon, startBroker, stopMember, unregistered, whole } from './subject.ts'

/**
 * `crashes`: its platform starts again what ended by itself, but nothing that was stopped or killed on purpose.
 * `always`: whatever ended, so nothing stays stopped and nothing has to be started.
 */
export const platformContract = (name: string, setUp: () => Promise<Subject>, revives: Member['revives'] = 'never'): void => {
  describe(`${name}: platform`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
    })
    looking(() => subject)
    preconditions(() => subject)
    if (revives === 'always') revivedLifeCycle(() => subject)
    else lifeCycle(() => subject, revives)
  })
}

const looking = (get: () => Subject): void => {
  it('names the same target every time', async () => {
    const { platform } = get().ports
    const identity = await platform.identity(soon(get()))
    expect(identity).toEqual(await platform.identity(soon(get())))
    expect(identity.platform).toBe(platform.kind)
    expect(identity.cluster).not.toBe('')
  })

  it('shows every member with its id, role, incarnation and address', async () => {
    const members = await get().ports.platform.members(soon(get()))
    const brokers = members.filter((member) => member.roles.includes('broker'))
    expect(brokers.map((member) => seen(member.id)).sort()).toEqual([...BROKERS])
    expect(new Set(members.map((member) => member.name)).size).toBe(members.length)
    for (const member of members) {
      expect(seen(member.state)).toBe('running')
      expect(seen(member.uid)).not.toBeNull()
      expect(seen(member.startedAt)).toBeLessThanOrEqual(get().ports.clock.now())
    }
    expect(brokers.flatMap((member) => member.addresses)).toEqual(expect.arrayContaining([...get().endpoints]))
  })

  it('shows volumes that carry the cluster they belong to', async () => {
    const { clusterId } = await metadata(get())
    for (const id of BROKERS) {
      const [volume] = (await brokerMember(get(), id)).volumes
      expect(volume && seen(volume.state)).toBe('intact')
      expect(volume && seen(volume.clusterId)).toBe(clusterId)
      expect(volume && seen(volume.usableBytes)).toBeGreaterThan(0)
    }
  })

  it("reads what a broker's disks hold of each partition", async () => {
    const { platform } = get().ports
    const { name } = await brokerMember(get(), 1)
    const found = await platform.replicas(name, soon(get()))
    const { partitions } = await metadata(get())
    const own = [...partitions.rows()].filter(({ replicas }) => replicas.includes(1))
    expect(found.map(partitionName).sort()).toEqual(own.map(partitionName).sort())
    for (const { topic, topicId, end, highWatermark } of found) {
      expect(topicId).toBe(partitions.topics.find((each) => each.name === topic)?.id)
      expect(end).toBeGreaterThanOrEqual(highWatermark ?? 0)
    }
    expect(await codeOf(platform.replicas('nobody', soon(get())))).toBe('no-such-member')
  })

  it('reads the last lines of a log, oldest first, and none of a start before the first', async () => {
    const { platform } = get().ports
    const { name } = await brokerMember(get(), 1)
    // A broker that has run for long has said much since it started.
    const lines = await platform.logs(name, { tail: 100_000, previous: false }, soon(get()))
    expect(lines.some((line) => /started \(kafka\.server\.Kafka(Raft)?Server\)/.test(line))).toBe(true)
    const few = await platform.logs(name, { tail: 2, previous: false }, soon(get()))
    expect(few).toHaveLength(2)
    expect(lines.join('\n')).toContain(few[0])
  })

  it('does not know a member that is not there', async () => {
    expect(await codeOf(get().ports.platform.logs('nobody', { tail: 1, previous: false }, soon(get())))).toBe('no-such-member')
    expect(await codeOf(get().write.platform.start({ name: 'nobody', uid: null }, soon(get())))).toBe('no-such-member')
  })

  it('ends a call with the reason of its signal', async () => {
    const reason = new Error('enough')
    await expect(
      get()
        .ports.platform.members(AbortSignal.abort(reason))
        .then(
          () => 'answered',
          (thrown) => thrown,
        ),
    ).resolves.toBe(reason)
  })
}

const preconditions = (get: () => Subject): void => {
  it('refuses to touch a member that is no longer the one looked at', async () => {
    const member = await brokerMember(get(), 1)
    const { platform } = get().write
    const grace = { grace: minutes(1) }
    expect(await codeOf(platform.stop({ name: member.name, uid: `${seen(member.uid)}0` }, grace, soon(get())))).toBe('member-changed')
    expect(await codeOf(platform.stop({ name: member.name, uid: null }, grace, soon(get())))).toBe('member-changed')
    expect(await codeOf(platform.start({ name: member.name, uid: null }, soon(get())))).toBe('member-changed')
    expect(await codeOf(platform.place({ name: member.name, uid: null }, [], soon(get())))).toBe('member-changed')
    const after = await brokerMember(get(), 1)
    expect([after.uid, after.state]).toEqual([member.uid, member.state])
  })
}

const revivedLifeCycle = (get: () => Subject): void => {
  const runsAnew = (before: Member): Promise<Member> =>
    eventually(get(), `${before.name} runs anew`, async () => {
      const members = await get().ports.platform.members(soon(get()))
      const now = members.find(({ name }) => name === before.name)
      const ran = now?.state.known === true && now.state.value === 'running' && now.uid.known && now.uid.value !== seen(before.uid)
      return ran && now.id.known && now
    })

  it('stops gracefully, and its platform starts a new incarnation', async () => {
    const before = await brokerMember(get(), 3)
    expect(before.revives).toBe('always')
    await stopMember(get(), before)
    const after = await runsAnew(before)
    expect(Number(seen(after.startedAt))).toBeGreaterThan(Number(seen(before.startedAt)))
    expect([seen(after.id), after.volumes[0] && seen(after.volumes[0].state)]).toEqual([3, 'intact'])
    const { platform } = get().write
    expect(await codeOf(platform.stop({ name: before.name, uid: seen(before.uid) }, { grace: minutes(1) }, soon(get())))).toBe('member-changed')
    await whole(get())
  })

  it('brings a killed member back by itself, on its own disk', async () => {
    const before = await brokerMember(get(), 2)
    expect(await get().faults.inject('kill-broker', { broker: 2 }, soon(get()))).toEqual([before.name])
    const after = await runsAnew(before)
    expect([seen(after.id), after.volumes[0] && seen(after.volumes[0].state)]).toEqual([2, 'intact'])
    await whole(get())
  })
}

const lifeCycle = (get: () => Subject, revives: 'never' | 'crashes'): void => {
  it('stops gracefully, and starts as a new incarnation', async () => {
    const before = await brokerMember(get(), 3)
    await stopMember(get(), before)
    const stopped = await brokerMember(get(), 3)
    expect([seen(stopped.state), seen(stopped.uid), seen(stopped.startedAt)]).toEqual(['stopped', null, null])
    expect(seen(stopped.lastExit)).toMatchObject({ code: 143, oomKilled: false })

    const { platform } = get().write
    await platform.stop({ name: stopped.name, uid: null }, { grace: minutes(1) }, soon(get()))
    expect(await codeOf(platform.start({ name: stopped.name, uid: seen(before.uid) }, soon(get())))).toBe('member-changed')

    // Controlled shutdown ended the session: nothing has to expire first.
    await startBroker(get(), 3)
    const started = await brokerMember(get(), 3)
    expect(seen(started.state)).toBe('running')
    expect(seen(started.uid)).not.toBe(seen(before.uid))
    expect(Number(seen(started.startedAt))).toBeGreaterThan(Number(seen(before.startedAt)))
    expect(await codeOf(platform.stop({ name: before.name, uid: seen(before.uid) }, { grace: minutes(1) }, soon(get())))).toBe('member-changed')
    await whole(get())
  })

  it('keeps the log of the process before this one', async () => {
    const { platform } = get().ports
    const { name } = await brokerMember(get(), 3)
    const previous = await platform.logs(name, { tail: 2000, previous: true }, soon(get()))
    expect(previous.some((line) => /controlled shutdown/i.test(line))).toBe(true)
    const current = await platform.logs(name, { tail: 2000, previous: false }, soon(get()))
    expect(current.some((line) => /controlled shutdown/i.test(line))).toBe(false)
    expect(current.length).toBeGreaterThan(0)
  })

  it('shows a killed member as stopped, with its last log as the current one', async () => {
    const before = await brokerMember(get(), 2)
    const { platform } = get().ports
    expect(await get().faults.inject('kill-broker', { broker: 2 }, soon(get()))).toEqual([before.name])
    const killed = await brokerMember(get(), 2)
    expect([seen(killed.state), seen(killed.uid)]).toEqual(['stopped', null])
    expect(seen(killed.lastExit)).toMatchObject({ code: 137, signal: 'SIGKILL' })
    const log = await platform.logs(before.name, { tail: 2000, previous: false }, soon(get()))
    expect(log.some((line) => /started \(kafka\.server\.Kafka(Raft)?Server\)/.test(line))).toBe(true)

    await unregistered(get(), 2)
    await startBroker(get(), 2)
    await whole(get())
    const previous = await platform.logs(before.name, { tail: 2000, previous: true }, soon(get()))
    expect(previous.at(-1)).toBe(log.at(-1))
  })

  it('does not come back while its old session lasts: it exits under ZooKeeper, and waits under KRaft', async () => {
    await get().faults.inject('kill-broker', { broker: 3 }, soon(get()))
    await startBroker(get(), 3)
    const { name } = await brokerMember(get(), 3)
    if (get().mode === 'kraft') {
      await whole(get())
      return
    }
    if (revives === 'crashes') {
      // On a busy machine the session may be over before a container has come as far as to register.
      await whole(get())
      const restarts = Number(seen((await brokerMember(get(), 3)).restarts))
      const log = await get().ports.platform.logs(name, { tail: 2000, previous: true }, soon(get()))
      expect(log.some((line) => line.includes('NodeExists'))).toBe(restarts > 0)
      return
    }
    const ended = await eventually(get(), 'it exits, or its old session is over before it registers', async () => {
      const member = await brokerMember(get(), 3)
      const log = await get().ports.platform.logs(name, { tail: 2000, previous: false }, soon(get()))
      return (seen(member.state) === 'stopped' || log.some((line) => /started \(kafka\.server\.KafkaServer\)/.test(line))) && { member, log }
    })
    // Whichever came first on this machine: it ends exactly when it met its own old registration.
    const met = ended.log.some((line) => line.includes('NodeExists'))
    expect([seen(ended.member.state), met]).toEqual(met ? ['stopped', true] : ['running', false])
    if (met) expect(seen(ended.member.lastExit)).toMatchObject({ code: 1, signal: null })
    await heal(get())
  })
}
