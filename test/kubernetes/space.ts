// A namespace of a test's own, with small pods that serve a port or two, and what it takes to look at them
// beside kdr.
import { homedir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Pod } from '@kubernetes/client-node'
import { type KubeClient, openClient } from '../../src/adapters/kubernetes/client.ts'
import type { KubernetesSettings } from '../../src/adapters/kubernetes/open-kubernetes.ts'

const labKubeconfig = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'kdr', 'kubernetes', 'state', 'kubeconfig')

export const soon = (length = 30_000): AbortSignal => AbortSignal.timeout(length)

/** Looks four times a second until there is something. */
export const until = async <T>(what: string, look: () => Promise<T | null | undefined | false> | T | null | undefined | false, length = 60_000): Promise<T> => {
  const end = performance.now() + length
  for (;;) {
    const found = await look()
    if (found !== null && found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`not within ${length / 1000} s: ${what}`)
    await sleep(250)
  }
}

export interface Space {
  readonly settings: KubernetesSettings
  readonly client: KubeClient
  apply(manifest: Readonly<Record<string, unknown>>): Promise<void>
  pod(name: string): Promise<V1Pod | null>
  /** Ready, and not on its way out. */
  ready(name: string): Promise<V1Pod>
  remove(): Promise<void>
}

/** `selectors` makes members of what the test puts there. A namespace that an interrupted run left behind is used again. */
export const openSpace = async (namespace: string, selectors: KubernetesSettings['selectors']): Promise<Space> => {
  const kubeconfig = process.env['KUBECONFIG'] ?? labKubeconfig
  const settings: KubernetesSettings = { cluster: namespace, kubeconfig, context: null, namespace, selectors, env: process.env }
  const client = openClient(settings)
  const { core, objects } = client
  const apply = async (manifest: Readonly<Record<string, unknown>>): Promise<void> => {
    await objects.patch(manifest as never, undefined, undefined, 'test', true, 'application/apply-patch+yaml')
  }
  await until('the namespace of the last run is gone', () =>
    core.readNamespace({ name: namespace }).then(
      ({ metadata }) => metadata?.deletionTimestamp === undefined,
      () => true,
    ),
  )
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'kdr.dev/disposable': 'true' } } })
  await until('the default service account', () => core.readNamespacedServiceAccount({ name: 'default', namespace }).catch(() => null))
  const pod = (name: string) =>
    core.readNamespacedPod({ name, namespace }).catch((thrown: { readonly code?: number }) => {
      if (thrown.code === 404) return null
      throw thrown
    })
  const ready = (name: string) =>
    until(
      `pod ${name} is ready`,
      async () => {
        const now = await pod(name)
        const held = now?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
        return held && now?.metadata?.deletionTimestamp === undefined && now
      },
      240_000,
    )
  const remove = async (): Promise<void> => {
    await core.deleteNamespace({ name: namespace })
    client.close()
  }
  return { settings, client, apply, pod, ready, remove }
}

interface SetOptions {
  readonly replicas?: number
  readonly storageClass?: string
  readonly policy?: 'Parallel' | 'OrderedReady'
  readonly image?: string
}

/** One container of busybox that runs `script`; labelled app=<name>, named by the headless service <name>-headless. */
export const setOf = (namespace: string, name: string, script: string, options: SetOptions = {}): Readonly<Record<string, unknown>> => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name, namespace },
  spec: {
    serviceName: `${name}-headless`,
    replicas: options.replicas ?? 1,
    podManagementPolicy: options.policy ?? 'OrderedReady',
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [
          {
            name: 'tools',
            image: options.image ?? 'kdr.local/tools:1',
            command: ['sh', '-c', script],
            ports: [{ name: 'echo', containerPort: 7 }],
            // As a broker's container has them, and every tool run in it inherits them.
            env: ['JMX_PORT', 'KAFKA_JMX_OPTS', 'KAFKA_OPTS'].map((variable) => ({ name: variable, value: '9999' })),
            ...(options.storageClass === undefined ? {} : { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
          },
        ],
      },
    },
    ...(options.storageClass === undefined
      ? {}
      : {
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], storageClassName: options.storageClass, resources: { requests: { storage: '16Mi' } } },
            },
          ],
        }),
  },
})

export const serviceOf = (namespace: string, name: string, spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec,
})
