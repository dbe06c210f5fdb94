// What every scenario is composed with; each reads what concerns it.
import type { Thresholds } from '../judgement/health.ts'
import type { SnapshotFiles } from '../steps/quorum/snapshot.ts'
import type { ManifestFile } from '../steps/registry/case.ts'
import type { Millis } from '../units.ts'

export interface Options {
  /** Which broker, where more than one could be meant; null: the one that is down. */
  readonly broker: number | null
  /** Brokers that will not come back: their replicas are moved to others. */
  readonly gone: readonly number[]
  /** What `kdr schemas export` wrote, for what is lost of a Schema Registry; null: there is none. */
  readonly schemas: ManifestFile | null
  /** A copy of a ZooKeeper's data, for an ensemble that has lost all of its own; null: there is none. */
  readonly snapshot: SnapshotFiles | null
  readonly thresholds: Thresholds
  /** How long it must stay healthy after it was verified. */
  readonly stability: Millis
}
