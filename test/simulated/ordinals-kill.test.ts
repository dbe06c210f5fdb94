// kill -9 of kdr at every journal line of a recovery from replicas 0, then resume: what it had seen of the disks died
// with it, the set may have been made anew.
import { multiBroker as scenario } from '../../src/scenarios/multi-broker.ts'
import { describeKills, type KillCase } from './killing.ts'
import { open } from './stage.ts'

const never = new AbortController().signal

const CASES: readonly KillCase[] = (['zookeeper', 'kraft'] as const).map((mode) => ({
  name: `scaled to nothing in ${mode}`,
  given: { scenario },
  broken: async () => {
    const simulation = open({ mode, set: true, topics: [{ name: 'orders', partitions: 2, configs: { 'min.insync.replicas': '2' } }] })
    await simulation.faults.inject('scale-to-zero', {}, never)
    return simulation
  },
}))

describeKills(CASES)
