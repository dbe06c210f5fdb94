// What goes wrong around a backup on a living cluster: retention that is quicker, groups that go on, topics that are others,
// compaction that forgets deletes, Ctrl-C, targets that do not fit, brokers that say nothing. Each is named, and none is a success.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type Socket } from 'node:net'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LabVersion } from '../../src/model/lab.ts'
import { bringUp, type Ran, type Ready, takeDown, until } from './harness.ts'
import { type Producing, producing } from './producing.ts'

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')

const MB = 1_000_000
const DAY = 86_400_000
const RUN = ['--non-interactive', '--allow', 'change'] as const

/** `thorough`: what takes longer than CI has, too. */
export const trapsSuite = (kafka: LabVersion, { thorough = false } = {}): void => {
  describe(`traps of backups on Kafka ${kafka}`, () => {
    const name = `traps${kafka.replace('.', '')}`
    let lab: Ready
    let store: string
    let made: Producing
    const soon = (length = 30_000) => AbortSignal.timeout(length)
    beforeAll(async () => {
      lab = await bringUp(name, kafka)
      store = path.join(lab.here.home, 'store')
      made = await producing(lab.truth.kafka)
    })
    afterAll(() => takeDown(lab))

    const backup = (args: readonly string[], options?: Parameters<Ready['here']['kdr']>[1]): Promise<Ran> =>
      lab.here.kdr(['backup', ...args, '--cluster', name, '--store', store, '--output', 'json'], options)
    const create = async (topic: string, code = 0, ...flags: readonly string[]) => {
      const ran = await backup(['create', '--topic', topic, ...flags])
      expect(ran.code, ran.out + ran.err).toBe(code)
      return JSON.parse(ran.out)
    }
    const restore = async (backedUp: string, code: number, ...flags: readonly string[]) => {
      const ran = await backup(['restore', backedUp, 'all', ...RUN, ...flags])
      expect(ran.code, ran.out + ran.err).toBe(code)
      return JSON.parse(ran.out)
    }
    const commit = (group: string, topic: string, offset: bigint) =>
      lab.truth.kafka.commitOffsets(group, [{ topic, partition: 0, offset, leaderEpoch: -1, metadata: null }], soon(60_000))
    const committed = async (group: string, topic: string) => {
      const [found] = await lab.truth.kafka.groupOffsets([group], soon())
      return found?.offsets.find((row) => row.topic === topic)?.offset
    }
    /** Once so much of it has come that its records are being read. */
    const whileWriting = (then: () => unknown) => ({
      started: () => {
        const writing = async () => readdirSync(store).some((file) => file.includes('.partial'))
        void until('it is being written', writing, 60_000).then(then)
      },
    })

    it('retention that is quicker leaves a gap with a name, and exit 20, never 0', async () => {
      await made.topic('retained')
      await made.bulk('retained', 2 * MB)
      const cut = () => lab.truth.kafka.deleteRecords([{ topic: 'retained', partition: 0, before: 1900n }], soon())
      const ran = await backup(['create', '--topic', 'retained', '--rate', '500KB'], whileWriting(cut))
      expect(ran.code, ran.out + ran.err).toBe(20)
      const created = JSON.parse(ran.out)
      expect(created).toMatchObject({
        status: 'incomplete',
        gaps: [{ topic: 'retained', partition: 0, to: '1900', why: expect.stringContaining('retention') }],
      })
      expect(created.records).toBe(2000 - (1900 - Number(created.gaps[0].from)))
      const verified = await backup(['verify', created.name, '--level', 'record'])
      expect(verified.code, verified.out).toBe(20)
      const restored = await restore(created.name, 20, '--topic-prefix', 'gap.')
      expect(restored).toMatchObject({ status: 'incomplete', records: created.records })
    })

    it('keeps to a rate, and groups stay where they were when it began', async () => {
      await made.topic('paced')
      await made.bulk('paced', 3 * MB)
      await commit('pacing', 'paced', 1500n)
      const goOn = async () => {
        await made.bulk('paced', MB)
        await commit('pacing', 'paced', 3800n)
      }
      const ran = await backup(['create', '--topic', 'paced', '--rate', '1MB'], whileWriting(goOn))
      expect(ran.code, ran.out + ran.err).toBe(0)
      const created = JSON.parse(ran.out)
      expect(created.records).toBe(3000)
      const rate = created.bytes / created.seconds
      expect(rate).toBeLessThan(1.1 * MB)
      expect(rate).toBeGreaterThan(0.7 * MB)
      const began = performance.now()
      await restore(created.name, 0, '--topic-prefix', 'paced.', '--rate', '1MB')
      const took = (performance.now() - began) / 1000
      expect(took).toBeGreaterThan(created.bytes / MB / 1.1)
      expect(await committed('pacing', 'paced.paced')).toBe(1500n)
    })

    it('a topic made again with fewer records is another one, one cut beyond what was kept too', async () => {
      await made.topic('again')
      await made.values('again', ['old 0', 'old 1', 'old 2'])
      await create('again')
      await lab.truth.kafka.deleteTopics(['again'], soon())
      // Where ZooKeeper is, the name is taken for a moment longer; and whoever leads now may not know it yet.
      await until('the name is free', () => made.topic('again').then(() => true))
      await until('it has a leader', () => made.values('again', ['new 0']).then(() => true))
      expect(await create('again', 0, '--incremental')).toMatchObject({ type: 'full', records: 1, forcedFull: expect.stringContaining('created again') })
      await made.values('again', ['new 1', 'new 2', 'new 3'])
      await lab.truth.kafka.deleteRecords([{ topic: 'again', partition: 0, before: 3n }], soon())
      expect(await create('again', 0, '--incremental')).toMatchObject({ type: 'full', records: 1, forcedFull: expect.stringContaining('is gone') })
    })

    it('compaction that may have forgotten deletes forces a full backup', async () => {
      await made.topic('forgetful', { 'cleanup.policy': 'compact', 'delete.retention.ms': '1' })
      await made.values('forgetful', ['one'])
      await create('forgetful')
      await made.values('forgetful', ['two'])
      expect(await create('forgetful', 0, '--incremental')).toMatchObject({ type: 'full', forcedFull: expect.stringContaining('tombstones') })
    })

    it.each(['SIGINT', 'SIGTERM'] as const)('%s stops a backup within two seconds, not with 0, and leaves nothing', async (signal) => {
      const there = readdirSync(store)
      let stopped = 0
      const ran = await backup(['create', '--topic', 'paced', '--rate', '500KB'], {
        started: (child) => {
          const writing = async () => readdirSync(store).some((file) => file.includes('.partial'))
          void until('it is being written', writing, 60_000).then(() => {
            stopped = performance.now()
            child.kill(signal)
          })
        },
      })
      expect((performance.now() - stopped) / 1000).toBeLessThan(2)
      expect(ran.code, ran.out + ran.err).toBe(signal === 'SIGINT' ? 130 : 143)
      expect(readdirSync(store)).toEqual(there)
    })

    it('Ctrl-C stops a restore within two seconds, resumable, and the same command goes on with it', async () => {
      const { name: full } = await create('paced', 0, '--full')
      let stopped = 0
      const args = ['restore', full, 'all', ...RUN, '--topic-prefix', 'stopped.']
      const loading = async () => {
        const [end] = await lab.truth.kafka.offsets({ ask: 'high-watermark' }, [{ topic: 'stopped.paced', partition: 0 }], soon())
        return end?.offset.known === true && end.offset.value > 0n
      }
      const ran = await backup([...args, '--rate', '500KB'], {
        started: (child) =>
          void until('it is loaded', loading, 60_000).then(() => {
            stopped = performance.now()
            child.kill('SIGINT')
          }),
      })
      expect((performance.now() - stopped) / 1000).toBeLessThan(2)
      expect(ran.code, ran.out + ran.err).toBe(6)
      const again = await backup(args)
      expect(again.code, again.out + again.err).toBe(0)
      expect(await made.count('stopped.paced')).toBe(4000)
      expect(await made.valuesOf('stopped.paced')).toEqual(await made.valuesOf('paced'))
    })

    it('a target with more partitions is refused, and nothing is created', async () => {
      const { name: full } = await create('again')
      await made.topic('more.again', {}, 2)
      const ran = await backup(['restore', full, 'all', ...RUN, '--topic-prefix', 'more.'])
      expect(ran.code, ran.out + ran.err).toBe(5)
      expect(ran.out + ran.err).toContain('it has 2 partitions')
    })

    it('fewer replicas than have to be in sync are capped, and said', async () => {
      await made.topic('capped', { 'min.insync.replicas': '2' })
      await made.values('capped', ['x'])
      const { name: full } = await create('capped')
      const restored = await restore(full, 0, '--topic-prefix', 'capped.', '--replication-factor', '1')
      expect(restored.notRestored.map(({ what }: { what: string }) => what).join()).toContain('min.insync.replicas')
      expect(await made.count('capped.capped')).toBe(1)
    })

    it('records past their retention come back whole, and it is said beforehand that they will go', async () => {
      await made.topic('expiring', { 'retention.ms': String(DAY) })
      await made.values('expiring', ['a year old', 'as old'], Date.now() - 365 * DAY)
      const { name: full } = await create('expiring')
      const ran = await lab.here.kdr(['backup', 'restore', full, 'all', '--dry-run', '--cluster', name, '--store', store, '--topic-prefix', 'old.', '-v'])
      expect(ran.code, ran.err).toBe(0)
      expect(ran.out.replace(/\s+/g, ' ')).toContain('2 records of old.expiring beyond its retention')
      expect(await restore(full, 0, '--topic-prefix', 'old.')).toMatchObject({ records: 2 })
    })

    it('a group that somebody is in is left alone: said, incomplete, and mended by the same command once it is empty', async () => {
      await made.topic('busy')
      await made.values('busy', ['a', 'b', 'c'])
      await commit('busy-group', 'busy', 2n)
      const { name: full } = await create('busy')
      const client = new Kafka({ brokers: [...lab.truth.endpoints], logLevel: logLevel.NOTHING })
      const consumer = client.consumer({ groupId: 'busy-group' })
      await consumer.connect()
      await consumer.subscribe({ topic: 'busy' })
      const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
      await consumer.run({ autoCommit: false, eachMessage: async () => {} })
      await joined
      try {
        const restored = await restore(full, 20, '--topic-prefix', 'busy.')
        expect(restored).toMatchObject({ status: 'incomplete' })
        expect(restored.notRestored).toContainEqual({ what: 'group busy-group', why: expect.stringMatching(/nobody is a member .*stop its members/) })
        expect(await made.count('busy.busy')).toBe(3)
      } finally {
        await consumer.disconnect()
      }
      expect(await restore(full, 0, '--topic-prefix', 'busy.')).toMatchObject({ status: 'complete', groups: 1 })
      expect(await committed('busy-group', 'busy.busy')).toBe(2n)
    })

    it('text of the old script comes back only as what it is, and knowingly', async () => {
      const old = 'full_backup_20250102_030405'
      const at = path.join(lab.here.home, old, 'legacy')
      for (const folder of [store, at]) mkdirSync(folder, { recursive: true })
      const lines = [0, 1, 2].map((n) => `CreateTime:170000000000${n}\tPartition:0\tOffset:${n + 5}\tk${n}\tvalue ${n}`)
      writeFileSync(path.join(at, 'legacy-metadata.txt'), 'Topic: legacy\tPartitionCount: 1\tReplicationFactor: 3\tConfigs: \n')
      writeFileSync(path.join(at, 'legacy-data.jsonl.gz'), gzipSync(`${lines.join('\n')}\n`))
      const manifest = { backup_date: '20250102_030405', backup_type: 'full', kafka_brokers: 'k:9092', topics_count: 1, topics: ['legacy'] }
      writeFileSync(path.join(lab.here.home, old, 'backup-manifest.json'), JSON.stringify(manifest))
      execFileSync('tar', ['-czf', path.join(store, `${old}.tar.gz`), '-C', lab.here.home, old])
      const ran = await backup(['restore', old, 'all', ...RUN])
      expect(ran.code, ran.out + ran.err).toBe(5)
      expect(ran.out + ran.err).toContain('--lossy')
      expect((await lab.truth.kafka.topics(['legacy'], soon())).topics).toEqual([])
      expect(await restore(old, 20, '--lossy')).toMatchObject({ status: 'incomplete', records: 3, offsets: 'preserved' })
      expect(await made.valuesOf('legacy')).toEqual(['value 0', 'value 1', 'value 2'])
    })

    const onlyCopy = async () => {
      await made.topic('alone')
      await made.bulk('alone', 6 * MB)
      const { name: full } = await create('alone')
      const at = [{ topic: 'last.alone', partition: 0 }]
      const begun = async () => (await lab.truth.kafka.offsets({ ask: 'high-watermark' }, at, soon())).some(({ offset }) => offset.known && offset.value > 0n)
      let killed: { readonly broker: number; readonly at: number } | null = null
      let named = 0
      const running = backup(['restore', full, 'all', ...RUN, '--topic-prefix', 'last.', '--replication-factor', '1', '--rate', '500KB'], {
        started: (child) =>
          void child.stderr?.on('data', (text: Buffer) => {
            if (killed !== null && named === 0 && String(text).includes(`waiting for broker ${killed.broker}, which led last.alone-0`))
              named = performance.now()
          }),
      })
      await until('it loads', begun, 60_000)
      const broker = (await lab.truth.rows()).find(({ topic }) => topic === 'last.alone')?.leader ?? 0
      killed = { broker, at: performance.now() }
      const broke = await lab.here.kdr(['lab', 'break', 'kill-broker', '--broker', String(broker), '--name', name])
      expect(broke.code, broke.err).toBe(0)
      await until('the broker is named', async () => named > 0, 30_000)
      expect((named - killed.at) / 1000).toBeLessThan(10)
      await lab.truth.platform.start({ name: `kafka${broker}`, uid: null }, soon(120_000))
      const ran = await running
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(await made.valuesOf('last.alone')).toEqual(await made.valuesOf('alone'))
    }
    if (thorough) it('the broker of an only copy is named within ten seconds of its death, waited for, and gone on with', onlyCopy)

    describe('a broker that cannot be had is named within ten seconds, and it is no success', () => {
      const taken = new Set<Socket>()
      const silent = createServer((socket) => void taken.add(socket.on('error', () => {})))
      afterAll(() => {
        for (const socket of taken) socket.destroy()
        silent.close()
      })
      it.each(['127.0.0.1:1', 'no-such-host.invalid:9092', 'silent'])('%s', async (given) => {
        await new Promise<void>((listening) => (silent.listening ? listening() : silent.listen(0, '127.0.0.1', listening)))
        const address = silent.address()
        const endpoint = given === 'silent' && typeof address === 'object' ? `127.0.0.1:${address?.port}` : given
        const config = path.join(lab.here.home, 'unreachable.yaml')
        const state = path.join(lab.here.home, 'kdr', 'labs', name, 'lab.json')
        writeFileSync(config, `clusters:\n  away:\n    platform: { process: { state: "${state}" } }\n    kafka: { bootstrap: ['${endpoint}'] }\n`)
        const ran = await lab.here.kdr(['backup', 'create', '--cluster', 'away', '--config', config, '--store', path.join(lab.here.home, 'away')])
        expect(ran.code).not.toBe(0)
        expect(ran.err).toContain(endpoint)
        expect(ran.seconds).toBeLessThan(10)
      })
    })
  })
}
