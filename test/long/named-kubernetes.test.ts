// Reasons for which a pod does not run that no restart removes: each is named, with what to do about it, and a
// recovery that may do everything deletes nothing.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GRANTS, type Ground, open } from '../kubernetes/harness.ts'
import { until } from '../real/harness.ts'

interface Case {
  readonly state: string
  readonly breakIt: (ground: Ground) => unknown
  /** What the pod itself says of it. */
  readonly shown: (ground: Ground) => boolean
  readonly names: RegExp
  readonly advises: RegExp
  /** A restart may help for a while: only a dry run leaves it alone. */
  readonly restartable?: true
}

const waiting = (ground: Ground): string => {
  const status = ground.kubectl('get', 'pod', 'kafka-2', '--ignore-not-found', '-o', 'jsonpath={.status.containerStatuses[0]}')
  return `${status} ${ground.kubectl('get', 'pod', 'kafka-2', '--ignore-not-found', '-o', 'jsonpath={.status.conditions}')}`
}

/** A new template reaches kafka-2 first, and no other pod while kafka-2 is not ready. A pod that is not ready is not replaced by itself. */
const template = (container: Readonly<Record<string, unknown>>) => async (ground: Ground) => {
  const patch = { spec: { template: { spec: { containers: [{ name: 'kafka', ...container }] } } } }
  ground.kubectl('patch', 'statefulset', 'kafka', '--type=strategic', '-p', JSON.stringify(patch))
  await ground.deletePod('kafka-2', '--grace-period=1')
}

/** A claim in place of kafka-2's own, of a storage class that there is not. Its file's path. */
const strandedClaim = ({ here }: Ground): string => {
  const file = path.join(here.home, 'claim.json')
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'nowhere', resources: { requests: { storage: '1Gi' } } }
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data-kafka-2', labels: { app: 'kafka' } }, spec }))
  return file
}

const CASES: readonly Case[] = [
  {
    state: 'ImagePullBackOff',
    breakIt: template({ image: 'kdr.local/kafka:none' }),
    shown: (ground) => /ErrImagePull|ImagePullBackOff/.test(waiting(ground)),
    names: /image: (ImagePullBackOff|ErrImagePull)/,
    advises: /repair the image name, tag or pull secret/,
  },
  {
    state: 'CrashLoopBackOff with a fatal line at start-up',
    breakIt: (ground) => {
      ground.declare()
      return template({ env: [{ name: 'KAFKA_NUM_PARTITIONS', value: 'many' }] })(ground)
    },
    shown: (ground) => waiting(ground).includes('CrashLoopBackOff'),
    names: /fatal-start-up: .*Invalid value many for configuration num\.partitions/,
    advises: /repair the configuration named in the line/,
  },
  {
    state: 'OOMKilled',
    breakIt: (ground) => {
      ground.declare()
      // Too little to start at all: it is hardly ever seen running between two kills.
      return template({ resources: { requests: { memory: '16Mi' }, limits: { memory: '20Mi' } } })(ground)
    },
    shown: (ground) => /CrashLoopBackOff.*OOMKilled|OOMKilled.*CrashLoopBackOff/.test(waiting(ground)),
    names: /oom: killed by the kernel for want of memory/,
    advises: /raise its memory/,
    restartable: true,
  },
  {
    state: 'a claim that is not bound',
    breakIt: async (ground) => {
      ground.declare()
      ground.kubectl('scale', 'statefulset', 'kafka', '--replicas=2')
      await until('its pod is gone', async () => ground.uids()['Pod kafka-2'] === undefined, 150_000)
      ground.kubectl('delete', 'persistentvolumeclaim', 'data-kafka-2')
      ground.kubectl('create', '--filename', strandedClaim(ground))
      ground.kubectl('scale', 'statefulset', 'kafka', '--replicas=3')
    },
    shown: (ground) => waiting(ground).includes('unbound'),
    names: /volume: .*PersistentVolumeClaim data-kafka-2 is Pending/,
    advises: /repair the volume or its claim; do not delete the claim/,
  },
]

const flat = (text: string): string => text.replace(/\s+/g, ' ')

describe('what keeps kafka-2 from running', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await open('zookeeper')
    await ground.healthy()
  })
  afterAll(() => ground?.close())

  describe('a budget that allows no disruption', () => {
    const budget = (spec: string) => ground.kubectl('patch', 'poddisruptionbudget', 'kafka', '--type=merge', '-p', `{"spec":${spec}}`)
    beforeAll(async () => {
      budget('{"maxUnavailable":null,"minAvailable":3}')
      const allowed = () => ground.kubectl('get', 'poddisruptionbudget', 'kafka', '-o', 'jsonpath={.status.disruptionsAllowed}')
      await until('the budget is worked out', async () => allowed() === '0')
    })
    afterAll(() => budget('{"maxUnavailable":1,"minAvailable":null}'))

    it.each([
      ['dry', ['--dry-run']],
      ['in earnest', [...GRANTS, 'kdr-test-zookeeper']],
    ])('is named and kept to, %s', async (_, flags) => {
      const before = ground.uids()
      const ran = await ground.recover('--broker', '3', ...flags)
      expect(ran.code, ran.out + ran.err).toBe(5)
      expect(flat(ran.out)).toContain('PodDisruptionBudget kafka allows no disruption now: 3 of 3 pods are healthy, 3 must be')
      expect(ground.uids()).toEqual(before)
    })
  })

  it.each(CASES)('$state', async ({ breakIt, shown, names, advises, restartable }) => {
    await breakIt(ground)
    await until('the pod shows it', async () => shown(ground), 120_000)
    const before = ground.uids()
    expect(await ground.diagnosis()).toMatchObject({ verdict: 'single-broker', brokers: [3] })
    const dry = await ground.recover('--dry-run')
    expect(dry.code, dry.out + dry.err).toBe(restartable ? 0 : 5)
    expect(flat(dry.out)).toMatch(names)
    expect(flat(dry.out)).toMatch(advises)
    if (!restartable) {
      const ran = await ground.recover(...GRANTS, ground.namespace)
      expect(ran.code, ran.out + ran.err).toBe(5)
    }
    expect(ground.uids()).toEqual(before)
  })

  it('is whole again with all its records once that is repaired', async () => {
    ground.deploy()
    await ground.healthy()
    await ground.ledger.stop()
    expect(await ground.ledger.score(AbortSignal.timeout(120_000))).toMatchObject({ lost: 0 })
  })
})
