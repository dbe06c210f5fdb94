// What a platform runs: brokers, controllers, ZooKeepers and services, as it alone can see them.
import type { Instant } from '../units.ts'
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

/** Why the platform does not run it, where the platform says: ImagePullBackOff, Unschedulable, … */
interface Waiting {
  readonly reason: string
  readonly message: string
}

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
  /** Revives by itself: Kubernetes always, Docker by restart policy, processes never. */
  readonly selfHealing: boolean
  readonly node: Known<string | null>
  /** Client listeners as `host:port`, as clients inside the platform would dial them. */
  readonly addresses: readonly string[]
  readonly volumes: readonly Volume[]
  /** Who else manages it: Strimzi, Argo CD, …; null when nobody. */
  readonly owner: Known<string | null>
  readonly signals: Known<readonly LogSignal[]>
}
