// Gives a Released volume back to the claim it belonged to: its data is there, only the claim was deleted.
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1PersistentVolume, V1PersistentVolumeClaim } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'

const POLL: Millis = 500
const DEADLINE: Millis = 60_000

const refused = (message: string, code: string, hint?: string): KdrError =>
  new KdrError(message, { code, exit: 'refused', ...(hint === undefined ? {} : { hint }) })

const readVolume = (client: KubeClient, name: string, signal: AbortSignal): Promise<V1PersistentVolume> =>
  client.call(signal, { verb: 'get', resource: 'persistentvolumes', name, namespace: null }, (options) => client.core.readPersistentVolume({ name }, options))

const readClaim = async (client: KubeClient, name: string, signal: AbortSignal): Promise<V1PersistentVolumeClaim | null> => {
  const { core, namespace } = client
  try {
    return await client.call(signal, { verb: 'get', resource: 'persistentvolumeclaims', name }, (options) =>
      core.readNamespacedPersistentVolumeClaim({ name, namespace }, options),
    )
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'not-found') return null
    throw thrown
  }
}

/** Only the claim it last belonged to gets it back: any other would get somebody else's data. */
const mustBeReleased = ({ metadata, spec, status }: V1PersistentVolume, claim: string, namespace: string): void => {
  const { name } = metadata ?? {}
  const { claimRef, persistentVolumeReclaimPolicy: policy } = spec ?? {}
  if (status?.phase !== 'Released') throw refused(`volume ${name} is ${status?.phase}, not Released`, 'volume-not-released')
  if (policy === 'Delete') throw refused(`volume ${name} is Released with reclaim policy Delete: it is being deleted`, 'volume-not-released')
  if (claimRef?.name !== claim || claimRef.namespace !== namespace)
    throw refused(`volume ${name} belonged to claim ${claimRef?.namespace}/${claimRef?.name}, not to ${namespace}/${claim}`, 'volume-not-released')
}

const mustBeFree = (claim: V1PersistentVolumeClaim, volume: string): void => {
  const { metadata, spec } = claim
  if (metadata?.deletionTimestamp !== undefined)
    throw refused(`claim ${metadata.name} is being deleted`, 'claim-in-use', 'a pod still uses it: wait until that pod is gone')
  if (spec?.volumeName !== undefined && spec.volumeName !== volume)
    throw refused(
      `claim ${metadata?.name} has volume ${spec.volumeName} already`,
      'claim-in-use',
      'if that one is blank, stop its pod and delete the claim first',
    )
}

/** Name and namespace stay: the volume is kept for that claim, and no other can take it meanwhile. */
const release = async (client: KubeClient, { metadata, spec }: V1PersistentVolume, signal: AbortSignal): Promise<void> => {
  const { name = '', resourceVersion } = metadata ?? {}
  const body = [
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'remove', path: '/spec/claimRef/uid' },
    ...(spec?.claimRef?.resourceVersion === undefined ? [] : [{ op: 'remove', path: '/spec/claimRef/resourceVersion' }]),
  ]
  await client.call(signal, { verb: 'patch', resource: 'persistentvolumes', name, namespace: null }, (options) =>
    client.core.patchPersistentVolume({ name, body, fieldManager: 'kdr' }, options),
  )
}

const claimFor = ({ metadata, spec }: V1PersistentVolume, name: string, namespace: string): V1PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace },
  spec: {
    accessModes: spec?.accessModes ?? [],
    resources: { requests: { storage: spec?.capacity?.['storage'] ?? '0' } },
    // An empty class is none; left out, the default class would be put in.
    storageClassName: spec?.storageClassName ?? '',
    volumeMode: spec?.volumeMode ?? 'Filesystem',
    ...(metadata?.name === undefined ? {} : { volumeName: metadata.name }),
  },
})

const pin = async (client: KubeClient, volume: V1PersistentVolume, claim: V1PersistentVolumeClaim | null, name: string, signal: AbortSignal): Promise<void> => {
  const { core, namespace } = client
  const resource = 'persistentvolumeclaims'
  if (claim === null) {
    const body = claimFor(volume, name, namespace)
    await client.call(signal, { verb: 'create', resource, name }, (options) =>
      core.createNamespacedPersistentVolumeClaim({ namespace, body, fieldManager: 'kdr' }, options),
    )
  } else if (claim.spec?.volumeName === undefined) {
    const body = [
      { op: 'test', path: '/metadata/resourceVersion', value: claim.metadata?.resourceVersion },
      { op: 'add', path: '/spec/volumeName', value: volume.metadata?.name },
    ]
    await client.call(signal, { verb: 'patch', resource, name }, (options) =>
      core.patchNamespacedPersistentVolumeClaim({ name, namespace, body, fieldManager: 'kdr' }, options),
    )
  }
}

const untilBound = async (client: KubeClient, claim: string, volume: string, signal: AbortSignal): Promise<void> => {
  const end = performance.now() + DEADLINE
  for (;;) {
    const now = await readClaim(client, claim, signal)
    if (now?.status?.phase === 'Bound' && now.spec?.volumeName === volume) return
    if (performance.now() >= end)
      throw new KdrError(`claim ${claim} is ${now?.status?.phase ?? 'gone'}, not bound to volume ${volume}`, {
        code: 'not-bound',
        hint: `kubectl describe pvc ${claim}`,
      })
    await sleep(POLL, undefined, { signal })
  }
}

/**
 * Clears what ties the volume to the deleted claim and pins that claim, created anew where it is gone, to it. Resolves when
 * they are bound. Throws `volume-not-released`, `claim-in-use`, `not-bound`, and what the API refuses.
 */
export const rebindVolume = async (client: KubeClient, volume: string, claim: string, signal: AbortSignal): Promise<void> => {
  const found = await readVolume(client, volume, signal)
  mustBeReleased(found, claim, client.namespace)
  const existing = await readClaim(client, claim, signal)
  if (existing !== null) mustBeFree(existing, volume)
  await release(client, found, signal)
  await pin(client, found, existing, claim, signal)
  await untilBound(client, claim, volume, signal)
}
