// Brokers that were scaled to nothing, in a set that starts them in order: whoever has the data is the last that
// would be started, and the first of them may never be ready.
import { describe, expect, it } from 'vitest'
import { runDrill } from '../../src/drill/drill.ts'
import { drillApprover } from '../../src/engine/gate.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { ALL_ASPECTS } from '../../src/model/survey.ts'
import { multiBroker as scenario } from '../../src/scenarios/multi-broker.ts'
import { singleBroker } from '../../src/scenarios/single-broker.ts'
import { compose, granting, open, violations } from './stage.ts'

const never = new AbortController().signal

const scaled = async (mode: 'zookeeper' | 'kraft') => {
  const simulation = open({ mode, set: true })
  await simulation.faults.inject('scale-to-zero', {}, never)
  return simulation
}

const detail = (events: ReturnType<typeof compose>['events'], step: string) =>
  events.flatMap((event) => (event.type === 'step.settled' && event.step === step ? [event.detail] : []))[0] ?? ''

describe.each(['zookeeper', 'kraft'] as const)('a %s cluster scaled to nothing', (mode) => {
  it('is a lost majority, although nobody is left to say whose disks these are', async () => {
    const simulation = await scaled(mode)
    const { deps } = compose(simulation, { scenario })
    expect(diagnose(await deps.observe(ALL_ASPECTS, null, never))).toMatchObject({
      verdict: 'multi-broker',
      next: ['recover', 'multi-broker', '--cluster', 'simulated'],
    })
    const single = await startRun(compose(simulation, { scenario: singleBroker }).deps)
    expect(['refused', 'unknown']).toContain(single.outcome)
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('is drilled: diagnosed, recovered, nothing acknowledged lost, and its order given back', async () => {
    const simulation = open({ mode, set: true })
    const { deps, events } = compose(simulation, { scenario })
    const report = await runDrill({ deps, faults: simulation.faults, fault: 'scale-to-zero', kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ outcome: 'recovered', ledger: { lost: 0 } })
    expect(detail(events, 'look-at-disks')).toBe('kafka-0: intact, broker 1; kafka-1: intact, broker 2; kafka-2: intact, broker 3')
    expect(detail(events, 'check-order')).toMatch(/kafka-2, broker 3.* is not made before kafka-0 \(ScaledDown\), kafka-1 \(ScaledDown\) is ready/)
    expect(detail(events, 'order-ordinals')).toContain('in order')
    expect(violations(simulation)).toEqual([])
    const mine = simulation.world.effects
      .filter(({ by, what }) => by === 'kdr' && ['start', 'recreate', 'look'].includes(what))
      .map(({ what, target }) => `${what} ${target}`)
    expect(mine.slice(0, 4)).toEqual(['look kafka-0', 'look kafka-1', 'look kafka-2', 'recreate kafka'])
    expect(mine.at(-1)).toBe('recreate kafka')
    if (mode === 'zookeeper') expect(mine[4]).toBe('start kafka-2')
  })

  it('previews itself to the last step, and makes nothing', async () => {
    const simulation = await scaled(mode)
    const { deps, events } = compose(simulation, { scenario })
    const result = await rehearse(deps)
    expect(result, result.why).toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
    expect(result.gates.map(({ effect }) => effect)).toContain('delete')
    expect(simulation.world.effects.filter(({ by }) => by === 'kdr')).toEqual([])
  })

  it('is not touched without a grant', async () => {
    const simulation = await scaled(mode)
    for (const effects of [[], ['restart', 'change', 'stop']] as const) {
      const result = await startRun(compose(simulation, { scenario, approver: granting('simulated', ...effects) }).deps)
      expect(result, result.why).toMatchObject({ exit: 'approvalMissing' })
    }
    expect(simulation.world.effects.filter(({ by, what }) => by === 'kdr' && what !== 'look')).toEqual([])
  })

  it('works around a first pod that never starts, says which, and goes on once that is mended', async () => {
    const simulation = await scaled(mode)
    simulation.spoil('kafka-0', true)
    const { deps } = compose(simulation, { scenario, approver: drillApprover() })
    const first = await startRun(deps)
    expect(first.outcome, first.why).not.toBe('recovered')
    expect(first.why).toMatch(/not back yet: broker 1: .*fatal/)
    expect(simulation.world.registered()).toContain(3)
    await simulation.clock.sleep(60_000)
    expect(simulation.world.registered()).toEqual([2, 3])
    expect(simulation.world.partitions().filter(({ leader }) => leader < 0)).toEqual([])
    simulation.spoil('kafka-0', false)
    const next = simulation.reboot()
    const resumed = await resumeRun(compose(next, { scenario, approver: drillApprover(), takeOver: first.run }).deps, first.run)
    expect(resumed.outcome, resumed.why).toBe('recovered')
    expect(violations(next)).toEqual([])
  })

  it('is held up by a first pod that crashes while the others are wanted and not made', async () => {
    const simulation = open({ mode, set: true })
    simulation.spoil('kafka-0', true)
    await simulation.faults.inject('kill-broker', { broker: 1 }, never)
    await simulation.clock.sleep(15_000)
    await simulation.faults.inject('kill-two', {}, never)
    await simulation.clock.sleep(30_000)
    const { deps, events } = compose(simulation, { scenario })
    expect(diagnose(await deps.observe(ALL_ASPECTS, null, never))).toMatchObject({ verdict: 'multi-broker' })
    const first = await startRun(deps)
    expect(detail(events, 'check-order')).toMatch(/kafka-2, broker 3.* is not made before kafka-0 \(CrashLoopBackOff\), kafka-1 \(NotCreated\) is ready/)
    expect(first.why).toMatch(/not back yet: broker 1: .*fatal/)
    expect(simulation.world.registered()).toEqual([2, 3])
    expect(violations(simulation)).toEqual([])
  })
})
