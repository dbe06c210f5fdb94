// What kdr sees of Kafka while brokers are missing: no call may fail or wait for one that is dead or hung,
// and who may lead is decided as Kafka decides it.
import { beforeAll, describe, expect, it } from 'vitest'
import { isrOnRecord, type PartitionRow, type PartitionTable, partitionName } from '../../src/model/partitions.ts'
import type { TopicPartition } from '../../src/ports/kafka.ts'
import { noneLeft, readAll, record } from './kafka.contract.ts'
import { isOnRecord } from './on-record.ts'
import {
  BROKERS,
  brokerMember,
  codeOf,
  eventually,
  heal,
  inFull,
  metadata,
  rowOf,
  type Subject,
  seen,
  soon,
  startBroker,
  stopMember,
  unregistered,
  whole,
} from './subject.ts'

export const brokenKafkaContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: kafka with brokers missing`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
    })
    oneDead(() => subject)
    oneHung(() => subject)
    leaderless(() => subject)
    nobodyLeft(() => subject)
    staleReplica(() => subject)
  })
}

/** The row once that broker is shown as leader and answers as one: whoever shows it may know before the broker itself does. */
const leads = (subject: Subject, broker: number, at: TopicPartition) =>
  eventually(subject, `broker ${broker} leads ${partitionName(at)}`, async () => {
    const row = await rowOf(subject, at.topic, at.partition)
    const [answer] = await subject.ports.kafka.endOfEpoch([{ ...at, epoch: row.leaderEpoch }], soon(subject))
    return row.leader === broker && answer?.endOffset.known === true && row
  })

const oneDead = (get: () => Subject): void => {
  const all = { topic: '__kdr_all', partition: 0 }

  it('moves leadership off a dead broker once its session is over', async () => {
    const { probe } = get().write
    await probe.createTopic(
      all.topic,
      [
        [1, 2, 3],
        [2, 3, 1],
      ],
      { 'min.insync.replicas': '2' },
      soon(get()),
    )
    for (const text of ['a', 'b', 'c']) await probe.produce(all, [record(text)], soon(get()))
    const before = await rowOf(get(), all.topic)
    await get().faults.inject('kill-broker', { broker: 1 }, soon(get()))
    const pings = await get().ports.kafka.ping(get().endpoints, soon(get()))
    expect(pings.map((ping) => ping.answer)).toEqual(['refused', 'ready', 'ready'])

    await unregistered(get(), 1)
    const after = await eventually(get(), 'the ISR has shrunk', async () => {
      const row = await rowOf(get(), all.topic)
      // A broker that knows of the death but not yet of the election shows no leader.
      return !row.isr.includes(1) && row.leader >= 0 && row
    })
    expect([after.leader, [...after.isr].sort()]).toEqual([2, [2, 3]])
    expect(after.leaderEpoch).toBeGreaterThan(before.leaderEpoch)
  })

  it('acknowledges at min ISR, and tells which replica cannot be asked', async () => {
    expect(await get().write.probe.produce(all, [record('d')], soon(get()))).toBe(3n)
    const { kafka } = get().ports
    const [dead] = await kafka.offsets({ ask: 'local-end', broker: 1 }, [all], soon(get()))
    const [alive] = await kafka.offsets({ ask: 'local-end', broker: 3 }, [all], soon(get()))
    expect([dead?.offset.known, alive && seen(alive.offset)]).toEqual([false, 4n])
    const dirs = await kafka.logDirs(BROKERS, soon(get()))
    expect(BROKERS.map((id) => dirs.get(id)?.known)).toEqual([false, true, true])
    expect(await kafka.reassigning(soon(get()))).toEqual([])
  })

  it('does not elect what is not in sync', async () => {
    const refused = await get().write.kafka.electLeaders('preferred', [all], soon(get()))
    expect([...refused.values()]).toEqual(['PREFERRED_LEADER_NOT_AVAILABLE'])
  })

  it('leaves the leader where it is when the broker is back, until it is elected', async () => {
    const { leaderEpoch } = await rowOf(get(), all.topic)
    await startBroker(get(), 1)
    await whole(get())
    expect((await rowOf(get(), all.topic)).leader).toBe(2)
    expect(await get().write.kafka.electLeaders('preferred', [all], soon(get()))).toEqual(new Map())
    const elected = await leads(get(), 1, all)
    expect(elected.leaderEpoch).toBeGreaterThan(leaderEpoch)
    const [boundary] = await get().ports.kafka.endOfEpoch([{ ...all, epoch: leaderEpoch }], soon(get()))
    expect(boundary && seen(boundary.endOffset)).toBe(4n)
    expect(await readAll(get(), all)).toEqual(['a', 'b', 'c', 'd'])
  })
}

const oneHung = (get: () => Subject): void => {
  it('is not held up by a broker that accepts and never answers', async () => {
    await get().faults.inject('hang-broker', { broker: 2 }, soon(get()))
    const { clock, kafka } = get().ports
    const start = clock.monotonic()
    const pings = await kafka.ping(get().endpoints, soon(get()))
    expect(pings.map((ping) => ping.answer)).toEqual(['ready', 'silent', 'ready'])
    expect((await metadata(get())).partitions.topics.map((topic) => topic.name)).toContain('__kdr_all')
    expect(clock.monotonic() - start).toBeLessThan(10_000)
    await unregistered(get(), 2)
    await heal(get())
  })
}

const leaderless = (get: () => Subject): void => {
  const two = { topic: '__kdr_two', partition: 0 }
  const all = { topic: '__kdr_all', partition: 0 }

  it('still lists every topic while a partition has no leader, with its ISR on record', async () => {
    const { probe } = get().write
    await probe.createTopic(two.topic, [[3, 2]], { 'min.insync.replicas': '1' }, soon(get()))
    await probe.produce(two, [record('kept')], soon(get()))
    await get().faults.inject('kill-two', { broker: 3 }, soon(get()))
    const row = await eventually(get(), 'the partition has no leader', async () => {
      const now = await rowOf(get(), two.topic)
      const others = await rowOf(get(), all.topic)
      return now.leader === -1 && others.isr.length === 1 && now
    })
    const names = (await metadata(get())).partitions.topics.map((topic) => topic.name)
    expect(names).toEqual(expect.arrayContaining([all.topic, two.topic]))
    expect(isOnRecord(row)).toBe(true)
  })

  it('does not acknowledge what could be lost', async () => {
    const { probe, kafka } = get().write
    expect(await codeOf(probe.produce(two, [record('x')], soon(get())))).toBe('no-leader')
    expect(await codeOf(probe.produce(all, [record('x')], soon(get())))).toBe('kafka-not-enough-replicas')
    expect([...(await kafka.electLeaders('preferred', [two], soon(get()))).values()]).toEqual(['PREFERRED_LEADER_NOT_AVAILABLE'])
    const answers = await get().ports.kafka.offsets({ ask: 'high-watermark' }, [two, all], soon(get()))
    expect(answers.map((answer) => answer.offset.known)).toEqual([false, true])
  })

  it('has lost nothing when they are back', async () => {
    await heal(get())
    expect(await readAll(get(), two)).toEqual(['kept'])
    expect(await readAll(get(), all)).toEqual(['a', 'b', 'c', 'd'])
  })
}

const controllers = async (subject: Subject): Promise<readonly string[]> =>
  (await subject.ports.platform.members(soon(subject))).filter(({ roles }) => roles.includes('controller')).flatMap(({ addresses }) => addresses)

/** Rows and settings as plain data. */
const plain = (table: PartitionTable): string =>
  JSON.stringify(
    [...table.rows()].map((row) => {
      const info = table.topic(row.topic)
      return { ...row, unclean: info && seen(info.uncleanElection), minIsr: info && seen(info.minIsr) }
    }),
  )

const nobodyLeft = (get: () => Subject): void => {
  const loose = { topic: '__kdr_loose', partition: 0 }

  it('has on record at the controllers what brokers say while they live', async () => {
    const { kafka } = get().ports
    if (get().mode === 'zookeeper') {
      expect(await codeOf(kafka.onRecord(await controllers(get()), soon(get())))).toBe('no-quorum-leader')
      return
    }
    const configs = { 'min.insync.replicas': '2', 'unclean.leader.election.enable': 'true' }
    await get().write.probe.createTopic(loose.topic, [[1, 2, 3]], configs, soon(get()))
    await eventually(get(), 'brokers and controllers say the same', async () => {
      const view = await kafka.onRecord(await controllers(get()), soon(get()))
      expect(view.registered).toEqual([1, 2, 3])
      return plain(view.partitions) === plain((await metadata(get())).partitions)
    })
  })

  it('still has it when no broker is left, and then that none of them lives', async () => {
    if (get().mode === 'zookeeper') return
    const { kafka } = get().ports
    const addresses = await controllers(get())
    await get().faults.inject('kill-broker', { broker: 3 }, soon(get()))
    await unregistered(get(), 3)
    for (const broker of [1, 2]) await get().faults.inject('kill-broker', { broker }, soon(get()))
    const pings = await kafka.ping(get().endpoints, soon(get()))
    expect(pings.map(({ answer }) => answer)).toEqual(['refused', 'refused', 'refused'])
    expect(await codeOf(kafka.metadata(soon(get())))).toBe('no-broker-answered')
    const view = await eventually(get(), 'the controllers have given all of them up', async () => {
      const now = await kafka.onRecord(addresses, soon(get()))
      return now.registered.length === 0 && now
    })
    const rows = [...view.partitions.rows()]
    expect(rows.every(({ leader }) => leader === -1)).toBe(true)
    expect(rows.every(isOnRecord)).toBe(true)
    const lost = rows.find(({ topic }) => topic === loose.topic)
    // Broker 3 left while the others were in sync: who leads first must be one of those.
    expect(isrOnRecord(lost ?? (rows[0] as PartitionRow))).not.toContain(3)
    const setting = view.partitions.topic(loose.topic)?.uncleanElection
    expect(setting && seen(setting)).toBe(true)
    const others = view.partitions.topic('__kdr_all')?.uncleanElection
    expect(others && seen(others)).toBe(false)
  })

  it('takes a setting from whoever asks the controllers', async () => {
    if (get().mode === 'zookeeper') return
    await get().write.kafka.alterConfigs({ type: 'topic', name: loose.topic }, { 'unclean.leader.election.enable': 'false' }, soon(get()))
    await eventually(get(), 'it is off', async () => {
      const view = await get().ports.kafka.onRecord(await controllers(get()), soon(get()))
      const setting = view.partitions.topic(loose.topic)?.uncleanElection
      return setting !== undefined && !seen(setting)
    })
  })

  it('says the same again to whoever has read it before', async () => {
    if (get().mode === 'zookeeper') return
    await heal(get())
    await get().write.probe.deleteTopic(loose.topic, soon(get()))
    await eventually(get(), 'the controllers and the brokers have forgotten the topic', async () => {
      const view = await get().ports.kafka.onRecord(await controllers(get()), soon(get()))
      const now = (await metadata(get())).partitions
      return view.partitions.topic(loose.topic) === undefined && plain(view.partitions) === plain(now)
    })
  })
}

const staleReplica = (get: () => Subject): void => {
  const stale = { topic: '__kdr_stale', partition: 0 }

  it('does not elect a stale replica by itself', async () => {
    const { probe } = get().write
    await probe.createTopic(stale.topic, [[2, 1]], { 'min.insync.replicas': '1' }, soon(get()))
    await probe.produce(stale, [record('old')], soon(get()))
    await stopMember(get(), await brokerMember(get(), 1))
    expect((await rowOf(get(), stale.topic)).isr).toEqual([2])
    await probe.produce(stale, [record('new')], soon(get()))
    await get().faults.inject('kill-broker', { broker: 2 }, soon(get()))
    await startBroker(get(), 1)
    await unregistered(get(), 2)
    const row = await eventually(get(), 'broker 1 is back and leads nothing here', async () => {
      const view = await metadata(get())
      return view.brokers.some((broker) => broker.id === 1) && rowOf(get(), stale.topic)
    })
    expect([row.leader, isOnRecord(row)]).toEqual([-1, true])
    await eventually(
      get(),
      'broker 1 answers',
      async () => (await get().ports.kafka.offsets({ ask: 'local-end', broker: 1 }, [stale], soon(get())))[0]?.offset.known,
    )
    const [local] = await get().ports.kafka.offsets({ ask: 'local-end', broker: 1 }, [stale], soon(get()))
    expect(local && seen(local.offset)).toBe(1n)
  })

  it('puts its replicas into another order without a leader, and changes nothing else', async () => {
    for (const replicas of [
      [1, 2],
      [2, 1],
    ]) {
      const before = await rowOf(get(), stale.topic)
      expect(await get().write.kafka.reassign([{ ...stale, replicas }], soon(get()))).toEqual(new Map())
      const after = await eventually(get(), `the order is ${replicas.join()}`, async () => {
        const row = await rowOf(get(), stale.topic)
        return row.replicas.join() === replicas.join() && row
      })
      expect([after.leader, after.isr, after.elr, after.lastKnownElr]).toEqual([-1, before.isr, before.elr, before.lastKnownElr])
    }
    expect(await get().ports.kafka.reassigning(soon(get()))).toEqual([])
  })

  it('elects it when told to, and then the other one is cut back', async () => {
    expect(await get().write.kafka.electLeaders('unclean', [stale], soon(get()))).toEqual(new Map())
    await leads(get(), 1, stale)
    expect(await get().write.probe.produce(stale, [record('other')], soon(get()))).toBe(1n)
    await heal(get())
    expect(inFull(await rowOf(get(), stale.topic))).toBe(true)
    expect(await readAll(get(), stale)).toEqual(['old', 'other'])
    const [local] = await get().ports.kafka.offsets({ ask: 'local-end', broker: 2 }, [stale], soon(get()))
    expect(local && seen(local.offset)).toBe(2n)
  })

  it('leaves nothing behind', async () => {
    for (const topic of ['__kdr_all', '__kdr_two', '__kdr_stale']) await get().write.probe.deleteTopic(topic, soon(get()))
    await noneLeft(get())
  })
}
