// The main job from outside the cluster: pod kafka-2 is lost under load, as a process and as a pod, and the
// binary brings broker 3 back in every mode, through nothing but the API server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audited, GRANTS, type Ground, mutations, onMachine, open } from '../kubernetes/harness.ts'
import { atTerminal, KDR } from '../real/at-terminal.ts'
import { eventsOf, until } from '../real/harness.ts'

/** Until the kubelet waits 20 s and more before the next start. */
const CRASHES = 3

describe('single-broker on ZooKeeper in Kubernetes', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await open('zookeeper')
  })
  afterAll(() => ground?.close())

  const statusOf = (path: string) => ground.kubectl('get', 'pod', 'kafka-2', '-o', `jsonpath={.status.containerStatuses[0].${path}}`)

  const killProcess = (): void => {
    const node = ground.kubectl('get', 'pod', 'kafka-2', '-o', 'jsonpath={.spec.nodeName}')
    onMachine(node, 'ctr', '-n', 'k8s.io', 'tasks', 'kill', '-s', 'SIGKILL', statusOf('containerID').replace('containerd://', ''))
  }

  const crashLoop = async (): Promise<void> => {
    // A pod that crashed before waits longer after each crash: a new one is quicker.
    if (statusOf('restartCount') !== '0') {
      await ground.deletePod('kafka-2')
      ground.deploy()
    }
    for (let crash = 1; crash <= CRASHES; crash += 1) await crashOnce()
  }

  /** It is down for 10 s after the first, and twice as long after each one more. */
  const crashOnce = async (): Promise<void> => {
    await until('it runs', async () => statusOf('state.running.startedAt') !== '')
    const restarts = statusOf('restartCount')
    killProcess()
    await until('it is gone', async () => statusOf('state.running.startedAt') === '' || statusOf('restartCount') !== restarts, 15_000)
  }

  /** The kubelet says only at its next sync, 10 s and more after the crash, that it holds the start back: until then it may start any moment. */
  const heldBack = (): Promise<void> => until('its start is held back', async () => statusOf('state.waiting.reason') === 'CrashLoopBackOff', 40_000)

  const recovered = async (run: () => ReturnType<Ground['recover']>): Promise<void> => {
    const ran = await run()
    expect(ran.code, ran.out + ran.err).toBe(0)
    expect(eventsOf(ran).at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', exitCode: 0, rpoRecords: 0 })
    await ground.healthy()
  }

  const namesBroker3 = async (): Promise<void> => {
    expect(await ground.diagnosis()).toMatchObject({ verdict: 'single-broker', brokers: [3], next: expect.arrayContaining(['recover', 'single-broker']) })
  }

  it('finds the deployment healthy, and nothing to recover in it', async () => {
    await ground.healthy()
    const ran = await ground.recover(...GRANTS, ground.namespace)
    expect(ran.code, ran.out + ran.err).toBe(5)
    expect(ran.out).toContain('no broker is down')
  })

  describe('its process killed until it is in CrashLoopBackOff', () => {
    beforeAll(crashLoop)

    it('names broker 3', namesBroker3)

    it('previews the recovery to the last step, and asks the API server for no change', async () => {
      const { result: ran, requests } = await audited(ground.namespace, () => ground.recover('--dry-run', '--output', 'ndjson'))
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(
        eventsOf(ran)
          .filter(({ type }) => type === 'step.started')
          .at(-1),
      ).toMatchObject({ step: 'check-stability' })
      expect(eventsOf(ran).some((event) => event.type === 'step.withheld' && event['gate'] !== null)).toBe(true)
      expect(requests.map(({ verb }) => verb)).toContain('list')
      expect(mutations(requests)).toEqual([])
    })

    it('asks at a terminal, and Enter changes nothing', async () => {
      const { result, requests } = await audited(ground.namespace, () =>
        atTerminal(ground.here.home, `${KDR} recover single-broker ${ground.cluster.join(' ')}`, [['(y/N)', '\r']]),
      )
      expect(result.code, result.screen).toBe(3)
      expect(mutations(requests).filter(({ objectRef }) => objectRef?.resource !== 'leases')).toEqual([])
    })

    it('recovers it for somebody who says y', async () => {
      // Held back for 80 s: long enough for a busy machine to ask before the kubelet starts it.
      await crashOnce()
      await crashOnce()
      await heldBack()
      const { code, screen } = await atTerminal(ground.here.home, `${KDR} recover single-broker ${ground.cluster.join(' ')}`, [
        [/start kafka-2[\s\S]*\(y\/N\)/, 'y\r'],
        [/elect broker 3[\s\S]*\(y\/N\)/, 'y\r'],
      ])
      expect(code, screen).toBe(0)
      expect(screen).toContain('RECOVERED and verified')
      await ground.healthy()
    })
  })

  it('recovers its pod, deleted by force, unattended', async () => {
    const before = ground.uids()
    await ground.deletePod('kafka-2', '--force', '--grace-period=0')
    await recovered(() => ground.recover('--broker', '3', ...GRANTS, ground.namespace))
    expect({ ...ground.uids(), 'Pod kafka-2': '' }).toEqual({ ...before, 'Pod kafka-2': '' })
  })

  it('brings it back from a scale-down by scaling up', async () => {
    ground.kubectl('scale', 'statefulset', 'kafka', '--replicas=2')
    await until('its pod is gone', async () => ground.uids()['Pod kafka-2'] === undefined, 150_000)
    await namesBroker3()
    await recovered(() => ground.recover(...GRANTS, ground.namespace))
    expect(ground.kubectl('get', 'statefulset', 'kafka', '-o', 'jsonpath={.spec.replicas}')).toBe('3')
  })

  it('has lost nothing that was acknowledged in all of this', async () => {
    await ground.ledger.stop()
    const score = await ground.ledger.score(AbortSignal.timeout(120_000))
    expect(score).toMatchObject({ lost: 0 })
    expect(score.acknowledged).toBeGreaterThan(500)
  })
})
