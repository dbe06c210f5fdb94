// kill -9 of kdr at random moments of a backup and of a restore: what was killed is no backup and no complete restore, and
// the same command once more ends where it would have ended, with no record twice and none missing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LabVersion } from '../../src/model/lab.ts'
import { ALLOWED, type Backups, openBackups, RESTORE } from './backups.ts'
import type { Picture } from './corpus/corpus.ts'
import { differences } from './corpus/differences.ts'
import { type Ran, until } from './harness.ts'

interface Kills {
  readonly creates: number
  readonly restores: number
  /** One more restore, with a broker killed under it, too. */
  readonly broker: boolean
}

/** Slow enough that every moment of it can be met. */
const RATE = ['--rate', '12MB']
const SEED = Number(process.env['KDR_SEED'] ?? Date.now() % 1_000_000)

/** mulberry32. */
const randomOf = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const killingBackups = (kafka: LabVersion, { creates, restores, broker }: Kills) =>
  describe(`kdr killed in backups, Kafka ${kafka}, KDR_SEED=${SEED}`, () => {
    const name = `killed${kafka.replace('.', '')}`
    const random = randomOf(SEED)
    let backups: Backups
    let was: Picture
    let full = ''
    let seconds = { create: 0, restore: 0 }

    beforeAll(async () => {
      backups = await openBackups(kafka)
      await backups.up(name)
      await backups.write('produce', name, kafka)
      was = await backups.look(name)
    })
    afterAll(() => backups?.clear())

    const killedAfter = (delay: number) => ({ started: (child: { kill(signal: 'SIGKILL'): boolean }) => void setTimeout(() => child.kill('SIGKILL'), delay) })
    const create = (options?: Parameters<Backups['backup']>[1]): Promise<Ran> =>
      backups.backup(['create', '--cluster', name, '--store', backups.store, '--topic', 'corpus.*', '--output', 'json', ...RATE], options)
    const restore = (prefix: string, options: Parameters<Backups['backup']>[1] = {}, ...flags: readonly string[]): Promise<Ran> =>
      backups.backup(
        ['restore', full, 'all', '--cluster', name, '--store', backups.store, '--topic-prefix', prefix, '--output', 'json', ...RATE, ...RESTORE, ...flags],
        options,
      )
    /** The same command again, or what the killed run itself says: either goes on. */
    const oncemore = async (prefix: string, resume: boolean): Promise<Ran> => {
      if (!resume) return restore(prefix)
      const ran = await backups.here.kdr(['runs', 'resume', ...RESTORE])
      // Killed before its journal began, or after it ended, there is nothing to resume.
      return ran.code === 2 ? restore(prefix) : ran
    }
    const sound = new Set<string>()
    const verified = async () => {
      for (const each of (await backups.names()).filter((name) => !sound.has(name))) {
        const ran = await backups.backup(['verify', each, '--store', backups.store, '--level', 'record', '--output', 'json'])
        expect(ran.code, ran.out + ran.err).toBe(0)
        sound.add(each)
      }
    }
    const same = async (prefix: string) => expect(differences(was, await backups.look(name, prefix), ALLOWED), `KDR_SEED=${SEED}`).toEqual([])

    it('takes so long when nobody kills it', async () => {
      const created = await create()
      expect(created.code, created.out + created.err).toBe(0)
      full = JSON.parse(created.out).name
      const restored = await restore('whole.')
      expect(restored.code, restored.out + restored.err).toBe(0)
      seconds = { create: created.seconds, restore: restored.seconds }
      await same('whole.')
    })

    it.each(Array.from({ length: creates }, (_, n) => n))('backup %i: killed, it is not listed; the next one is complete', async () => {
      await create(killedAfter(random() * seconds.create * 1000))
      // Killed after its sidecar was written it is a backup, and whole; before, it is none.
      await verified()
      const again = await create()
      expect(again.code, again.out + again.err).toBe(0)
      expect(JSON.parse(again.out)).toMatchObject({ status: 'complete', records: was.records.length })
      await verified()
    })

    it.each(Array.from({ length: restores }, (_, n) => n))('restore %i: killed, and run again, it is the same', async (round) => {
      const prefix = `round${round}.`
      await restore(prefix, killedAfter(random() * seconds.restore * 1000))
      const again = await oncemore(prefix, round % 2 === 0)
      expect(again.code, `KDR_SEED=${SEED} ${again.out}${again.err}`).toBe(0)
      await same(prefix)
    })

    const brokerKilled = async () => {
      const running = restore('beside.')
      await new Promise((resolve) => setTimeout(resolve, (0.3 + random() * 0.4) * seconds.restore * 1000))
      await backups.here.kdr(['lab', 'break', 'kill-broker', '--broker', '2', '--name', name])
      const ran = await running
      const grants = ['--non-interactive', '--allow', 'restart,change,stop', '--confirm', name]
      const recovered = await backups.here.kdr(['recover', 'single-broker', '--cluster', name, ...grants])
      expect(recovered.code, recovered.out + recovered.err).toBe(0)
      // Also where it had ended well: a broker that dies so soon forgets what was deleted of partitions that no other has.
      await until('it ends well', async () => (await oncemore('beside.', ran.code !== 0)).code === 0, 300_000)
      await same('beside.')
    }
    if (broker) it('with a broker killed meanwhile: run again once it is back, it is the same', brokerKilled)
  })
