// What a platform runs: brokers, controllers, ZooKeepers and services, as it alone can see them.
import type { Instant } from '../units.ts'
import type { Settings } from './configured.ts'
import type { Known } from './known.ts'

export type PlatformKind = 'process' | 'docker' | 'kubernetes' | 'simulated'

/** What a run is pinned to: changed identity since planning is refused. */
export interface TargetIdentity {
  readonly platform: PlatformKind
  /** The name the operator knows it by: what `--confirm` and typed challenges want. */
  readonly cluster: string
  /** Lab folder and id, compose project and engine id, API server and namespace UID. */
  readonly identity: string
}

export type Role = 'broker' | 'controller' | 'zookeeper' | 'schema-registry' | 'connect' | 'service'

/** `paused`: exists but is not scheduled (SIGSTOP, docker pause). `pending`: wanted, not yet running. */
export type MemberState = 'running' | 'stopped' | 'paused' | 'pending'

export interface ExitStatus {
  readonly code: number | null
  readonly signal: string | null
  readonly oomKilled: boolean
}

export interface Volume {
  readonly name: string
  /** Where the member sees it. */
  readonly path: string
  /** `intact`: carries this member's identity file; `blank`: empty; `gone`: proven absent. */
  readonly state: Known<'intact' | 'blank' | 'gone'>
  readonly usableBytes: Known<number>
  readonly totalBytes: Known<number>
  /** cluster.id of `meta.properties`; null for a blank volume. */
  readonly clusterId: Known<string | null>
  /** ZooKeeper: its disk reaches at least this transaction (zxid); left out where that was not cheap to see. */
  readonly zxid?: bigint
  /** What the platform keeps it on, where it says; null: nothing that outlives the member is known of. */
  readonly backing: Backing | null
}

/** Kubernetes: claim, volume and reclaim policy. Docker: the named volume. */
export interface Backing {
  readonly claim: string
  /** Bound, Pending, Lost; Docker's volumes are always Bound. */
  readonly phase: string
  /** null while the claim has none. */
  readonly volume: string | null
  /** `Delete`: the data goes with the claim. */
  readonly reclaim: string | null
  /** Node it cannot leave; null when it can, or nothing says. */
  readonly node: string | null
}

/** What recreates the member: Kubernetes' StatefulSet and its like. */
export interface Workload {
  readonly kind: string
  readonly name: string
  /** uid/generation, so of its spec: a write names it, and is refused when it is another by then. */
  readonly version: string
  readonly replicas: number
  /** The lowest ordinal it makes (spec.ordinals.start); 0 where nothing is numbered. */
  readonly first: number
  /** podManagementPolicy OrderedReady: a member that is not ready holds up every later one. */
  readonly ordered: boolean
  /** persistentVolumeClaimRetentionPolicy: whether scaling down, or deleting it, deletes the data. */
  readonly deletesClaims: { readonly whenScaled: boolean; readonly whenDeleted: boolean }
}

/** Whoever else manages the member and would undo, or be broken by, what kdr does. */
export interface Owner {
  /** Strimzi, Confluent for Kubernetes, Argo CD, Flux, Helm chart bitnami/kafka. */
  readonly name: string
  /** `restart`: it restarts members itself, in its own way. `spec`: it puts back what it declared (replicas, templates). */
  readonly minds: 'restart' | 'spec'
  /** The same thing done its way: an annotation to set. */
  readonly instead: string
  /** How it is told to keep off meanwhile; null where it cannot be. */
  readonly pause: string | null
  /** Where it minds topics, too: how those are taken from it. */
  readonly freeTopics?: string
}

/** A line of a log that means something, recognised by `survey/log-signals.ts`. */
export interface LogSignal {
  readonly kind:
    | 'out-of-memory'
    | 'disk-full'
    | 'inconsistent-cluster-id'
    | 'inconsistent-broker-id'
    | 'node-exists'
    | 'not-formatted'
    | 'log-dir-failure'
    | 'corrupt-data'
    | 'port-in-use'
    | 'bad-configuration'
    | 'log-recovery'
    | 'controlled-shutdown'
    | 'started'
    | 'fatal'
  readonly line: string
}

/** Why the platform does not run it, or runs it in vain, where it says: ImagePullBackOff, CrashLoopBackOff, Unschedulable, PersistentVolumeClaim, ScaledDown, NodeLost, NoNetwork, … */
interface Waiting {
  readonly reason: string
  readonly message: string
}

/** A claim that an old scale-down left behind: whose broker it held was not seen, and nothing of it runs. */
export const isLeftover = ({ state, waiting, id }: Member): boolean =>
  !id.known && state.known && state.value === 'stopped' && waiting.known && waiting.value?.reason === 'ScaledDown'

export interface Member {
  /** The platform's own name for it: `kafka1`, container `kafka-2`, pod `kafka-2`. */
  readonly name: string
  readonly roles: readonly Role[]
  /** node.id, broker.id or myid by observation (meta.properties, what it advertises), never by name. */
  readonly id: Known<number>
  /** What names this incarnation for preconditions: pod UID, container id and start, pid and start; null when not running. */
  readonly uid: Known<string | null>
  readonly state: Known<MemberState>
  readonly startedAt: Known<Instant | null>
  readonly restarts: Known<number>
  readonly lastExit: Known<ExitStatus | null>
  readonly waiting: Known<Waiting | null>
  /** Who starts it again: `never` nobody; `crashes` its platform, unless it was stopped on purpose (Docker's restart policy); `always` its platform, whatever ended it (Kubernetes). */
  readonly revives: 'never' | 'crashes' | 'always'
  /** Where it runs, or last ran. */
  readonly node: Known<string | null>
  /** NotReady, cordoned, gone …, in words; null when nothing is wrong with the node. */
  readonly nodeTrouble: Known<string | null>
  /** Why a PodDisruptionBudget forbids taking it down now; null when nothing does. */
  readonly disruption: Known<string | null>
  readonly workload: Known<Workload | null>
  /** Client listeners as `host:port`, as clients inside the platform would dial them. */
  readonly addresses: readonly string[]
  readonly volumes: readonly Volume[]
  /** What its own file or environment sets of the keys that judgement asks for; left out where nothing of it was looked at. */
  readonly configured?: Known<Settings>
  /** Who else manages it; null when nobody. */
  readonly owner: Known<Owner | null>
  readonly signals: Known<readonly LogSignal[]>
}

/** `kafka-2`: 2; NaN where the name has none. */
export const ordinalOf = (name: string): number => Number(/-(\d+)$/.exec(name)?.[1] ?? Number.NaN)

/**
 * What a set has to make so that this member is among it. Of brokers, where it makes none yet, only the one: the others may be
 * stale, and not to be started before it leads. A quorum is started from its lowest ordinal on.
 */
export const rangeWith = (
  { first, replicas }: Pick<Workload, 'first' | 'replicas'>,
  { name, roles }: Pick<Member, 'name' | 'roles'>,
): Pick<Workload, 'first' | 'replicas'> => {
  const ordinal = ordinalOf(name)
  if (replicas === 0 && roles.includes('broker')) return { first: ordinal, replicas: 1 }
  const from = Math.min(first, ordinal)
  return { first: from, replicas: Math.max(first + replicas, ordinal + 1) - from }
}

const setOf = ({ workload }: Member): Workload | null => (workload.known && workload.value?.kind === 'StatefulSet' ? workload.value : null)

const sameSet = (a: Member, b: Member): boolean => setOf(a) !== null && setOf(a)?.name === setOf(b)?.name

/** Members that come along when this one, which was scaled away, is started: those between it and what its set makes already. */
export const companyOf = (member: Member, all: readonly Member[]): readonly Member[] => {
  const set = setOf(member)
  if (set === null || member.revives !== 'never') return []
  const { first, replicas } = rangeWith(set, member)
  const made = (ordinal: number) => ordinal >= set.first && ordinal < set.first + set.replicas
  return all.filter((other) => {
    const ordinal = ordinalOf(other.name)
    return other.name !== member.name && sameSet(member, other) && ordinal >= first && ordinal < first + replicas && !made(ordinal)
  })
}

/** Earlier members of an ordered set that are not well: each holds up every later one that is not there. */
export const heldUpBy = (member: Member, all: readonly Member[]): readonly Member[] =>
  setOf(member)?.ordered !== true
    ? []
    : all
        .filter((other) => sameSet(member, other) && ordinalOf(other.name) < ordinalOf(member.name))
        .filter(({ state, waiting }) => !state.known || state.value !== 'running' || !waiting.known || waiting.value !== null)

/** It does not run, and its disk, which its claim says is there, was not looked at: only what mounts it could. */
export const isUnlooked = ({ state, uid, volumes }: Member): boolean =>
  state.known && state.value === 'stopped' && uid.known && uid.value === null && volumes.length > 0 && volumes.every(notLookedAt)

const notLookedAt = ({ state, backing }: Volume): boolean => !state.known && backing?.phase === 'Bound'
