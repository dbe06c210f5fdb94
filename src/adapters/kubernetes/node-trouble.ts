// What is wrong with a node, in words: a node that is not ready says nothing about its pods any more.
import type { V1Node } from '@kubernetes/client-node'
import { type Known, known, unknown } from '../../model/known.ts'
import { formatInstant } from '../../units.ts'

const since = (at: Date | undefined): string => (at === undefined ? '' : ` since ${formatInstant(new Date(at).getTime())}`)

/** Who cordoned it is in managedFields: kubectl's field manager, or the autoscaler's. */
const cordonedBy = (node: V1Node): string => {
  const entry = node.metadata?.managedFields?.find(({ fieldsV1 }) => {
    const spec: unknown = fieldsV1 === undefined ? undefined : Reflect.get(fieldsV1, 'f:spec')
    return typeof spec === 'object' && spec !== null && 'f:unschedulable' in spec
  })
  return entry?.manager === undefined ? '' : ` by ${entry.manager}`
}

const cordoned = (node: V1Node): string => {
  const taint = node.spec?.taints?.find(({ key }) => key === 'node.kubernetes.io/unschedulable')
  return `cordoned${cordonedBy(node)}${since(taint?.timeAdded)}`
}

/** The kubelet no longer reports, or reports that it cannot run pods; null when it is ready. */
export const notReady = (node: V1Node): string | null => {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status === 'True') return null
  const word = ready?.status === 'Unknown' || ready === undefined ? 'unreachable' : 'NotReady'
  const message = ready?.message === undefined ? '' : `: ${ready.message}`
  return `${word}${since(ready?.lastTransitionTime)}${message}`
}

const troubleOf = (node: V1Node): string | null => {
  const parts = [notReady(node), node.spec?.unschedulable === true ? cordoned(node) : null].filter((part) => part !== null)
  return parts.length === 0 ? null : parts.join('; ')
}

/** Of a node by name; a name that the API server does not know is a node that is gone. */
export const nodeTrouble = (name: Known<string | null>, nodes: Known<readonly V1Node[]>): Known<string | null> => {
  if (!name.known) return unknown(name.why, name.by)
  if (name.value === null) return known(null, name.by)
  if (!nodes.known) return unknown(nodes.why, nodes.by)
  const node = nodes.value.find(({ metadata }) => metadata?.name === name.value)
  return known(node === undefined ? 'gone: the cluster has no such node any more' : troubleOf(node), nodes.by)
}

/** Every node with trouble, for a pod that fits on none. */
export const troubledNodes = (nodes: Known<readonly V1Node[]>): readonly string[] =>
  nodes.known
    ? nodes.value.flatMap((node) => {
        const trouble = troubleOf(node)
        return trouble === null ? [] : [`${node.metadata?.name}: ${trouble}`]
      })
    : []
