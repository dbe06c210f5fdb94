// What is only to be seen from inside a pod, or in its log: its disks and its id. Both are kept for an
// incarnation, since a survey is taken every few seconds and a command in a pod costs it CPU.
import { performance } from 'node:perf_hooks'
import type { V1Pod } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import { seconds } from '../../units.ts'
import type { KubeClient } from './client.ts'
import { uidOf } from './containers.ts'
import { type Disk, diskCommand, parseDisks } from './disk.ts'
import { execIn } from './exec.ts'
import { idInEnvironment, idInLog } from './ids.ts'
import type { Looked } from './inspect.ts'
import { readLog } from './logs.ts'
import { nameOf } from './pod-state.ts'
import type { Entry } from './roster.ts'
import type { Snapshot } from './snapshot.ts'
import { mountsOf } from './volumes.ts'

/** One look into one pod, disks and log together: a survey has eight seconds for everything. */
const LOOK = seconds(3)
/** A kubelet that does not answer is not asked at every look. */
const AGAIN = seconds(10)
/** How long free space, and a log that named nobody, count. */
const KEEP = seconds(30)
const TAIL = 2000
/** The configuration that a broker prints at start, which names its id, is well within. */
const HEAD = 256 << 10

interface Kept<T> {
  readonly value: T
  readonly until: number
}

/** Values for a while, by key. */
const keeping = <T>() => {
  const kept = new Map<string, Kept<T>>()
  return {
    get: (key: string): T | null => {
      const found = kept.get(key)
      return found !== undefined && found.until > performance.now() ? found.value : null
    },
    set: (key: string, value: T, length: number): T => {
      kept.set(key, { value, until: performance.now() + length })
      return value
    },
  }
}

interface Seen {
  readonly disks: Known<readonly Disk[]>
  readonly id: Known<number>
}

export interface Inside {
  /** `reporting`: its kubelet is heard of. `claims`: see `claimsOf`. Rejects with the signal's reason only. */
  look(entry: Entry, running: boolean, reporting: boolean, claims: string | null, signal: AbortSignal): Promise<Seen>
  /** What somebody saw on the disks of a member that has no pod: it holds until there is one, or its claims are others. */
  remember(name: string, claims: string, looked: Looked): void
  /** What a broker's disks held when somebody looked, as long as that holds; null: nobody did. */
  replicas(entry: Entry, claims: string | null): readonly ReplicaOnDisk[] | null
}

/** Which claims a member's disks are, by their UIDs; null where one is missing, or they were not seen. */
export const claimsOf = (entry: Entry, { claims }: Snapshot): string | null => {
  const names = mountsOf(entry).flatMap(({ claim }) => claim ?? [])
  const uids = names.map((name) => (claims.known ? claims.value.find(({ metadata }) => metadata?.name === name)?.metadata?.uid : undefined))
  return uids.length === 0 || uids.includes(undefined) ? null : uids.join()
}

const isIntact = (disks: readonly Disk[]): boolean => disks.length > 0 && disks.every(({ meta, zooKeeper }) => meta !== null || zooKeeper === 'data')

/** Log directories of one broker that name different ids are a broker with somebody else's disk. */
const idOnDisk = (entry: Entry, disks: Known<readonly Disk[]>): Known<number> | null => {
  if (!disks.known) return null
  const isZooKeeper = entry.roles.includes('zookeeper')
  const said = disks.value.flatMap(({ meta, myid }) => (isZooKeeper ? (myid ?? []) : (meta?.get('node.id') ?? meta?.get('broker.id') ?? [])))
  const ids = [...new Set(said.map(Number))].filter((id) => Number.isInteger(id) && id >= 0)
  const [only, ...others] = ids
  if (only === undefined) return null
  const by = `${isZooKeeper ? 'myid' : 'meta.properties'} of ${entry.name}`
  return others.length === 0 ? known(only, by) : unknown(`its disks name different ids: ${ids.join(', ')}`, by)
}

/** What ends one look, and that part of it which is the time it may take. */
interface Limit {
  readonly signal: AbortSignal
  readonly time: AbortSignal
}

/** Nobody wanted it any more, which is no word of the kubelet's. */
const wasCut = (thrown: unknown, { signal, time }: Limit): boolean => signal.aborted && !time.aborted && thrown === signal.reason

const wordsOfFailure = (thrown: unknown): string => (thrown instanceof DOMException ? `no answer within ${LOOK / 1000} s` : wordsOf(thrown))

/** `read` never rejects; `recall` is null where it would have to look. */
const diskReader = (client: KubeClient) => {
  const kept = keeping<Known<readonly Disk[]>>()
  // A server's data does not go while it runs: what was seen once of a pod counts where a busy kubelet is too slow to be asked again.
  const intact = new Map<string, Known<readonly Disk[]>>()
  // The principal's permission does not change from one look to the next; asked again by the next command.
  let refused: Known<never> | null = null
  const unmounted = new Map<string, Looked & { readonly claims: string }>()
  const recall = ({ pod }: Entry): Known<readonly Disk[]> | null => kept.get((pod === null ? null : uidOf(pod)) ?? '')
  const remembered = ({ name, pod }: Entry, claims: string | null): Known<readonly Disk[]> | null => {
    const found = unmounted.get(name)
    if (pod === null && found !== undefined && found.claims === claims) return known(found.disks, `its claims, mounted in pod kdr-look-${name}`)
    unmounted.delete(name)
    return null
  }
  const remember = (name: string, claims: string, looked: Looked): void => void unmounted.set(name, { claims, ...looked })
  const replicas = (entry: Entry, claims: string | null): readonly ReplicaOnDisk[] | null =>
    remembered(entry, claims) === null ? null : (unmounted.get(entry.name)?.replicas ?? null)
  const read = async (entry: Entry, running: boolean, claims: string | null, limit: Limit): Promise<Known<readonly Disk[]>> => {
    const by = `disks of ${entry.name}, from inside it`
    const looked = remembered(entry, claims)
    if (looked !== null) return looked
    const uid = entry.pod === null ? null : uidOf(entry.pod)
    const paths = mountsOf(entry).map(({ path }) => path)
    if (!running || uid === null || entry.container === undefined) return unknown('it does not run, so nothing can look at its disk from inside', by)
    if (paths.length === 0) return unknown('no volume is mounted where it could keep data', by)
    const before = recall(entry)
    if (before !== null) return before
    if (refused !== null) return refused
    try {
      const result = await execIn(client, entry.name, entry.container.name, diskCommand(paths), limit.signal)
      const disks = parseDisks(result)
      if (disks.length < paths.length) return unknown(`the command that looks ended with exit ${result.code}: ${result.stderr.trim()}`, by)
      if (!isIntact(disks)) return known(disks, by)
      intact.set(uid, known(disks, by))
      return kept.set(uid, known(disks, by), KEEP)
    } catch (thrown) {
      if (wasCut(thrown, limit)) return unknown('it was not waited for', by)
      if (!(thrown instanceof KdrError && thrown.code === 'forbidden')) return kept.set(uid, intact.get(uid) ?? unknown(wordsOfFailure(thrown), by), AGAIN)
      refused = unknown(`pods/exec is not permitted: ${thrown.message}`, by)
      return refused
    }
  }
  return { read, recall, remember, replicas }
}

/** Its incarnations are told apart by pod and count of restarts: a dead container has no other name. */
const lifeOf = (pod: V1Pod): string => `${pod.metadata?.uid}/${(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount).join('.')}`

const logReader = (client: KubeClient) => {
  const kept = keeping<number | null>()
  const missed = keeping<true>()
  const look = async (pod: V1Pod, roles: Entry['roles'], signal: AbortSignal): Promise<number | null> => {
    for (const part of [{ tail: TAIL }, { head: HEAD }]) {
      const id = idInLog(await readLog(client, pod, { previous: false, part }, signal), roles)
      if (id !== null) return id
    }
    return null
  }
  return async (pod: V1Pod, roles: Entry['roles'], limit: Limit): Promise<number | null> => {
    const life = lifeOf(pod)
    const before = kept.get(life)
    if (before !== null || missed.get(life) === true) return before
    try {
      const id = await look(pod, roles, limit.signal)
      if (id === null) missed.set(life, true, KEEP)
      else kept.set(life, id, Number.POSITIVE_INFINITY)
      return id
    } catch (thrown) {
      if (!wasCut(thrown, limit)) missed.set(life, true, AGAIN)
      return null
    }
  }
}

/** Remembers between looks; one for each opening of the platform. */
export const openInside = (client: KubeClient): Inside => {
  const disksOf = diskReader(client)
  const readId = logReader(client)
  return {
    remember: disksOf.remember,
    replicas: disksOf.replicas,
    look: async (entry, running, reporting, claims, signal) => {
      const { pod, container, roles } = entry
      const time = AbortSignal.timeout(LOOK)
      const enough = new AbortController()
      const before = disksOf.recall(entry)
      const wanted = reporting && (before === null || idOnDisk(entry, before) === null)
      const inLog = wanted && pod !== null ? readId(pod, roles, { signal: AbortSignal.any([signal, time, enough.signal]), time }) : null
      const disks = await disksOf.read(entry, running, claims, { signal: AbortSignal.any([signal, time]), time })
      const onDisk = idOnDisk(entry, disks)
      if (onDisk !== null) enough.abort()
      const id = await inLog
      signal.throwIfAborted()
      const otherwise = id === null ? idInEnvironment(container, roles) : known(id, `log of ${nameOf(pod ?? {})}`)
      return { disks, id: onDisk ?? otherwise }
    },
  }
}
