// What runs the members: local processes, Docker, Kubernetes or the simulation. Everything reaches
// everything through `dial`.
import type { Duplex } from 'node:stream'
import type { Member, PlatformKind, TargetIdentity } from '../model/member.ts'
import type { Instant, Millis } from '../units.ts'

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
  /** A Kafka tool's command line, as it is run on this platform: `tool` is the script's name without .sh. */
  kafka(tool: string, args: readonly string[]): string
}

export interface PlatformReader {
  readonly kind: PlatformKind
  readonly commands: PlatformCommands
  identity(signal: AbortSignal): Promise<TargetIdentity>
  /** Every member, running or not. `signals` is left unknown here; `observe` reads logs for it. */
  members(signal: AbortSignal): Promise<readonly Member[]>
  /** Lines, oldest first, at most `tail`; `previous` reads the incarnation before the current one (empty when there is none). */
  logs(member: string, options: { readonly tail: number; readonly previous: boolean }, signal: AbortSignal): Promise<readonly string[]>
  /** What the platform says happened since then; empty where it keeps no such record. */
  events(since: Instant, signal: AbortSignal): Promise<readonly PlatformEvent[]>
  /** Connects behind the scenes; errors arrive as the stream's `error`. Host and port are as advertised inside the platform. */
  dial(host: string, port: number): Duplex
  close(): Promise<void>
}

export interface PlatformWriter {
  /** Asks to stop, and after `grace` makes it stop. Resolves when it no longer runs. */
  stop(member: MemberRef, options: { readonly grace: Millis }, signal: AbortSignal): Promise<void>
  /** Starts a member that does not run. Resolves when the platform has started it, which is before it serves. */
  start(member: MemberRef, signal: AbortSignal): Promise<void>
}
