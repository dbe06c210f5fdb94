// A ZooKeeper ensemble that has lost every claim, restored from a copy in Kubernetes: sets that start again whatever is
// stopped, disks that nobody mounts, under a ledger, with the truth read past the tool.
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openKubernetesFaults } from '../../src/lab/kubernetes/faults.ts'
import { audited, GRANTS, type Ground, KUBECONFIG, mutations, open } from '../kubernetes/harness.ts'
import { eventsOf, type Ran, until } from '../real/harness.ts'

const PRELOAD = path.join(import.meta.dirname, '..', 'real', 'kill-at.mjs')

describe('a ZooKeeper ensemble without a disk, in Kubernetes', () => {
  let ground: Ground
  let copy = ''

  vi.setConfig({ testTimeout: 1_500_000 })

  beforeAll(async () => {
    ground = await open('zookeeper')
    await ground.healthy()
  })
  afterAll(() => ground?.close())

  const recover = (...flags: readonly string[]) => ground.here.kdr(['recover', 'zookeeper', ...ground.cluster, '--snapshot', copy, ...flags])

  /** One tar of each of its folders, as an operator would take them. */
  const takeCopy = (): string =>
    ['data', 'log']
      .map((folder) => {
        const file = path.join(ground.here.home, `zookeeper-0-${folder}.tar.gz`)
        ground.kubectl('exec', 'zookeeper-0', '--', 'tar', '-czf', `/tmp/${folder}.tar.gz`, '-C', `/var/lib/zookeeper/${folder}`, '.')
        ground.kubectl('cp', `zookeeper-0:/tmp/${folder}.tar.gz`, file)
        return file
      })
      .join()

  const lose = async (): Promise<void> => {
    copy = takeCopy()
    const { namespace } = ground
    const faults = openKubernetesFaults({ cluster: namespace, kubeconfig: KUBECONFIG, context: null, namespace, selectors: {}, env: process.env })
    await faults.inject('lose-zookeeper', {}, AbortSignal.timeout(200_000))
  }

  const recovered = (ran: Ran): readonly string[] => {
    expect(ran.code, ran.out + ran.err).toBe(0)
    const events = eventsOf(ran)
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', rpoRecords: 0 })
    return events.flatMap(({ type, key, file }) => (type === 'step.intent' ? [String(key)] : type === 'evidence.kept' ? [String(file)] : []))
  }

  const STARTS = [
    ...[0, 1, 2].map((ordinal) => `start-member[zookeeper-${ordinal}]`),
    ...[1, 2, 3].map((broker) => `start-stopped-broker[${broker}]`),
    'canary',
  ]

  const setOf = (name: string): string =>
    ground.kubectl('get', 'statefulset', name, '-o', 'jsonpath={.spec.replicas} {.spec.ordinals.start} {.spec.podManagementPolicy}')

  it('is diagnosed, and the recovery is previewed to its last step without a change asked of the API server', async () => {
    await lose()
    expect(await ground.diagnosis()).toMatchObject({ verdict: 'zookeeper' })
    const { result: dry, requests } = await audited(ground.namespace, () => recover('--dry-run', '--output', 'ndjson'))
    expect(dry.code, dry.out + dry.err).toBe(0)
    const started = eventsOf(dry).filter(({ type }) => type === 'step.started')
    expect(started.at(-1)).toMatchObject({ step: 'check-stability' })
    expect(mutations(requests).filter(({ objectRef }) => objectRef?.subresource !== 'exec')).toEqual([])
  })

  it('is left as it is without a grant: exit 4', async () => {
    const before = ground.uids()
    const refused = await recover('--non-interactive')
    expect(refused.code, refused.out + refused.err).toBe(4)
    expect(ground.uids()).toEqual(before)
  })

  it('is recovered: sets scaled to nothing, disks compared, one member from the copy, and each broker started by itself', async () => {
    const done = recovered(await recover(...GRANTS, ground.namespace))
    expect(done.filter((what) => !what.startsWith('evidence/'))).toEqual(['stop-sets', 'look-at-stopped', 'place-snapshot', ...STARTS])
    expect(done).toEqual(expect.arrayContaining(['evidence/log-ends-before.tsv', 'evidence/log-ends.tsv']))
  })

  it('is recovered the same when kdr was killed right before it put the copy there, beside a pod that it left behind', async () => {
    await ground.healthy()
    await lose()
    const env = { KDR_KILL_TYPE: 'step.intent', KDR_KILL_STEP: 'place-snapshot' }
    const flags = ['recover', 'zookeeper', ...ground.cluster, '--snapshot', copy, ...GRANTS, ground.namespace]
    const killed = await ground.here.kdr(flags, { env, preload: PRELOAD })
    expect(killed.signal, killed.out + killed.err).toBe('SIGKILL')
    const image = ground.kubectl('get', 'statefulset', 'zookeeper', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')
    const labels = '--labels=app.kubernetes.io/managed-by=kdr,kdr.dev/purpose=place-copy'
    ground.kubectl('run', 'kdr-place-zookeeper-0', `--image=${image}`, '--restart=Never', labels, '--command', '--', 'sleep', '600')
    const done = recovered(await ground.here.kdr(['runs', 'resume', ...ground.cluster, ...GRANTS, ground.namespace]))
    expect(done.filter((what) => !what.startsWith('evidence/'))).toEqual(['look-at-stopped', 'place-snapshot', ...STARTS])
  })

  it('has its sets as they were, no pod of kdr left behind, and lost nothing that was acknowledged', async () => {
    for (const name of ['kafka', 'zookeeper']) expect(setOf(name)).toBe('3  OrderedReady')
    expect(ground.kubectl('get', 'pods', '-l', 'app.kubernetes.io/managed-by=kdr', '-o', 'name')).toBe('')
    const acknowledged = ground.ledger.acknowledged()
    await until('producers go on', async () => ground.ledger.acknowledged() >= acknowledged + 20, 60_000)
    await ground.healthy()
    await ground.ledger.stop()
    const score = await ground.ledger.score(AbortSignal.timeout(120_000))
    expect(score).toMatchObject({ lost: 0 })
    expect(score.acknowledged).toBeGreaterThan(100)
  })
})
