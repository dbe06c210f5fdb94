// What a backup reads of Kafka and what a restore puts back, beside records: topics, overrides, groups, rights.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GroupOffset, NewTopic } from '../../src/ports/kafka-backup.ts'
import { codeOf, eventually, heal, metadata, type Subject, seen, soon } from './subject.ts'

const PREFIX = 'backup-contract'
const TOPIC = `${PREFIX}.orders`
const OTHER = `${PREFIX}.payments`
const GROUP = `${PREFIX}-group`
/** Longer than a tiny answer, and not ASCII: Streams keeps bytes of its own in it. */
const METADATA = `AQAAAYr5π${'x'.repeat(300)}`

const topic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({ name, partitions: 2, replicationFactor: 3, configs: {}, ...more })
const offset = (partition: number, at: bigint, kept: string | null = ''): GroupOffset => ({
  topic: TOPIC,
  partition,
  offset: at,
  leaderEpoch: -1,
  metadata: kept,
})

export const kafkaBackupContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: kafka, backed up and restored`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
    })
    afterAll(async () => {
      await subject.write.restore.deleteTopics([TOPIC, OTHER], soon(subject))
    })
    topics(() => subject)
    cutting(() => subject)
    groups(() => subject)
    rights(() => subject)
    deleting(() => subject)
  })
}

const topics = (get: () => Subject): void => {
  it('creates several topics, whose leaders serve, and says which were refused and why', async () => {
    const { restore } = get().write
    const refused = await restore.createTopics(
      [
        topic(TOPIC, { configs: { 'retention.ms': '-1', 'cleanup.policy': 'delete', 'min.insync.replicas': '2' } }),
        topic(OTHER, { partitions: 1, replicationFactor: 1, configs: { 'min.insync.replicas': '1' } }),
        topic(`${PREFIX}.too-many-replicas`, { replicationFactor: 9 }),
        topic(`${PREFIX} no name`),
      ],
      soon(get()),
    )
    expect([...refused.keys()].sort()).toEqual([`${PREFIX} no name`, `${PREFIX}.too-many-replicas`])
    expect(refused.get(`${PREFIX}.too-many-replicas`)).toMatch(/^INVALID_REPLICATION_FACTOR: ./)
    expect(refused.get(`${PREFIX} no name`)).toMatch(/^INVALID_TOPIC_EXCEPTION: ./)
    const again = await restore.createTopics([topic(TOPIC)], soon(get()))
    expect(again.get(TOPIC)).toMatch(/^TOPIC_ALREADY_EXISTS/)
    const ends = await get().ports.kafka.offsets({ ask: 'high-watermark' }, [{ topic: TOPIC, partition: 1 }], soon(get()))
    expect(ends.map((end) => seen(end.offset))).toEqual([0n])
  })

  it('says which topics could be created, and creates none', async () => {
    const { backup } = get().ports
    const asked = [topic(TOPIC), topic(`${PREFIX}.possible`), topic(`${PREFIX}.too-many-replicas`, { replicationFactor: 9 })]
    const refused = await backup.judgeTopics(asked, soon(get()))
    expect([...refused].map(([name, words]) => [name, words.split(':')[0]]).sort()).toEqual([
      [TOPIC, 'TOPIC_ALREADY_EXISTS'],
      [`${PREFIX}.too-many-replicas`, 'INVALID_REPLICATION_FACTOR'],
    ])
    expect((await backup.topics([`${PREFIX}.possible`], soon(get()))).topics).toEqual([])
  })

  it('may do everything where there is no authorizer', async () => {
    const permits = await get().ports.backup.permits([TOPIC, `${PREFIX}.none`], [GROUP], soon(get()))
    expect(permits.principal).toBe('User:ANONYMOUS')
    for (const operation of ['ALTER', 'ALTER_CONFIGS', 'CREATE']) expect(seen(permits.cluster).has(operation)).toBe(true)
    expect([...permits.topics.keys(), ...permits.groups.keys()]).toEqual([TOPIC, `${PREFIX}.none`, GROUP])
    for (const allowed of [...permits.topics.values(), ...permits.groups.values()]) expect(seen(allowed).has('READ')).toBe(true)
  })

  it('reads topics with their ids, and names those that are not there', async () => {
    const read = await get().ports.backup.topics([TOPIC, `${PREFIX}.none`], soon(get()))
    expect(read.clusterId).toMatch(/^[\w-]{22}$/)
    expect(read.brokers.map(({ id, endpoint }) => [id, endpoint]).sort()).toEqual(get().endpoints.map((endpoint, at) => [at + 1, endpoint]))
    expect(read.missing).toEqual([{ topic: `${PREFIX}.none`, error: 'UNKNOWN_TOPIC_OR_PARTITION' }])
    expect(seen(read.complete)).toBe(true)
    const [only, ...more] = read.topics
    expect(more).toEqual([])
    expect(only).toMatchObject({ name: TOPIC, internal: false, id: expect.stringMatching(/^[\w-]{22}$/) })
    expect(only?.partitions.map(({ partition }) => partition)).toEqual([0, 1])
    for (const row of only?.partitions ?? []) {
      expect([...row.replicas].sort()).toEqual([1, 2, 3])
      expect(row.replicas).toContain(row.leader)
      expect(row.leaderEpoch).toBeGreaterThanOrEqual(0)
    }
  })

  it('reads every topic, with the same ids as Metadata', async () => {
    const { topics: all, missing } = await get().ports.backup.topics(null, soon(get()))
    const { partitions } = await metadata(get())
    const ids = (list: readonly { readonly name: string; readonly id: string | null }[]) => list.map(({ name, id }) => `${name} ${id}`).sort()
    expect(ids(all)).toEqual(ids(partitions.topics))
    expect(missing).toEqual([])
  })

  it('reads only what was set on a topic itself', async () => {
    const overrides = await get().ports.backup.topicOverrides([TOPIC, OTHER, `${PREFIX}.none`], soon(get()))
    const own = (name: string) => {
      const configs = overrides.get(name)
      return configs === undefined ? undefined : Object.fromEntries(seen(configs))
    }
    expect(own(TOPIC)).toEqual({ 'retention.ms': '-1', 'cleanup.policy': 'delete', 'min.insync.replicas': '2' })
    expect(own(OTHER)).toEqual({ 'min.insync.replicas': '1' })
    expect(overrides.get(`${PREFIX}.none`)).toMatchObject({ known: false, why: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') })
  })
}

const cutting = (get: () => Subject): void => {
  const at = { topic: TOPIC, partition: 0 }
  const start = async () => {
    const [answer] = await get().ports.kafka.offsets({ ask: 'log-start' }, [at], soon(get()))
    return answer === undefined ? null : seen(answer.offset)
  }

  it('cuts off the beginning of a log', async () => {
    const records = Array.from({ length: 10 }, (_, index) => ({ key: null, value: Buffer.from(`${index}`) }))
    await get().write.kafka.append(at, records, soon(get()))
    const { deleteRecords } = get().write.restore
    await deleteRecords(
      [
        { ...at, before: 4n },
        { topic: TOPIC, partition: 1, before: -1n },
      ],
      soon(get()),
    )
    expect(await start()).toBe(4n)
    const { records: left } = await get().ports.kafka.fetch(at, 4n, { maxBytes: 1 << 20, maxWait: 200 }, soon(get()))
    expect(left.map(({ offset: each }) => each).at(0)).toBe(4n)
    expect(await codeOf(get().ports.kafka.fetch(at, 3n, { maxBytes: 1 << 20, maxWait: 200 }, soon(get())))).toBe('kafka-offset-out-of-range')
    await deleteRecords([{ ...at, before: -1n }], soon(get()))
    expect(await start()).toBe(10n)
  })

  it('does not cut beyond the end', async () => {
    expect(await codeOf(get().write.restore.deleteRecords([{ ...at, before: 11n }], soon(get())))).toBe('kafka-offset-out-of-range')
    expect(await codeOf(get().write.restore.deleteRecords([{ topic: `${PREFIX}.none`, partition: 0, before: 0n }], soon(get())))).toBe(
      'kafka-unknown-topic-or-partition',
    )
  })
}

const groups = (get: () => Subject): void => {
  const read = async (names: readonly string[] | null) => get().ports.backup.groupOffsets(names, soon(get(), 60_000))

  it('commits for a group that nobody is in, and reads it back with its metadata', async () => {
    await get().write.restore.commitOffsets(GROUP, [offset(0, 7n, METADATA), offset(1, 0n)], soon(get(), 60_000))
    const [group] = await read([GROUP])
    expect(group).toMatchObject({ group: GROUP, state: 'Empty' })
    expect([...(group?.offsets ?? [])].sort((a, b) => a.partition - b.partition)).toEqual([offset(0, 7n, METADATA), offset(1, 0n)])
  })

  it('commits again, to one partition only', async () => {
    await get().write.restore.commitOffsets(GROUP, [offset(1, 42n)], soon(get()))
    const [group] = await read([GROUP])
    expect(group?.offsets.map(({ partition, offset: each }) => `${partition} ${each}`).sort()).toEqual(['0 7', '1 42'])
  })

  it('finds the groups of every broker, and a group nobody has heard of dead', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `${GROUP}-${at}`)
    for (const name of names) await get().write.restore.commitOffsets(name, [offset(0, 3n)], soon(get()))
    const all = await read(null)
    const found = all.filter(({ group }) => group.startsWith(GROUP))
    expect(found.map(({ group }) => group)).toEqual([GROUP, ...names].sort())
    expect(found.every(({ offsets }) => offsets.length > 0)).toBe(true)
    expect((await get().ports.backup.groupNames(soon(get()))).filter((name) => name.startsWith(GROUP))).toEqual([GROUP, ...names].sort())
    expect(await read([`${PREFIX}-nobody`])).toEqual([{ group: `${PREFIX}-nobody`, state: 'Dead', protocolType: '', offsets: [] }])
  })
}

const rights = (get: () => Subject): void => {
  it('knows that there are no ACLs where no authorizer is set up, and creates none', async () => {
    expect(seen(await get().ports.backup.acls(soon(get())))).toEqual([])
    const acl = {
      resourceType: 'TOPIC',
      resourceName: TOPIC,
      patternType: 'LITERAL',
      principal: 'User:reader',
      host: '*',
      operation: 'READ',
      permission: 'ALLOW',
    }
    expect(await codeOf(get().write.restore.createAcls([acl], soon(get())))).toBe('kafka-security-disabled')
  })

  it('sets quotas, of users, clients and defaults, and reads them back', async () => {
    const user = [{ type: 'user', name: `${PREFIX}-user` }]
    const quotas = [
      { entity: user, values: { producer_byte_rate: 1024, consumer_byte_rate: 2048 } },
      { entity: [...user, { type: 'client-id', name: null }], values: { request_percentage: 12.5 } },
      { entity: [{ type: 'client-id', name: `${PREFIX}-client` }], values: { consumer_byte_rate: 4096 } },
    ]
    await get().write.restore.alterQuotas(quotas, soon(get()))
    const words = (list: readonly { readonly entity: readonly { readonly type: string; readonly name: string | null }[]; readonly values: object }[]) =>
      list
        .filter(({ entity }) => entity.some(({ name }) => name?.startsWith(PREFIX)))
        .map(({ entity, values }) => JSON.stringify([entity.map(({ type, name }) => `${type}=${name}`).sort(), Object.entries(values).sort()]))
        .sort()
    // Another broker may answer than the one that took it.
    await eventually(get(), 'the quotas are read back', async () => words(seen(await get().ports.backup.quotas(soon(get())))).join() === words(quotas).join())
  })

  it('reads SCRAM users', async () => {
    expect(seen(await get().ports.backup.scramUsers(soon(get())))).toEqual([])
  })
}

const deleting = (get: () => Subject): void => {
  it('deletes topics, those that are gone already too, and their groups forget them', async () => {
    await get().write.restore.deleteTopics([TOPIC, OTHER, `${PREFIX}.none`], soon(get(), 60_000))
    const { topics: left } = await get().ports.backup.topics(null, soon(get()))
    expect(left.filter(({ name }) => name.startsWith(PREFIX))).toEqual([])
    await eventually(get(), 'the group has forgotten the topic', async () => {
      const [group] = await get().ports.backup.groupOffsets([GROUP], soon(get()))
      return group?.offsets.length === 0
    })
  })
}
