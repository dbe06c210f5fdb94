// Majorities lost in several acts, for tests of what may be elected afterwards.
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { open } from './stage.ts'

const never = new AbortController().signal
const EVENTS = { name: 'events', partitions: 3, configs: { 'min.insync.replicas': '1' } }
/** Longer than a session and an election. */
const LONG = 15_000

/**
 * Brokers 1, 2 and 3 die one after the other, each having acknowledged a record that those before it lack; then the last one's disk
 * is lost and the first comes back: broker 2 has the most of what is left, and is first in no assignment but its own. `last`: what only
 * the lost disk held.
 */
export const staggered = async (mode: 'zookeeper' | 'kraft'): Promise<{ readonly simulation: Simulation; readonly last: string }> => {
  const simulation = open({ mode, topics: [EVENTS] })
  const write = async (value: string): Promise<void> => {
    const record = { key: null, value: Buffer.from(value) }
    for (const partition of [0, 1, 2]) await simulation.write.kafka.append({ topic: 'events', partition }, [record], never)
  }
  await write('all')
  for (const broker of [1, 2]) {
    await simulation.faults.inject('kill-broker', { broker }, never)
    await simulation.clock.sleep(LONG)
    await write(`without ${broker}`)
  }
  await simulation.faults.inject('wipe-broker', { broker: 3 }, never)
  await simulation.clock.sleep(LONG)
  await simulation.write.platform.start({ name: 'kafka1', uid: null }, never)
  await simulation.clock.sleep(LONG)
  return { simulation, last: 'without 2' }
}
