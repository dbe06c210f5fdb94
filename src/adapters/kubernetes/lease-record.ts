// A lock as a coordination.k8s.io Lease says it: who holds it in annotations, the fence in
// leaseTransitions, the last sign of life by the API server's own clock.
import { createHash } from 'node:crypto'
import { type V1Lease, V1MicroTime } from '@kubernetes/client-node'
import type { TargetIdentity } from '../../model/member.ts'
import type { LockHolder } from '../../ports/run-store.ts'
import { type Millis, seconds } from '../../units.ts'

/** As kube-controller-manager's own leases, roughly: three renewals may fail before it counts as given up. */
export const DURATION: Millis = seconds(30)
export const FIELD_MANAGER = 'kdr'

const MARK = 'kdr.dev'

/**
 * One lease per namespace UID, which ends a Kubernetes identity: two kubeconfigs may name the same cluster by other
 * contexts and addresses, and must still keep each other out.
 */
export const leaseName = ({ identity }: TargetIdentity): string =>
  `kdr-${createHash('sha256')
    .update(identity.split('|').at(-1) ?? identity)
    .digest('hex')
    .slice(0, 16)}`

/** null: nobody holds it. */
export const holderOf = (lease: V1Lease): LockHolder | null => {
  const run = lease.spec?.holderIdentity
  if (!run) return null
  const said = (key: string): string => lease.metadata?.annotations?.[`${MARK}/${key}`] ?? ''
  return {
    run,
    user: said('user') || 'unknown',
    host: said('host') || 'unknown',
    pid: Number(said('pid')) || 0,
    processStart: said('process-start'),
    since: Number(said('since')) || new Date(lease.spec?.acquireTime ?? 0).getTime(),
    fence: fenceOf(lease),
  }
}

export const fenceOf = (lease: V1Lease): number => lease.spec?.leaseTransitions ?? 0

/** The lease as this holder would write it; a fresh one when there was none. */
export const heldBy = (holder: LockHolder, name: string, namespace: string, before: V1Lease | null): V1Lease => {
  const annotations = Object.fromEntries(
    Object.entries({ user: holder.user, host: holder.host, pid: holder.pid, 'process-start': holder.processStart, since: holder.since }).map(([key, value]) => [
      `${MARK}/${key}`,
      String(value),
    ]),
  )
  const metadata = { ...before?.metadata, name, namespace, annotations: { ...before?.metadata?.annotations, ...annotations } }
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata,
    spec: {
      holderIdentity: holder.run,
      leaseDurationSeconds: DURATION / 1000,
      acquireTime: new V1MicroTime(holder.since),
      renewTime: new V1MicroTime(),
      leaseTransitions: holder.fence,
    },
  }
}

export const renewed = (lease: V1Lease): V1Lease => ({ ...lease, spec: { ...lease.spec, renewTime: new V1MicroTime() } })

/** Nobody's, its fence kept: fences only ever rise. */
export const emptied = (lease: V1Lease): V1Lease => ({ ...lease, spec: { ...lease.spec, holderIdentity: '', renewTime: new V1MicroTime() } })

/**
 * How long ago the holder last renewed it, by the API server's clock on both ends: its own record of the last update
 * (whole seconds) and the Date of its answer. Clocks of two laptops may differ by more than a lease.
 */
export const silentFor = (lease: V1Lease, serverTime: number): Millis => {
  const updates = (lease.metadata?.managedFields ?? []).filter(({ manager }) => manager === FIELD_MANAGER)
  const times = updates.flatMap(({ time }) => (time === undefined ? [] : [new Date(time).getTime()]))
  const last = times.length > 0 ? Math.max(...times) : new Date(lease.spec?.renewTime ?? 0).getTime()
  return Math.max(0, serverTime - last)
}
