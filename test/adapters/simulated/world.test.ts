// The simulation's own promises: it repeats to the byte, it is killed where it is told to be, it misbehaves
// only as asked, and its truth shows data loss when there is some.
import { describe, expect, it } from 'vitest'
import { Killed } from '../../../src/adapters/simulated/life.ts'
import { createSimulation, type Simulation } from '../../../src/adapters/simulated/open.ts'

const still = new AbortController().signal
const value = (text: string) => [{ key: null, value: Buffer.from(text) }]

const startBroker = (world: Simulation, id: number) => world.write.platform.start({ name: `kafka${id}`, uid: null }, still)

/** A producer in the background beside a broker that is killed and started again; everything seen, as text. */
const story = async (seed: number, mode: 'zookeeper' | 'kraft'): Promise<string> => {
  const world = createSimulation({ seed, mode, faults: { slowCatchUp: { probability: 0.3, by: 900 }, silentPing: { probability: 0.1 } } })
  const seen: string[] = [world.clock.randomHex(4)]
  const note = (words: string) => seen.push(`${world.clock.monotonic()} ${words}`)
  await world.write.probe.createTopic('__kdr_ledger', [[1, 2, 3]], { 'min.insync.replicas': '2' }, still)
  let going = true
  const ledger = async (name: string, pace: number) => {
    const beside = world.beside()
    for (let count = 0; going; count += 1) {
      const at = { topic: '__kdr_ledger', partition: 0 }
      await beside.write.probe.produce(at, value(`${name}${count}`), still).then(
        (offset) => note(`${name} ${offset}`),
        (thrown: Error) => note(`${name} ${thrown.message}`),
      )
      await beside.clock.sleep(pace)
    }
  }
  const background = [ledger('a', 130), ledger('b', 170)]
  await world.clock.sleep(500)
  await world.faults.inject('kill-broker', { broker: 1 }, still)
  await world.clock.sleep(7000)
  await startBroker(world, 1)
  for (let look = 0; look < 12; look += 1) {
    const { partitions } = await world.ports.kafka.metadata(still)
    note(JSON.stringify([...partitions.rows()]))
    note(JSON.stringify(await world.ports.kafka.ping(world.endpoints, still)))
    await world.clock.sleep(1000)
  }
  going = false
  await Promise.all(background)
  seen.push(JSON.stringify(await world.ports.platform.logs('kafka1', { tail: 100, previous: false }, still)), JSON.stringify(world.world.elections))
  expect(world.world.lost()).toEqual([])
  expect(world.world.acknowledged().length).toBeGreaterThan(50)
  return seen.join('\n')
}

describe.each(['zookeeper', 'kraft'] as const)('a simulated world (%s)', (mode) => {
  it('repeats to the byte for a seed, and differs for another', async () => {
    const first = await story(1, mode)
    expect(await story(1, mode)).toBe(first)
    expect(await story(2, mode)).not.toBe(first)
  })

  it('loses acknowledged records when the last copy is wiped and started blank, and says so', async () => {
    const world = createSimulation({ seed: 3, mode })
    const at = { topic: '__kdr_ledger', partition: 0 }
    await world.write.probe.createTopic('__kdr_ledger', [[2, 1]], { 'min.insync.replicas': '1' }, still)
    await world.faults.inject('stop-broker', { broker: 1 }, still)
    await world.write.probe.produce(at, value('only on broker 2'), still)
    await world.faults.inject('wipe-broker', { broker: 2 }, still)
    expect(world.world.lost()).toMatchObject([{ copies: 0, readable: false }])
    await world.clock.sleep(8000)
    await startBroker(world, 2)
    await world.clock.sleep(10_000)
    const election = world.world.elections.filter((one) => one.topic === '__kdr_ledger').at(-1)
    expect(election).toMatchObject({ leader: 2, unclean: false, missing: 1 })
    expect(world.world.lost()).toHaveLength(1)
  })

  it('records an unclean election and what it cost', async () => {
    const world = createSimulation({ seed: 4, mode })
    const at = { topic: '__kdr_ledger', partition: 0 }
    await world.write.probe.createTopic('__kdr_ledger', [[2, 1]], { 'min.insync.replicas': '1' }, still)
    await world.write.probe.produce(at, value('on both'), still)
    await world.faults.inject('stop-broker', { broker: 1 }, still)
    await world.write.probe.produce(at, value('on broker 2'), still)
    await world.faults.inject('kill-broker', { broker: 2 }, still)
    await startBroker(world, 1)
    await world.clock.sleep(10_000)
    expect(world.world.lost()).toEqual([])
    expect(await world.write.kafka.electLeaders('unclean', [at], still)).toEqual(new Map())
    expect(world.world.elections.at(-1)).toMatchObject({ leader: 1, unclean: true, missing: 1 })
    expect(world.world.lost().map((record) => record.value?.toString())).toEqual(['on broker 2'])
  })

  it('does not acknowledge while an ISR member hangs, until its session is over', async () => {
    const world = createSimulation({ seed: 5, mode })
    const at = { topic: '__kdr_ledger', partition: 0 }
    await world.write.probe.createTopic('__kdr_ledger', [[1, 2, 3]], { 'min.insync.replicas': '2' }, still)
    await world.faults.inject('hang-broker', { broker: 3 }, still)
    const start = world.clock.monotonic()
    await expect(world.write.probe.produce(at, value('x'), still))
      .resolves.toBe(0n)
      .catch(() => undefined)
    await world.clock.sleep(6000)
    expect(await world.write.probe.produce(at, value('y'), still)).toBe(1n)
    expect(world.clock.monotonic() - start).toBeGreaterThan(4500)
    expect(world.world.partitions().find((partition) => partition.topic.name === '__kdr_ledger')?.isr).toEqual([1, 2])
  })
})

describe('a killed process life', () => {
  const run = (world: Simulation, lines: readonly string[]) => {
    const journal = world.store.create('run').open()
    for (const line of lines) journal.append(line)
  }

  it('ends right after the line is durable, and reaches nothing any more', async () => {
    const world = createSimulation({ seed: 1, mode: 'kraft' })
    world.crashAfterLine(2)
    const folder = world.store.create('run')
    const journal = folder.open()
    journal.append('one')
    expect(() => journal.append('two')).toThrow(Killed)
    expect(() => journal.append('three')).toThrow(Killed)
    expect(() => folder.evidence('x', 'y')).toThrow(Killed)
    await expect(world.ports.kafka.metadata(still)).rejects.toThrow(Killed)
    await expect(world.write.platform.start({ name: 'kafka1', uid: null }, still)).rejects.toThrow(Killed)
    await expect(world.clock.sleep(1)).rejects.toThrow(Killed)
    expect(world.world.effects).toEqual([])
    const next = world.reboot()
    expect(next.store.find('run').read()).toEqual({ lines: ['one', 'two'], torn: false })
    expect((await next.ports.kafka.metadata(still)).brokers).toHaveLength(3)
  })

  it('may end half-way through a line', () => {
    const world = createSimulation({ seed: 1, mode: 'kraft' })
    world.crashBeforeLine(2)
    expect(() => run(world, ['one', 'two'])).toThrow(Killed)
    expect(world.reboot().store.find('run').read()).toEqual({ lines: ['one'], torn: true })
  })

  it('counts the lines of each life by itself', () => {
    const world = createSimulation({ seed: 1, mode: 'kraft' })
    world.crashAfterLine(1)
    expect(() => run(world, ['one'])).toThrow(Killed)
    const next = world.reboot()
    next.crashAfterLine(2)
    const journal = next.store.find('run').open()
    journal.append('two')
    expect(() => journal.append('three')).toThrow(Killed)
    expect(next.reboot().store.find('run').read().lines).toEqual(['one', 'two', 'three'])
  })

  it('ends a call that is under way, but not what it had already set off', async () => {
    const world = createSimulation({ seed: 1, mode: 'zookeeper' })
    const [member] = (await world.ports.platform.members(still)).filter((one) => one.name === 'kafka3')
    const uid = member?.uid.known ? member.uid.value : null
    const stopping = world.write.platform.stop({ name: 'kafka3', uid }, { grace: 120_000 }, still)
    const beside = world.beside()
    await beside.clock.sleep(100)
    world.kill()
    await expect(stopping).rejects.toThrow(Killed)
    await beside.clock.sleep(3000)
    expect(beside.world.members().find((one) => one.name === 'kafka3')?.state).toBe('stopped')
  })
})

describe('misbehaviour', () => {
  it('hangs a port call until its deadline, as often as it was told to', async () => {
    const world = createSimulation({ seed: 1, mode: 'kraft', faults: { hang: [{ call: 'kafka.metadata', times: 1 }] } })
    const start = world.clock.monotonic()
    await expect(world.ports.kafka.metadata(world.clock.deadline(5000))).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(world.clock.monotonic() - start).toBe(5000)
    expect((await world.ports.kafka.metadata(world.clock.deadline(5000))).brokers).toHaveLength(3)
  })

  it('starts a broker slowly', async () => {
    const world = createSimulation({ seed: 1, mode: 'kraft', faults: { slowStart: { times: 1, by: 60_000 } } })
    await world.faults.inject('stop-broker', { broker: 2 }, still)
    await startBroker(world, 2)
    await world.clock.sleep(50_000)
    expect(world.world.registered()).toEqual([1, 3])
    await world.clock.sleep(20_000)
    expect(world.world.registered()).toEqual([1, 2, 3])
  })

  it('lets a broker exit again after its start', async () => {
    const world = createSimulation({ seed: 1, mode: 'zookeeper', faults: { exitAfterStart: { times: 1, after: 8000, broker: 2 } } })
    await world.faults.inject('stop-broker', { broker: 2 }, still)
    await startBroker(world, 2)
    await world.clock.sleep(9000)
    expect(world.world.members().find((member) => member.name === 'kafka2')).toMatchObject({ state: 'stopped', lastExit: { code: 1 } })
  })

  it('delays a replica that catches up, and loses one ping', async () => {
    const world = createSimulation({ seed: 1, mode: 'kraft', partitions: 1, faults: { slowCatchUp: { probability: 1, by: 30_000 }, silentPing: { times: 1 } } })
    const answers = (await world.ports.kafka.ping(world.endpoints, still)).map((ping) => ping.answer)
    expect(answers).toEqual(['silent', 'ready', 'ready'])
    expect((await world.ports.kafka.ping(world.endpoints, still)).map((ping) => ping.answer)).toEqual(['ready', 'ready', 'ready'])
    await world.faults.inject('stop-broker', { broker: 2 }, still)
    await startBroker(world, 2)
    await world.clock.sleep(20_000)
    const isr = () => world.world.partitions().find((partition) => partition.topic.name === 'orders')?.isr
    expect(isr()).toEqual([1, 3])
    await world.clock.sleep(30_000)
    expect(isr()).toEqual([1, 3, 2])
  })
})

describe('virtual time', () => {
  it('stands still while nobody waits, however many deadlines are set', async () => {
    const { clock } = createSimulation({ seed: 1, mode: 'kraft' })
    const signal = clock.deadline(1000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([clock.monotonic(), signal.aborted]).toEqual([0, false])
  })

  it('begins at three in the morning', () => {
    expect(new Date(createSimulation({ seed: 1, mode: 'kraft' }).clock.now()).toISOString()).toBe('2026-01-15T03:00:00.000Z')
  })

  it('has no sockets to dial', async () => {
    const stream = createSimulation({ seed: 1, mode: 'kraft' }).ports.platform.dial('127.0.0.1', 19001)
    const [error] = await new Promise<[Error]>((resolve) => stream.once('error', (thrown) => resolve([thrown])))
    expect(error).toMatchObject({ code: 'simulated-socket' })
  })
})
