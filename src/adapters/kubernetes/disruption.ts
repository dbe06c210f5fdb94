// Whether a PodDisruptionBudget would let a pod be taken down: the arithmetic of the eviction API itself
// (pkg/registry/core/pod/storage/eviction.go). kdr deletes, which no budget stops, so it asks here first.
import type { V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node'
import { type Known, mapKnown } from '../../model/known.ts'
import { isReady } from './containers.ts'
import { selects } from './selectors.ts'

/** Pods that hold no budget: finished, not yet placed or running, or on their way out already. */
const isExempt = (pod: V1Pod): boolean => ['Succeeded', 'Failed', 'Pending'].includes(pod.status?.phase ?? '') || pod.metadata?.deletionTimestamp !== undefined

const refusalOf = (pod: V1Pod, budget: V1PodDisruptionBudget): string | null => {
  const { metadata, spec, status } = budget
  const name = `PodDisruptionBudget ${metadata?.name}`
  const numbers = `${status?.currentHealthy ?? 0} of ${status?.expectedPods ?? 0} pods are healthy, ${status?.desiredHealthy ?? 0} must be`
  if (!isReady(pod)) {
    if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return null
    const desired = status?.desiredHealthy ?? 0
    if (desired > 0 && (status?.currentHealthy ?? 0) >= desired) return null
  }
  if (status === undefined || (status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return `${name} is still being worked out by its controller`
  if (status.disruptionsAllowed > 0) return null
  return `${name} allows no disruption now: ${numbers}`
}

/** Why taking this pod down is forbidden now, naming the budget and its numbers; null when nothing forbids it. */
export const disruptionOf = (pod: V1Pod, budgets: Known<readonly V1PodDisruptionBudget[]>): Known<string | null> =>
  mapKnown(budgets, (all) => {
    if (isExempt(pod)) return null
    const own = all.filter(({ spec }) => selects(spec?.selector, pod.metadata?.labels ?? {}))
    const [first, ...others] = own.map((budget) => refusalOf(pod, budget))
    if (first === undefined) return null
    if (others.length > 0)
      return `PodDisruptionBudgets ${own.map(({ metadata }) => metadata?.name).join(' and ')} both cover it: the eviction API serves no pod with more than one`
    return first
  })
