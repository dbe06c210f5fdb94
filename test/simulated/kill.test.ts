// kill -9 of kdr at every journal line, then resume: the same end, and no effect applied twice.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import type { Fault } from '../../src/ports/faults.ts'
import { compose, open, violations } from './stage.ts'

const never = new AbortController().signal

const broken = async (mode: 'zookeeper' | 'kraft', fault: Fault): Promise<Simulation> => {
  const simulation = open({ mode })
  await simulation.faults.inject(fault, { broker: 2 }, never)
  return simulation
}

/** Everything that must be the same however often the run was killed. */
const endOf = (simulation: Simulation) => ({
  isr: simulation.world.partitions().map(({ topic, index, isr, leader }) => `${topic.name}-${index} ${leader} [${[...isr].sort().join()}]`),
  registered: simulation.world.registered(),
  kdr: simulation.world.effects.filter(({ by, what }) => by === 'kdr' && (what === 'start' || what === 'stop')).map(({ what, target }) => `${what} ${target}`),
  canaries: simulation.world.partitions().filter(({ topic }) => topic.name.startsWith('__kdr_')).length,
})

describe.each([
  ['zookeeper', 'kill-broker'],
  ['zookeeper', 'hang-broker'],
  ['kraft', 'kill-broker'],
  ['kraft', 'wipe-broker'],
] as const)('killed at each line of a %s recovery after %s', (mode, fault) => {
  it.each(['after', 'torn'] as const)('line durable or torn: %s', async (kind) => {
    const whole = await broken(mode, fault)
    const { run } = await startRun(compose(whole).deps)
    const lines = whole.store.find(run).read().lines.length
    for (let line = 1; line <= lines; line += 1) {
      const first = await broken(mode, fault)
      if (kind === 'after') first.crashAfterLine(line)
      else first.crashBeforeLine(line)
      await startRun(compose(first).deps).catch(() => {})
      const second = first.reboot()
      const [id] = second.store.list()
      const { deps } = compose(second, id === undefined ? {} : { takeOver: id })
      const started = id !== undefined && second.store.find(id).read().lines.length > 0
      const finished = started && second.store.find(id).read().lines.at(-1)?.includes('run.finished')
      const result = finished ? null : await (started ? resumeRun(deps, id) : startRun(deps))
      expect(result?.outcome ?? 'recovered', `line ${line}: ${result?.why}`).toBe('recovered')
      expect(endOf(second), `line ${line}`).toEqual(endOf(whole))
      expect(violations(second), `line ${line}`).toEqual([])
    }
  })
})
