// What kdr asks of Kafka while everything is well: metadata, offsets, its own topics, configuration, the quorum.
import { beforeAll, describe, expect, it } from 'vitest'
import { partitionName } from '../../src/model/partitions.ts'
import type { TopicPartition } from '../../src/ports/kafka.ts'
import { BROKERS, codeOf, eventually, heal, metadata, rowOf, type Subject, seen, soon } from './subject.ts'

const TOPIC = '__kdr_contract'
const ROTATED = [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
]
const FIRST = { topic: TOPIC, partition: 0 }

export const record = (text: string) => ({ key: Buffer.from(`key of ${text}`), value: Buffer.from(text) })

/** Every value from offset 0 on. */
export const readAll = async (subject: Subject, at: TopicPartition): Promise<readonly string[]> => {
  const values: string[] = []
  for (let offset = 0n; ; ) {
    const { records, next } = await subject.ports.kafka.fetch(at, offset, { maxBytes: 1 << 20, maxWait: 200 }, soon(subject))
    if (next === offset) return values
    values.push(...records.map((each) => each.value?.toString() ?? 'null'))
    offset = next
  }
}

/** Other brokers may list a deleted topic for a moment longer than the one that was asked. */
export const noneLeft = (subject: Subject): Promise<true> =>
  eventually(subject, 'every topic of kdr is gone', async () => (await metadata(subject)).partitions.topics.every((topic) => !topic.name.startsWith('__kdr_')))

export const kafkaContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: kafka`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
    })
    looking(() => subject)
    ownTopics(() => subject)
    records(() => subject)
    configuration(() => subject)
    moving(() => subject)
    leaving(() => subject)
  })
}

const looking = (get: () => Subject): void => {
  it('pings every broker', async () => {
    const pings = await get().ports.kafka.ping(get().endpoints, soon(get()))
    expect(pings.map((ping) => [ping.endpoint, ping.answer, ping.id])).toEqual(get().endpoints.map((endpoint, at) => [endpoint, 'ready', at + 1]))
  })

  it('finds that nobody listens', async () => {
    const [ping] = await get().ports.kafka.ping(['127.0.0.1:1'], soon(get()))
    expect(ping).toMatchObject({ endpoint: '127.0.0.1:1', answer: 'refused', id: null })
  })

  it('lists brokers and proves that no topic is hidden', async () => {
    const view = await metadata(get())
    expect(view.brokers.map((broker) => [broker.id, broker.endpoint]).sort()).toEqual(get().endpoints.map((endpoint, at) => [at + 1, endpoint]))
    expect(view.clusterId).toMatch(/^[\w-]{22}$/)
    expect(view.complete.known).toBe(true)
    if (get().mode === 'zookeeper') expect(BROKERS).toContain(view.controllerId)
  })

  it('sees the log directories of every broker', async () => {
    const dirs = await get().ports.kafka.logDirs(BROKERS, soon(get()))
    for (const id of BROKERS) {
      const known = dirs.get(id)
      expect(known && seen(known)).toMatchObject([{ error: null }])
    }
  })

  it('has a quorum with a leader under KRaft, and none under ZooKeeper', async () => {
    const quorum = await get().ports.kafka.quorum(null, soon(get()))
    if (get().mode === 'zookeeper') {
      expect(quorum).toBeNull()
      return
    }
    expect(quorum?.voters).toHaveLength(3)
    expect(quorum?.voters.map((voter) => voter.id)).toContain(quorum?.leaderId)
    expect(quorum?.voters.find((voter) => voter.id === quorum?.leaderId)?.lastCaughtUpAgo).toBe(0)
    // Their own listener is for nobody but brokers: only where nothing lies in between can it be dialled.
    const { kafka, platform } = get().ports
    if (platform.kind !== 'process' && platform.kind !== 'simulated') return
    const members = await platform.members(soon(get()))
    const controllers = members.filter(({ roles }) => roles.join() === 'controller').flatMap(({ addresses }) => addresses)
    expect(controllers).toHaveLength(3)
    const own = await kafka.quorum(controllers, soon(get()))
    expect([own?.leaderId, own?.voters.map(({ id }) => id).sort()]).toEqual([quorum?.leaderId, quorum?.voters.map(({ id }) => id).sort()])
    expect(await codeOf(kafka.quorum(['127.0.0.1:1'], soon(get())))).toBe('no-quorum-leader')
  })

  it('finds nothing being reassigned, and lists groups', async () => {
    expect(await get().ports.kafka.reassigning(soon(get()))).toEqual([])
    expect(Array.isArray(await get().ports.kafka.groups(soon(get())))).toBe(true)
  })

  it('describes a group that nobody is in, where there is somebody to ask, and makes nothing for it', async () => {
    const exists = async () => (await metadata(get())).partitions.topics.some((topic) => topic.name === '__consumer_offsets')
    const before = await exists()
    const described = get().ports.kafka.describeGroup('__kdr_nobody', soon(get()))
    if (before) expect(await described).toMatchObject({ state: 'Dead', members: [] })
    else expect(await codeOf(described)).toBe('no-coordinator')
    expect(await exists()).toBe(before)
  })

  it('ends a call with the reason of its signal', async () => {
    const reason = new Error('enough')
    const caught = (call: Promise<unknown>) =>
      call.then(
        () => 'answered',
        (thrown) => thrown,
      )
    expect(await caught(get().ports.kafka.metadata(AbortSignal.abort(reason)))).toBe(reason)
    expect(await caught(get().ports.kafka.ping(get().endpoints, AbortSignal.abort(reason)))).toBe(reason)
  })
}

const ownTopics = (get: () => Subject): void => {
  it('creates a topic as it was assigned', async () => {
    await get().write.probe.createTopic(TOPIC, ROTATED, { 'min.insync.replicas': '2' }, soon(get()))
    const { partitions } = await metadata(get())
    const rows = [...partitions.rows()].filter((row) => row.topic === TOPIC)
    expect(rows.map((row) => [row.partition, row.leader, row.replicas, [...row.isr].sort(), row.elr])).toEqual(
      ROTATED.map((replicas, partition) => [partition, replicas[0], replicas, [1, 2, 3], []]),
    )
    const topic = partitions.topic(TOPIC)
    expect(topic).toMatchObject({ name: TOPIC, internal: false })
    // Kafka's own form (Uuid.toString): base64url.
    expect(topic?.id).toMatch(/^[\w-]{22}$/)
    expect(topic && seen(topic.minIsr)).toBe(2)
    expect(topic && seen(topic.uncleanElection)).toBe(false)
  })

  it('does not create it twice', async () => {
    expect(await codeOf(get().write.probe.createTopic(TOPIC, ROTATED, {}, soon(get())))).toBe('kafka-topic-already-exists')
  })

  it('touches no topic that is not its own', async () => {
    const { probe } = get().write
    expect(await codeOf(probe.createTopic('orders', ROTATED, {}, soon(get())))).toBe('not-a-canary')
    expect(await codeOf(probe.deleteTopic('orders', soon(get())))).toBe('not-a-canary')
    expect(await codeOf(probe.produce({ topic: 'orders', partition: 0 }, [record('x')], soon(get())))).toBe('not-a-canary')
  })
}

const records = (get: () => Subject): void => {
  it('reads back what was acknowledged, nulls included', async () => {
    const { probe } = get().write
    expect(await probe.produce(FIRST, [record('one'), { key: Buffer.from('gone'), value: null }], soon(get()))).toBe(0n)
    expect(await probe.produce(FIRST, [{ key: null, value: Buffer.from('three') }], soon(get()))).toBe(2n)
    const { records: read, next } = await get().ports.kafka.fetch(FIRST, 0n, { maxBytes: 1 << 20, maxWait: 500 }, soon(get()))
    expect(read.map((each) => [each.offset, each.key?.toString() ?? null, each.value?.toString() ?? null])).toEqual([
      [0n, 'key of one', 'one'],
      [1n, 'gone', null],
      [2n, null, 'three'],
    ])
    expect(next).toBe(3n)
    const { clock } = get().ports
    for (const each of read) expect(Math.abs(each.timestamp - clock.now())).toBeLessThan(60_000)
  })

  it('has nothing at the end, and refuses to read beyond it', async () => {
    const { kafka } = get().ports
    expect(await kafka.fetch(FIRST, 3n, { maxBytes: 1 << 20, maxWait: 100 }, soon(get()))).toEqual({ records: [], next: 3n })
    expect(await codeOf(kafka.fetch(FIRST, 99n, { maxBytes: 1 << 20, maxWait: 100 }, soon(get())))).toBe('kafka-offset-out-of-range')
    expect(await codeOf(kafka.fetch({ topic: '__kdr_none', partition: 0 }, 0n, { maxBytes: 1024, maxWait: 100 }, soon(get())))).toBe('no-leader')
  })

  it('wakes a reader that waits at the end', async () => {
    const waiting = get().ports.kafka.fetch(FIRST, 3n, { maxBytes: 1 << 20, maxWait: 10_000 }, soon(get()))
    const [{ records: woken }] = await Promise.all([waiting, get().write.probe.produce(FIRST, [record('four')], soon(get()))])
    expect(woken.map((each) => each.value?.toString())).toEqual(['four'])
  })

  it('tells offsets by isolation and by replica', async () => {
    const ask = async (question: Parameters<Subject['ports']['kafka']['offsets']>[0]) => {
      const [answer] = await get().ports.kafka.offsets(question, [FIRST], soon(get()))
      return answer && seen(answer.offset)
    }
    expect([await ask({ ask: 'log-start' }), await ask({ ask: 'high-watermark' }), await ask({ ask: 'last-stable' })]).toEqual([0n, 4n, 4n])
    for (const broker of BROKERS) {
      expect([await ask({ ask: 'local-start', broker }), await ask({ ask: 'local-end', broker })]).toEqual([0n, 4n])
    }
  })

  it('says per partition what it could not tell', async () => {
    const asked = [FIRST, { topic: '__kdr_none', partition: 0 }]
    const answers = await get().ports.kafka.offsets({ ask: 'high-watermark' }, asked, soon(get()))
    expect(answers.map((answer) => [partitionName(answer), answer.offset.known])).toEqual([
      [partitionName(FIRST), true],
      ['__kdr_none-0', false],
    ])
  })

  it('appends to any topic, in order and as it was, and says where', async () => {
    const at = { topic: TOPIC, partition: 2 }
    const { kafka } = get().write
    expect(
      await kafka.append(
        at,
        [
          { key: Buffer.from('a'), value: Buffer.from('1') },
          { key: null, value: null },
        ],
        soon(get()),
      ),
    ).toBe(0n)
    expect(await kafka.append(at, [{ key: Buffer.from('a'), value: null }], soon(get()))).toBe(2n)
    const { records: read } = await get().ports.kafka.fetch(at, 0n, { maxBytes: 1 << 20, maxWait: 500 }, soon(get()))
    expect(read.map((each) => [each.offset, each.key?.toString() ?? null, each.value?.toString() ?? null])).toEqual([
      [0n, 'a', '1'],
      [1n, null, null],
      [2n, 'a', null],
    ])
    expect(await codeOf(kafka.append({ topic: '__kdr_none', partition: 0 }, [record('x')], soon(get())))).toBe('no-leader')
  })

  it('tells where an epoch ends', async () => {
    const { leaderEpoch } = await rowOf(get(), TOPIC)
    const [answer] = await get().ports.kafka.endOfEpoch([{ ...FIRST, epoch: leaderEpoch }], soon(get()))
    expect(answer && [seen(answer.endOffset), answer.epoch]).toEqual([4n, leaderEpoch])
  })
}

const configuration = (get: () => Subject): void => {
  const policy = async () => {
    const topic = (await metadata(get())).partitions.topic('__kdr_policy')
    return topic && [seen(topic.minIsr), seen(topic.uncleanElection)]
  }

  it('changes only the key it names', async () => {
    const { probe, kafka } = get().write
    await probe.createTopic('__kdr_policy', [[1, 2, 3]], { 'min.insync.replicas': '3', 'unclean.leader.election.enable': 'true' }, soon(get()))
    expect(await policy()).toEqual([3, true])
    await kafka.alterConfigs({ type: 'topic', name: '__kdr_policy' }, { 'min.insync.replicas': '1' }, soon(get()))
    await expect.poll(policy, { timeout: 30_000 }).toEqual([1, true])
    await kafka.alterConfigs({ type: 'topic', name: '__kdr_policy' }, { 'unclean.leader.election.enable': null }, soon(get()))
    await expect.poll(policy, { timeout: 30_000 }).toEqual([1, false])
  })

  it('refuses a topic that is not there', async () => {
    const attempt = get().write.kafka.alterConfigs({ type: 'topic', name: '__kdr_none' }, { 'min.insync.replicas': '1' }, soon(get()))
    expect(await codeOf(attempt)).toBe('kafka-unknown-topic-or-partition')
  })

  it('names why a partition was not elected', async () => {
    const asked = [FIRST, { topic: '__kdr_none', partition: 0 }]
    const refused = await get().write.kafka.electLeaders('preferred', asked, soon(get()))
    expect(Object.fromEntries(refused)).toEqual({ [partitionName(FIRST)]: 'ELECTION_NOT_NEEDED', '__kdr_none-0': 'UNKNOWN_TOPIC_OR_PARTITION' })
  })
}

const moving = (get: () => Subject): void => {
  const at = { topic: '__kdr_moving', partition: 0 }
  const replicas = async () => (await rowOf(get(), at.topic)).replicas

  it('reads effective configuration by key, and says by name what it cannot', async () => {
    const { kafka } = get().ports
    await get().write.probe.createTopic(at.topic, [[1, 2]], { 'min.insync.replicas': '1' }, soon(get()))
    const topics = await kafka.configs('topic', [at.topic, '__kdr_none'], ['min.insync.replicas', 'unclean.leader.election.enable'], soon(get()))
    const own = topics.get(at.topic)
    expect(own && [...seen(own)].sort()).toEqual([
      ['min.insync.replicas', '1'],
      ['unclean.leader.election.enable', 'false'],
    ])
    expect(topics.get('__kdr_none')?.known).toBe(false)
    expect((await kafka.configs('broker', ['9'], ['leader.replication.throttled.rate'], soon(get()))).get('9')?.known).toBe(false)
  })

  it('throttles brokers and topics, and takes it back', async () => {
    const { kafka } = get().write
    const rate = 'follower.replication.throttled.rate'
    const list = 'follower.replication.throttled.replicas'
    const ofBroker = async () => {
      const found = (await get().ports.kafka.configs('broker', ['3'], [rate], soon(get()))).get('3')
      return found && (seen(found).get(rate) ?? null)
    }
    const ofTopic = async () => {
      const found = (await get().ports.kafka.configs('topic', [at.topic], [list], soon(get()))).get(at.topic)
      return found && (seen(found).get(list) || null)
    }
    await kafka.alterConfigs({ type: 'broker', name: '3' }, { [rate]: '10000000' }, soon(get()))
    await kafka.alterConfigs({ type: 'topic', name: at.topic }, { [list]: '*' }, soon(get()))
    await eventually(get(), 'both are throttled', async () => (await ofBroker()) === '10000000' && (await ofTopic()) === '*')
    await kafka.alterConfigs({ type: 'broker', name: '3' }, { [rate]: null }, soon(get()))
    await kafka.alterConfigs({ type: 'topic', name: at.topic }, { [list]: null }, soon(get()))
    await eventually(get(), 'neither is throttled', async () => (await ofBroker()) === null && (await ofTopic()) === null)
  })

  it('moves a partition to other replicas, keeping what is in it', async () => {
    for (const text of ['a', 'b']) await get().write.probe.produce(at, [record(text)], soon(get()))
    expect(await get().write.kafka.reassign([{ ...at, replicas: [3, 2] }], soon(get()))).toEqual(new Map())
    await eventually(get(), 'it was moved', async () => {
      const row = await rowOf(get(), at.topic)
      const answer = await get().ports.kafka.offsets({ ask: 'high-watermark' }, [at], soon(get()))
      return (await get().ports.kafka.reassigning(soon(get()))).length === 0 && row.replicas.join() === '3,2' && row.isr.length === 2 && answer[0]?.offset.known
    })
    // Its new leader may not know yet that it is one, and the cluster not yet who it is.
    expect(await eventually(get(), 'it is read', () => readAll(get(), at).catch(() => null))).toEqual(['a', 'b'])
  })

  it('refuses replicas that are not there, and a cancellation of nothing', async () => {
    const { kafka } = get().write
    expect(Object.fromEntries(await kafka.reassign([{ ...at, replicas: [2, 9] }], soon(get())))).toEqual({ '__kdr_moving-0': 'INVALID_REPLICA_ASSIGNMENT' })
    expect(Object.fromEntries(await kafka.reassign([{ ...at, replicas: null }], soon(get())))).toEqual({ '__kdr_moving-0': 'NO_REASSIGNMENT_IN_PROGRESS' })
    expect(await replicas()).toEqual([3, 2])
  })

  it('tells the epoch of the last record a replica has, and none of an empty log', async () => {
    const ask = async (partition: TopicPartition, broker: number) =>
      (await get().ports.kafka.offsets({ ask: 'local-epoch', broker }, [partition], soon(get())))[0]?.leaderEpoch
    const [follower = null, leader = null] = [await ask(at, 2), await ask(at, 3)]
    expect(follower).toBeGreaterThanOrEqual(0)
    // 3.5 says of a leader the epoch it leads in, of which there may be no record yet.
    expect(leader).toBeGreaterThanOrEqual(follower ?? Number.NaN)
    await get().write.probe.createTopic('__kdr_empty', [[1]], {}, soon(get()))
    expect(await ask({ topic: '__kdr_empty', partition: 0 }, 1)).toBeNull()
  })

  it('lists producers with open transactions, and transactions of every coordinator', async () => {
    const { kafka } = get().ports
    const answers = await kafka.producers([at, { topic: '__kdr_none', partition: 0 }], soon(get()))
    expect(answers.map(({ producers }) => (producers.known ? producers.value.filter(({ openSince }) => openSince !== null) : null))).toEqual([[], null])
    expect(await kafka.transactions(soon(get()))).toEqual([])
  })
}

const leaving = (get: () => Subject): void => {
  it('deletes its own topics, and does not mind one that is gone', async () => {
    for (const topic of [TOPIC, '__kdr_policy', '__kdr_moving', '__kdr_empty', '__kdr_none']) await get().write.probe.deleteTopic(topic, soon(get()))
    await noneLeft(get())
  })
}
