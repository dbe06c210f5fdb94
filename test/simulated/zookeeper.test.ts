// The quorum's list in the simulated world: every case of ZooKeeper and of KRaft's controllers, under a ledger, in
// a dry run, without a grant, and against clusters that have become other ones.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { runDrill } from '../../src/drill/drill.ts'
import { rehearse } from '../../src/engine/rehearsal.ts'
import { startRun } from '../../src/engine/runner.ts'
import { diagnose } from '../../src/judgement/diagnose.ts'
import { checkHealth } from '../../src/judgement/health.ts'
import { quorumChecks } from '../../src/judgement/quorum.ts'
import { ALL_ASPECTS } from '../../src/model/survey.ts'
import type { Fault } from '../../src/ports/faults.ts'
import { zookeeper } from '../../src/scenarios/zookeeper.ts'
import { compose, granting, open, violations } from './stage.ts'

const never = new AbortController().signal
const scenario = { scenario: zookeeper }

const broken = async (mode: 'zookeeper' | 'kraft', fault: Fault, more: Parameters<typeof open>[0] = {}): Promise<Simulation> => {
  const simulation = open({ mode, ...more })
  await simulation.faults.inject(fault, {}, never)
  return simulation
}

const doneBy = (simulation: Simulation) => simulation.world.effects.filter(({ by }) => by === 'kdr').map(({ what, target }) => `${what} ${target}`)
const touched = (simulation: Simulation) => doneBy(simulation).filter((what) => /^(start|stop)/.test(what))
const survey = (simulation: Simulation) => compose(simulation, scenario).deps.observe(ALL_ASPECTS, null, never)

const CASES = [
  ['zookeeper', 'stop-zookeeper', ['start zk1', 'start zk2', 'start zk3']],
  ['zookeeper', 'wipe-zookeeper-majority', ['start zk1', 'start zk2', 'start zk3']],
  ['kraft', 'stop-controllers', ['start ctl1', 'start ctl2', 'start ctl3']],
] as const

describe.each(CASES)('a lost quorum in a %s cluster after %s', (mode, fault, starts) => {
  it('is diagnosed and recovered under a ledger that goes on while it is lost, and no broker is touched', async () => {
    const simulation = open({ mode })
    const { deps } = compose(simulation, scenario)
    const report = await runDrill({ deps, faults: simulation.faults, fault, kafka: mode, tell: () => {}, before: [] })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ outcome: 'recovered', ledger: { lost: 0 }, diagnosis: { got: 'zookeeper', right: true } })
    expect(touched(simulation)).toEqual(starts)
    expect(violations(simulation)).toEqual([])
  })

  it('previews itself to the last step, offers one branch, and changes nothing', async () => {
    const simulation = await broken(mode, fault)
    const { deps, events } = compose(simulation, scenario)
    const result = await rehearse(deps)
    expect(result).toMatchObject({ outcome: 'unverified', exit: 'ok' })
    expect(events.filter(({ type }) => type === 'choice.previewed')).toHaveLength(1)
    expect(events.filter((event) => event.type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
    expect(result.gates).toHaveLength(3)
    expect(doneBy(simulation)).toEqual([])
  })

  it('does nothing without a grant: exit 4', async () => {
    const simulation = await broken(mode, fault)
    expect(await startRun(compose(simulation, { ...scenario, approver: granting('simulated') }).deps)).toMatchObject({ exit: 'approvalMissing' })
    expect(doneBy(simulation)).toEqual([])
  })
})

describe('ZooKeeper', () => {
  it('copies the survivor before anything is started, and starts one empty disk at a time', async () => {
    const simulation = await broken('zookeeper', 'wipe-zookeeper-majority')
    const { deps, events } = compose(simulation, scenario)
    expect(await startRun(deps)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
    const kept = events.findIndex((event) => event.type === 'evidence.kept' && event.file.includes('zk1') && event.file.endsWith('.tar.gz'))
    const started = events.findIndex((event) => event.type === 'step.intent')
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThan(started)
    const acts = events.flatMap((event) => (event.type === 'step.intent' || event.type === 'step.settled' ? [`${event.type} ${event.key}`] : []))
    expect(acts.indexOf('step.settled start-member[zk2]')).toBeLessThan(acts.indexOf('step.intent start-member[zk3]'))
    expect(violations(simulation)).toEqual([])
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is not emptied by anything kdr starts, at seed %i', async (seed) => {
    const simulation = await broken('zookeeper', 'wipe-zookeeper-majority', { seed, faults: { slowStart: { by: 8000, probability: 0.4 } } })
    await startRun(compose(simulation, scenario).deps)
    expect(violations(simulation)).toEqual([])
  })

  it('is handed over where every disk is empty: nothing is started', async () => {
    const simulation = await broken('zookeeper', 'lose-zookeeper')
    expect(diagnose(await survey(simulation))).toMatchObject({ verdict: 'zookeeper' })
    const result = await startRun(compose(simulation, scenario).deps)
    expect(result).toMatchObject({
      exit: 'refused',
      why: expect.stringContaining('every ZooKeeper member is gone'),
      hint: expect.stringContaining('complete loss, which kdr has no scenario for yet'),
    })
    expect(doneBy(simulation)).toEqual([])
    expect(await rehearse(compose(simulation, scenario).deps)).toMatchObject({ exit: 'refused' })
  })

  it('that became another cluster stops everything before anything is touched', async () => {
    const simulation = await broken('zookeeper', 'lose-zookeeper')
    for (const name of ['zk1', 'zk2', 'zk3']) await simulation.write.platform.start({ name, uid: null }, never)
    await simulation.clock.sleep(20_000)
    expect(simulation.world.emptied()).toBe(true)
    const before = doneBy(simulation).length
    expect(diagnose(await survey(simulation))).toMatchObject({ verdict: 'zookeeper', next: [] })
    const result = await startRun(compose(simulation, scenario).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('no cluster.id') })
    expect(doneBy(simulation)).toHaveLength(before)
  })

  it('whose servers all answer without a leader does not pass', async () => {
    const simulation = await broken('zookeeper', 'stop-zookeeper')
    await simulation.write.platform.start({ name: 'zk1', uid: null }, never)
    await simulation.clock.sleep(5000)
    const words = await simulation.ports.coordination?.word('ruok', ['127.0.0.1:19011'], never)
    expect(words?.get('127.0.0.1:19011')).toMatchObject({ value: 'imok' })
    const now = await survey(simulation)
    expect(checkHealth(now).find(({ id }) => id === 'quorum')).toMatchObject({ result: 'FAIL' })
    expect(quorumChecks(now)).toMatchObject([{ result: 'FAIL' }])
  })

  it('with one member down is repaired, and nothing else is touched', async () => {
    const simulation = await broken('zookeeper', 'kill-zookeeper')
    expect(await startRun(compose(simulation, scenario).deps)).toMatchObject({ outcome: 'recovered' })
    expect(touched(simulation)).toEqual(['start zk3'])
  })

  it('that is whole has nothing to recover', async () => {
    const simulation = open()
    expect(await startRun(compose(simulation, scenario).deps)).toMatchObject({ exit: 'refused', why: expect.stringContaining('nothing to recover') })
  })

  it('and a broker that did not come back: restarted alone, after the others registered by themselves', async () => {
    const simulation = await broken('zookeeper', 'stop-zookeeper')
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    expect(await startRun(compose(simulation, scenario).deps)).toMatchObject({ outcome: 'recovered' })
    expect(touched(simulation)).toEqual(['start zk1', 'start zk2', 'start zk3', 'start kafka2'])
    expect(violations(simulation)).toEqual([])
  })

  it.each(['stop-zookeeper', 'kill-zookeeper'] as const)('whose platform revives it after %s is waited for, not started', async (fault) => {
    const simulation = await broken('zookeeper', fault, { revives: 'always' })
    const result = await startRun(compose(simulation, scenario).deps)
    expect(['recovered', 'refused']).toContain(result.outcome)
    expect(touched(simulation)).toEqual([])
  })
})

describe('controllers', () => {
  it('one of which is down: it alone is started', async () => {
    const simulation = await broken('kraft', 'kill-controller')
    expect(await startRun(compose(simulation, scenario).deps)).toMatchObject({ outcome: 'recovered' })
    expect(touched(simulation)).toEqual(['start ctl3'])
  })

  it('a majority of which lost its disk: nothing is formatted, and it is handed over', async () => {
    const simulation = await broken('kraft', 'wipe-controller-majority')
    const result = await startRun(compose(simulation, scenario).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('nothing is formatted'), hint: expect.stringContaining('LONGEST log') })
    expect(doneBy(simulation)).toEqual([])
  })
})
