// An ensemble that has lost every disk, restored from a copy where sets make brokers and ZooKeepers: whatever is stopped
// would be back at once, and the disks of what does not run are seen by nobody.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { startRun } from '../../src/engine/runner.ts'
import { zookeeper } from '../../src/scenarios/zookeeper.ts'
import { compose, granting, open, violations } from './stage.ts'
import { copied } from './zookeeper-copies.ts'

const never = new AbortController().signal
const LONG = 30_000
const lose = (simulation: Simulation) => simulation.faults.inject('lose-zookeeper', {}, never)
const doneBy = (simulation: Simulation) =>
  simulation.world.effects.flatMap(({ by, what, target }) =>
    by === 'kdr' && /^(?:scale|stop|start|look|place|recreate)$/.test(what) ? [`${what} ${target}`] : [],
  )

const write = async (simulation: Simulation, value: string): Promise<void> => {
  for (let partition = 0; partition < 6; partition += 1)
    await simulation.write.kafka.append({ topic: 'orders', partition }, [{ key: null, value: Buffer.from(value) }], never)
}

const setOf = async (simulation: Simulation, member: string) => {
  const found = (await simulation.ports.platform.members(never)).find(({ name }) => name === member)
  if (found?.workload.known !== true || found.workload.value === null) throw new Error(`no set makes ${member}`)
  return found.workload.value
}

const prepared = async (options: Parameters<typeof open>[0] = {}) => {
  const simulation = open({ set: true, ...options })
  await write(simulation, 'before')
  const snapshot = await copied(simulation)
  return { simulation, given: { scenario: zookeeper, snapshot } }
}

const RESTORED = [
  'scale kafka',
  'stop kafka-0',
  'stop kafka-1',
  'stop kafka-2',
  'look kafka-0',
  'look kafka-1',
  'look kafka-2',
  'place zookeeper-0',
  'start zookeeper-0',
  'start zookeeper-1',
  'start zookeeper-2',
  'start kafka-0',
  'start kafka-1',
  'start kafka-2',
]

const startsOf = (simulation: Simulation) => doneBy(simulation).filter((what) => what.startsWith('start kafka'))

/** Out of sync when the copy was taken, and back since. */
const behind = async (broker: number) => {
  const simulation = open({ set: true })
  await write(simulation, 'before')
  simulation.spoil(`kafka-${broker - 1}`, true)
  await simulation.faults.inject('kill-broker', { broker }, never)
  await simulation.clock.sleep(LONG)
  const snapshot = await copied(simulation)
  await write(simulation, 'without it')
  simulation.spoil(`kafka-${broker - 1}`, false)
  await simulation.clock.sleep(4 * LONG)
  await lose(simulation)
  return { simulation, given: { scenario: zookeeper, snapshot } }
}

describe('ZooKeeper restored from a copy, where sets make brokers and ZooKeepers', () => {
  it('scales both to nothing, looks, places, and starts each again by itself: nothing is lost', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    await write(simulation, 'while nobody governs')
    const { deps, events } = compose(simulation, given)
    const result = await startRun(deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(doneBy(simulation)).toEqual(RESTORED)
    const files = events.flatMap((event) => (event.type === 'evidence.kept' ? [event.file] : []))
    expect(files).toEqual(expect.arrayContaining(['evidence/log-ends-before.tsv', 'evidence/log-ends.tsv']))
    for (const member of ['kafka-0', 'zookeeper-0']) expect(await setOf(simulation, member)).toMatchObject({ first: 0, replicas: 3 })
    expect(violations(simulation)).toEqual([])
  })

  it('scales away a ZooKeeper that runs on an empty disk, and sees that it is empty', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    await simulation.write.platform.workloads?.scale(await setOf(simulation, 'zookeeper-0'), 1, never)
    await simulation.clock.sleep(LONG)
    const before = doneBy(simulation).length
    const result = await startRun(compose(simulation, given).deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(doneBy(simulation).slice(before)).toEqual(expect.arrayContaining(['scale zookeeper', 'look zookeeper-0', 'place zookeeper-0']))
    expect(violations(simulation)).toEqual([])
  })

  it.each([
    [1, ['start kafka-1', 'start kafka-2', 'start kafka-0']],
    [2, ['start kafka-0', 'start kafka-1', 'start kafka-2']],
  ])('starts whoever the copy takes for in sync first, as far as one range of ordinals grows so: broker %i was not', async (broker, starts) => {
    const { simulation, given } = await behind(broker)
    const result = await startRun(compose(simulation, given).deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(startsOf(simulation)).toEqual(starts)
    expect(await setOf(simulation, 'kafka-0')).toMatchObject({ first: 0, replicas: 3 })
    expect(violations(simulation)).toEqual([])
  })

  it('reaches the last step in a dry run, and changes nothing', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    const { deps, events } = compose(simulation, given)
    const result = await rehearse(deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
    expect(doneBy(simulation)).toEqual([])
  })

  it('does nothing without a grant: exit 4', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    const approver = granting('simulated', 'restart', 'change')
    expect(await startRun(compose(simulation, { ...given, approver }).deps)).toMatchObject({ exit: 'approvalMissing' })
    expect(doneBy(simulation)).toEqual([])
  })

  it('is refused before anything is stopped where leaders were elected since', async () => {
    const { simulation, given } = await prepared()
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(LONG)
    await write(simulation, 'under other leaders')
    await lose(simulation)
    const result = await startRun(compose(simulation, given).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('leaders were elected since the snapshot') })
    expect(doneBy(simulation)).toEqual([])
  })
})
