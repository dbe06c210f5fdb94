// Backups that restore: a corpus of everything Kafka can hold is backed up, its cluster destroyed, and it comes back in
// another one, record by record, with groups that go on where they were; and whatever is wrong with a backup or a target
// is refused before anything is created.
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LabVersion } from '../../src/model/lab.ts'
import { ALLOWED, type Backups, openBackups, RESTORE } from './backups.ts'
import type { Picture } from './corpus/corpus.ts'
import { copyOf, cut, flip, manifestOf, swap, takeOut } from './corpus/damage.ts'
import { differences, only } from './corpus/differences.ts'
import { until } from './harness.ts'

const whole = ({ records }: Picture) => records.length

export const backupSuite = (kafka: LabVersion) =>
  describe(`backups on Kafka ${kafka}`, () => {
    const source = `source${kafka.replace('.', '')}`
    const target = `target${kafka.replace('.', '')}`
    let backups: Backups
    /** As it was at the full backup, and at the one after it. */
    let then: Picture
    let later: Picture
    let full = ''
    let second = ''
    let forced = ''

    beforeAll(async () => {
      backups = await openBackups(kafka)
      await backups.up(source)
      await backups.write('produce', source, kafka)
      then = await backups.look(source)
    })
    afterAll(() => backups?.clear())

    const archive = (name: string) => path.join(backups.store, `${name}.tar.gz`)
    const verify = (name: string, store = backups.store, ...flags: readonly string[]) =>
      backups.backup(['verify', name, '--store', store, '--output', 'json', ...flags])
    const refused = async (code: number, name: string, store: string, prefix: string): Promise<string> => {
      const ran = await backups.backup(['restore', name, 'all', '--cluster', target, '--store', store, '--topic-prefix', prefix, ...RESTORE])
      expect(ran.code, ran.out + ran.err).toBe(code)
      return ran.out + ran.err
    }

    it('keeps every record that can be read committed', async () => {
      const created = await backups.create(source)
      expect(created).toMatchObject({ schema: 'kdr/backup/1', type: 'full', status: 'complete', topics: then.topics.length, records: whole(then), gaps: [] })
      full = created.name
      expect(full).toMatch(/^full_backup_\d{8}_\d{6}$/)
      expect(await backups.names()).toEqual([full])
    })

    it('is listed, shown, and verified file by file and record by record', async () => {
      const shown = await backups.backup(['show', 'latest', '--store', backups.store])
      expect(shown.code, shown.err).toBe(0)
      expect(shown.out).toContain('corpus.codec.zstd')
      for (const flags of [[], ['--level', 'record']]) {
        const ran = await verify(full, backups.store, ...flags)
        expect(ran.code, ran.out + ran.err).toBe(0)
        expect(JSON.parse(ran.out)).toMatchObject({ schema: 'kdr/backup-verification/1', name: full, problems: [] })
      }
    })

    it('answers the shell lines of the runbook', () => {
      const folder = path.join(backups.here.home, 'shell')
      const lines = [
        `mkdir ${folder} && cd ${folder} && cp '${archive(full)}' latest_backup.tar.gz`,
        'tar -xzf latest_backup.tar.gz backup-manifest.json',
        "cat backup-manifest.json | jq '.topics'",
        "backup_time=$(cat backup-manifest.json | jq -r '.backup_date')",
        "current_time=$(date '+%Y%m%d_%H%M%S')",
        'echo "Backup time: $backup_time"',
        'echo "Recovery time: $current_time"',
      ]
      const said = execFileSync('bash', ['-euo', 'pipefail', '-c', lines.join('\n')], { encoding: 'utf8' })
      const [topics = '', times = ''] = said.split(/(?=Backup time)/)
      expect(JSON.parse(topics)).toEqual(expect.arrayContaining(then.topics.map(({ topic }) => topic)))
      expect(times).toMatch(/^Backup time: 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z\nRecovery time: 20\d{6}_\d{6}\n$/)
    })

    it('interrupted, is no backup', async () => {
      const ran = await backups.backup(['create', '--cluster', source, '--store', backups.store, '--rate', '2MB'], {
        started: (child) => {
          const writing = async () => readdirSync(backups.store).some((name) => name.includes('.partial'))
          void until('it is being written', writing, 60_000).then(() => setTimeout(() => child.kill('SIGINT'), 300))
        },
      })
      expect([1, 6, 130], ran.out + ran.err).toContain(ran.code)
      expect(await backups.names()).toEqual([full])
      expect(readdirSync(backups.store).filter((name) => !name.startsWith(full))).toEqual([])
    })

    it('goes on with what came since', async () => {
      await backups.write('more', source)
      later = await backups.look(source)
      const created = await backups.create(source, '--incremental')
      expect(created).toMatchObject({ type: 'incremental', status: 'complete', records: whole(later) - whole(then), gaps: [], forcedFull: null })
      second = created.name
      expect(await backups.names()).toEqual([full, second])
    })

    it('begins anew where a topic is another one of the same name, though longer', async () => {
      await backups.write('recreate', source, '35')
      const created = await backups.create(source, '--incremental')
      expect(created).toMatchObject({ type: 'full', status: 'complete', forcedFull: expect.stringContaining('corpus.recreated') })
      forced = created.name
    })

    it('needs a cluster that is empty, and makes nothing of it without a grant', async () => {
      await backups.down(source)
      await backups.up(target)
      const ran = await backups.backup(['restore', full, 'all', '--cluster', target, '--store', backups.store, '--non-interactive'])
      expect(ran.code, ran.out + ran.err).toBe(4)
      const dry = await backups.backup(['restore', full, 'all', '--cluster', target, '--store', backups.store, '--dry-run'])
      expect(dry.code, dry.out + dry.err).toBe(0)
      expect(dry.out.replace(/\s+/g, ' ')).toContain('consumers that keep offsets outside Kafka (Flink, Connect sinks) have to be told')
      expect((await backups.look(target)).topics).toEqual([])
    })

    it('comes back record by record, first metadata, then data, and groups go on', async () => {
      const metadata = await backups.restore(target, full, 'metadata')
      expect(metadata.topics).toBe(then.topics.length)
      const restored = await backups.restore(target, full, 'data')
      expect(restored).toMatchObject({ schema: 'kdr/restore/1', name: full, records: whole(then), offsets: 'mapped' })
      const lacking = [...metadata.notRestored, ...restored.notRestored].map(({ what }) => what).join()
      expect(lacking).toContain('corpus-user')
      if (kafka === '4') expect(lacking).toContain('group corpus-share')
      expect(differences(then, await backups.look(target), ALLOWED)).toEqual([])
    })

    it('is not loaded twice: once more changes nothing', async () => {
      const ran = await backups.backup(['restore', full, 'all', '--cluster', target, '--store', backups.store, ...RESTORE])
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(differences(then, await backups.look(target), ALLOWED)).toEqual([])
    })

    it('comes back from a chain, under new names beside what is there', async () => {
      const restored = await backups.restore(target, second, 'all', '--topic-prefix', 'chain.')
      expect(restored).toMatchObject({ records: whole(later) })
      expect(differences(later, await backups.look(target, 'chain.'), ALLOWED)).toEqual([])
    })

    it('of the topic that was made again brings nothing of the old one', async () => {
      await backups.restore(target, forced, 'all', '--topic-prefix', 'anew.', '--topic', 'corpus.recreated')
      const { records } = await backups.look(target, 'anew.')
      expect(records.map(({ value }) => Buffer.from(value ?? '', 'base64').toString())).toEqual(Array.from({ length: 35 }, (_, n) => `NEW${n}`))
    })

    it('leaves topics of others alone: with records, or with other partitions', async () => {
      await backups.write('strangers', target, 'theirs.')
      const said = await refused(5, full, backups.store, 'theirs.')
      expect(said).toContain('theirs.corpus.codec.none')
      expect(said).toContain('theirs.corpus.codec.gzip')
      const { topics, records } = await backups.look(target, 'theirs.')
      expect(topics.map(({ topic }) => topic)).toEqual(['corpus.codec.gzip', 'corpus.codec.none'])
      expect(records).toHaveLength(1)
    })

    describe('is refused, and named, before anything is created', () => {
      const places = ['begin', 'middle', 'metadata', 'end'] as const
      const placeOf = (place: (typeof places)[number], bytes: number): number => {
        const { entries } = manifestOf(backups.store, full)
        const of = (start: string) => entries.find((entry) => entry.path.startsWith(start))
        if (place === 'begin') return 4
        if (place === 'end') return bytes - 3
        const entry = of(place === 'middle' ? 'data/corpus.codec.gzip' : 'metadata/')
        return (entry?.offset ?? 0) + (entry?.length ?? 0) - 20
      }
      const broken = async (how: string, names: readonly string[], damage: (store: string) => void, name = full): Promise<string> => {
        const store = copyOf(backups.store, path.join(backups.here.home, `broken-${how}`), names)
        damage(store)
        const ran = await verify(name, store)
        expect(ran.code, ran.out + ran.err).toBe(21)
        const said = await refused(21, name, store, 'broken.')
        rmSync(store, { recursive: true })
        return ran.out + said
      }

      it.each(places)('a byte that flipped: %s', async (place) => {
        const bytes = statSync(archive(full)).size
        expect(await broken(place, [full], (store) => flip(path.join(store, `${full}.tar.gz`), placeOf(place, bytes)))).toContain(full)
      })

      it('an end that is missing', async () => {
        const bytes = statSync(archive(full)).size
        expect(await broken('cut', [full], (store) => cut(path.join(store, `${full}.tar.gz`), Math.floor(bytes / 2)))).toContain(full)
      })

      it('a link that is missing', async () => {
        expect(await broken('link', [second], () => {}, second)).toContain(full)
      })

      it('two segments in each other’s place', async () => {
        let swapped: readonly string[] = []
        const said = await broken('swap', [full], (store) => {
          swapped = swap(store, full)
        })
        expect(swapped.some((entry) => said.includes(entry))).toBe(true)
      })

      it('a segment that is missing', async () => {
        const [gone] = manifestOf(backups.store, full).entries.filter((entry) => entry.path.startsWith('data/'))
        expect(await broken('segment', [full], (store) => takeOut(store, full, gone?.path ?? ''))).toContain(full)
      })

      it('so that nothing of any of them is there', async () => {
        expect((await backups.look(target, 'broken.')).topics).toEqual([])
      })

      it('a store or a backup that is not there: exit 23', async () => {
        expect((await backups.backup(['list', '--store', path.join(backups.here.home, 'nowhere')])).code).toBe(23)
        expect((await verify('full_backup_20200101_000000')).code).toBe(23)
      })
    })

    it('up to a point in time holds no record that is younger', async () => {
      const at = Date.parse('2020-01-01T00:00:00Z')
      await backups.restore(target, full, 'all', '--topic-prefix', 'old.', '--topic', 'corpus.times', '--to-time', new Date(at).toISOString())
      const wanted = only(then, (topic) => topic === 'corpus.times').records.filter(({ timestamp }) => timestamp <= at)
      const { records } = await backups.look(target, 'old.')
      for (const which of [0, 1]) {
        const valuesOf = (all: typeof records) => all.filter(({ partition }) => partition === which).map(({ value }) => value)
        expect(valuesOf(records)).toEqual(valuesOf(wanted))
      }
      expect(records.length).toBeGreaterThan(0)
    })
  })
