// A majority lost in Kubernetes, drilled: scaled to nothing, and nothing is lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, open } from '../kubernetes/harness.ts'

const LONG = 900_000

describe.each(['zookeeper', 'kraft'] as const)('multi-broker on %s in Kubernetes', (kind) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await open(kind)
  })
  afterAll(() => ground?.close())

  const ofSet = (path: string) => ground.kubectl('get', 'statefulset', 'kafka', '-o', `jsonpath={.spec.${path}}`)

  it(
    'drills: scaled to nothing, told, and recovered in the order that the data asks for, without a lost record',
    async () => {
      await ground.healthy()
      const before = ground.uids()
      const ran = await ground.here.kdr(['drill', 'multi-broker', '--platform', 'kubernetes', ...ground.cluster, '--output', 'json'])
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(JSON.parse(ran.out)).toMatchObject({
        fault: 'scale-to-zero',
        diagnosis: { expected: 'multi-broker', got: 'multi-broker' },
        ledger: { lost: 0 },
        outcome: 'recovered',
        problems: [],
      })
      expect([ofSet('replicas'), ofSet('podManagementPolicy')]).toEqual(['3', 'OrderedReady'])
      const claims = (uids: Readonly<Record<string, string>>) => Object.entries(uids).filter(([name]) => name.startsWith('PersistentVolumeClaim'))
      expect(claims(ground.uids())).toEqual(claims(before))
      await ground.healthy()
    },
    LONG,
  )
})
