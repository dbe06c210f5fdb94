// The main job on real Kafka: a broker is lost under load, and the binary brings it back in every mode.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import { allInSync, bringUp, eventsOf, type Stand, type Truth, takeDown, until } from './harness.ts'

const GRANTS = ['--non-interactive', '--allow', 'restart,change,stop', '--confirm']

/** The whole job on one version; a file a version, so that two labs may run side by side. */
export const singleBrokerOn = (kafka: string) =>
  describe(`single-broker on Kafka ${kafka}`, () => {
    const name = `real${kafka.replace('.', '')}`
    const cluster = ['--cluster', name]
    let here: Stand
    let truth: Truth
    let ledger: Ledger

    beforeAll(async () => {
      const lab = await bringUp(name, kafka)
      ;({ here, truth } = lab)
      expect(await here.json(['lab', 'status', '--name', name])).toMatchObject({ schema: 'kdr/lab/1', name, platform: 'process' })
      ledger = await openLedger({ clock: truth.ports.clock, kafka: truth.kafka, probe: truth.kafka }, [1, 2, 3], AbortSignal.timeout(60_000))
    })

    afterAll(async () => {
      await ledger?.stop()
      await takeDown({ here, name, truth })
    })

    const diagnosis = () => here.json(['diagnose', ...cluster])
    const healthy = () => until('the cluster is healthy', async () => (await here.kdr(['diagnose', ...cluster, '--output', 'json'])).out.includes('"healthy"'))

    it('calls a healthy cluster healthy, and has nothing to recover in it', async () => {
      await healthy()
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name])
      expect(ran.code, ran.err).toBe(5)
      expect(ran.out + ran.err).toContain('no broker is down')
    })

    it('names the killed broker, previews its recovery to the last step and changes nothing', async () => {
      await here.kdr(['lab', 'break', 'kill-broker', '--broker', '2', '--name', name])
      expect(await diagnosis()).toMatchObject({
        schema: 'kdr/diagnosis/1',
        cluster: name,
        verdict: 'single-broker',
        brokers: [2],
        next: expect.arrayContaining(['recover', 'single-broker']),
      })
      const before = await truth.uids()
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, '--dry-run', '--output', 'ndjson'])
      expect(ran.code, ran.err).toBe(0)
      const events = eventsOf(ran)
      expect(events[0]).toMatchObject({ type: 'run.started', schema: 'kdr/events/1' })
      expect(events.filter(({ type }) => type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
      expect(events.filter((event) => event.type === 'step.withheld' && event['gate'] !== null)).not.toEqual([])
      expect(await truth.uids()).toEqual(before)
    })

    it.each([
      ['--non-interactive', ['--non-interactive'], {}],
      ['no terminal', [], {}],
      ['CI=1', [], { CI: '1' }],
      ['half the grants', ['--non-interactive', '--allow', 'restart'], {}],
    ])('without approval (%s) names the flags and touches nothing: exit 4', async (_, flags, env) => {
      const before = await truth.uids()
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, ...flags], { env, input: 'y\ny\ny\n' })
      expect(ran.code, ran.err).toBe(4)
      expect(ran.out + ran.err).toContain('--allow')
      expect(await truth.uids()).toEqual(before)
    })

    it('recovers it unattended: a new incarnation, full ISR, nothing lost', async () => {
      const junit = path.join(here.home, 'junit.xml')
      const before = await truth.uids()
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name, '--output', 'ndjson', '--junit', junit])
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(eventsOf(ran).at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', exitCode: 0, rtoSeconds: expect.any(Number), rpoRecords: 0 })
      const after = await truth.uids()
      expect(after['kafka2']).not.toBeNull()
      expect({ ...after, kafka2: null }).toEqual({ ...before, kafka2: null })
      await until('full ISR', async () => allInSync(await truth.rows()))
      expect(readFileSync(junit, 'utf8')).toMatch(/<testsuites?[\s>]/)
      expect((await truth.rows()).some(({ topic }) => topic.startsWith('__kdr_canary_'))).toBe(false)
    })

    it('recovers at once after SIGKILL without dying of its old registration', async () => {
      await here.kdr(['lab', 'break', 'kill-broker', '--broker', '1', '--name', name])
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name, '--output', 'ndjson'])
      expect(ran.code, ran.out + ran.err).toBe(0)
      const starts = eventsOf(ran).filter((event) => event.type === 'step.intent' && event['step'] === 'start-broker')
      expect(starts).toHaveLength(1)
      const log = readFileSync(path.join(here.home, 'kdr', 'labs', name, 'kafka1', 'out.log'), 'utf8')
      expect(log).not.toContain('NodeExistsException')
    })

    it('tells a hung broker repeatedly and in time, and replaces it', async () => {
      await here.kdr(['lab', 'break', 'hang-broker', '--broker', '3', '--name', name])
      for (let round = 0; round < 3; round += 1) {
        const ran = await here.kdr(['diagnose', ...cluster, '--output', 'json'])
        expect(JSON.parse(ran.out), `round ${round}`).toMatchObject({ verdict: 'single-broker', brokers: [3] })
        expect(ran.seconds).toBeLessThan(15)
      }
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name, '--output', 'ndjson'])
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(
        eventsOf(ran)
          .filter(({ type }) => type === 'step.intent')
          .map((event) => event['step']),
      ).toEqual(expect.arrayContaining(['stop-remains', 'start-broker']))
    })

    it('brings a broker back on a disk that was wiped, from its followers', async () => {
      await here.kdr(['lab', 'break', 'wipe-broker', '--broker', '2', '--name', name])
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name, '--output', 'ndjson'])
      expect(ran.code, ran.out + ran.err).toBe(0)
    })

    it('refuses to restart broker 1 while broker 3 is down, naming the partitions: exit 5', async () => {
      await here.kdr(['lab', 'break', 'kill-broker', '--broker', '3', '--name', name])
      const before = await truth.uids()
      const ran = await here.kdr(['recover', 'single-broker', ...cluster, '--broker', '1', ...GRANTS, name])
      expect(ran.code, ran.err).toBe(5)
      expect(ran.out + ran.err).toMatch(/G1[\s\S]*__kdr_orders-0/)
      expect(await truth.uids()).toEqual(before)
    })

    it('lets one kdr in at a time and says who holds the lock: exit 8', async () => {
      const first = here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name, '--output', 'ndjson'])
      await until(
        'the first run has begun',
        async () => existsSync(path.join(here.home, 'kdr', 'runs')) && (await here.kdr(['runs', 'list', '--output', 'json'])).out.includes('unfinished'),
        30_000,
      )
      const second = await here.kdr(['recover', 'single-broker', ...cluster, ...GRANTS, name])
      expect(second.code, second.err).toBe(8)
      expect(second.err).toMatch(/single-broker-[0-9a-f]+/)
      const { code, out, err } = await first
      expect(code, out + err).toBe(0)
    })

    it('has lost nothing that was acknowledged in all of this', async () => {
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0 })
      expect(score.acknowledged).toBeGreaterThan(500)
    })
  })
