// The quorum's recovery from outside of a Kubernetes cluster, everything on one deployment: scaled away, one member
// down, claims deleted, under a ledger that goes on writing while nobody governs, and broker pods that nobody touches.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openKubernetesFaults } from '../../src/lab/kubernetes/faults.ts'
import type { Fault } from '../../src/ports/faults.ts'
import { eventsOf, type NdEvent, until } from '../real/harness.ts'
import { audited, GRANTS, type Ground, type Kind, KUBECONFIG, mutations, open } from './harness.ts'

const intents = (events: readonly NdEvent[]) => events.filter(({ type }) => type === 'step.intent').map(({ key }) => String(key))

export const quorumOn = (kind: Kind) =>
  describe(`the quorum of a ${kind} cluster in Kubernetes`, () => {
    const zookeeper = kind === 'zookeeper'
    const role = zookeeper ? 'zookeeper' : 'controller'
    const pods = [`${role}-0`, `${role}-1`, `${role}-2`]
    let ground: Ground

    vi.setConfig({ testTimeout: 900_000 })

    beforeAll(async () => {
      ground = await open(kind)
      await ground.healthy()
    })
    afterAll(() => ground?.close())

    const breakIt = (fault: Fault) => {
      const { namespace } = ground
      const faults = openKubernetesFaults({ cluster: namespace, kubeconfig: KUBECONFIG, context: null, namespace, selectors: {}, env: process.env })
      return faults.inject(fault, {}, AbortSignal.timeout(200_000))
    }
    const recover = (...flags: readonly string[]) => ground.here.kdr(['recover', 'zookeeper', ...ground.cluster, ...flags])
    const brokers = () => Object.fromEntries(Object.entries(ground.uids()).filter(([what]) => what.startsWith('Pod kafka-')))

    const recovered = async (): Promise<readonly NdEvent[]> => {
      const [before, acknowledged] = [brokers(), ground.ledger.acknowledged()]
      const ran = await recover(...GRANTS, ground.namespace)
      expect(ran.code, ran.out + ran.err).toBe(0)
      const events = eventsOf(ran)
      expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'recovered', rpoRecords: 0 })
      expect(brokers()).toEqual(before)
      expect(ground.ledger.acknowledged()).toBeGreaterThan(acknowledged)
      return events
    }

    it('lost: diagnosed, while producers go on writing to the leaders they have', async () => {
      expect(await breakIt(zookeeper ? 'stop-zookeeper' : 'stop-controllers')).toEqual(pods)
      const before = ground.ledger.acknowledged()
      expect(await ground.diagnosis()).toMatchObject({ verdict: 'zookeeper', next: expect.arrayContaining(['recover', 'zookeeper']) })
      await until('producers go on', async () => ground.ledger.acknowledged() >= before + 50, 30_000)
    })

    it('lost: previewed to the last step without a change asked of the API server, and refused without a grant', async () => {
      const { result: dry, requests } = await audited(ground.namespace, () => recover('--dry-run', '--output', 'ndjson'))
      expect(dry.code, dry.out + dry.err).toBe(0)
      const started = eventsOf(dry).filter(({ type }) => type === 'step.started')
      expect(started.at(-1)).toMatchObject({ step: 'check-stability' })
      expect(mutations(requests).filter(({ objectRef }) => objectRef?.subresource !== 'exec')).toEqual([])
      const refused = await recover('--non-interactive')
      expect(refused.code, refused.out + refused.err).toBe(4)
    })

    if (zookeeper)
      it('lost: a server that answers imok without a leader changes nothing in the verdict', async () => {
        ground.kubectl('scale', 'statefulset', 'zookeeper', '--replicas=1')
        const ruok = 'exec 3<>/dev/tcp/$(hostname -i)/2181; printf ruok >&3; timeout 3 cat <&3'
        await until('it says imok', async () => ground.kubectl('exec', 'zookeeper-0', '--', 'bash', '-c', ruok).includes('imok'))
        expect(await ground.diagnosis()).toMatchObject({ verdict: 'zookeeper' })
      })

    it('lost: recovered one member after the other, no broker touched, and records acknowledged meanwhile', async () => {
      const begun = intents(await recovered())
      expect(begun).toEqual([...(zookeeper ? pods.slice(1) : pods).map((pod) => `start-member[${pod}]`), 'canary'])
    })

    it('held, with one member scaled away: that one alone is started', async () => {
      ground.kubectl('scale', 'statefulset', role, '--replicas=2')
      await until('its pod is gone', async () => ground.uids()[`Pod ${role}-2`] === undefined)
      expect(await ground.diagnosis()).toMatchObject({ verdict: 'at-risk' })
      expect(intents(await recovered())).toEqual([`start-member[${role}-2]`, 'canary'])
    })

    if (zookeeper)
      it('a blank majority: the survivor is started, copied, and then one empty disk after the other', async () => {
        await breakIt('wipe-zookeeper-majority')
        const events = await recovered()
        const order = events.flatMap(({ type, key, file }) => (type === 'step.intent' ? [String(key)] : type === 'evidence.kept' ? [String(file)] : []))
        expect(order.filter((what) => what.startsWith('start-member'))).toEqual(pods.map((pod) => `start-member[${pod}]`))
        const copy = order.findIndex((what) => what.endsWith('.tar.gz'))
        expect(copy).toBeGreaterThan(order.indexOf('start-member[zookeeper-0]'))
        expect(copy).toBeLessThan(order.indexOf('start-member[zookeeper-1]'))
      })
    else
      it('one empty disk beside a majority with its log: formatted by its image, and in sync again', async () => {
        await breakIt('wipe-controller')
        expect(intents(await recovered())).toEqual(['start-member[controller-2]', 'canary'])
      })

    it('has lost nothing that was acknowledged in all of this', async () => {
      await ground.healthy()
      await ground.ledger.stop()
      const score = await ground.ledger.score(AbortSignal.timeout(120_000))
      expect(score).toMatchObject({ lost: 0 })
      expect(score.acknowledged).toBeGreaterThan(300)
    })
  })
