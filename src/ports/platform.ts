// What runs the members: local processes, Docker, Kubernetes or the simulation. Everything reaches
// everything through `dial`.
import type { Duplex } from 'node:stream'
import type { Known } from '../model/known.ts'
import type { Member, PlatformKind, TargetIdentity } from '../model/member.ts'
import type { ReplicaOnDisk } from '../model/replicas.ts'
import type { Instant, Millis } from '../units.ts'
import type { CopiedFile } from './files.ts'

/**
 * G4: controlled shutdown tries three times, up to about 30 s each plus backoff (KafkaServer.controlledShutdown); less than this,
 * as Docker's own 10 s and Kubernetes' 30 s, may SIGKILL half-way.
 */
export const GRACEFUL_STOP: Millis = 120_000

/** The member as it was when it was looked at: a write refuses (code `member-changed`) when `uid` no longer names it. */
export interface MemberRef {
  readonly name: string
  /** null: it must still be not running. */
  readonly uid: string | null
}

interface PlatformEvent {
  readonly at: Instant
  readonly member: string | null
  readonly what: string
}

/** Pure: the command an operator would type for it on this platform. */
export interface PlatformCommands {
  list(): string
  logs(member: string): string
  stop(member: string, grace: Millis): string
  start(member: string): string
  restart(member: string, grace: Millis): string
  /** What puts it back on its network, where that can be lost by itself (Docker). */
  reconnect(member: string): string
  /** How a controller's empty disk is formatted for this cluster; null where its start does that. */
  format(member: string, clusterId: string): string | null
  /** A Kafka tool's command line, as it is run on this platform: `tool` is the script's name without .sh. */
  kafka(tool: string, args: readonly string[]): string
}

/** One data directory as a tar, gzipped since ZooKeeper's logs are mostly preallocated zeros; reading it throws when the whole of it was not had. */
export interface DataCopy {
  /** Where the member sees it. */
  readonly path: string
  readonly tar: AsyncIterable<Uint8Array>
}

/** Something the platform may be asked for, and whether this principal may. */
export interface Permission {
  readonly verb: string
  /** `pods/exec`, `statefulsets.apps/scale`, `leases.coordination.k8s.io`. */
  readonly resource: string
  /** null: cluster-wide. */
  readonly namespace: string | null
  readonly allowed: Known<boolean>
}

/**
 * `look`: diagnosis, a page, a dry run. `recover`: besides, what every scenario may do; `recreate`: besides, a workload made
 * anew; `restore`: besides, a copy put on the disk of a member that does not run; `roll`: besides, services rolled and scaled.
 * `everything`: all of them.
 */
export type Need = 'look' | 'recover' | 'recreate' | 'restore' | 'roll' | 'everything'

/** Where a plain socket may read to directly, so that what comes by the gigabyte is not copied. */
export interface Intake {
  /** Where the next bytes go: room for one at least. */
  buffer(): Uint8Array
  /** So many of them came. */
  filled(bytes: number): void
}

export interface PlatformReader {
  readonly kind: PlatformKind
  readonly commands: PlatformCommands
  identity(signal: AbortSignal): Promise<TargetIdentity>
  /** Every member, running or not. `signals` is left unknown here; `observe` reads logs for it. */
  members(signal: AbortSignal): Promise<readonly Member[]>
  /** Lines, oldest first, at most `tail`; `previous` reads the incarnation before the current one (empty when there is none). */
  logs(member: string, options: { readonly tail: number; readonly previous: boolean }, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Everything in a member's data directories, a tar each, for keeping: what is in a quorum member's is small. Of one that
   * does not run only where the platform reaches its disk all the same; else throws `data-unreachable`.
   */
  data(member: string, signal: AbortSignal): Promise<readonly DataCopy[]>
  /**
   * What a broker's disks hold of each partition, by their files: of one that does not run, too, where need be as `inspect` saw
   * them. Throws `data-unreachable` where the platform does not reach its disks.
   */
  replicas(member: string, signal: AbortSignal): Promise<readonly ReplicaOnDisk[]>
  /** What the platform says happened since then; empty where it keeps no such record. */
  events(since: Instant, signal: AbortSignal): Promise<readonly PlatformEvent[]>
  /**
   * Connects behind the scenes; errors arrive as the stream's `error`. Host and port are as advertised inside the platform. What
   * comes goes to `intake` where it is given and the platform can, and then never shows as `data`.
   */
  dial(host: string, port: number, intake?: Intake): Duplex
  /** Every verb that is needed for it; empty where the platform asks for none. */
  permissions(need: Need, signal: AbortSignal): Promise<readonly Permission[]>
  close(): Promise<void>
}

export interface ExecResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What has replicas and a template, on platforms that have such things. Every call throws `workload-changed` when it is no longer at `version`. */
export interface WorkloadWriter {
  scale(of: { readonly kind: string; readonly name: string; readonly version: string }, replicas: number, signal: AbortSignal): Promise<void>
  /** A rolling restart of a Deployment, as `kubectl rollout restart` does it. Resolves when it was taken note of. */
  rollout(of: { readonly kind: string; readonly name: string; readonly version: string }, signal: AbortSignal): Promise<void>
  /** Server-side apply under kdr's own field manager, never forced: throws `field-conflict` naming who owns the field. */
  apply(manifest: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void>
  /** Deletes a StatefulSet without its pods (orphan) and creates it again with these immutable fields changed. Its manifest is returned by `keep` before anything is deleted. */
  recreate(
    of: { readonly name: string; readonly version: string },
    change: { readonly podManagementPolicy: 'Parallel' | 'OrderedReady'; readonly replicas: number },
    keep: (manifest: string) => void,
    signal: AbortSignal,
  ): Promise<void>
  /** Gives a Released volume back to the claim it belonged to: claimRef cleared, claim pinned to it. Throws `volume-not-released`. */
  rebind(volume: string, claim: string, signal: AbortSignal): Promise<void>
}

export interface PlatformWriter {
  /**
   * Asks to stop, and after `grace` makes it stop. Resolves when that incarnation no longer runs; where members revive `always`, the next one may run by then. `hopeless`: it cannot stop in order
   * whatever it is given, so that `grace` is taken at its word where else it is given GRACEFUL_STOP at least.
   */
  stop(member: MemberRef, options: { readonly grace: Millis; readonly hopeless?: true }, signal: AbortSignal): Promise<void>
  /** Starts a member that does not run. Resolves when the platform has started it, which is before it serves. */
  start(member: MemberRef, signal: AbortSignal): Promise<void>
  /** Puts a member back on the networks its peers are on. Throws `not-on-this-platform` where a member cannot lose them. */
  reconnect(member: MemberRef, signal: AbortSignal): Promise<void>
  /** Runs a command inside the member, without standard input. Throws `outcome-unknown` when its end was not seen, `not-on-this-platform` where members have no inside. */
  exec(member: MemberRef, argv: readonly string[], signal: AbortSignal): Promise<ExecResult>
  /**
   * Looks at the disks of a member that does not run, where that takes something of kdr's own (a pod that mounts its claims
   * read-only), which is gone again when this resolves: members listed from then on show what it saw, and with `replicas` what a
   * broker's disks hold is read too, for `replicas` to say. Throws `member-changed`, `disk-unreachable`, `not-on-this-platform` where disks are seen without that.
   */
  inspect(member: MemberRef, options: { readonly replicas: boolean }, signal: AbortSignal): Promise<void>
  /**
   * Puts a copy of a ZooKeeper's `version-2` on a member that does not run; what was there is kept beside it, under the name that
   * is returned (null: nothing was there). All of it is there, or nothing. Throws `member-changed`, `data-unreachable`.
   */
  place(member: MemberRef, files: readonly CopiedFile[], signal: AbortSignal): Promise<string | null>
  /** null where the platform has none. */
  readonly workloads: WorkloadWriter | null
}
