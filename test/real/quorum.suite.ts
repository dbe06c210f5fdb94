// The quorum's recovery through the binary, on real ZooKeepers and real controllers: every case, a ledger that goes
// on writing while nobody governs, and brokers that nobody touches.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import { RELEASES } from '../../src/lab/versions.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import { allInSync, bringUp, eventsOf, type Ready, type Stand, type Truth, takeDown, until } from './harness.ts'

const GRANTS = ['--non-interactive', '--allow', 'restart,change,stop', '--confirm']

export const quorumSuite = (kafka: LabVersion) =>
  describe(`the quorum of Kafka ${kafka}`, () => {
    const name = `quorum-${kafka}`
    const cluster = ['--cluster', name]
    const zookeeper = RELEASES[kafka].mode === 'zookeeper'
    const stopAll = zookeeper ? 'stop-zookeeper' : 'stop-controllers'
    let lab: Ready
    let here: Stand
    let truth: Truth
    let ledger: Ledger

    beforeAll(async () => {
      lab = await bringUp(name, kafka)
      here = lab.here
      truth = lab.truth
      ledger = await openLedger({ clock: truth.ports.clock, kafka: truth.kafka, probe: truth.kafka }, [1, 2, 3], AbortSignal.timeout(60_000))
    })
    afterAll(async () => {
      await ledger?.stop()
      await takeDown(lab)
    })

    const breakIt = async (fault: string) => {
      const ran = await here.kdr(['lab', 'break', fault, '--name', name])
      expect(ran.code, ran.err).toBe(0)
    }
    const recover = (...flags: readonly string[]) => here.kdr(['recover', 'zookeeper', ...cluster, ...flags])
    const brokers = async () => Object.fromEntries(Object.entries(await truth.uids()).filter(([member]) => member.startsWith('kafka')))
    /** At least this many more records were acknowledged. */
    const writesOn = (before: number, more: number) =>
      until(`${more} more records are acknowledged`, async () => ledger.acknowledged() >= before + more, 30_000)

    const recovered = async (flags: readonly string[] = []) => {
      const before = await brokers()
      const ran = await recover(...GRANTS, name, '--output', 'ndjson', ...flags)
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(eventsOf(ran).at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
      expect(await brokers()).toEqual(before)
      await until('full ISR', async () => allInSync(await truth.rows()))
      return eventsOf(ran)
    }

    it('lost: diagnosed in time, while producers go on writing to the leaders they have', async () => {
      await breakIt(stopAll)
      const before = ledger.acknowledged()
      await writesOn(before, 50)
      const ran = await here.kdr(['diagnose', ...cluster, '--output', 'json'])
      expect(JSON.parse(ran.out)).toMatchObject({ verdict: 'zookeeper', next: expect.arrayContaining(['recover', 'zookeeper']) })
      expect(ran.seconds).toBeLessThan(15)
    })

    it('lost: previewed to the last step, refused without a grant, and nothing is touched', async () => {
      const before = await truth.uids()
      const dry = await recover('--dry-run', '--output', 'ndjson')
      expect(dry.code, dry.out + dry.err).toBe(0)
      expect(
        eventsOf(dry)
          .filter(({ type }) => type === 'step.started')
          .at(-1),
      ).toMatchObject({ step: 'check-stability' })
      const refused = await recover('--non-interactive')
      expect(refused.code, refused.err).toBe(4)
      expect(await truth.uids()).toEqual(before)
    })

    it('lost: recovered one member after the other, no broker touched, and records acknowledged meanwhile', async () => {
      const before = ledger.acknowledged()
      await recovered()
      expect(ledger.acknowledged()).toBeGreaterThan(before)
    })

    it('held, with one member down: that one alone is started', async () => {
      await breakIt(zookeeper ? 'kill-zookeeper' : 'kill-controller')
      const events = await recovered()
      expect(events.filter(({ type }) => type === 'step.intent').map((event) => event['step'])).toEqual(['start-member', 'canary'])
    })

    if (zookeeper) emptyDisks()
    else emptyControllers()

    function emptyDisks() {
      it('a blank majority: the survivor is copied and started first, then one empty disk after the other', async () => {
        await breakIt('wipe-zookeeper-majority')
        await writesOn(ledger.acknowledged(), 20)
        const events = await recovered()
        const order = events.filter(({ type }) => type === 'step.intent' || type === 'evidence.kept').map((event) => String(event['key'] ?? event['file']))
        const copy = order.findIndex((what) => what.endsWith('.tar.gz'))
        expect(copy).toBeGreaterThanOrEqual(0)
        expect(order.slice(copy + 1).filter((what) => what.startsWith('start-member'))).toEqual(['start-member[zk1]', 'start-member[zk2]', 'start-member[zk3]'])
        const runs = path.join(here.home, 'kdr', 'runs')
        const kept = readdirSync(runs, { recursive: true, encoding: 'utf8' }).find((file) => file.endsWith('.tar.gz')) ?? ''
        expect(readFileSync(path.join(runs, kept)).subarray(0, 2).toString('hex')).toBe('1f8b')
      })

      it('every disk empty, and a copy of one: brokers stopped and compared, one member from the copy, no record lost', async () => {
        const copy = path.join(here.home, 'zk1.tar.gz')
        execFileSync('tar', ['-czf', copy, '-C', path.join(here.home, 'kdr', 'labs', name, 'zk1'), 'data'])
        const from = ['--snapshot', copy]
        await breakIt('lose-zookeeper')
        await writesOn(ledger.acknowledged(), 20)
        const before = await truth.uids()
        const dry = await recover(...from, '--dry-run', '--output', 'ndjson')
        expect(dry.code, dry.out + dry.err).toBe(0)
        const started = eventsOf(dry).filter(({ type }) => type === 'step.started')
        expect(started.at(-1)).toMatchObject({ step: 'check-stability' })
        expect((await recover(...from, '--non-interactive')).code).toBe(4)
        expect(await truth.uids()).toEqual(before)
        const ran = await recover(...from, ...GRANTS, name, '--output', 'ndjson')
        expect(ran.code, ran.out + ran.err).toBe(0)
        const events = eventsOf(ran)
        expect(events.at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
        expect(events.flatMap(({ type, file }) => (type === 'evidence.kept' ? [file] : []))).toContain('evidence/log-ends.tsv')
        const begun = events.filter(({ type }) => type === 'step.intent').map(({ key }) => String(key))
        expect(begun).toEqual([
          ...[1, 2, 3].map((id) => `stop-broker[${id}]`),
          'place-snapshot',
          ...[1, 2, 3].map((id) => `start-member[zk${id}]`),
          ...Array.from({ length: 3 }, () => expect.stringMatching(/^start-stopped-broker\[\d\]$/)),
          'canary',
        ])
        await until('full ISR', async () => allInSync(await truth.rows()))
        const acknowledged = ledger.acknowledged()
        await writesOn(acknowledged, 20)
      }, 900_000)

      it('servers that answer imok without a leader pass nothing', async () => {
        await scored()
        await breakIt('stop-zookeeper')
        await truth.platform.start({ name: 'zk1', uid: null }, AbortSignal.timeout(60_000))
        const [address = ''] = truth.zookeeper
        await until('zk1 says imok', async () => {
          const words = await truth.ports.coordination?.word('ruok', [address], AbortSignal.timeout(5000))
          const answer = words?.get(address)
          return answer?.known === true && answer.value.includes('imok')
        })
        expect(await here.json(['diagnose', ...cluster])).toMatchObject({ verdict: 'zookeeper' })
        await recovered()
      })

      it('every disk empty: handed over, and nothing is started: exit 5', async () => {
        await breakIt('lose-zookeeper')
        const before = await truth.uids()
        const ran = await recover(...GRANTS, name)
        expect(ran.code, ran.out + ran.err).toBe(5)
        expect((ran.out + ran.err).replaceAll(/\s+/g, ' ')).toContain('complete loss')
        expect(await truth.uids()).toEqual(before)
      })

      it('that became another cluster stops everything before anything is touched: exit 5', async () => {
        for (const member of ['zk1', 'zk2', 'zk3']) await truth.platform.start({ name: member, uid: null }, AbortSignal.timeout(60_000))
        await until('the empty ensemble serves', async () => (await truth.ports.coordination?.get('/zookeeper', AbortSignal.timeout(5000))) !== null)
        const before = await truth.uids()
        const ran = await recover(...GRANTS, name)
        expect(ran.code, ran.out + ran.err).toBe(5)
        expect((ran.out + ran.err).replaceAll(/\s+/g, ' ')).toContain('no cluster.id')
        expect(await truth.uids()).toEqual(before)
        expect(await here.json(['diagnose', ...cluster])).toMatchObject({ verdict: 'zookeeper', next: [] })
      })
    }

    function emptyControllers() {
      it('one empty disk: how it is formatted is said; once it is, that member alone is started', async () => {
        await breakIt('wipe-controller')
        const before = await truth.uids()
        const refused = await recover(...GRANTS, name, '--output', 'ndjson')
        expect(refused.code, refused.out + refused.err).toBe(5)
        const hint = String(eventsOf(refused).at(-1)?.['hint'])
        expect(hint).toMatch(/format -t \S+ -c .*; then run this again$/)
        expect(await truth.uids()).toEqual(before)
        execFileSync('sh', ['-c', hint.replace('; then run this again', '')])
        const events = await recovered()
        expect(events.filter(({ type }) => type === 'step.intent').map((event) => event['step'])).toEqual(['start-member', 'canary'])
      })

      it('a majority of empty disks: nothing is formatted, and it is handed over: exit 5', async () => {
        await scored()
        await breakIt('wipe-controller-majority')
        const before = await truth.uids()
        const ran = await recover(...GRANTS, name)
        expect(ran.code, ran.out + ran.err).toBe(5)
        expect((ran.out + ran.err).replaceAll(/\s+/g, ' ')).toContain('nothing is formatted')
        expect(await truth.uids()).toEqual(before)
        expect(existsSync(path.join(here.home, 'kdr', 'labs', name, 'ctl3', 'data', 'meta.properties'))).toBe(false)
      })
    }

    /** What was acknowledged in all of this is there: read before the metadata is lost for good. */
    const scored = async () => {
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0 })
      expect(score.acknowledged).toBeGreaterThan(300)
    }
  })
