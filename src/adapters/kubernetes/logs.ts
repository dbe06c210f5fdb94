// A member's log as the kubelet keeps it: of the container that runs, or of its last run, and of the run
// before. With its pod, its log goes too.
import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import type { KubeClient } from './client.ts'
import { mainContainerOf, mainStatusOf } from './containers.ts'
import { nameOf } from './pod-state.ts'

/** Enough for any tail that is asked for; a line may be very long. */
const MOST_BYTES = 8 << 20

export interface Part {
  readonly previous: boolean
  /** The last lines; or, where the beginning says more, its first bytes. */
  readonly part: { readonly tail: number } | { readonly head: number }
}

const linesOf = (text: string): readonly string[] => {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

const everRan = (status: V1ContainerStatus | undefined): boolean =>
  status?.state?.running !== undefined || status?.state?.terminated !== undefined || status?.lastState?.terminated !== undefined

/** The kubelet calls the last run of a container that waits to be started again both current and previous: here it is current only. */
const hasPrevious = (status: V1ContainerStatus | undefined): boolean => status?.lastState?.terminated !== undefined && status.state?.waiting === undefined

/** Oldest line first; empty where there was no such run, or the kubelet keeps its log no more. */
export const readLog = async (client: KubeClient, pod: V1Pod, { previous, part }: Part, signal: AbortSignal): Promise<readonly string[]> => {
  const status = mainStatusOf(pod)
  if (!everRan(status) || (previous && !hasPrevious(status))) return []
  const name = nameOf(pod)
  const container = mainContainerOf(pod)?.name ?? ''
  const bounds = 'tail' in part ? { tailLines: part.tail, limitBytes: MOST_BYTES } : { limitBytes: part.head }
  if ('tail' in part && part.tail <= 0) return []
  try {
    const read = { name, namespace: client.namespace, container, previous, ...bounds }
    return linesOf((await client.call(signal, { verb: 'get', resource: 'pods/log', name }, (options) => client.core.readNamespacedPodLog(read, options))) ?? '')
  } catch (thrown) {
    const words = thrown instanceof KdrError ? thrown.message : ''
    // 400: it was restarted in between, or waits for its first start; the kubelet has removed the dead container.
    if (/previous terminated container .* not found|is waiting to start|unable to retrieve container logs/.test(words)) return []
    throw thrown
  }
}
