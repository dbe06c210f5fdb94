// kill -9 of kdr at every journal line of every branch of the quorum's recovery, then resume.
import type { Fault } from '../../src/ports/faults.ts'
import { zookeeper } from '../../src/scenarios/zookeeper.ts'
import { describeKills, type KillCase } from './killing.ts'
import { open } from './stage.ts'
import { copied } from './zookeeper-copies.ts'

const never = new AbortController().signal

type Case = readonly [mode: 'zookeeper' | 'kraft', faults: readonly Fault[], outcome?: KillCase['outcome'], options?: Parameters<typeof open>[0]]

const CASES: readonly Case[] = [
  ['zookeeper', ['kill-zookeeper']],
  ['zookeeper', ['stop-zookeeper']],
  ['zookeeper', ['stop-zookeeper', 'kill-broker']],
  ['zookeeper', ['wipe-zookeeper-majority']],
  ['zookeeper', ['kill-broker', 'wipe-zookeeper-majority'], 'unverified', { faults: { recordBehind: { topic: 'orders', partition: 5, by: 1 } } }],
  ['zookeeper', ['lose-zookeeper'], 'refused'],
  ['kraft', ['kill-controller']],
  ['kraft', ['stop-controllers']],
  ['kraft', ['wipe-controller'], 'refused'],
  ['kraft', ['wipe-controller-majority'], 'refused'],
]

describeKills(
  CASES.map(([mode, faults, outcome = 'recovered', options = {}]) => ({
    name: `zookeeper in ${mode} after ${faults.join(', ')}`,
    given: { scenario: zookeeper },
    outcome,
    broken: async () => {
      const simulation = open({ mode, ...options })
      for (const fault of faults) {
        // A broker that died while its quorum was held has been succeeded by then.
        if (fault.startsWith('wipe')) await simulation.clock.sleep(30_000)
        await simulation.faults.inject(fault, {}, never)
      }
      return simulation
    },
  })),
)

/** Filled in by every world anew, and the same each time: the same seed wrote it. */
const snapshot = { paths: [''], sha256: '' }

describeKills([
  {
    name: 'zookeeper restored from a copy after lose-zookeeper',
    given: { scenario: zookeeper, snapshot },
    broken: async () => {
      const simulation = open()
      Object.assign(snapshot, await copied(simulation))
      await simulation.faults.inject('lose-zookeeper', {}, never)
      return simulation
    },
  },
])
