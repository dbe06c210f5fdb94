// Objects as the API server sends them, cut down to what is read.
import type { V1ContainerStatus, V1Node, V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from '@kubernetes/client-node'
import type { Snapshot } from '../../../src/adapters/kubernetes/snapshot.ts'
import { known } from '../../../src/model/known.ts'

export const SINCE = new Date('2026-01-15T03:00:00Z')

type Labels = Record<string, string>

interface PodParts {
  readonly name?: string
  readonly labels?: Labels
  readonly phase?: string
  readonly node?: string
  readonly ready?: boolean
  readonly status?: Partial<V1ContainerStatus>
}

const RUNNING: Partial<V1ContainerStatus> = { state: { running: { startedAt: SINCE } }, containerID: 'containerd://0123456789abcdef' }

/** Pod `kafka-2` of StatefulSet `kafka`, on node1 and running unless said otherwise. */
export const pod = ({
  name = 'kafka-2',
  labels = { app: 'kafka' },
  phase = 'Running',
  node = 'node1',
  ready = true,
  status = RUNNING,
}: PodParts = {}): V1Pod => ({
  metadata: {
    name,
    labels,
    uid: `uid-of-${name}`,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'kafka', uid: 'uid-of-set', controller: true }],
  },
  spec: {
    ...(node === '' ? {} : { nodeName: node }),
    containers: [{ name: 'kafka', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: `data-${name}` } }],
  },
  status: {
    phase,
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [{ name: 'kafka', image: '', imageID: '', ready, restartCount: 0, ...status }],
  },
})

export const set = (spec: Partial<NonNullable<V1StatefulSet['spec']>> = {}, labels: Labels = { app: 'kafka' }): V1StatefulSet => ({
  metadata: { name: 'kafka', uid: 'uid-of-set', generation: 42 },
  spec: {
    replicas: 3,
    serviceName: 'kafka-headless',
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'kafka', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } },
    volumeClaimTemplates: [{ metadata: { name: 'data' } }],
    ...spec,
  },
})

export const claim = (name: string, phase = 'Bound'): V1PersistentVolumeClaim => ({
  metadata: { name, uid: `uid-of-${name}` },
  spec: { volumeName: phase === 'Bound' || phase === 'Lost' ? `pv-of-${name}` : undefined, storageClassName: 'fast' } as NonNullable<
    V1PersistentVolumeClaim['spec']
  >,
  status: { phase },
})

export const node = (name: string, ready: 'True' | 'False' | 'Unknown' = 'True'): V1Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  spec: {},
  status: {
    conditions: [
      {
        type: 'Ready',
        status: ready,
        lastTransitionTime: SINCE,
        message: ready === 'Unknown' ? 'Kubelet stopped posting node status.' : 'kubelet is posting ready status',
      },
    ],
  },
})

export const snapshot = (parts: Partial<{ [K in keyof Snapshot]: Snapshot[K] }> = {}): Snapshot => ({
  pods: [],
  sets: known([], 'StatefulSets'),
  deployments: known([], 'Deployments'),
  claims: known([], 'PersistentVolumeClaims'),
  volumes: known([], 'PersistentVolumes'),
  nodes: known([node('node1'), node('node2'), node('node3')], 'Nodes'),
  budgets: known([], 'PodDisruptionBudgets'),
  ...parts,
})
