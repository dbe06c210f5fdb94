// The main job on the newest Kafka without ZooKeeper, on any cluster: pod kafka-2 is deleted by force under
// load, and scaled away.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GRANTS, type Ground, open } from '../kubernetes/harness.ts'
import { until } from '../real/harness.ts'

describe('single-broker on KRaft in Kubernetes', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await open('kraft')
    await ground.healthy()
  })
  afterAll(() => ground?.close())

  it('recovers a pod that was deleted by force', async () => {
    const before = ground.uids()
    await ground.deletePod('kafka-2', '--force', '--grace-period=0')
    const ran = await ground.recover('--broker', '3', ...GRANTS, ground.namespace)
    expect(ran.code, ran.out + ran.err).toBe(0)
    await ground.healthy()
    expect({ ...ground.uids(), 'Pod kafka-2': '' }).toEqual({ ...before, 'Pod kafka-2': '' })
  })

  it('brings one back from a scale-down', async () => {
    ground.kubectl('scale', 'statefulset', 'kafka', '--replicas=2')
    await until('its pod is gone', async () => ground.uids()['Pod kafka-2'] === undefined, 150_000)
    await until('broker 3 is named', async () => JSON.stringify(await ground.diagnosis()).includes('"brokers":[3]'))
    const ran = await ground.recover(...GRANTS, ground.namespace)
    expect(ran.code, ran.out + ran.err).toBe(0)
    await ground.healthy()
  })

  it('has lost nothing that was acknowledged', async () => {
    await ground.ledger.stop()
    const score = await ground.ledger.score(AbortSignal.timeout(120_000))
    expect(score).toMatchObject({ lost: 0 })
    expect(score.acknowledged).toBeGreaterThan(300)
  })
})
