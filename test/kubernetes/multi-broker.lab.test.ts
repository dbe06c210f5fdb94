// A majority lost from outside the cluster: every broker scaled away, the last of them with the only copy, in a set
// that starts them in order, with a first pod that never starts. Its drill: npm run test:long.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKubernetesFaults } from '../../src/lab/kubernetes/faults.ts'
import { eventsOf, type NdEvent, until } from '../real/harness.ts'
import { audited, type Ground, KUBECONFIG, mutations, onMachine, open } from './harness.ts'

/** Pods are made and read one after another, on a machine that may be busy. */
const LONG = 600_000

const detail = (events: readonly NdEvent[], step: string) =>
  String(events.find((event) => event.type === 'step.settled' && event['step'] === step)?.['detail'] ?? '')

describe('multi-broker on ZooKeeper in Kubernetes', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await open('zookeeper')
    await ground.healthy()
  })
  afterAll(() => ground?.close())

  const grants = () => ['--non-interactive', '--allow', 'restart,change,stop,delete', '--confirm', ground.namespace]
  const recover = (...args: readonly string[]) => ground.here.kdr(['recover', 'multi-broker', ...ground.cluster, '--output', 'ndjson', ...args])
  const ofSet = (path: string) => ground.kubectl('get', 'statefulset', 'kafka', '-o', `jsonpath={.spec.${path}}`)
  /** A folder on the disk of kafka-0 that no broker starts with. */
  const strangeFolder = (verb: 'mkdir' | 'rmdir') => {
    const volume = ground.kubectl('get', 'persistentvolumeclaim', 'data-kafka-0', '-o', 'jsonpath={.spec.volumeName}')
    const folder = ground.kubectl('get', 'persistentvolume', volume, '-o', 'jsonpath={.spec.hostPath.path}')
    onMachine('node1', verb, `${folder}/data/broken`)
  }

  describe('with a first pod that never starts', () => {
    let run = ''
    beforeAll(async () => {
      const faults = openKubernetesFaults({
        cluster: ground.namespace,
        kubeconfig: KUBECONFIG,
        context: null,
        namespace: ground.namespace,
        selectors: {},
        env: process.env,
      })
      await faults.inject('scale-to-zero', {}, AbortSignal.timeout(LONG))
      strangeFolder('mkdir')
    })

    it('is a lost majority', async () => {
      expect(await ground.diagnosis()).toMatchObject({ verdict: 'multi-broker', next: expect.arrayContaining(['recover', 'multi-broker']) })
    })

    it('previews itself to the last step, and asks the API server for no change', async () => {
      const { result: ran, requests } = await audited(ground.namespace, () => recover('--dry-run'))
      expect(ran.code, ran.out + ran.err).toBe(0)
      const started = eventsOf(ran).filter(({ type }) => type === 'step.started')
      expect(started.at(-1)).toMatchObject({ step: 'check-stability' })
      expect(mutations(requests)).toEqual([])
    })

    it('touches nothing without a grant', async () => {
      const { result: ran, requests } = await audited(ground.namespace, () => recover('--non-interactive', '--allow', 'restart,change,stop'))
      expect(ran.code, ran.out + ran.err).toBe(4)
      expect(mutations(requests).filter(({ objectRef }) => objectRef?.resource !== 'leases')).toEqual([])
    })

    it(
      'explains the ordinal block, works around it without an unclean election, and names who is left',
      async () => {
        const ran = await recover(...grants())
        expect(ran.code, ran.out + ran.err).toBe(6)
        const events = eventsOf(ran)
        run = String(events.find(({ type }) => type === 'run.finished')?.['run'] ?? '')
        expect(detail(events, 'look-at-disks')).toBe('kafka-0: intact, broker 1; kafka-1: intact, broker 2; kafka-2: intact, broker 3')
        expect(detail(events, 'check-order')).toMatch(
          /kafka-2, broker 3, which alone is in the ISR on record of .*, is not made before kafka-0 \(ScaledDown\), kafka-1 \(ScaledDown\) is ready \(podManagementPolicy OrderedReady\)/,
        )
        expect(detail(events, 'plan-starts')).toMatch(/^1\. broker 3: \d+ partitions wait for it: it alone is in the ISR on record/)
        expect(events.filter(({ type, step }) => type === 'step.intent' && step === 'elect-unclean')).toEqual([])
        expect(String(events.at(-1)?.['why'])).toMatch(/not back yet: broker 1: /)
        await until('the others serve', async () => ground.kubectl('get', 'pods', '-l', 'app=kafka', '--no-headers').match(/1\/1/g)?.length === 2)
        expect(ground.kubectl('get', 'pods', '-l', 'kdr.dev/purpose', '-o', 'name')).toBe('')
      },
      LONG,
    )

    it(
      'goes on once that is mended, and gives the set its order back',
      async () => {
        strangeFolder('rmdir')
        const ran = await ground.here.kdr(['runs', 'resume', ...(run === '' ? [] : [run]), ...ground.cluster.slice(0, 2), ...grants(), '--output', 'ndjson'])
        expect(ran.code, ran.out + ran.err).toBe(0)
        expect(eventsOf(ran).at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', rpoRecords: 0 })
        expect([ofSet('replicas'), ofSet('podManagementPolicy'), ofSet('ordinals')]).toEqual(['3', 'OrderedReady', ''])
        await ground.healthy()
      },
      LONG,
    )
  })

  it('has lost nothing that was acknowledged in all of this', async () => {
    await ground.ledger.stop()
    const score = await ground.ledger.score(AbortSignal.timeout(120_000))
    expect(score).toMatchObject({ lost: 0 })
    expect(score.acknowledged).toBeGreaterThan(100)
  })
})
