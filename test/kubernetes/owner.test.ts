// A broker that Strimzi minds: kdr says what to ask of Strimzi, and leaves the pod alone.
import { setHeaderOptions } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts'
import { eventsOf, type Stand, stand } from '../real/harness.ts'
import { deploy, GRANTS, KUBECONFIG } from './harness.ts'
import { admin, configOf, podsOf } from './principals.ts'

const NAMESPACE = 'kdr-test-kraft'
const LABELS = { 'strimzi.io/cluster': 'streaming', 'strimzi.io/kind': 'Kafka', 'strimzi.io/name': 'streaming-kafka', 'strimzi.io/broker-role': 'true' }

describe('a broker that Strimzi minds', () => {
  let all: KubeClient
  let here: Stand
  let cluster: readonly string[] = []

  const label = (labels: Readonly<Record<string, string | null>>) =>
    all.core.patchNamespacedPod(
      { name: 'kafka-2', namespace: NAMESPACE, body: { metadata: { labels } } },
      setHeaderOptions('Content-Type', 'application/merge-patch+json'),
    )

  beforeAll(async () => {
    deploy('kraft', NAMESPACE)
    all = admin(NAMESPACE)
    here = stand()
    cluster = configOf(here.home, NAMESPACE, KUBECONFIG)
    await label(LABELS)
  })
  afterAll(async () => {
    await label(Object.fromEntries(Object.keys(LABELS).map((key) => [key, null])))
    all.close()
    await here.clear()
  })

  const ANNOTATION = `kubectl -n ${NAMESPACE} annotate pod kafka-2 strimzi.io/manual-rolling-update="true"`

  it('is still broker 3', async () => {
    expect(await here.json(['diagnose', ...cluster])).toMatchObject({ verdict: 'healthy' })
  })

  it('is not restarted: the annotation is suggested instead, and what keeps Strimzi off', async () => {
    const before = await podsOf(all)
    const ran = await here.kdr(['recover', 'single-broker', '--broker', '3', ...cluster, ...GRANTS, NAMESPACE])
    expect(ran.code, ran.out + ran.err).toBe(5)
    expect(eventsOf(ran).at(-1)).toMatchObject({ type: 'run.finished', outcome: 'refused', why: expect.stringContaining('kafka-2 is managed by Strimzi') })
    const hint = String(eventsOf(ran).at(-1)?.['hint'])
    expect(hint).toContain(ANNOTATION)
    expect(hint).toContain(`kubectl -n ${NAMESPACE} annotate kafka streaming strimzi.io/pause-reconciliation="true"`)
    expect(await podsOf(all)).toEqual(before)
  })

  it('has it in the preview too', async () => {
    const dry = await here.kdr(['recover', 'single-broker', '--broker', '3', ...cluster, '--dry-run', '--output', 'ndjson'])
    expect(JSON.stringify(eventsOf(dry))).toContain(JSON.stringify(ANNOTATION).slice(1, -1))
  })
})
