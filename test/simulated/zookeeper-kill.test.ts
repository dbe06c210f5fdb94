// kill -9 of kdr at every journal line of every branch of the quorum's recovery, then resume.
import type { Fault } from '../../src/ports/faults.ts'
import { zookeeper } from '../../src/scenarios/zookeeper.ts'
import { describeKills, type KillCase } from './killing.ts'
import { open } from './stage.ts'

const never = new AbortController().signal

const CASES: readonly (readonly [mode: 'zookeeper' | 'kraft', faults: readonly Fault[], outcome?: KillCase['outcome']])[] = [
  ['zookeeper', ['kill-zookeeper']],
  ['zookeeper', ['stop-zookeeper']],
  ['zookeeper', ['stop-zookeeper', 'kill-broker']],
  ['zookeeper', ['wipe-zookeeper-majority']],
  ['zookeeper', ['lose-zookeeper'], 'refused'],
  ['kraft', ['kill-controller']],
  ['kraft', ['stop-controllers']],
  ['kraft', ['wipe-controller-majority'], 'refused'],
]

describeKills(
  CASES.map(([mode, faults, outcome = 'recovered']) => ({
    name: `zookeeper in ${mode} after ${faults.join(', ')}`,
    given: { scenario: zookeeper },
    outcome,
    broken: async () => {
      const simulation = open({ mode })
      for (const fault of faults) await simulation.faults.inject(fault, {}, never)
      return simulation
    },
  })),
)
