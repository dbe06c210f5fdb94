// kill -9 of kdr at every journal line of a single broker's recovery, then resume.
import type { Fault } from '../../src/ports/faults.ts'
import { describeKills } from './killing.ts'
import { open } from './stage.ts'

const never = new AbortController().signal

const CASES: readonly (readonly [mode: 'zookeeper' | 'kraft', fault: Fault])[] = [
  ['zookeeper', 'kill-broker'],
  ['zookeeper', 'hang-broker'],
  ['kraft', 'kill-broker'],
  ['kraft', 'wipe-broker'],
]

describeKills(
  CASES.map(([mode, fault]) => ({
    name: `single-broker in ${mode} after ${fault}`,
    broken: async () => {
      const simulation = open({ mode })
      await simulation.faults.inject(fault, { broker: 2 }, never)
      return simulation
    },
  })),
)
