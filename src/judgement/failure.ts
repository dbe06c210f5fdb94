// What a classification says, and what its rules are told.
import type { LogSignal, Member } from '../model/member.ts'
import type { Broker, Survey } from '../model/survey.ts'
import type { Evidence } from './evidence.ts'
import { speaksFor } from './evidence.ts'
import type { BrokerStatus } from './status.ts'

export type FailureKind =
  | 'exited'
  | 'killed'
  | 'oom'
  | 'disk-full'
  | 'fatal-start-up'
  | 'log-recovery'
  | 'hung'
  | 'image'
  | 'scheduling'
  | 'scaled-down'
  | 'node'
  | 'network'
  | 'volume'
  | 'blank-disk'
  | 'running-unregistered'
  | 'healthy'
  | 'unknown'

export interface Failure {
  readonly kind: FailureKind
  /** `wait`: it is coming up, or must not be started yet. `no`: see `instead`. */
  readonly restart: 'yes' | 'wait' | 'no'
  readonly because: string
  /** What to do instead of a restart, or besides it; null when a restart is all. */
  readonly instead: string | null
  readonly evidence: readonly Evidence[]
}

export interface Case {
  readonly survey: Survey
  readonly broker: Broker
  readonly member: Member
  readonly status: BrokerStatus
  readonly running: boolean
  /** Signals of the latest incarnation after it last came up: a fatal line before `started` was survived. */
  readonly signals: readonly LogSignal[]
  readonly signalsSeen: boolean
  readonly everStarted: boolean
}

export type Rule = (the: Case) => Failure | null

export const failure = (kind: FailureKind, restart: Failure['restart'], because: string, instead: string | null, source: string): Failure => ({
  kind,
  restart,
  because,
  instead,
  evidence: [speaksFor(kind, because, source)],
})
