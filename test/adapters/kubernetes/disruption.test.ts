// The eviction API's arithmetic: what a PodDisruptionBudget allows, pod by pod.
import type { V1PodDisruptionBudget } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { disruptionOf } from '../../../src/adapters/kubernetes/disruption.ts'
import { known, unknown } from '../../../src/model/known.ts'
import { pod } from './objects.ts'

interface Numbers {
  readonly healthy: number
  readonly desired: number
  readonly allowed: number
  readonly policy?: string
  readonly name?: string
  readonly observed?: number
}

const budget = ({ healthy, desired, allowed, policy, name = 'kafka', observed = 1 }: Numbers): V1PodDisruptionBudget => ({
  metadata: { name, generation: 1 },
  spec: { selector: { matchLabels: { app: 'kafka' } }, ...(policy === undefined ? {} : { unhealthyPodEvictionPolicy: policy }) },
  status: { currentHealthy: healthy, desiredHealthy: desired, disruptionsAllowed: allowed, expectedPods: 3, observedGeneration: observed },
})

const of = (subject: ReturnType<typeof pod>, ...budgets: V1PodDisruptionBudget[]) => disruptionOf(subject, known(budgets, 'PodDisruptionBudgets'))
const unready = pod({ ready: false })

describe('a disruption budget', () => {
  it('allows a ready pod to go while it has disruptions left', () => {
    expect(of(pod(), budget({ healthy: 3, desired: 2, allowed: 1 }))).toEqual(known(null, 'PodDisruptionBudgets'))
  })

  it('forbids a ready pod to go when it has none, naming itself and its numbers', () => {
    expect(of(pod(), budget({ healthy: 2, desired: 2, allowed: 0 }))).toMatchObject({
      value: 'PodDisruptionBudget kafka allows no disruption now: 2 of 3 pods are healthy, 2 must be',
    })
  })

  it('lets an unready pod go when enough others are healthy: it takes nothing away', () => {
    expect(of(unready, budget({ healthy: 2, desired: 2, allowed: 0 }))).toMatchObject({ value: null })
  })

  it('forbids an unready pod to go when too few are healthy, unless told AlwaysAllow', () => {
    expect(of(unready, budget({ healthy: 1, desired: 2, allowed: 0 }))).toMatchObject({ value: expect.stringContaining('1 of 3 pods are healthy, 2 must be') })
    expect(of(unready, budget({ healthy: 1, desired: 2, allowed: 0, policy: 'AlwaysAllow' }))).toMatchObject({ value: null })
    expect(of(unready, budget({ healthy: 0, desired: 0, allowed: 0 }))).toMatchObject({ value: expect.stringContaining('kafka') })
  })

  it('does not bind pods that are pending, over, or on their way out', () => {
    const none = budget({ healthy: 0, desired: 3, allowed: 0 })
    const leaving = pod()
    expect(of(pod({ phase: 'Pending', ready: false }), none)).toMatchObject({ value: null })
    expect(of(pod({ phase: 'Failed', ready: false }), none)).toMatchObject({ value: null })
    expect(of({ ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: new Date() } }, none)).toMatchObject({ value: null })
  })

  it('is not believed before its controller has worked out its latest spec', () => {
    expect(of(pod(), budget({ healthy: 3, desired: 2, allowed: 1, observed: 0 }))).toMatchObject({ value: expect.stringContaining('still being worked out') })
  })

  it('does not bind pods it does not select; two that do forbid every eviction', () => {
    expect(of(pod({ labels: { app: 'other' } }), budget({ healthy: 0, desired: 3, allowed: 0 }))).toMatchObject({ value: null })
    const fine = { healthy: 3, desired: 2, allowed: 1 }
    expect(of(pod(), budget(fine), budget({ ...fine, name: 'second' }))).toMatchObject({ value: expect.stringContaining('kafka and second') })
  })

  it('that was not seen is unknown, not absent', () => {
    expect(disruptionOf(pod(), unknown('not permitted', 'PodDisruptionBudgets'))).toEqual(unknown('not permitted', 'PodDisruptionBudgets'))
  })
})
