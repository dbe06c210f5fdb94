// Which of a pod's containers is the member itself, and which incarnation of it runs.
import type { V1Container, V1ContainerStatus, V1Pod, V1PodSpec } from '@kubernetes/client-node'

type Annotations = Readonly<Record<string, string>>

/** Names that charts, operators and manifests give the one that matters; a mesh may have put its own before it. */
const USUAL = [
  'kafka',
  'broker',
  'controller',
  'kafka-broker',
  'kafka-controller',
  'zookeeper',
  'schema-registry',
  'schemaregistry',
  'connect',
  'kafka-connect',
  'cp-kafka',
]

/** kubectl's own rule first (the default-container annotation), then the usual names, then the first. */
export const mainContainer = (spec: V1PodSpec | undefined, annotations: Annotations = {}): V1Container | undefined => {
  const containers = spec?.containers ?? []
  const named = annotations['kubectl.kubernetes.io/default-container']
  return containers.find(({ name }) => name === named) ?? containers.find(({ name }) => USUAL.includes(name)) ?? containers[0]
}

export const mainContainerOf = (pod: V1Pod): V1Container | undefined => mainContainer(pod.spec, pod.metadata?.annotations)

export const mainStatusOf = (pod: V1Pod): V1ContainerStatus | undefined => {
  const name = mainContainerOf(pod)?.name
  return pod.status?.containerStatuses?.find((status) => status.name === name)
}

/** `containerd://0123…` → its first 12 digits, as crictl and docker print them. */
const shortId = (containerId: string): string => containerId.replace(/^.*:\/\//, '').slice(0, 12)

/** Pod UID and container: a restart in place keeps the one and changes the other. null when the member's container does not run. */
export const uidOf = (pod: V1Pod): string | null => {
  const status = mainStatusOf(pod)
  const uid = pod.metadata?.uid
  return uid === undefined || status?.state?.running === undefined || !status.containerID ? null : `${uid}/${shortId(status.containerID)}`
}

export const isReady = (pod: V1Pod): boolean => (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')
