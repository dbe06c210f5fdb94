// The registry's recovery on containers, one deployment from the drill to the last incident: what its topic loses, what it
// depends on, and what fails at the same time below it and above it; nothing answers later than in ten seconds.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/adapters/docker/engine.ts'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import { type Ledger, openLedger } from '../../src/drill/ledger.ts'
import type { SchemaManifest } from '../../src/model/schemas.ts'
import { readVersions } from '../../src/survey/schemas.ts'
import { inWords } from '../helpers/schemas.ts'
import { eventsOf, type Ran, type Stand, until } from '../real/harness.ts'
import { type DockerTruth, dockerStand, engineHere, stateOf, truthOf, watchChanges } from './stand.ts'

const URLS = ['http://schema-registry:8081', 'http://schema-registry-2:8081'] as const
/** What the drill puts there: ids with gaps, a reference, a soft-deleted version. */
const ALL = [
  '__kdr_drill_orders-value 1 107',
  '__kdr_drill_orders-value 2 109',
  'kdr-drill-basket 1 112',
  'kdr-drill-customer 1 104',
  'kdr-drill-retired 1 103 deleted',
]
const soon = () => AbortSignal.timeout(60_000)

interface Told {
  readonly verdict: string
  readonly compound: readonly string[]
  readonly because: string
  readonly next: readonly string[]
}

/** `quorum`: what its members are called. With `everything`, what half a cluster that is gone makes of the diagnosis, too. */
export const registryIn = (kafka: '3.5' | '4', quorum: 'zookeeper' | 'controller', scope: 'essentials' | 'everything') =>
  describe(`the schema registry in Docker on Kafka ${kafka}`, () => {
    const NAME = `drill-docker-${kafka}-schema-registry`
    const CLUSTER = ['--cluster', NAME]
    const GRANTS = ['--non-interactive', '--allow', 'restart,change,stop', '--confirm', NAME]
    const REGISTRIES = [`${NAME}-schema-registry`, `${NAME}-schema-registry-2`] as const
    let here: Stand
    let engine: Engine
    let truth: DockerTruth
    let ledger: Ledger
    const registry = () => openSchemaRegistry({ dial: truth.platform.dial, ca: null, auth: null, timeout: 10_000 })
    const manifest = () => path.join(here.home, 'schemas.json')
    const plain = () => path.join(here.home, 'schemas-plain.json')

    beforeAll(() => {
      here = dockerStand()
      engine = engineHere()
    })
    afterAll(async () => {
      await ledger?.stop()
      await truth?.close()
      await here?.clear()
      engine?.close()
    })

    const recover = (scenario: string, ...flags: readonly string[]): Promise<Ran> => here.kdr(['recover', scenario, ...CLUSTER, ...flags])
    const breakIt = async (fault: string, ...flags: readonly string[]): Promise<void> => {
      const ran = await here.kdr(['lab', 'break', fault, '--name', NAME, ...flags])
      expect(ran.code, ran.err).toBe(0)
    }
    const diagnosis = async (): Promise<Told> => (await here.json(['diagnose', ...CLUSTER])) as Told
    const healthy = () => until('healthy', async () => (await diagnosis()).verdict === 'healthy', 120_000)
    const askedInTime = async (): Promise<Told> => {
      const ran = await here.kdr(['diagnose', ...CLUSTER, '--output', 'json'])
      expect(ran.seconds).toBeLessThan(10)
      return JSON.parse(ran.out) as Told
    }
    /** Until it is told so, and then once more with a clock beside it. */
    const toldInTime = async (wanted: readonly string[]): Promise<Told> => {
      await until(wanted.join(), async () => (await diagnosis()).compound.join() === wanted.join(), 60_000)
      return askedInTime()
    }
    const container = (service: string) => engine.docker.getContainer(`${NAME}-${service}`)
    const served = async () => Promise.all(URLS.map(async (url) => inWords(await readVersions(registry(), url, soon()))))
    const recovered = async (scenario: string, ...flags: readonly string[]): Promise<readonly string[]> => {
      const ran = await recover(scenario, ...GRANTS, '--output', 'ndjson', ...flags)
      expect(ran.code, ran.out + ran.err).toBe(0)
      const events = eventsOf(ran)
      expect(events.at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
      return events.filter(({ type }) => type === 'step.intent').map((event) => String(event['key']))
    }
    const whole = async (): Promise<void> => {
      await until('both serve everything', async () => (await served()).every((each) => each.join() === ALL.join()))
      for (const url of URLS) expect(await registry().mode(url, null, soon())).toBe('READWRITE')
    }
    const writable = () =>
      until('it takes a write', async () => {
        for (const url of URLS) await registry().configure(url, '__kdr_canary_test', 'NONE', soon())
        await registry().remove(URLS[0], '__kdr_canary_test', soon())
        return true
      })
    /** Refused with this exit code, and nothing was touched. */
    const refused = async (code: number, ...flags: readonly string[]): Promise<string> => {
      const before = await stateOf(engine, truth.project)
      const ran = await recover('schema-registry', ...flags)
      expect(ran.code, ran.out + ran.err).toBe(code)
      expect(await stateOf(engine, truth.project)).toEqual(before)
      return (ran.out + ran.err).replaceAll(/\s+/g, ' ')
    }

    it('drills: loses every schema under load, and puts them back under their old ids', async () => {
      const ran = await here.kdr([
        'drill',
        'schema-registry',
        '--platform',
        'docker',
        '--kafka',
        kafka,
        '--fault',
        'lose-schemas',
        '--keep',
        '--output',
        'json',
      ])
      expect(ran.code, ran.err).toBe(0)
      expect(JSON.parse(ran.out)).toMatchObject({
        platform: 'docker',
        fault: 'lose-schemas',
        broken: [...REGISTRIES],
        ledger: { lost: 0 },
        outcome: 'recovered',
        problems: [],
      })
      truth = truthOf(here, NAME)
      ledger = await openLedger(truth.ledgerPorts, [1, 2, 3], soon())
      await whole()
    })

    it('is exported through its published ports, for its owner only', async () => {
      const ran = await here.kdr(['schemas', 'export', manifest(), ...CLUSTER, '--output', 'json'])
      expect(ran.code, ran.err).toBe(0)
      expect(JSON.parse(ran.out)).toMatchObject({ versions: ALL.length, complete: true, missing: [] })
      expect(statSync(manifest()).mode & 0o777).toBe(0o600)
      const exported = JSON.parse(readFileSync(manifest(), 'utf8')) as SchemaManifest
      expect(inWords(exported.versions)).toEqual(ALL)
      writeFileSync(plain(), JSON.stringify({ ...exported, raw: null }))
    })

    describe('one of the two killed', () => {
      it('is told, previewed without a trace, and refused without a grant', async () => {
        await healthy()
        await breakIt('kill-registry')
        expect(await toldInTime(['schema-registry'])).toMatchObject({ next: expect.arrayContaining(['recover', 'schema-registry']) })
        const before = await stateOf(engine, truth.project)
        const changes = await watchChanges(engine, truth.project)
        const dry = await recover('schema-registry', '--dry-run', '--output', 'ndjson')
        expect(dry.code, dry.out + dry.err).toBe(0)
        const events = eventsOf(dry)
        expect(events.filter(({ type }) => type === 'step.started').at(-1)).toMatchObject({ step: 'check-stability' })
        expect(events.filter(({ type }) => type === 'step.intent')).toEqual([])
        expect(await stateOf(engine, truth.project)).toEqual(before)
        expect(await changes()).toEqual([])
        expect(await refused(4, '--non-interactive')).toContain('--allow')
      })

      it('is started again, and nobody else is touched', async () => {
        const before = await stateOf(engine, truth.project)
        expect((await recovered('schema-registry'))[0]).toBe(`restart-registry[${REGISTRIES[1]}]`)
        const after = await stateOf(engine, truth.project)
        expect({ ...after, [REGISTRIES[1]]: '' }).toEqual({ ...before, [REGISTRIES[1]]: '' })
        await whole()
      })
    })

    it('not empty: nothing is imported over what is there', async () => {
      const manifest = JSON.parse(readFileSync(plain(), 'utf8')) as SchemaManifest
      const [first] = manifest.versions
      const other = path.join(here.home, 'schemas-other.json')
      writeFileSync(
        other,
        JSON.stringify({ ...manifest, versions: [...manifest.versions, { ...first, subject: 'kdr-drill-unheard-of', id: 130, references: [] }] }),
      )
      expect(await refused(5, ...GRANTS, '--schemas', other)).toContain('42205')
    })

    it('its topic lost again: imported with ids and versions from a manifest without records', async () => {
      await breakIt('lose-schemas')
      await writable()
      expect(await recovered('schema-registry', '--schemas', plain())).toEqual(expect.arrayContaining(['enter-import', 'import-schemas', 'leave-import']))
      await whole()
    })

    it('its topic without a leader, and Connect down above it: each is named, in the order to repair them; only Kafka may be touched first', async () => {
      const broker = await container('kafka-1').inspect()
      const connect = await engine.docker.createContainer({
        name: `${NAME}-kafka-connect`,
        Image: broker.Image,
        Labels: { ...broker.Config.Labels, 'com.docker.compose.service': 'kafka-connect' },
        Env: [
          'CONNECT_BOOTSTRAP_SERVERS=kafka-1:29092,kafka-2:29092,kafka-3:29092',
          'CONNECT_GROUP_ID=kafka-connect',
          ...['CONFIG', 'OFFSET', 'STATUS'].flatMap((of) => [
            `CONNECT_${of}_STORAGE_TOPIC=connect-${of.toLowerCase()}`,
            `CONNECT_${of}_STORAGE_REPLICATION_FACTOR=3`,
            ...(of === 'CONFIG' ? [] : [`CONNECT_${of}_STORAGE_PARTITIONS=1`]),
          ]),
          'CONNECT_KEY_CONVERTER=org.apache.kafka.connect.storage.StringConverter',
          'CONNECT_VALUE_CONVERTER=org.apache.kafka.connect.storage.StringConverter',
          'CONNECT_PLUGIN_DISCOVERY=service_load',
        ],
        Healthcheck: { Test: ['NONE'] },
        HostConfig: { NetworkMode: `${truth.project}_kafka-network` },
        NetworkingConfig: { EndpointsConfig: { [`${truth.project}_kafka-network`]: { Aliases: ['kafka-connect'] } } },
      })
      try {
        await connect.start()
        await until('Connect answers', async () => (await diagnosis()).verdict === 'healthy', 120_000)
        await connect.kill({ signal: 'SIGKILL' })
        await toldInTime(['connect'])
        await breakIt('schemas-leaderless')
        await breakIt('kill-registry')
        expect(await toldInTime(['single-broker', 'schema-registry', 'connect'])).toMatchObject({ verdict: 'single-broker' })
        expect(await refused(5, ...GRANTS)).toContain('kdr recover single-broker')
      } finally {
        await connect.remove({ force: true })
      }
      await recovered('single-broker')
      await recovered('schema-registry')
      await whole()
    })

    const halfGone = (): void => {
      it('beside a lost quorum: told in time, and repaired in the order of what depends on what', async () => {
        await healthy()
        for (const id of [1, 2]) await container(`${quorum}-${id}`).kill({ signal: 'SIGKILL' })
        await breakIt('stop-registry')
        expect(await toldInTime(['zookeeper', 'schema-registry'])).toMatchObject({
          verdict: 'zookeeper',
          next: expect.arrayContaining(['recover', 'zookeeper']),
        })
        expect(await refused(5, ...GRANTS)).toContain('kdr recover zookeeper')
        await recovered('zookeeper')
        await recovered('schema-registry')
        await whole()
      })

      it.each([
        ['paused', (name: string) => container(name).pause(), (name: string) => container(name).unpause()],
        [
          'cut off',
          (name: string) => engine.docker.getNetwork(`${truth.project}_kafka-network`).disconnect({ Container: `${NAME}-${name}`, Force: true }),
          (name: string) =>
            engine.docker.getNetwork(`${truth.project}_kafka-network`).connect({ Container: `${NAME}-${name}`, EndpointConfig: { Aliases: [name] } }),
        ],
      ])('two of three brokers %s: the majority is told lost within ten seconds', async (_, lose, giveBack) => {
        await healthy()
        for (const id of [1, 2]) await lose(`kafka-${id}`)
        try {
          await until('it is told', async () => (await diagnosis()).verdict === 'multi-broker', 60_000)
          expect(await askedInTime()).toMatchObject({ verdict: 'multi-broker' })
        } finally {
          for (const id of [1, 2]) await giveBack(`kafka-${id}`)
        }
        await healthy()
      })
    }
    if (scope === 'everything') describe('half the cluster gone', halfGone)

    it('has lost nothing that was acknowledged in all of this', async () => {
      await healthy()
      await ledger.stop()
      const score = await ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0, lostIn: {}, unread: {} })
      expect(score.acknowledged).toBeGreaterThan(100)
    })
  })
