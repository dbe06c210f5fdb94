// The run lock as a Lease in the cluster's own namespace, so that it keeps out every kdr that works on this
// cluster, wherever it runs. An expired lease is not free: who holds it may still be at work behind a
// broken network, so it changes hands knowingly only.
import type { V1Lease } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import type { TargetIdentity } from '../../model/member.ts'
import type { HeldLock, Lock, LockHolder } from '../../ports/run-store.ts'
import { formatDuration, formatInstant, type Millis, seconds } from '../../units.ts'
import { type Ask, type KubeClient, openClient } from './client.ts'
import { DURATION, emptied, FIELD_MANAGER, fenceOf, heldBy, holderOf, leaseName, renewed, silentFor } from './lease-record.ts'
import type { KubernetesSettings } from './open-kubernetes.ts'

const RENEW: Millis = seconds(10)
/** After a failure, sooner. */
const RETRY: Millis = seconds(2)
const REQUEST: Millis = seconds(5)
/** Somebody else writing at the same moment is rare; three times in a row is somebody else winning. */
const ATTEMPTS = 3

/** Who asks, and how a process of this machine is known again. */
interface Actor {
  readonly user: string
  readonly host: string
  readonly pid: number
  processStartOf(pid: number): string | null
}

interface Read {
  readonly lease: V1Lease
  /** Of the lease, by the API server's clock. */
  readonly silent: Millis
}

const isCode = (thrown: unknown, code: string): boolean => thrown instanceof KdrError && thrown.code === code

/** Reads and writes of the one Lease; a write fails with `conflict` when it is no longer the one that was read. */
const leaseAt = (client: KubeClient, name: string) => {
  const { leases, namespace } = client
  const ask = (verb: string): Ask => ({ verb, resource: 'leases.coordination.k8s.io', name })
  const limit = () => AbortSignal.timeout(REQUEST)
  return {
    read: async (): Promise<Read | null> => {
      try {
        const answer = await client.call(limit(), ask('get'), (options) => leases.readNamespacedLeaseWithHttpInfo({ name, namespace }, options))
        const date = Date.parse(answer.headers['date'] ?? '')
        return { lease: answer.data, silent: silentFor(answer.data, Number.isNaN(date) ? Date.now() : date) }
      } catch (thrown) {
        if (isCode(thrown, 'not-found')) return null
        throw thrown
      }
    },
    create: (body: V1Lease): Promise<V1Lease> =>
      client.call(limit(), ask('create'), (options) => leases.createNamespacedLease({ namespace, body, fieldManager: FIELD_MANAGER }, options)),
    replace: (body: V1Lease): Promise<V1Lease> =>
      client.call(limit(), ask('update'), (options) => leases.replaceNamespacedLease({ name, namespace, body, fieldManager: FIELD_MANAGER }, options)),
  }
}

type Place = ReturnType<typeof leaseAt>

/** A process start begins with the boot id where the machine has one: two machines may share a host name. */
const isHere = (holder: LockHolder, me: Actor): boolean => {
  const own = me.processStartOf(me.pid) ?? ''
  const boot = (start: string) => (start.includes('/') ? start.slice(0, start.indexOf('/')) : '')
  return holder.host === me.host && boot(holder.processStart) === boot(own)
}

/** False only where it is proven: on this very machine. */
const aliveness = (holder: LockHolder, silent: Millis, me: Actor): boolean | 'unknown' => {
  if (isHere(holder, me)) return me.processStartOf(holder.pid) === holder.processStart
  return silent < DURATION ? true : 'unknown'
}

const lockedBy = (target: TargetIdentity, holder: LockHolder, silent: Millis, me: Actor): KdrError => {
  const alive = aliveness(holder, silent, me)
  const quiet = `it has not renewed its lease for ${formatDuration(silent)}`
  const state = alive === 'unknown' ? `${quiet}; whether it still runs cannot be seen from here` : alive ? 'it is running' : `its process is gone; ${quiet}`
  const who = `${holder.user}@${holder.host}, pid ${holder.pid}, since ${formatInstant(holder.since)}; ${state}`
  return new KdrError(`${target.cluster} is locked by run ${holder.run} (${who})`, {
    code: 'locked',
    exit: 'locked',
    hint: alive === true ? `wait for it, or ask ${holder.user}` : `go on with it: kdr runs resume ${holder.run}; or start anew with --take-over ${holder.run}`,
  })
}

const lost = (run: string, cluster: string, why: string): KdrError =>
  new KdrError(`run ${run} no longer holds the lock on ${cluster}: ${why}`, {
    code: 'lock-lost',
    hint: 'nothing more is done by this run; see who works on the cluster',
  })

/** Keeps one lease renewed, and knows at any moment whether it may still be believed. */
class Holding implements HeldLock {
  readonly holder: LockHolder
  readonly #place: Place
  readonly #cluster: string
  #lease: V1Lease
  /** Both clocks: a monotonic one stands still while a laptop sleeps, a wall clock may be set back. */
  #renewedAt: { readonly wall: number; readonly monotonic: number }
  #lost: string | null = null
  #timer: NodeJS.Timeout | null = null
  #renewal: Promise<void> = Promise.resolve()

  constructor(place: Place, cluster: string, holder: LockHolder, lease: V1Lease, asked: { readonly wall: number; readonly monotonic: number }) {
    this.#place = place
    this.#cluster = cluster
    this.holder = holder
    this.#lease = lease
    this.#renewedAt = asked
    this.#schedule(RENEW)
  }

  #schedule(after: Millis): void {
    if (this.#lost !== null) return
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew()
    }, after).unref()
  }

  async #renew(): Promise<void> {
    const asked = now()
    try {
      this.#lease = await this.#place.replace(renewed(this.#lease))
      this.#renewedAt = asked
      this.#schedule(RENEW)
    } catch (thrown) {
      if (isCode(thrown, 'conflict') || isCode(thrown, 'not-found')) await this.#lookAgain().catch(() => {})
      this.#schedule(RETRY)
    }
  }

  /** Someone wrote to it: taken over, or merely annotated. */
  async #lookAgain(): Promise<void> {
    const read = await this.#place.read()
    const other = read === null ? null : holderOf(read.lease)
    if (read !== null && this.#isMine(read.lease)) this.#lease = read.lease
    else if (read === null) this.#lost = 'its Lease was deleted'
    else this.#lost = other === null ? 'its Lease was emptied' : `run ${other.run} (${other.user}@${other.host}) took it over`
  }

  #isMine(lease: V1Lease): boolean {
    return lease.spec?.holderIdentity === this.holder.run && fenceOf(lease) === this.holder.fence
  }

  check(): void {
    const { wall, monotonic } = now()
    const age = Math.max(wall - this.#renewedAt.wall, monotonic - this.#renewedAt.monotonic)
    if (this.#lost !== null) throw lost(this.holder.run, this.#cluster, this.#lost)
    if (age >= DURATION) throw lost(this.holder.run, this.#cluster, `it could not renew its Lease for ${formatDuration(age)}`)
  }

  /** Never throws: a lease that could not be emptied says by itself that it is not renewed any more. */
  async release(): Promise<void> {
    this.#lost ??= 'it was released'
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#renewal
    try {
      const read = await this.#place.read()
      if (read !== null && this.#isMine(read.lease)) await this.#place.replace(emptied(read.lease))
    } catch {
      // Said above.
    }
  }
}

const now = () => ({ wall: Date.now(), monotonic: performance.now() })

const acquire = async (place: Place, client: KubeClient, target: TargetIdentity, run: string, takeOver: string | null, me: Actor): Promise<HeldLock> => {
  for (let attempt = 1; ; attempt += 1) {
    const read = await place.read()
    const before = read === null ? null : holderOf(read.lease)
    const silent = read?.silent ?? 0
    if (before !== null) {
      const mine = before.run === run && aliveness(before, silent, me) !== true
      if (before.run !== takeOver && !mine) throw lockedBy(target, before, silent, me)
    }
    const { user, host, pid } = me
    const fence = (read === null ? 0 : fenceOf(read.lease)) + 1
    const holder: LockHolder = { run, user, host, pid, processStart: me.processStartOf(pid) ?? 'unknown', since: Date.now(), fence }
    const body = heldBy(holder, leaseName(target), client.namespace, read?.lease ?? null)
    const asked = now()
    try {
      const lease = await (read === null ? place.create(body) : place.replace(body))
      return new Holding(place, target.cluster, holder, lease, asked)
    } catch (thrown) {
      if (!isCode(thrown, 'conflict') || attempt >= ATTEMPTS) throw thrown
    }
  }
}

const inTime = async <T>(work: Promise<T>, client: KubeClient): Promise<T> => {
  try {
    return await work
  } catch (thrown) {
    if (thrown instanceof KdrError) throw thrown
    throw new KdrError(`the Lease could not be reached: ${client.server}: ${wordsOf(thrown)}`, {
      code: 'kubernetes-unreachable',
      hint: 'check the network up to the API server: kubectl cluster-info',
      cause: thrown,
    })
  }
}

/** Connects at its first use. Throws `forbidden` where leases may not be written, `kubernetes-unreachable`. */
export const kubernetesLock = (settings: KubernetesSettings, me: Actor): Lock => {
  let opened: KubeClient | null = null
  const client = (): KubeClient => {
    opened ??= openClient(settings)
    return opened
  }
  return {
    covers: `everybody who works on namespace ${settings.namespace} of this cluster, by a Lease`,
    acquire: async (target, run, takeOver) => inTime(acquire(leaseAt(client(), leaseName(target)), client(), target, run, takeOver, me), client()),
    inspect: async (target) => {
      const read = await inTime(leaseAt(client(), leaseName(target)).read(), client())
      const holder = read === null ? null : holderOf(read.lease)
      return read === null || holder === null ? null : { holder, alive: aliveness(holder, read.silent, me) }
    },
  }
}
