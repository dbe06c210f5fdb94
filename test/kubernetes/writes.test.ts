// Writes name what they saw: refused when it is no longer true, and otherwise done to nothing else.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uidOf } from '../../src/adapters/kubernetes/containers.ts'
import { openKubernetes } from '../../src/adapters/kubernetes/open-kubernetes.ts'
import { specVersion } from '../../src/adapters/kubernetes/spec-version.ts'
import { openKubernetesFaults } from '../../src/lab/kubernetes/faults.ts'
import type { WorkloadWriter } from '../../src/ports/platform.ts'
import { minutes } from '../../src/units.ts'
import { scaledContract } from '../contract/scaled.contract.ts'
import { openSpace, type Space, serviceOf, setOf, soon, until } from './space.ts'

const NAMESPACE = 'kdr-writes'
const WAITS = "trap 'exit 0' TERM; sleep 100000 & wait"
/** Fails until it is told to run. */
const CRASHES = `test -e /data/well && { ${WAITS}; }; sleep 1; exit 3`
const GRACE = { grace: minutes(1) }

let space: Space
let platform: ReturnType<typeof openKubernetes>
let workloads: WorkloadWriter

const uid = async (name: string): Promise<string> => {
  const pod = await space.pod(name)
  const now = pod === null ? null : uidOf(pod)
  if (now === null) throw new Error(`${name} does not run`)
  return now
}

const readSet = (name: string) => space.client.apps.readNamespacedStatefulSet({ name, namespace: NAMESPACE })
const version = async (name: string): Promise<string> => specVersion((await readSet(name)).metadata)

/** Nothing has to be written any more: every version stays as it is. */
const settled = (name: string) =>
  until(`StatefulSet ${name} has settled`, async () => {
    const { spec, status, metadata } = await readSet(name)
    return status?.readyReplicas === spec?.replicas && status?.observedGeneration === metadata?.generation
  })

beforeAll(async () => {
  space = await openSpace(NAMESPACE, { broker: 'app in (kafka,sick,scaled)' })
  platform = openKubernetes(space.settings)
  if (platform.workloads === null) throw new Error('no workloads on Kubernetes')
  workloads = platform.workloads
  await space.apply(serviceOf(NAMESPACE, 'kafka-headless', { clusterIP: 'None', selector: { app: 'kafka' }, ports: [{ port: 7 }] }))
  await space.apply(setOf(NAMESPACE, 'kafka', WAITS, { replicas: 2, storageClass: 'retain' }))
  await space.apply(setOf(NAMESPACE, 'sick', CRASHES, { storageClass: 'standard' }))
  await space.apply({ apiVersion: 'apps/v1', kind: 'Deployment', ...deployment })
  await Promise.all(['kafka-0', 'kafka-1'].map((name) => space.ready(name)))
})

const deployment = {
  metadata: { name: 'registry', namespace: NAMESPACE },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'registry' } },
    template: {
      metadata: { labels: { app: 'registry' } },
      spec: { containers: [{ name: 'tools', image: 'kdr.local/tools:1', command: ['sh', '-c', WAITS] }] },
    },
  },
}

afterAll(async () => {
  await platform.close()
  const { items } = await space.client.core.listPersistentVolume()
  await space.remove()
  for (const { metadata, spec } of items) {
    if (spec?.claimRef?.namespace === NAMESPACE && spec.persistentVolumeReclaimPolicy === 'Retain')
      await space.client.core.deletePersistentVolume({ name: metadata?.name ?? '' })
  }
})

describe('stop', () => {
  it('refuses another incarnation, and leaves the pod as it is', async () => {
    const before = await space.pod('kafka-1')
    await expect(platform.stop({ name: 'kafka-1', uid: `${await uid('kafka-1')}0` }, GRACE, soon())).rejects.toMatchObject({
      code: 'member-changed',
      exit: 'refused',
    })
    await expect(platform.stop({ name: 'kafka-1', uid: null }, GRACE, soon())).rejects.toMatchObject({ code: 'member-changed' })
    await expect(platform.stop({ name: 'registry-0', uid: null }, GRACE, soon())).rejects.toMatchObject({ code: 'no-such-member' })
    expect((await space.pod('kafka-1'))?.metadata).toEqual(before?.metadata)
  })

  it('refuses a container that was restarted within the same pod', async () => {
    const before = await uid('kafka-1')
    await platform.exec({ name: 'kafka-1', uid: before }, ['sh', '-c', 'kill -TERM 1'], soon())
    const after = await until('the container runs anew', async () => {
      const pod = await space.pod('kafka-1')
      const now = pod === null ? null : uidOf(pod)
      return now !== null && now !== before && now
    })
    expect(after.split('/')[0]).toBe(before.split('/')[0])
    await expect(platform.stop({ name: 'kafka-1', uid: before }, GRACE, soon())).rejects.toMatchObject({ code: 'member-changed' })
    await expect(platform.exec({ name: 'kafka-1', uid: before }, ['true'], soon())).rejects.toMatchObject({ code: 'member-changed' })
  })

  it('deletes the very pod with a grace of two minutes at least, and its controller makes another', async () => {
    const before = await uid('kafka-1')
    const graces: (number | undefined)[] = []
    const watching = until('the pod is on its way out', async () => {
      const now = await space.pod('kafka-1')
      if (now?.metadata?.deletionTimestamp !== undefined) graces.push(now.metadata.deletionGracePeriodSeconds)
      return now?.metadata?.uid !== before.split('/')[0]
    })
    await platform.stop({ name: 'kafka-1', uid: before }, GRACE, soon())
    expect((await space.pod('kafka-1'))?.metadata?.uid).not.toBe(before.split('/')[0])
    await watching
    for (const grace of graces) expect(grace).toBe(120)
    await space.ready('kafka-1')
  })
})

describe('start', () => {
  it('refuses a member that runs', async () => {
    await expect(platform.start({ name: 'kafka-0', uid: null }, soon())).rejects.toMatchObject({ code: 'member-changed' })
  })

  it('has the set want it again when it was scaled down', async () => {
    await workloads.scale({ kind: 'StatefulSet', name: 'kafka', version: await version('kafka') }, 1, soon())
    await until('kafka-1 is gone', async () => (await space.pod('kafka-1')) === null)
    await expect(platform.start({ name: 'kafka-1', uid: 'another' }, soon())).rejects.toMatchObject({ code: 'member-changed' })
    await platform.start({ name: 'kafka-1', uid: null }, soon())
    expect((await readSet('kafka')).spec?.replicas).toBe(2)
    expect(await uid('kafka-1')).toContain('/')
    await space.ready('kafka-1')
  })

  it('replaces a pod whose container stands still between its crashes', async () => {
    const waiting = () =>
      until(
        'it is held back',
        async () => {
          const pod = await space.pod('sick-0')
          const { state, lastState } = pod?.status?.containerStatuses?.[0] ?? {}
          // For 10 s more at least: it would be started by itself while kdr looks.
          const [, backOff = '0'] = /back-off (\d+)s/.exec(state?.waiting?.message ?? '') ?? []
          const left = Number(backOff) * 1000 - (Date.now() - (lastState?.terminated?.finishedAt?.getTime() ?? 0))
          return state?.waiting?.reason === 'CrashLoopBackOff' && left > 10_000 && pod
        },
        120_000,
      )
    const before = await waiting()
    await platform.start({ name: 'sick-0', uid: null }, soon(60_000))
    const after = await space.pod('sick-0')
    expect(after?.metadata?.uid).not.toBe(before.metadata?.uid)
    expect(after?.status?.containerStatuses?.[0]?.restartCount).toBeLessThan(2)
  })

  it('says why it cannot start', async () => {
    await space.apply(setOf(NAMESPACE, 'sick', WAITS, { storageClass: 'standard', image: 'kdr.local/never-built:1' }))
    await until('it waits for its image', async () => {
      const reason = (await space.pod('sick-0'))?.status?.containerStatuses?.[0]?.state?.waiting?.reason
      return reason === 'ImagePullBackOff' || reason === 'ErrImagePull'
    })
    await expect(platform.start({ name: 'sick-0', uid: null }, soon(60_000))).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringMatching(/sick-0 did not start .*(ImagePullBackOff|ErrImagePull)/),
    })
  })
})

describe('workloads', () => {
  it('refuses a version that is no longer the one looked at', async () => {
    const stale = await version('kafka')
    await workloads.scale({ kind: 'StatefulSet', name: 'kafka', version: stale }, 3, soon())
    await expect(workloads.scale({ kind: 'StatefulSet', name: 'kafka', version: stale }, 0, soon())).rejects.toMatchObject({
      code: 'workload-changed',
      exit: 'refused',
    })
    expect((await readSet('kafka')).spec?.replicas).toBe(3)
    await space.ready('kafka-2')
    await expect(
      workloads.recreate({ name: 'kafka', version: stale }, { podManagementPolicy: 'Parallel', replicas: 3 }, () => {}, soon()),
    ).rejects.toMatchObject({
      code: 'workload-changed',
    })
  })

  it('restarts a Deployment by its template, and only the version looked at', async () => {
    const read = () => space.client.apps.readNamespacedDeployment({ name: 'registry', namespace: NAMESPACE })
    const ready = () =>
      until('the Deployment is whole', async () => (await read()).status?.updatedReplicas === 1 && (await read()).status?.unavailableReplicas === undefined)
    await ready()
    const before = await read()
    const stale = { kind: 'Deployment', name: 'registry', version: specVersion(before.metadata) }
    await workloads.rollout(stale, soon())
    const after = await read()
    expect(after.metadata?.generation).toBe((before.metadata?.generation ?? 0) + 1)
    expect(after.spec?.template.metadata?.labels).toEqual({ app: 'registry' })
    await expect(workloads.rollout(stale, soon())).rejects.toMatchObject({ code: 'workload-changed' })
    await expect(workloads.rollout({ ...stale, kind: 'StatefulSet' }, soon())).rejects.toMatchObject({ code: 'not-on-this-platform' })
  })

  it('applies under its own name, and never takes a field from another', async () => {
    const config = (value: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shared', namespace: NAMESPACE }, data: { key: value } })
    await space.apply(config('theirs'))
    await expect(workloads.apply(config('ours'), soon())).rejects.toMatchObject({
      code: 'field-conflict',
      exit: 'refused',
      message: expect.stringMatching(/\.data\.key \("test"/),
    })
    const { data } = await space.client.core.readNamespacedConfigMap({ name: 'shared', namespace: NAMESPACE })
    expect(data).toEqual({ key: 'theirs' })
    await workloads.apply({ ...config('x'), data: { other: 'ours' } }, soon())
    const { data: merged, metadata } = await space.client.core.readNamespacedConfigMap({ name: 'shared', namespace: NAMESPACE })
    expect(merged).toEqual({ key: 'theirs', other: 'ours' })
    expect(metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`)).toContain('kdr Apply')
  })

  it('changes what is immutable in a StatefulSet under pods that run on', async () => {
    await settled('kafka')
    const names = ['kafka-0', 'kafka-1', 'kafka-2']
    const before = await Promise.all(names.map(uid))
    const old = await readSet('kafka')
    const kept: string[] = []
    const looked = await version('kafka')
    // What is no part of its spec refuses nothing, and is carried over all the same.
    const noted = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'kafka', namespace: NAMESPACE, annotations: { note: 'written since' } } }
    await space.client.objects.patch(noted, undefined, undefined, 'somebody', undefined, 'application/merge-patch+json')
    await workloads.recreate({ name: 'kafka', version: looked }, { podManagementPolicy: 'Parallel', replicas: 3 }, (manifest) => kept.push(manifest), soon())
    const now = await readSet('kafka')
    expect(now.metadata?.uid).not.toBe(old.metadata?.uid)
    expect(now.metadata?.annotations).toMatchObject({ note: 'written since' })
    expect([now.spec?.podManagementPolicy, now.spec?.replicas]).toEqual(['Parallel', 3])
    const owned = async () => (await space.pod('kafka-2'))?.metadata?.ownerReferences?.[0]?.uid === now.metadata?.uid
    await until('the new set has adopted its pods', owned)
    await settled('kafka')
    expect(await Promise.all(names.map(uid))).toEqual(before)
    expect(kept).toHaveLength(1)
    expect(JSON.parse(kept[0] ?? '')).toMatchObject({ kind: 'StatefulSet', metadata: { name: 'kafka' }, spec: { podManagementPolicy: 'OrderedReady' } })
  })

  it('deletes nothing when what it would create is refused', async () => {
    const kept: string[] = []
    const change = { podManagementPolicy: 'Sideways' as 'Parallel', replicas: 3 }
    await expect(
      workloads.recreate({ name: 'kafka', version: await version('kafka') }, change, (manifest) => kept.push(manifest), soon()),
    ).rejects.toMatchObject({ code: 'invalid' })
    expect(kept).toEqual([])
    expect((await readSet('kafka')).metadata?.deletionTimestamp).toBeUndefined()
  })

  it('gives a Released volume back to its claim, with its data', async () => {
    const claim = 'data-kafka-2'
    const { core } = space.client
    const volume = (await core.readNamespacedPersistentVolumeClaim({ name: claim, namespace: NAMESPACE })).spec?.volumeName ?? ''
    await expect(workloads.rebind(volume, claim, soon())).rejects.toMatchObject({ code: 'volume-not-released', exit: 'refused' })
    await platform.exec({ name: 'kafka-2', uid: await uid('kafka-2') }, ['sh', '-c', 'echo kept > /data/records; sync'], soon())
    await workloads.scale({ kind: 'StatefulSet', name: 'kafka', version: await version('kafka') }, 2, soon())
    await until('kafka-2 is gone', async () => (await space.pod('kafka-2')) === null)
    await core.deleteNamespacedPersistentVolumeClaim({ name: claim, namespace: NAMESPACE })
    await until('the volume is Released', async () => (await core.readPersistentVolume({ name: volume })).status?.phase === 'Released')
    await expect(workloads.rebind(volume, 'data-kafka-1', soon())).rejects.toMatchObject({
      code: 'volume-not-released',
      message: expect.stringContaining(claim),
    })
    await workloads.rebind(volume, claim, soon())
    await platform.start({ name: 'kafka-2', uid: null }, soon())
    const { stdout } = await platform.exec({ name: 'kafka-2', uid: await uid('kafka-2') }, ['cat', '/data/records'], soon())
    expect(stdout).toBe('kept\n')
  })
})

scaledContract('kubernetes', async () => {
  const identify = 'printf "cluster.id=abc\\nnode.id=%s\\n" $(($(hostname | tail -c 2) + 1)) > /data/meta.properties'
  await space.apply(setOf(NAMESPACE, 'scaled', `${identify}; ${WAITS}`, { replicas: 3, storageClass: 'standard' }))
  const names = ['scaled-0', 'scaled-1', 'scaled-2'] as const
  await Promise.all(names.map((name) => space.ready(name)))
  return { platform, write: platform, names, soon, sleep }
})

describe('faults', () => {
  it('refuses a namespace that is not marked disposable', async () => {
    const faults = openKubernetesFaults({ ...space.settings, namespace: 'kube-system', cluster: 'production' })
    await expect(faults.inject('kill-broker', {}, soon())).rejects.toMatchObject({ code: 'not-disposable', exit: 'refused' })
    await expect(faults.inject('pause-broker', {}, soon())).rejects.toMatchObject({ code: 'not-on-this-platform' })
  })
})
