// kill -9 of kdr at every journal line while an ensemble is restored from a copy where sets make brokers and ZooKeepers:
// what it had seen of their disks died with it.
import { zookeeper } from '../../src/scenarios/zookeeper.ts'
import { describeKills } from './killing.ts'
import { open } from './stage.ts'
import { copied } from './zookeeper-copies.ts'

const never = new AbortController().signal

/** Filled in by every world anew, and the same each time: the same seed wrote it. */
const snapshot = { paths: [''], sha256: '' }

describeKills([
  {
    name: 'zookeeper restored from a copy after lose-zookeeper, made by sets',
    given: { scenario: zookeeper, snapshot },
    broken: async () => {
      const simulation = open({ set: true, topics: [{ name: 'orders', partitions: 2, configs: { 'min.insync.replicas': '2' } }] })
      Object.assign(snapshot, await copied(simulation))
      await simulation.faults.inject('lose-zookeeper', {}, never)
      return simulation
    },
  },
])
