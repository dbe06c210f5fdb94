// Every branch of a lost majority's recovery, to be killed at every journal line: on ZooKeeper in CI, on KRaft with
// `npm run test:long`, because none of them asks who governs.
import { grantApprover } from '../../src/engine/gate.ts'
import { multiBroker as scenario } from '../../src/scenarios/multi-broker.ts'
import type { KillCase } from './killing.ts'
import { staggered } from './outages.ts'
import { open, violations } from './stage.ts'

const never = new AbortController().signal
const ORDERS = { name: 'orders', partitions: 3, configs: { 'min.insync.replicas': '2' } }
const PAIRS = { name: 'pairs', partitions: 3, replicationFactor: 2, configs: { 'min.insync.replicas': '1' } }

const losing = (topic: string) =>
  grantApprover(
    { allow: ['restart', 'change', 'stop', 'delete', 'lose-data'], confirm: 'simulated', acceptLoss: [0, 1, 2].map((at) => `${topic}-${at}`) },
    'simulated',
  )

/** What was typed is an unclean election; that it lost an acknowledged record is not. */
const butTyped = (simulation: Parameters<typeof violations>[0]): readonly string[] =>
  violations(simulation).filter((words) => !words.endsWith('lacked 0 acknowledged records'))

export const killsIn = (mode: 'zookeeper' | 'kraft'): readonly KillCase[] => [
  {
    name: `two killed in ${mode}`,
    given: { scenario },
    broken: async () => {
      const simulation = open({ mode, topics: [ORDERS] })
      await simulation.faults.inject('kill-two', {}, never)
      return simulation
    },
  },
  {
    name: `ISRs apart in ${mode}`,
    given: { scenario },
    broken: async () => {
      const simulation = open({ mode, topics: [ORDERS, PAIRS] })
      await simulation.faults.inject('isr-apart', {}, never)
      return simulation
    },
  },
  {
    name: `the last ISR lost in ${mode}`,
    given: { scenario, approver: losing('orders') },
    broken: async () => {
      const simulation = open({ mode, topics: [ORDERS] })
      await simulation.write.kafka.append({ topic: ORDERS.name, partition: 0 }, [{ key: null, value: Buffer.from('one') }], never)
      await simulation.faults.inject('lose-isr', {}, never)
      return simulation
    },
    invariants: butTyped,
  },
  {
    name: `the best put first in ${mode}`,
    given: { scenario, approver: losing('events') },
    broken: async () => (await staggered(mode)).simulation,
    // Nothing bounds what the lost disk alone held.
    outcome: 'unverified',
    same: ({ world }, always) => [always, world.partitions().map(({ replicas }) => replicas.join())],
    invariants: ({ world }) => world.lost().flatMap(({ value }) => (value?.toString() === 'without 2' ? [] : [`${value} is gone`])),
  },
  {
    name: `one given up in ${mode}`,
    given: { scenario, gone: [5] },
    broken: async () => {
      const simulation = open({ mode, brokers: 5, topics: [{ ...ORDERS, partitions: 5 }] })
      await simulation.faults.inject('kill-two', {}, never)
      return simulation
    },
  },
]
