// Surveys of the simulated cluster, healthy and broken, through every port; and of ports that fail or hang.
import { describe, expect, it } from 'vitest'
import { createSimulation, type Simulation } from '../../src/adapters/simulated/open.ts'
import { KdrError } from '../../src/errors.ts'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { brokerStatus } from '../../src/judgement/status.ts'
import { isrOnRecord } from '../../src/model/partitions.ts'
import { ALL_ASPECTS, brokerOf, memberOf, type Survey } from '../../src/model/survey.ts'
import type { ReadPorts } from '../../src/ports/world.ts'
import { observer } from '../../src/survey/observe.ts'

const never = new AbortController().signal
const DEADLINE = 6000
const MODES = ['zookeeper', 'kraft'] as const
const settings = (simulation: Simulation) => ({ endpoints: simulation.endpoints, zookeeper: simulation.zookeeperServers, deadline: DEADLINE })
const open = (mode: (typeof MODES)[number]): Simulation => createSimulation({ seed: 7, mode })
const look = (simulation: Simulation, ports: ReadPorts = simulation.ports): Promise<Survey> => observer(ports, settings(simulation))(ALL_ASPECTS, null, never)

/** The same ports, some of whose methods never answer or always fail. */
const broken = (ports: ReadPorts, names: readonly string[], how: 'hang' | 'fail'): ReadPorts => {
  const act = () => (how === 'hang' ? new Promise<never>(() => undefined) : Promise.reject(new KdrError('the port is broken', { code: 'broken' })))
  const wrap = <T extends object>(port: T): T => new Proxy(port, { get: (target, name) => (names.includes(String(name)) ? act : Reflect.get(target, name)) })
  return { ...ports, platform: wrap(ports.platform), kafka: wrap(ports.kafka), coordination: ports.coordination === null ? null : wrap(ports.coordination) }
}

describe('ZooKeeper servers that are configured by ports nobody advertises', () => {
  it('are asked where their members listen, so that one which does not answer has a second witness', async () => {
    const simulation = open('zookeeper')
    await simulation.faults.inject('stop-zookeeper', {}, never)
    const survey = await observer(simulation.ports, { ...settings(simulation), zookeeper: ['10.0.0.1:2181', '10.0.0.2:2181', '10.0.0.3:2181'] })(
      ALL_ASPECTS,
      null,
      never,
    )
    expect(diagnose(survey)).toMatchObject({ verdict: 'zookeeper' })
  })
})

describe.each(MODES)('a simulated %s cluster', (mode) => {
  it('is healthy, with nothing unknown that a diagnosis needs', async () => {
    const survey = await look(open(mode))
    expect(diagnose(survey)).toMatchObject({ verdict: 'healthy' })
    expect(survey.clusterId.known).toBe(true)
    expect(survey.reassigning).toMatchObject({ known: true, value: [] })
    for (const id of [1, 2, 3]) {
      const broker = brokerOf(survey, id)
      expect(broker).toMatchObject({
        member: { known: true, value: `kafka${id}` },
        registered: { known: true, value: true },
        reachable: { known: true, value: true },
        incarnation: { known: true },
        logDirs: { known: true },
      })
    }
  })

  it('shows a killed broker at once, and its log', async () => {
    const simulation = open(mode)
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    const at = await look(simulation)
    expect(diagnose(at)).toMatchObject({ verdict: 'single-broker', brokers: [2] })
    expect(memberOf(at, 'kafka2')?.signals.known).toBe(true)
    await simulation.clock.sleep(60_000)
    const later = await look(simulation)
    expect(brokerOf(later, 2)).toMatchObject({ registered: { known: true, value: false }, incarnation: { known: false } })
    expect(diagnose(later)).toMatchObject({ verdict: 'single-broker', brokers: [2] })
  })

  it('shows a hung broker within its deadline, again and again', async () => {
    const simulation = open(mode)
    await simulation.faults.inject('hang-broker', { broker: 3 }, never)
    for (let round = 0; round < 5; round += 1) {
      const start = simulation.clock.monotonic()
      const survey = await look(simulation)
      expect(simulation.clock.monotonic() - start).toBeLessThanOrEqual(DEADLINE)
      expect(brokerStatus(survey, 3).status).toBe('hung')
      expect(diagnose(survey)).toMatchObject({ verdict: 'single-broker', brokers: [3] })
    }
  })

  it('shows two killed brokers', async () => {
    const simulation = open(mode)
    const names = await simulation.faults.inject('kill-two', {}, never)
    expect(names).toHaveLength(2)
    expect(diagnose(await look(simulation))).toMatchObject({ verdict: 'multi-broker' })
  })

  it('distrusts Metadata when the quorum is lost', async () => {
    const simulation = open(mode)
    await simulation.faults.inject(mode === 'zookeeper' ? 'stop-zookeeper' : 'stop-controllers', {}, never)
    const survey = await look(simulation)
    expect(survey.partitions.known).toBe(false)
    for (const id of [1, 2, 3]) expect(brokerOf(survey, id)?.registered.known).toBe(false)
    expect(diagnose(survey)).toMatchObject({ verdict: 'zookeeper', brokers: [] })
  })

  const METHODS = ['identity', 'members', 'logs', 'metadata', 'ping', 'quorum', 'logDirs', 'reassigning', 'word', 'get', 'children'] as const
  it.each(METHODS)('outlives a %s that fails, without calling anything healthy that was not seen', async (method) => {
    const simulation = open(mode)
    const survey = await look(simulation, broken(simulation.ports, [method], 'fail'))
    const needed = ['members', 'metadata', 'ping', ...(mode === 'zookeeper' ? ['word', 'get', 'children'] : ['quorum'])]
    expect(diagnose(survey).verdict).toBe(needed.includes(method) ? 'unknown' : 'healthy')
  })

  it('outlives ports that all hang, within its deadline', async () => {
    const simulation = open(mode)
    const start = simulation.clock.monotonic()
    const looking = look(simulation, broken(simulation.ports, METHODS, 'hang'))
    const survey = await Promise.race([looking, simulation.clock.sleep(DEADLINE + 500).then(() => null)])
    expect(survey).not.toBeNull()
    expect(simulation.clock.monotonic() - start).toBeLessThanOrEqual(DEADLINE + 500)
    expect(survey === null ? null : diagnose(survey).verdict).toBe('unknown')
  })

  it('reads only the aspects asked for, and carries the rest over', async () => {
    const simulation = open(mode)
    const base = await look(simulation)
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    await simulation.clock.sleep(60_000)
    const members = await observer(simulation.ports, settings(simulation))(['members'], base, never)
    expect(memberOf(members, 'kafka2')?.state).toMatchObject({ known: true, value: 'stopped' })
    expect(members.brokers).toBe(base.brokers)
    expect(members.partitions).toBe(base.partitions)
    const brokers = await observer(simulation.ports, settings(simulation))(['brokers'], members, never)
    expect(brokerOf(brokers, 2)).toMatchObject({ registered: { known: true, value: false }, logDirs: { known: true } })
    expect(brokers.members).toEqual(members.members)
    expect(brokers.clusterId).toEqual(base.clusterId)
    const nothing = await observer(simulation.ports, settings(simulation))(['members'], null, never)
    expect([nothing.brokers.known, nothing.partitions.known, nothing.coordination.known]).toEqual([false, false, false])
  })

  it('throws the reason of an aborted signal, and nothing else', async () => {
    const simulation = open(mode)
    const reason = new Error('Ctrl-C')
    await expect(observer(simulation.ports, settings(simulation))(ALL_ASPECTS, null, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('ZooKeeper', () => {
  it('proves that no topic is hidden where Metadata cannot', async () => {
    const simulation = open('zookeeper')
    const kafka = simulation.ports.kafka
    const unproven = new Proxy(kafka, {
      get: (target, name) =>
        name === 'metadata'
          ? async (signal: AbortSignal) => ({ ...(await target.metadata(signal)), complete: { known: false, why: 'not authorised', by: 'test' } })
          : Reflect.get(target, name),
    })
    expect((await look(simulation, { ...simulation.ports, kafka: unproven })).partitions.known).toBe(true)
    expect((await look(open('kraft'), { ...open('kraft').ports, kafka: unproven })).partitions.known).toBe(false)
  })

  it('gives the ISR on record of leaderless partitions', async () => {
    const simulation = createSimulation({ seed: 7, mode: 'zookeeper', topics: [{ name: 'single', partitions: 3, replicationFactor: 1 }] })
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    await simulation.clock.sleep(60_000)
    const { partitions } = await look(simulation)
    const leaderless = partitions.known ? [...partitions.value.rows()].filter((row) => row.leader < 0) : []
    expect(leaderless.map(isrOnRecord)).toEqual([[2]])
    const unread = await look(simulation, broken(simulation.ports, ['get'], 'fail'))
    const rows = unread.partitions.known ? [...unread.partitions.value.rows()].filter((row) => row.leader < 0) : []
    expect(rows.map(isrOnRecord)).toEqual([null])
  })
})
