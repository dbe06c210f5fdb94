// The multi-broker list in the simulated world: majorities lost in every way, both kinds of cluster.
import { describe, expect, it } from 'vitest'
import type { SimulatedFaults } from '../../src/adapters/simulated/misbehaviour.ts'
import { runDrill } from '../../src/drill/drill.ts'
import { drillApprover, grantApprover } from '../../src/engine/gate.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { startRun } from '../../src/engine/runner.ts'
import { multiBroker as scenario } from '../../src/scenarios/multi-broker.ts'
import { staggered } from './outages.ts'
import { compose, granting, open, violations } from './stage.ts'

const never = new AbortController().signal
const PAIRS = { name: 'pairs', partitions: 3, replicationFactor: 2, configs: { 'min.insync.replicas': '1' } }
const ORDERS = { name: 'orders', partitions: 3, configs: { 'min.insync.replicas': '2' } }
const MODES = ['zookeeper', 'kraft'] as const

describe.each(MODES)('multi-broker in a %s cluster', (mode) => {
  it('kill-two under a ledger: diagnosed, recovered, nothing acknowledged lost', async () => {
    const simulation = open({ mode })
    const { deps } = compose(simulation, { scenario })
    const report = await runDrill({ deps, faults: simulation.faults, fault: 'kill-two', kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ outcome: 'recovered', ledger: { lost: 0 }, diagnosis: { expected: 'multi-broker', got: 'multi-broker' } })
    expect(violations(simulation)).toEqual([])
    expect(simulation.world.effects.filter(({ by, what }) => by === 'kdr' && what === 'stop')).toEqual([])
  })

  it('previews itself to the last step and touches nothing', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-two', {}, never)
    const before = simulation.world.effects.length
    const { deps, events } = compose(simulation, { scenario })
    const result = await rehearse(deps)
    expect(result).toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
    expect(simulation.world.effects.slice(before).filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('runs unattended on grants, and on nothing less', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-two', {}, never)
    const none = await startRun(compose(simulation, { scenario, approver: granting('simulated') }).deps)
    expect(none).toMatchObject({ exit: 'approvalMissing', why: expect.stringContaining('--allow') })
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
    expect(await startRun(compose(simulation, { scenario, approver: granting('simulated', 'restart', 'change') }).deps)).toMatchObject({ outcome: 'recovered' })
  })

  const detail = (events: ReturnType<typeof compose>['events'], step: string) =>
    events.flatMap((event) => (event.type === 'step.settled' && event.step === step ? [event.detail] : []))[0] ?? ''

  it('isr-apart: prints the order that needs no unclean election, and following it needs none', async () => {
    const simulation = open({ mode, topics: [ORDERS, PAIRS] })
    await simulation.faults.inject('isr-apart', {}, never)
    expect(simulation.world.partitions().filter(({ leader }) => leader < 0).length).toBeGreaterThan(2)
    const { deps, events } = compose(simulation, { scenario })
    expect(await startRun(deps)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(detail(events, 'plan-starts')).toMatch(/1\. broker [23]: \d+ partitions wait for it.*2\. broker [23]: /)
    expect(simulation.world.elections.filter(({ unclean }) => unclean)).toEqual([])
    expect(violations(simulation)).toEqual([])
  })

  const losing = (...names: readonly string[]) =>
    grantApprover({ allow: ['restart', 'change', 'stop', 'delete', 'lose-data'], confirm: 'simulated', acceptLoss: names }, 'simulated')

  it('lose-isr: refuses to start the blank disk, and asks for each partition by name', async () => {
    const simulation = open({ mode, topics: [ORDERS] })
    await simulation.faults.inject('lose-isr', {}, never)
    const result = await startRun(compose(simulation, { scenario, approver: granting('simulated', 'restart', 'change', 'stop') }).deps)
    // Under KRaft the survivors' eligibility ends only when they are back (KIP-966): there it is told half-way.
    expect(result).toMatchObject({
      exit: mode === 'zookeeper' ? 'approvalMissing' : 'stopped',
      why: expect.stringMatching(/lose-data.*--accept-loss orders:0/),
    })
    if (mode === 'zookeeper') expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
    const drill = await startRun(compose(simulation, { scenario }).deps)
    expect(drill).toMatchObject({ exit: mode === 'zookeeper' ? 'stopped' : 'declined', why: expect.stringContaining('declined') })
    expect(simulation.world.elections.filter(({ unclean }) => unclean)).toEqual([])
    expect(simulation.world.effects.filter(({ by, what, target }) => by === 'kdr' && what === 'start' && target === 'kafka3')).toEqual([])
  })

  it('lose-isr: typed for every partition, it loses nothing that was acknowledged by two', async () => {
    const simulation = open({ mode, topics: [ORDERS] })
    await simulation.write.kafka.append({ topic: 'orders', partition: 1 }, [{ key: null, value: Buffer.from('one') }], never)
    await simulation.faults.inject('lose-isr', {}, never)
    const { deps } = compose(simulation, { scenario, approver: losing('orders-0', 'orders-1', 'orders-2') })
    const result = await startRun(deps)
    expect(result, result.why).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(simulation.world.lost()).toEqual([])
    expect(simulation.world.partitions().every(({ isr, replicas }) => isr.length === replicas.length)).toBe(true)
  })

  it.each([1, 2, 3])('lose-isr under a ledger, seed %i: what is lost lies within what was typed', async (seed) => {
    const simulation = open({ mode, seed })
    const { deps } = compose(simulation, { scenario, approver: drillApprover(true) })
    const report = await runDrill({ deps, faults: simulation.faults, fault: 'lose-isr', kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ outcome: 'recovered', ledger: { lost: 0, unread: {} } })
    expect(report.lossAccepted.length).toBeGreaterThan(0)
    expect(simulation.world.elections.some(({ unclean }) => unclean)).toBe(true)
  })

  it('gives a partition to whoever has the most, though the controller would take another, and leaves its order as it was', async () => {
    const { simulation, last } = await staggered(mode)
    const { deps } = compose(simulation, { scenario, approver: losing('events-0', 'events-1', 'events-2') })
    const result = await startRun(deps)
    // Nothing bounds what the lost disk alone held: that is said, and what is known is the least of it.
    expect(result).toMatchObject({ outcome: 'unverified', why: expect.stringContaining('at least 0 acknowledged records, and an unknown number more') })
    expect(result.gates.filter(({ effect }) => effect === 'lose-data').map(({ challenge }) => challenge)).toEqual(['unknown', 'unknown', 'unknown'])
    expect(simulation.world.elections.filter(({ unclean }) => unclean).map(({ leader }) => leader)).toEqual([2, 2, 2])
    expect(simulation.world.partitions().map(({ replicas }) => replicas.join())).toEqual(['1,2,3', '2,3,1', '3,1,2'])
    const values = simulation.world.lost().map(({ value }) => value?.toString())
    expect(new Set(values)).toEqual(new Set([last]))
  })

  it('elects for those it can, and then names the one that waits for a disk that is there', async () => {
    const simulation = open({ mode, topics: [PAIRS] })
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(15_000)
    await Promise.all([simulation.faults.inject('wipe-broker', { broker: 3 }, never), simulation.faults.inject('kill-broker', { broker: 2 }, never)])
    await simulation.clock.sleep(15_000)
    await simulation.write.platform.start({ name: 'kafka1', uid: null }, never)
    await simulation.clock.sleep(15_000)
    const { deps, events } = compose(simulation, { scenario, gone: [2], approver: losing('pairs-0', 'pairs-1', 'pairs-2') })
    expect(await startRun(deps)).toMatchObject({ exit: 'stopped', why: expect.stringMatching(/pairs-0: only broker 2 .* may lead it cleanly/) })
    expect(detail(events, 'judge-leaderless')).toMatch(/pairs-2: all on record \(3\).*nobody may be elected for pairs-0/)
    expect(simulation.world.elections.filter(({ unclean }) => unclean).map(({ topic, partition }) => `${topic}-${partition}`)).toEqual(['pairs-2'])
  })

  it('moves the replicas of what will not come back, and takes the throttle off', async () => {
    const simulation = open({ mode, brokers: 5, topics: [{ ...ORDERS, partitions: 10 }] })
    await simulation.faults.inject('kill-two', {}, never)
    const { deps, events } = compose(simulation, { scenario, gone: [5] })
    const result = await startRun(deps)
    expect(result, result.why).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(simulation.world.partitions().every(({ isr, replicas }) => isr.length === 3 && !replicas.includes(5))).toBe(true)
    expect(detail(events, 'plan-moves')).toContain('→')
    expect(detail(events, 'lift-throttle')).toContain('no throttle')
    expect(violations(simulation)).toEqual([])
  })

  it('waits for no replica on a disk that a live broker has lost, and says whose', async () => {
    const simulation = open({ mode, topics: [ORDERS], faults: { failedDir: { broker: 3 } } })
    await simulation.faults.inject('kill-two', { broker: 2 }, never)
    const start = simulation.clock.monotonic()
    const result = await startRun(compose(simulation, { scenario }).deps)
    expect(result).toMatchObject({ outcome: 'failed', why: expect.stringMatching(/broker 3 lost its log directory .* \(KAFKA_STORAGE_ERROR\): repair/) })
    expect(simulation.clock.monotonic() - start).toBeLessThan(5 * 60_000)
    expect(simulation.world.partitions().every(({ isr }) => isr.includes(1) && isr.includes(2))).toBe(true)
  })

  it('switches unclean election off before anything is started', async () => {
    const simulation = open({ mode, topics: [ORDERS, { ...PAIRS, configs: { 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' } }] })
    await simulation.faults.inject('kill-two', {}, never)
    await startRun(compose(simulation, { scenario }).deps)
    const mine = simulation.world.effects.filter(({ by }) => by === 'kdr').map(({ what, target }) => `${what} ${target}`)
    expect(mine[0]).toBe('alter-configs pairs')
    expect(mine.filter((what) => what.startsWith('start'))).toHaveLength(2)
  })

  it('names the lost quorum instead of touching a broker', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-two', {}, never)
    await simulation.faults.inject(mode === 'zookeeper' ? 'stop-zookeeper' : 'stop-controllers', {}, never)
    const result = await startRun(compose(simulation, { scenario }).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('zookeeper') })
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('refuses where nothing or a single broker is down, or where who is given up serves', async () => {
    const simulation = open({ mode })
    expect(await startRun(compose(simulation, { scenario }).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('no broker is down') })
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    expect(await startRun(compose(simulation, { scenario }).deps)).toMatchObject({ exit: 'refused', hint: 'kdr recover single-broker --broker 2' })
    await simulation.faults.inject('kill-broker', { broker: 3 }, never)
    expect(await startRun(compose(simulation, { scenario, gone: [1] }).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('not down') })
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('tells of a transaction that nobody will end', async () => {
    const simulation = open({ mode, faults: { hangingTransaction: { topic: 'orders', partition: 3 } } })
    await simulation.faults.inject('kill-two', {}, never)
    const { deps, events } = compose(simulation, { scenario })
    expect(await startRun(deps)).toMatchObject({ outcome: 'recovered' })
    expect(detail(events, 'look-for-hanging')).toContain('1 hanging: orders-3 since offset 0 (producer 4711)')
  })
})

const nobodyLeft = async (mode: 'zookeeper' | 'kraft') => {
  const simulation = open({ mode })
  await simulation.faults.inject('kill-two', {}, never)
  await simulation.faults.inject('kill-broker', { broker: 1 }, never)
  const { deps, events } = compose(simulation, { scenario })
  return {
    simulation,
    result: await startRun(deps),
    plan: events.flatMap((event) => (event.type === 'step.settled' && event.step === 'plan-starts' ? [event.detail] : []))[0],
  }
}

describe('with no broker left', () => {
  it('brings them back in the order that ZooKeeper has on record', async () => {
    const { simulation, result, plan } = await nobodyLeft('zookeeper')
    expect(result, result.why).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(plan).toContain('1. broker')
    expect(violations(simulation)).toEqual([])
  })

  it('brings them back under KRaft too, in the order that the controllers themselves have on record', async () => {
    const { simulation, result, plan } = await nobodyLeft('kraft')
    expect(result, result.why).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(plan).toContain('1. broker 1: 11 partitions wait for it')
    expect(violations(simulation)).toEqual([])
  })

  const nobodyAndUnclean = async (mode: 'zookeeper' | 'kraft') => {
    const topics = [{ ...PAIRS, configs: { ...PAIRS.configs, 'unclean.leader.election.enable': 'true' } }, ORDERS]
    const simulation = open({ mode, topics })
    await simulation.faults.inject('isr-apart', {}, never)
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(30_000)
    const before = simulation.world.elections.length
    const { deps, events } = compose(simulation, { scenario })
    return { simulation, events, result: await startRun(deps), elected: () => simulation.world.elections.slice(before) }
  }

  it('switches unclean election off at the controllers before anybody is started, and never says that nothing was lost before', async () => {
    const { events, result, elected } = await nobodyAndUnclean('kraft')
    expect(result, result.why).toMatchObject({ outcome: 'unverified', rpoRecords: null, why: expect.stringContaining('pairs') })
    const steps = events.flatMap((event) => (event.type === 'step.intent' ? [event.step] : []))
    expect(steps.indexOf('disable-unclean')).toBeLessThan(steps.indexOf('start-broker'))
    expect(steps).toContain('disable-unclean')
    expect(elected().filter(({ unclean }) => unclean)).toEqual([])
  })

  /** ISRs apart by partition, unclean election set nowhere, and ZooKeeper alone to ask. */
  const apart = async (faults: SimulatedFaults, given: Parameters<typeof compose>[1] = {}) => {
    const simulation = open({ mode: 'zookeeper', topics: [ORDERS, { ...PAIRS, replicationFactor: 3 }], faults })
    for (const broker of [2, 3]) await simulation.faults.inject('kill-broker', { broker }, never)
    await simulation.clock.sleep(30_000)
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(30_000)
    for (const at of simulation.world.partitions()) if (at.topic.name === 'pairs') Object.assign(at, { isr: [(at.index % 3) + 1] })
    const before = simulation.world.elections.length
    const { deps, events } = compose(simulation, { scenario, ...given })
    return { simulation, events, result: await startRun(deps), elected: simulation.world.elections.slice(before) }
  }

  it('needs no one broker that is on record everywhere where every file leaves unclean election off', async () => {
    const { simulation, result, elected } = await apart({})
    expect(result, result.why).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(elected.filter(({ unclean }) => unclean)).toEqual([])
    expect(violations(simulation)).toEqual([])
  })

  it('starts nobody who could be elected stale where no file was seen, says what to do, and takes it typed', async () => {
    const { simulation, result } = await apart({ unseenFiles: true })
    expect(result).toMatchObject({ outcome: 'refused', why: expect.stringMatching(/^UNCLEAN refuses: .*whether unclean election is on was not seen.*pairs-/) })
    expect(result.hint).toMatch(/every broker's own file; --force=UNCLEAN would go on and may lose: pairs-/)
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
    const untyped = await apart({ unseenFiles: true }, { force: ['UNCLEAN'], approver: granting('simulated', 'restart', 'change', 'stop') })
    expect(untyped.result).toMatchObject({ exit: 'approvalMissing', why: expect.stringMatching(/--accept-loss pairs:/) })
    const grants = { allow: ['restart', 'change', 'lose-data'], confirm: 'simulated', acceptLoss: [0, 1, 2].map((at) => `pairs-${at}`) } as const
    const typed = await apart({ unseenFiles: true }, { force: ['UNCLEAN'], approver: grantApprover(grants, 'simulated') })
    expect(typed.result, typed.result.why).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
  })

  it('starts nobody under KRaft while the controllers do not run either', async () => {
    const simulation = open({ mode: 'kraft' })
    await simulation.faults.inject('kill-two', {}, never)
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.faults.inject('stop-controllers', {}, never)
    expect(await startRun(compose(simulation, { scenario }).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('zookeeper') })
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })
})
