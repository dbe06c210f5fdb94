// What really happened in the world, for invariants to be checked against: nothing in here is visible
// through a port.
import type { Millis } from '../../units.ts'
import type { ReplicaLog, SimMember, SimPartition, SimRecord } from './state.ts'

/** `kdr` through a write port, `fault` through the Faults port, `world` by itself. */
export type Cause = 'kdr' | 'fault' | 'world'

/** Something that changed the world. `at` is virtual time in milliseconds; `life` is the kdr process that did it, 0 where none did. */
export interface WorldEffect {
  readonly at: Millis
  readonly by: Cause
  readonly life: number
  readonly what:
    | 'stop'
    | 'start'
    | 'kill'
    | 'pause'
    | 'wipe'
    | 'place'
    | 'exit'
    | 'create-topic'
    | 'delete-topic'
    | 'alter-configs'
    | 'elect'
    | 'reassign'
    | 'registry'
    | 'look'
    | 'scale'
    | 'recreate'
    | 'append'
    | 'delete-records'
    | 'create-acls'
    | 'alter-quotas'
    | 'commit-offsets'
    | 'produce'
  readonly target: string
}

export interface WorldElection {
  readonly at: Millis
  readonly topic: string
  readonly partition: number
  readonly leader: number
  readonly epoch: number
  readonly unclean: boolean
  /** Acknowledged records that the new leader does not have: more than 0 is data loss. */
  readonly missing: number
}

/** An acknowledged record: `copies` counts the disks that still hold it, `readable` says whether the current leader does. */
export interface AcknowledgedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: Buffer | null
  readonly copies: number
  /** null while the partition has no leader. */
  readonly readable: boolean | null
}

export interface World {
  readonly effects: readonly WorldEffect[]
  readonly elections: readonly WorldElection[]
  /** Of topics that still exist. */
  acknowledged(): readonly AcknowledgedRecord[]
  /** Acknowledged records that no disk holds, or that the current leader lacks. */
  lost(): readonly AcknowledgedRecord[]
  members(): readonly Readonly<SimMember>[]
  partitions(): readonly Readonly<SimPartition>[]
  /** An empty disk of the quorum was elected: what the cluster knew is gone. */
  emptied(): boolean
  /** Broker ids that are registered and not fenced. */
  registered(): readonly number[]
  log(broker: number, topic: string, partition: number): ReplicaLog
  /** What each schema registry has in its memory, every version as `subject version id`, by name. */
  registries(): readonly (readonly string[])[]
}

export class Truth {
  readonly effects: WorldEffect[] = []
  readonly elections: WorldElection[] = []
  readonly acknowledged = new Map<SimPartition, SimRecord[]>()

  acknowledge(partition: SimPartition, records: readonly SimRecord[]): void {
    const list = this.acknowledged.get(partition) ?? []
    list.push(...records)
    this.acknowledged.set(partition, list)
  }

  missingOn(partition: SimPartition, log: ReplicaLog): number {
    return (this.acknowledged.get(partition) ?? []).filter((record) => !log.has(record)).length
  }
}
