// A recovery from replicas 0, to be killed at every journal line: what it had seen of the disks died with it, the set
// may have been made anew.
import { multiBroker as scenario } from '../../src/scenarios/multi-broker.ts'
import type { KillCase } from './killing.ts'
import { open } from './stage.ts'

const never = new AbortController().signal

export const ordinalKillsIn = (mode: 'zookeeper' | 'kraft'): readonly KillCase[] => [
  {
    name: `scaled to nothing in ${mode}`,
    given: { scenario },
    broken: async () => {
      const simulation = open({ mode, set: true, topics: [{ name: 'orders', partitions: 2, configs: { 'min.insync.replicas': '2' } }] })
      await simulation.faults.inject('scale-to-zero', {}, never)
      return simulation
    },
  },
]
