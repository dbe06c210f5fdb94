// The registry's recovery from outside the cluster, with nothing but the shipped role: scaled to nothing, its topic
// lost, without a leader, and beside a lost quorum. Everything is reached through tunnels.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts'
import { type KubernetesSettings, openKubernetes } from '../../src/adapters/kubernetes/open-kubernetes.ts'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import { openKubernetesFaults } from '../../src/lab/kubernetes/faults.ts'
import { deleteSchemas } from '../../src/lab/schemas-faults.ts'
import type { SchemaManifest } from '../../src/model/schemas.ts'
import type { Fault } from '../../src/ports/faults.ts'
import { readVersions } from '../../src/survey/schemas.ts'
import { ALL, fillWithSchemas, inWords } from '../helpers/schemas.ts'
import { eventsOf, type Ran, until } from '../real/harness.ts'
import { audited, GRANTS, type Ground, type Kind, KUBECONFIG, mutations, open } from './harness.ts'
import { admin, applyText, configOf, kubeconfigOf, podsOf, removeText, shipped } from './principals.ts'

/** As the applications of the cluster call it. */
const URL = 'http://schema-registry-service:8081'
const ORDERS = '__kdr_orders'
const soon = () => AbortSignal.timeout(120_000)

interface Told {
  readonly verdict: string
  readonly compound: readonly string[]
  readonly next: readonly string[]
}

/** With `everything`, what it depends on fails, too. */
export const registryIn = (kind: Kind, scope: 'essentials' | 'everything') =>
  describe(`the schema registry in Kubernetes, ${kind}`, () => {
    const NAMESPACE = `kdr-test-${kind}`
    const SETTINGS: KubernetesSettings = { cluster: NAMESPACE, kubeconfig: KUBECONFIG, context: null, namespace: NAMESPACE, selectors: {}, env: process.env }
    const BOOTSTRAP = [0, 1, 2].map((pod) => `kafka-${pod}.kafka-headless.${NAMESPACE}.svc.cluster.local:9092`)
    const platform = openKubernetes(SETTINGS)
    const kafka = openKafka({ bootstrap: BOOTSTRAP, clientId: 'kdr-test', tls: null, sasl: null, dial: platform.dial, requestTimeout: 5000 })
    const registry = openSchemaRegistry({ dial: platform.dial, ca: null, auth: null, timeout: 10_000 })
    const faults = openKubernetesFaults(SETTINGS)
    let ground: Ground
    let all: KubeClient
    /** As the shipped role sees it. */
    let cluster: readonly string[] = []
    const manifest = () => path.join(ground.here.home, 'schemas.json')

    beforeAll(async () => {
      ground = await open(kind, ['schema-registry'])
      all = admin(NAMESPACE)
      await applyText(all, shipped('rbac-recovery.yaml', NAMESPACE))
      cluster = configOf(ground.here.home, NAMESPACE, await kubeconfigOf(all, 'kdr-recovery', ground.here.home))
      // An earlier run may have been cut short.
      await clean()
      ground.deploy()
      await kafka.createTopic(
        ORDERS,
        [0, 1, 2].map((first) => [0, 1, 2].map((next) => ((first + next) % 3) + 1)),
        { 'min.insync.replicas': '2' },
        soon(),
      )
      await until('it takes schemas', async () => {
        await fillWithSchemas(registry, kafka, URL, soon())
        return true
      })
    })
    afterAll(async () => {
      await clean().catch(() => {})
      await removeText(all, shipped('rbac-recovery.yaml', NAMESPACE))
      all?.close()
      await kafka.close()
      await platform.close()
      await ground?.close()
    })

    /** Neither a registry nor anything that it keeps. */
    const clean = async (): Promise<void> => {
      const of = ['deployment/schema-registry', 'service/schema-registry-service', 'poddisruptionbudget/schema-registry']
      ground.kubectl('delete', '--ignore-not-found', '--cascade=foreground', ...of)
      await deleteSchemas({ bootstrap: BOOTSTRAP, dial: platform.dial }, soon()).catch(() => {})
      await kafka.deleteTopic(ORDERS, soon()).catch(() => {})
    }
    const inject = async (fault: Fault): Promise<void> => void (await faults.inject(fault, {}, soon()))
    const kdr = (...args: readonly string[]): Promise<Ran> => ground.here.kdr([...args, ...cluster])
    const recover = (scenario: string, ...flags: readonly string[]): Promise<Ran> => kdr('recover', scenario, ...flags)
    const diagnosis = async (): Promise<Told> => (await ground.here.json(['diagnose', ...cluster])) as Told
    const toldInTime = async (...wanted: readonly string[]): Promise<Told> => {
      await until(wanted.join(), async () => (await diagnosis()).compound.join() === wanted.join(), 120_000)
      const ran = await kdr('diagnose', '--output', 'json')
      expect(ran.seconds).toBeLessThan(10)
      return JSON.parse(ran.out) as Told
    }
    const recovered = async (scenario: string, ...flags: readonly string[]): Promise<readonly string[]> => {
      const ran = await recover(scenario, ...GRANTS, NAMESPACE, ...flags)
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(eventsOf(ran).at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
      return eventsOf(ran)
        .filter(({ type }) => type === 'step.intent')
        .map((event) => String(event['key']))
    }
    const instances = (): readonly string[] =>
      ground.kubectl('get', 'pods', '-l', 'app=schema-registry', '-o', 'jsonpath={.items[*].metadata.name}').split(' ').filter(Boolean)
    /** Each of them serves all of it under the old ids, and takes new ones. */
    const whole = async (): Promise<void> => {
      const served = async () => Promise.all(instances().map(async (pod) => inWords(await readVersions(registry, `http://${pod}:8081`, soon())).join()))
      await until(
        'it serves everything',
        async () =>
          (await served()).join(' | ') ===
          instances()
            .map(() => ALL.join())
            .join(' | '),
      )
      expect(await registry.mode(URL, null, soon())).toBe('READWRITE')
    }
    const refused = async (code: number, ...flags: readonly string[]): Promise<string> => {
      const before = await podsOf(all)
      const ran = await recover('schema-registry', ...flags)
      expect(ran.code, ran.out + ran.err).toBe(code)
      expect(await podsOf(all)).toEqual(before)
      return (ran.out + ran.err).replaceAll(/\s+/g, ' ')
    }

    it('is healthy with two, and exported through tunnels to their pods', async () => {
      await ground.healthy()
      expect(instances()).toHaveLength(2)
      const ran = await kdr('schemas', 'export', manifest(), '--output', 'json')
      expect(ran.code, ran.err).toBe(0)
      expect(JSON.parse(ran.out)).toMatchObject({ versions: ALL.length, complete: true, missing: [] })
      expect(inWords((JSON.parse(readFileSync(manifest(), 'utf8')) as SchemaManifest).versions)).toEqual(ALL)
    })

    describe('scaled to nothing', () => {
      it('is told, previewed without a single change asked of the API server, and refused without a grant', async () => {
        await inject('stop-registry')
        expect(await toldInTime('schema-registry')).toMatchObject({ next: expect.arrayContaining(['recover', 'schema-registry']) })
        const { result: dry, requests } = await audited(NAMESPACE, () => recover('schema-registry', '--dry-run', '--output', 'ndjson'))
        expect(dry.code, dry.out + dry.err).toBe(0)
        const started = eventsOf(dry).filter(({ type }) => type === 'step.started')
        expect(started.at(-1)).toMatchObject({ step: 'check-stability' })
        expect(requests.map(({ verb }) => verb)).toContain('list')
        expect(mutations(requests)).toEqual([])
        expect(await refused(4, '--non-interactive')).toContain('--allow')
      })

      it('is scaled back, and serves what it served', async () => {
        expect(await recovered('schema-registry')).toContain('restart-registry[schema-registry]')
        expect(instances()).toHaveLength(1)
        ground.deploy()
        await whole()
      })
    })

    it('its topic lost: imported under the old ids, since pods cannot be held down', async () => {
      await inject('lose-schemas')
      ground.deploy()
      expect(await recovered('schema-registry', '--schemas', manifest())).toEqual(expect.arrayContaining(['enter-import', 'import-schemas', 'leave-import']))
      await whole()
    })

    const dependencies = (): void => {
      it('its topic without a leader: nothing is restarted, and the Kafka repair is named', async () => {
        await inject('schemas-leaderless')
        await toldInTime('single-broker')
        expect(await refused(5, ...GRANTS, NAMESPACE)).toContain('kdr recover single-broker')
        await recovered('single-broker')
        await ground.healthy()
        await whole()
      })

      it('beside a lost quorum: told in time, and repaired in the order of what depends on what', async () => {
        await inject(kind === 'zookeeper' ? 'stop-zookeeper' : 'stop-controllers')
        await inject('stop-registry')
        expect(await toldInTime('zookeeper', 'schema-registry')).toMatchObject({ verdict: 'zookeeper', next: expect.arrayContaining(['recover', 'zookeeper']) })
        expect(await refused(5, ...GRANTS, NAMESPACE)).toContain('kdr recover zookeeper')
        await recovered('zookeeper')
        await recovered('schema-registry')
        ground.deploy()
        await whole()
      })
    }
    if (scope === 'everything') describe('what it depends on', dependencies)

    it('has lost nothing that was acknowledged in all of this', async () => {
      await ground.healthy()
      await ground.ledger.stop()
      const score = await ground.ledger.score(soon())
      expect(score).toMatchObject({ lost: 0, lostIn: {}, unread: {} })
      expect(score.acknowledged).toBeGreaterThan(100)
      await ground.ledger.remove(soon())
    })

    const drilled = (): void => {
      it('drills', async () => {
        const ran = await ground.here.kdr(['drill', 'schema-registry', '--platform', 'kubernetes', ...ground.cluster, '--output', 'json'])
        expect(ran.code, ran.err).toBe(0)
        expect(JSON.parse(ran.out)).toMatchObject({ platform: 'kubernetes', fault: 'stop-registry', ledger: { lost: 0 }, outcome: 'recovered', problems: [] })
      })
    }
    if (scope === 'everything') describe('then', drilled)
  })
