// A broker that dies within a minute of a deletion forgets it, where no other replica knows (UnifiedLog: the log start is written
// once a minute): the empty records that brought a partition to its offset are back, and nobody may take them for restored ones.
import { describe, expect, it } from 'vitest'
import type { Simulation } from '../../src/adapters/simulated/open.ts'
import { resumeRun, startRun } from '../../src/engine/runner.ts'
import { memoryStore } from '../archive/memory-store.ts'
import { backUp, everything, held, produce, restoring, signal, source } from './restores.ts'
import { open } from './stage.ts'

/** As `source`, and empty-0 goes on at 15, with no record. */
const emptied = async (): Promise<Simulation> => {
  const simulation = await source()
  await produce(simulation, 'empty', 0, 0, 15, 5)
  await simulation.write.restore.deleteRecords([{ topic: 'empty', partition: 0, before: 15n }], signal)
  return simulation
}

const ends = (simulation: Simulation) =>
  Promise.all(['orders', 'empty'].map((topic) => simulation.ports.kafka.offsets({ ask: 'high-watermark' }, [{ topic, partition: 0 }], signal)))

/** Every broker is killed and comes back. */
const die = async (simulation: Simulation): Promise<void> => {
  for (const broker of [1, 2, 3]) await simulation.faults.inject('kill-broker', { broker }, signal)
  do await simulation.clock.sleep(5000, signal)
  while ((await ends(simulation)).flat().some(({ offset }) => !offset.known))
}

const once = { replicationFactor: 1 }

describe('a restore whose brokers die within a minute of it', () => {
  it('deletes its empty records again when it is repeated, and nothing else', async () => {
    const store = memoryStore()
    const first = await emptied()
    const wanted = await everything(first)
    const name = await backUp(first, store)
    const second = open({ topics: [], revives: 'always' })
    expect((await startRun(restoring(second, store, { ...once, name }).deps)).exit).toBe('ok')
    expect(await everything(second)).toEqual(wanted)
    await die(second)
    expect((await held(second, 'orders', 1))[0]).toBe('0 to 120')
    expect((await held(second, 'empty', 0))[0]).toBe('0 to 15')
    const { deps, events } = restoring(second, store, { ...once, name })
    expect((await startRun(deps)).why).toBe('recovered and verified')
    expect(await everything(second)).toEqual(wanted)
    expect(events.flatMap((event) => (event.type === 'step.intent' ? [event.step] : []))).not.toContain('load-data')
  })

  it('does not call it verified, and goes on from there when it is resumed', async () => {
    const store = memoryStore()
    const first = await emptied()
    const wanted = await everything(first)
    const name = await backUp(first, store)
    const second = open({ topics: [], revives: 'always' })
    const { deps } = restoring(second, store, { ...once, name })
    const { restore } = deps.write
    const commitOffsets: typeof restore.commitOffsets = async (...args) => {
      await restore.commitOffsets(...args)
      await die(second)
    }
    const ended = await startRun({ ...deps, write: { ...deps.write, restore: { ...restore, commitOffsets } } })
    expect(ended).toMatchObject({ exit: expect.not.stringMatching(/^ok$/), why: expect.stringContaining('empty records that lay before') })
    expect((await held(second, 'orders', 1))[0]).toBe('0 to 120')
    const [id = ''] = second.store.list()
    expect((await resumeRun({ ...restoring(second, store, { ...once, name }).deps, takeOver: id }, id)).why).toBe('recovered and verified')
    expect(await everything(second)).toEqual(wanted)
  })

  it('keeps what others wrote there before the records of the backup', async () => {
    const store = memoryStore()
    const first = await emptied()
    const name = await backUp(first, store)
    // The same records, but what lies before them was never deleted here.
    const second = open({ topics: [{ name: 'orders', partitions: 3, configs: {} }], revives: 'always' })
    for (const partition of [0, 1, 2]) await produce(second, 'orders', partition, 0, 100 + partition * 20, 10)
    const refused = await startRun(restoring(second, store, { ...once, name, topics: ['orders'] }).deps)
    expect(refused).toMatchObject({ exit: 'refused', why: expect.stringContaining('what it holds from 0 to 40 is not of this backup') })
    expect((await held(second, 'orders', 1))[0]).toBe('0 to 120')
  })
})
