// An ensemble that has lost every disk, restored from a copy in the simulated world: brokers stopped, disks compared,
// and whoever is behind kept back until somebody else leads.
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
const acts = (simulation: Simulation) =>
  simulation.world.effects.flatMap(({ by, what, target }) => (by === 'kdr' && /^(?:stop|start|place)$/.test(what) ? [`${what} ${target}`] : []))

const write = async (simulation: Simulation, value: string): Promise<void> => {
  for (let partition = 0; partition < 6; partition += 1)
    await simulation.write.kafka.append({ topic: 'orders', partition }, [{ key: null, value: Buffer.from(value) }], never)
}

const prepared = async (): Promise<{
  readonly simulation: Simulation
  readonly given: { readonly scenario: typeof zookeeper; readonly snapshot: Awaited<ReturnType<typeof copied>> }
}> => {
  const simulation = open()
  await write(simulation, 'before')
  const snapshot = await copied(simulation)
  return { simulation, given: { scenario: zookeeper, snapshot } }
}

describe('ZooKeeper restored from a copy', () => {
  it('brokers stopped, one member from the copy, the others empty one at a time, brokers started: nothing is lost', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    await write(simulation, 'while nobody governs')
    const { deps, events } = compose(simulation, given)
    const result = await startRun(deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(acts(simulation)).toEqual([
      'stop kafka1',
      'stop kafka2',
      'stop kafka3',
      'place zk1',
      'start zk1',
      'start zk2',
      'start zk3',
      'start kafka1',
      'start kafka2',
      'start kafka3',
    ])
    const files = events.flatMap((event) => (event.type === 'evidence.kept' ? [event.file] : []))
    expect(files).toEqual(expect.arrayContaining(['evidence/log-ends-before.tsv', 'evidence/log-ends.tsv']))
    expect(violations(simulation)).toEqual([])
  })

  it('starts whoever the copy takes for in sync before whoever came back since', async () => {
    const { simulation, given } = await prepared()
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(LONG)
    const later = await copied(simulation, '/simulated/later')
    await write(simulation, 'without broker 1')
    await simulation.write.platform.start({ name: 'kafka1', uid: null }, never)
    await lose(simulation)
    const before = acts(simulation).length
    const result = await startRun(compose(simulation, { ...given, snapshot: later }).deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    expect(
      acts(simulation)
        .slice(before)
        .filter((what) => what.startsWith('start kafka')),
    ).toEqual(['start kafka2', 'start kafka3', 'start kafka1'])
    expect(violations(simulation)).toEqual([])
  })

  it('reaches the last step in a dry run, and changes nothing', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    const { deps, events } = compose(simulation, given)
    const result = await rehearse(deps)
    expect(result, result.why ?? '').toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
    expect(acts(simulation)).toEqual([])
  })

  it('does nothing without a grant: exit 4', async () => {
    const { simulation, given } = await prepared()
    await lose(simulation)
    expect(await startRun(compose(simulation, { ...given, approver: granting('simulated') }).deps)).toMatchObject({ exit: 'approvalMissing' })
    expect(acts(simulation)).toEqual([])
  })

  it('is refused before anything is stopped where leaders were elected since', async () => {
    const { simulation, given } = await prepared()
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(LONG)
    await write(simulation, 'under other leaders')
    await lose(simulation)
    const result = await startRun(compose(simulation, given).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('leaders were elected since the snapshot') })
    expect(acts(simulation)).toEqual([])
  })

  it('is refused before anything is stopped where it lacks a topic', async () => {
    const { simulation, given } = await prepared()
    await simulation.write.probe.createTopic('__kdr_canary_later', [[1, 2, 3]], {}, never)
    await simulation.clock.sleep(LONG)
    await lose(simulation)
    const result = await startRun(compose(simulation, given).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('does not know it') })
    expect(acts(simulation)).toEqual([])
  })

  it('is refused where it is another cluster, or not the copy any more', async () => {
    const { simulation, given } = await prepared()
    const other = open({ seed: 2 })
    const alien = await copied(other)
    simulation.files.set('/simulated/alien', other.files.get(alien.paths[0] ?? '') ?? '')
    await lose(simulation)
    const snapshot = { ...alien, paths: ['/simulated/alien'] }
    const result = await startRun(compose(simulation, { ...given, snapshot }).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('the snapshot is of cluster') })
    const changed = await startRun(compose(simulation, { ...given, snapshot: { ...given.snapshot, sha256: '00' } }).deps)
    expect(changed.why).toContain('not the copy any more')
    expect(acts(simulation)).toEqual([])
  })

  it('is not used where a member has its data', async () => {
    const { simulation, given } = await prepared()
    await simulation.faults.inject('wipe-zookeeper-majority', {}, never)
    expect(await startRun(compose(simulation, given).deps)).toMatchObject({ outcome: 'recovered' })
    expect(acts(simulation).filter((what) => what.startsWith('place'))).toEqual([])
  })
})
