// Every state in which G1, G2 or G5 must refuse, on real brokers: exit 5, the partitions named, nothing touched.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bringUp, createTopics, eventsOf, type Ready, type Stand, type Truth, takeDown, until } from './harness.ts'

const grants = (name: string) => ['--non-interactive', '--allow', 'restart,change,stop', '--confirm', name]

interface Case {
  readonly state: string
  readonly topics: Parameters<typeof createTopics>[1]
  readonly before?: (here: Stand, truth: Truth, name: string) => Promise<unknown>
  readonly broker: number
  readonly guard: 'G1' | 'G2' | 'G5'
  readonly names: readonly string[]
  /** Makes the lab whole again for the next case. */
  readonly after?: (truth: Truth, lab: Ready) => Promise<unknown>
  /** The case before leaves a broker down. */
  readonly sick?: true
}

const soon = () => AbortSignal.timeout(120_000)
const breakIt = (fault: string, broker?: number) => (here: Stand, _: Truth, name: string) =>
  here.kdr(['lab', 'break', fault, '--name', name, ...(broker === undefined ? [] : ['--broker', String(broker)])])

/** A reassignment held up by throttles of a few bytes a second. */
const reassign = async (_: Stand, truth: Truth) => {
  const at = { topic: '__kdr_moving', partition: 0 }
  for (let page = 0; page < 8; page += 1) await truth.kafka.produce(at, [{ key: null, value: Buffer.alloc(500_000, page) }], soon())
  await truth.kafka.alterConfigs(
    { type: 'topic', name: at.topic },
    { 'leader.replication.throttled.replicas': '*', 'follower.replication.throttled.replicas': '*' },
    soon(),
  )
  for (const id of [1, 2, 3])
    await truth.kafka.alterConfigs(
      { type: 'broker', name: String(id) },
      { 'leader.replication.throttled.rate': '1000', 'follower.replication.throttled.rate': '1000' },
      soon(),
    )
  await admin(truth, (client) =>
    client.alterPartitionReassignments({ topics: [{ topic: at.topic, partitionAssignment: [{ partition: 0, replicas: [1, 3] }] }] }),
  )
}

const unthrottle = async (truth: Truth) => {
  for (const id of [1, 2, 3])
    await truth.kafka.alterConfigs(
      { type: 'broker', name: String(id) },
      { 'leader.replication.throttled.rate': null, 'follower.replication.throttled.rate': null },
      soon(),
    )
  await until('the reassignment is over', async () => (await truth.kafka.reassigning(soon())).length === 0)
  await truth.kafka.deleteTopic('__kdr_moving', soon())
}

const admin = async (truth: Truth, work: (client: import('kafkajs').Admin) => Promise<unknown>) => {
  const { Kafka, logLevel } = (await import('kafkajs')).default
  const client = new Kafka({ clientId: 'kdr-test', brokers: [...truth.endpoints], logLevel: logLevel.NOTHING }).admin()
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.disconnect()
  }
}

/** Recovers it, and tries to a second time meanwhile: exit 8, and whose run holds the lock. */
const oneAtATime = async ({ here, name }: Ready) => {
  const recovery = ['recover', 'single-broker', '--cluster', name, ...grants(name)]
  const first = here.kdr(recovery)
  await until('the first run has begun', async () => (await here.kdr(['runs', 'list', '--output', 'json'])).out.includes('unfinished'), 30_000)
  const second = await here.kdr(recovery)
  expect(second.code, second.err).toBe(8)
  expect(second.err).toMatch(/single-broker-[0-9a-f]+/)
  const { code, out, err } = await first
  expect(code, out + err).toBe(0)
}

const CASES = (quorum: string): readonly Case[] => [
  {
    state: 'its only replica is there',
    topics: { __kdr_solo: { assignments: [[1]], minIsr: 1 } },
    broker: 1,
    guard: 'G1',
    names: ['__kdr_solo-0'],
    after: (truth) => truth.kafka.deleteTopic('__kdr_solo', soon()),
  },
  {
    state: 'min ISR is the whole replication',
    topics: {
      __kdr_tight: {
        assignments: [
          [1, 2],
          [2, 1],
        ],
        minIsr: 2,
      },
    },
    broker: 1,
    guard: 'G1',
    names: ['__kdr_tight-0', '__kdr_tight-1'],
    after: (truth) => truth.kafka.deleteTopic('__kdr_tight', soon()),
  },
  {
    state: 'a reassignment is under way',
    topics: { __kdr_moving: { assignments: [[1, 2]], minIsr: 1 } },
    before: reassign,
    broker: 3,
    guard: 'G1',
    names: ['__kdr_moving-0'],
    after: unthrottle,
  },
  {
    state: 'another broker is down',
    topics: {},
    before: breakIt('kill-broker', 3),
    broker: 1,
    guard: 'G1',
    names: ['__kdr_orders-0', '__kdr_orders-1', '__kdr_orders-2'],
    after: (_, lab) => oneAtATime(lab),
  },
  {
    state: 'the last ISR member has a blank disk',
    topics: { __kdr_only: { assignments: [[2]], minIsr: 1 } },
    before: breakIt('wipe-broker', 2),
    broker: 2,
    guard: 'G2',
    names: ['__kdr_only-0'],
  },
  {
    state: `${quorum} lost their quorum`,
    topics: {},
    before: breakIt(quorum === 'ZooKeepers' ? 'stop-zookeeper' : 'stop-controllers'),
    broker: 1,
    guard: 'G5',
    names: [],
    sick: true,
  },
]

describe.each([
  ['3.5', 'ZooKeepers'],
  ['4', 'controllers'],
])('guards on Kafka %s', (kafka, quorum) => {
  let lab: Ready
  beforeAll(async () => {
    lab = await bringUp(`guards${kafka.replace('.', '')}`, kafka)
  })
  afterAll(() => takeDown(lab))

  it('forces G1 only for single replicas, and only as loss accepted partition by partition', async () => {
    const { here, truth, name } = lab
    await createTopics(truth, { __kdr_alone: { assignments: [[1], [1]], minIsr: 1 } })
    const uids = await truth.uids()
    const ran = await here.kdr([
      'recover',
      'single-broker',
      '--cluster',
      name,
      '--broker',
      '1',
      ...grants(name),
      '--force',
      'G1',
      '--accept-loss',
      '__kdr_alone:0',
    ])
    expect(ran.code, ran.err).toBe(4)
    expect(ran.out + ran.err).toContain('--accept-loss __kdr_alone:1')
    expect(await truth.uids()).toEqual(uids)
    await truth.kafka.deleteTopic('__kdr_alone', soon())
  })

  it.each(CASES(quorum))('$guard refuses when $state', async ({ topics, before, broker, guard, names, after, sick }) => {
    const { here, truth, name } = lab
    const verdict = sick ? 'single-broker' : 'healthy'
    await until(`the cluster is ${verdict}`, async () =>
      (await here.kdr(['diagnose', '--cluster', name, '--output', 'json'])).out.includes(`"verdict": "${verdict}"`),
    )
    await createTopics(truth, topics)
    await before?.(here, truth, name)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const uids = await truth.uids()
    const ran = await here.kdr(['recover', 'single-broker', '--cluster', name, '--broker', String(broker), ...grants(name), '--output', 'ndjson'])
    expect(ran.code, ran.out + ran.err).toBe(5)
    const { why } = eventsOf(ran).at(-1) as { why?: string }
    expect(why).toContain(guard)
    for (const partition of names) expect(why).toContain(partition)
    expect(await truth.uids()).toEqual(uids)
    await after?.(truth, lab)
  })

  it('cannot be forced past G5', async () => {
    const ran = await lab.here.kdr(['recover', 'single-broker', '--cluster', lab.name, '--broker', '1', ...grants(lab.name), '--force', 'G5', '--force', 'G2'])
    expect(ran.code, ran.err).toBe(5)
  })
})
