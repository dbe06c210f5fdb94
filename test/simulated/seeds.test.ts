// Bad nights: seeded misbehaviour under random faults. Whatever the run ends with, the invariants hold, and
// what it calls recovered is.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SimulatedFaults } from '../../src/adapters/simulated/misbehaviour.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import { compose, open, violations } from './stage.ts'

const never = new AbortController().signal

const night = fc.record({
  seed: fc.integer({ min: 1, max: 100_000 }),
  mode: fc.constantFrom('zookeeper' as const, 'kraft' as const),
  fault: fc.constantFrom('kill-broker' as const, 'hang-broker' as const, 'wipe-broker' as const, 'stop-broker' as const, 'kill-two' as const),
  hangs: fc.double({ min: 0, max: 0.1, noNaN: true }),
  silent: fc.double({ min: 0, max: 0.1, noNaN: true }),
  exits: fc.boolean(),
  slow: fc.boolean(),
  crash: fc.option(fc.integer({ min: 1, max: 40 })),
  broker: fc.option(fc.integer({ min: 1, max: 3 })),
  revives: fc.boolean(),
})

describe('bad nights', () => {
  it('break no invariant at any seed', async () => {
    await fc.assert(
      fc.asyncProperty(night, async ({ seed, mode, fault, hangs, silent, exits, slow, crash, broker, revives }) => {
        const calls = ['kafka.metadata', 'platform.members', 'kafka.ping', 'coordination.get', 'kafka.quorum']
        const faults: SimulatedFaults = {
          hang: calls.map((call) => ({ call, probability: hangs })),
          silentPing: { probability: silent },
          ...(exits ? { exitAfterStart: { after: 3000, times: 1 } } : {}),
          ...(slow ? { slowStart: { by: 40_000 }, slowCatchUp: { by: 20_000, probability: 0.5 } } : {}),
        }
        // A platform that starts a wiped broker by itself may lose what no kdr could keep.
        const simulation = open({ seed, mode, faults, revives: revives && fault !== 'wipe-broker' ? 'always' : 'never' })
        const workload = simulation.beside()
        for (let record = 0; record < 5; record += 1) {
          await workload.write.probe.createTopic(`__kdr_t${record}`, [[1, 2, 3]], { 'min.insync.replicas': '2' }, never).catch(() => {})
          await workload.write.probe
            .produce({ topic: `__kdr_t${record}`, partition: 0 }, [{ key: null, value: Buffer.from(`${record}`) }], never)
            .catch(() => {})
        }
        await simulation.faults.inject(fault, {}, never)
        if (crash !== null) simulation.crashAfterLine(crash)
        const first = await startRun(compose(simulation, broker === null ? {} : { broker }).deps).catch(() => null)
        const after = first === null ? simulation.reboot() : simulation
        const [id] = after.store.list()
        const result = first ?? (id === undefined ? null : await resumeRun(compose(after).deps, id).catch(() => null))
        expect(violations(after)).toEqual([])
        if (result?.outcome === 'recovered')
          expect(after.world.partitions().every(({ isr, replicas, leader }) => isr.length === replicas.length && leader > 0)).toBe(true)
      }),
      { numRuns: Number(process.env['KDR_SEEDS'] ?? 60), endOnFailure: true },
    )
  })
})
