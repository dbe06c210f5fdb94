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
import { observer } from '../../src/survey/observe.ts'
import { seconds } from '../../src/units.ts'
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

  it('whose servers all answer imok and elect nobody is not recovered', async () => {
    const simulation = await broken('zookeeper', 'stop-zookeeper', { faults: { noElection: true } })
    for (const name of ['zk1', 'zk2', 'zk3']) await simulation.write.platform.start({ name, uid: null }, never)
    await simulation.clock.sleep(20_000)
    const before = doneBy(simulation).length
    const result = await startRun(compose(simulation, scenario).deps)
    expect(result).toMatchObject({ outcome: 'failed', rtoSeconds: null })
    expect(doneBy(simulation)).toHaveLength(before)
    const words = await simulation.ports.coordination?.word('ruok', simulation.zookeeperServers, never)
    expect([...(words?.values() ?? [])]).toMatchObject([{ value: 'imok' }, { value: 'imok' }, { value: 'imok' }])
    const now = await survey(simulation)
    expect(diagnose(now)).toMatchObject({ verdict: 'zookeeper' })
    expect(checkHealth(now).find(({ id }) => id === 'quorum')).toMatchObject({ result: 'FAIL' })
    expect(quorumChecks(now)).toMatchObject([{ result: 'FAIL' }])
  })

  /** The same world, whose tree names another cluster once `changed` says so. */
  const named = (simulation: Simulation, changed: () => boolean): Parameters<typeof compose>[1] => {
    const { coordination } = simulation.ports
    if (coordination === null) throw new Error('no ZooKeeper')
    const other = { data: Buffer.from(JSON.stringify({ version: '1', id: 'another-cluster' })), czxid: 1n, version: 0 }
    const ports = {
      ...simulation.ports,
      coordination: {
        ...coordination,
        get: async (path: string, signal: AbortSignal) => (path === '/cluster/id' && changed() ? other : coordination.get(path, signal)),
      },
    }
    return { ...scenario, ports, observe: observer(ports, { endpoints: simulation.endpoints, zookeeper: simulation.zookeeperServers, deadline: seconds(6) }) }
  }

  it('with another cluster.id stops everything before anything is touched', async () => {
    const simulation = await broken('zookeeper', 'kill-zookeeper')
    const { deps } = compose(
      simulation,
      named(simulation, () => true),
    )
    const result = await startRun(deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('another-cluster') })
    expect(doneBy(simulation)).toEqual([])
  })

  it('whose cluster.id is another one once it is back stops the run before any broker is touched', async () => {
    const simulation = await broken('zookeeper', 'stop-zookeeper')
    await simulation.faults.inject('kill-broker', { broker: 2 }, never)
    const { deps } = compose(
      simulation,
      named(simulation, () => touched(simulation).length === 3),
    )
    const result = await startRun(deps)
    expect(result).toMatchObject({ exit: 'stopped', why: expect.stringContaining('another-cluster') })
    expect(touched(simulation)).toEqual(['start zk1', 'start zk2', 'start zk3'])
  })

  it('whose survivor had fallen behind says so, and does not claim that nothing was lost', async () => {
    // Its leader dies first: an epoch that no election has raised cannot be behind.
    const simulation = await broken('zookeeper', 'kill-broker', { faults: { recordBehind: { topic: 'orders', partition: 5, by: 1 } } })
    await simulation.clock.sleep(30_000)
    await simulation.faults.inject('wipe-zookeeper-majority', {}, never)
    const { deps, events } = compose(simulation, scenario)
    const result = await startRun(deps)
    expect(result).toMatchObject({ outcome: 'unverified', rpoRecords: null, why: expect.stringContaining('orders-5') })
    const told = events.flatMap((event) => (event.type === 'step.settled' && event.step === 'compare-epochs' ? [event.detail] : []))
    expect(told).toEqual([expect.stringContaining('the survivor had fallen behind: its record of orders-5')])
  })

  it('is looked at again where one look was too slow: an unattended run does not give up on it', async () => {
    const approver = granting('simulated', 'restart', 'change', 'stop')
    const given = { ...scenario, approver }
    const slow = await broken('zookeeper', 'stop-zookeeper', { faults: { hang: [{ call: 'platform.members', times: 1 }] } })
    expect(await startRun(compose(slow, given).deps)).toMatchObject({ outcome: 'recovered' })
    const blind = await broken('zookeeper', 'stop-zookeeper', { faults: { hang: [{ call: 'platform.members', probability: 1 }] } })
    expect(await startRun(compose(blind, given).deps)).toMatchObject({ outcome: 'unknown', exit: 'unknown' })
    expect(doneBy(blind)).toEqual([])
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

  it('one of which lost its disk: how it is formatted is said, and once it is, it alone is started', async () => {
    const simulation = await broken('kraft', 'wipe-controller')
    await simulation.clock.sleep(20_000)
    expect(diagnose(await survey(simulation))).toMatchObject({ verdict: 'at-risk' })
    const result = await startRun(compose(simulation, scenario).deps)
    expect(result).toMatchObject({
      exit: 'refused',
      why: expect.stringContaining('ctl3 has an empty disk, which has to be formatted first; a majority holds the committed log'),
      hint: expect.stringMatching(/format ctl3 for .*; then run this again$/),
    })
    expect(doneBy(simulation)).toEqual([])
    simulation.format('ctl3')
    expect(await startRun(compose(simulation, scenario).deps)).toMatchObject({ outcome: 'recovered' })
    expect(touched(simulation)).toEqual(['start ctl3'])
    expect(violations(simulation)).toEqual([])
  })

  it('a majority of which lost its disk: nothing is formatted, and it is handed over', async () => {
    const simulation = await broken('kraft', 'wipe-controller-majority')
    const result = await startRun(compose(simulation, scenario).deps)
    expect(result).toMatchObject({ exit: 'refused', why: expect.stringContaining('nothing is formatted'), hint: expect.stringContaining('LONGEST log') })
    expect(doneBy(simulation)).toEqual([])
  })
})
