// The single-broker list in the simulated world: every fault, both kinds of cluster, every way of driving it.
import { describe, expect, it } from 'vitest'
import { runDrill } from '../../src/drill/drill.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { startRun } from '../../src/engine/runner.ts'
import type { Fault } from '../../src/ports/faults.ts'
import { compose, granting, open, violations } from './stage.ts'

const never = new AbortController().signal
const MODES = ['zookeeper', 'kraft'] as const
const FAULTS: readonly Fault[] = ['kill-broker', 'hang-broker', 'wipe-broker', 'stop-broker']

describe.each(MODES)('single-broker in a %s cluster', (mode) => {
  it.each(FAULTS)('%s under a ledger: diagnosed, recovered, nothing acknowledged lost', async (fault) => {
    const simulation = open({ mode })
    const { deps } = compose(simulation)
    const report = await runDrill({ deps, faults: simulation.faults, fault, kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report.ledger.acknowledged).toBeGreaterThan(100)
    expect(report).toMatchObject({ outcome: 'recovered', ledger: { lost: 0 }, diagnosis: { expected: 'single-broker', got: 'single-broker' } })
    expect(report.rtoSeconds).toBeLessThan(600)
    expect(violations(simulation)).toEqual([])
  })

  it('gives the broker a new incarnation and full ISR everywhere', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    const result = await startRun(compose(simulation).deps)
    expect(result).toMatchObject({ outcome: 'recovered', exit: 'ok', rpoRecords: 0 })
    expect(simulation.world.partitions().every(({ isr, replicas }) => isr.length === replicas.length)).toBe(true)
    expect(simulation.world.effects.filter(({ by, what }) => by === 'kdr' && what === 'start')).toHaveLength(1)
  })

  it('previews itself to the last step and touches nothing', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    const before = simulation.world.effects.length
    const { deps, events } = compose(simulation)
    const result = await rehearse(deps)
    expect(result).toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
    expect(result.gates.map(({ effect }) => effect)).toEqual(['restart', 'change'])
    expect(simulation.world.effects.slice(before).filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('runs unattended on grants, and on nothing less', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-broker', { broker: 3 }, never)
    const less = await startRun(compose(simulation, { approver: granting('simulated', 'restart') }).deps)
    expect(less).toMatchObject({ exit: 'approvalMissing', why: expect.stringContaining('--allow change') })
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
    expect(await startRun(compose(simulation, { approver: granting('simulated', 'restart', 'change') }).deps)).toMatchObject({ outcome: 'recovered' })
  })

  it('refuses to guess, and refuses where there is nothing to do', async () => {
    const simulation = open({ mode })
    expect(await startRun(compose(simulation).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('no broker is down') })
    expect(await startRun(compose(simulation, { approver: granting('simulated') }).deps)).toMatchObject({
      exit: 'refused',
      why: expect.stringContaining('no broker is down'),
    })
    const { deps, events } = compose(simulation)
    expect(await rehearse(deps)).toMatchObject({ exit: 'refused' })
    expect(events.at(-2)).toMatchObject({ type: 'step.withheld', step: 'check-stability', why: expect.stringContaining('not previewed') })
    await simulation.faults.inject('kill-two', {}, never)
    expect(await startRun(compose(simulation).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('not a single broker') })
    expect(await startRun(compose(simulation, { broker: 9 }).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('no broker 9') })
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('refuses to restart a live broker while another is down, and names the partitions', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('kill-broker', { broker: 3 }, never)
    await simulation.clock.sleep(20_000)
    const result = await startRun(compose(simulation, { broker: 1 }).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringMatching(/G1.*orders-0/) })
  })

  it('never starts a blank disk that would be elected', async () => {
    const simulation = open({ mode, topics: [{ name: 'solo', partitions: 2, replicationFactor: 1, configs: { 'min.insync.replicas': '1' } }] })
    await simulation.faults.inject('wipe-broker', { broker: 1 }, never)
    const result = await startRun(compose(simulation).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('G2') })
    expect(simulation.world.effects.filter(({ by, what }) => by === 'kdr' && what === 'start')).toEqual([])
  })

  it('says at the gate that a disk is blank', async () => {
    const simulation = open({ mode })
    await simulation.faults.inject('wipe-broker', { broker: 2 }, never)
    const { gates } = await rehearse(compose(simulation).deps)
    expect(gates[0]).toMatchObject({ effect: 'change', text: expect.arrayContaining([expect.stringContaining('BLANK disk')]) })
  })

  it('repeats itself to the byte', async () => {
    const journal = async () => {
      const simulation = open({ mode, seed: 42 })
      const { deps } = compose(simulation)
      await runDrill({ deps, faults: simulation.faults, fault: 'kill-broker', kafka: mode, tell: () => {}, before: [] })
      return simulation.store
        .find(simulation.store.list()[0] ?? '')
        .read()
        .lines.join('\n')
    }
    expect(await journal()).toBe(await journal())
  })
})

describe.each(MODES)('single-broker in a %s cluster whose platform starts again whatever ended', (mode) => {
  it.each(['kill-broker', 'hang-broker', 'stop-broker'] as const)('%s under a ledger: recovered, nothing acknowledged lost', async (fault) => {
    const simulation = open({ mode, revives: 'always' })
    const { deps } = compose(simulation)
    const report = await runDrill({ deps, faults: simulation.faults, fault, kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ outcome: 'recovered', ledger: { lost: 0 } })
    // It is stopped where it hangs, and never started beside its platform.
    const done = simulation.world.effects.filter(({ by }) => by === 'kdr').map(({ what }) => what)
    expect(done.filter((what) => what === 'stop' || what === 'start')).toEqual(fault === 'hang-broker' ? ['stop'] : [])
    expect(violations(simulation)).toEqual([])
  })
})
