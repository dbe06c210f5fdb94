// Every contract on the simulation, in both modes: it is only worth what this shows.
import { createSimulation } from '../../src/adapters/simulated/open.ts'
import { clockContract } from './clock.contract.ts'
import { coordinationContract } from './coordination.contract.ts'
import { faultsContract } from './faults.contract.ts'
import { kafkaContract } from './kafka.contract.ts'
import { kafkaBackupContract } from './kafka-backup.contract.ts'
import { brokenKafkaContract } from './kafka-broken.contract.ts'
import { kafkaRawContract } from './kafka-raw.contract.ts'
import { platformContract } from './platform.contract.ts'
import { registryContract } from './registry.contract.ts'
import { LOCK_TARGET, lockContract, runStoreContract } from './run-store.contract.ts'
import { scaledContract } from './scaled.contract.ts'
import type { Subject } from './subject.ts'

for (const mode of ['zookeeper', 'kraft'] as const) {
  const name = `simulated (${mode})`
  const setUp = async (): Promise<Subject> => ({ mode, ...createSimulation({ seed: 7, mode }) })
  platformContract(name, setUp)
  faultsContract(name, setUp)
  kafkaContract(name, setUp)
  kafkaBackupContract(name, setUp)
  kafkaRawContract(name, setUp)
  brokenKafkaContract(name, setUp)
  if (mode === 'zookeeper') coordinationContract(name, setUp)
  registryContract(name, async () => ({ mode, ...createSimulation({ seed: 7, mode, registries: 2 }) }))
  platformContract(`${name}, reviving`, async () => ({ mode, ...createSimulation({ seed: 7, mode, revives: 'always' }) }), 'always')
  const set = () => createSimulation({ seed: 7, mode, set: true })
  platformContract(`${name}, made by a set`, async () => ({ mode, ...set() }), 'always')
  scaledContract(name, async () => {
    const { ports, write, clock } = set()
    return {
      platform: ports.platform,
      write: write.platform,
      names: ['kafka-0', 'kafka-1', 'kafka-2'],
      soon: (length = 30_000) => clock.deadline(length),
      sleep: (length) => clock.sleep(length),
    }
  })
}

clockContract('simulated', () => createSimulation({ seed: 7, mode: 'kraft' }).clock)

runStoreContract('simulated', () => {
  const simulation = createSimulation({ seed: 7, mode: 'kraft' })
  return {
    store: simulation.store,
    later: () => simulation.beside().store,
    crashWhileAppending: (run, lines, torn) => {
      simulation.crashBeforeLine(lines.length + 1)
      const journal = simulation.store.create(run).open()
      for (const line of lines) journal.append(line)
      try {
        journal.append(torn)
      } catch {
        // Killed, as planned.
      }
      return simulation.reboot().store
    },
    modeOf: () => null,
  }
})

lockContract('simulated', () => {
  const simulation = createSimulation({ seed: 7, mode: 'kraft' })
  return {
    lock: simulation.lock,
    elsewhere: async (run) => {
      const other = simulation.beside()
      await other.lock.acquire(LOCK_TARGET, run, null)
      return { die: async () => other.kill() }
    },
  }
})
