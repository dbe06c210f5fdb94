// What an operator wants of a restore, what it is restored from, and what is said of it at the end. Options
// are journalled: there is no secret in them, and nothing that a later life of the run could not find again.

import type { Instant } from '../../units.ts'
import type { BackupMetadata, Manifest, PartitionBackup, Segment, Sidecar } from '../manifest.ts'
import type { VerifyProgress } from '../verify-file.ts'

export interface RestoreOptions {
  /** As a person names the store; a resumed run opens it again. */
  readonly store: string
  /** Exactly: neither `latest` nor a path. */
  readonly name: string
  readonly what: 'metadata' | 'data' | 'all'
  /** Globs; empty: every topic of the backup. */
  readonly topics: readonly string[]
  /** Restores `orders` as `<prefix>orders`. */
  readonly topicPrefix: string | null
  /** Keeps records that are no younger. */
  readonly toTime: Instant | null
  /** Topics that hold records already: refused, or deleted and made again. */
  readonly existing: 'refuse' | 'recreate'
  /** `auto`: preserved wherever that can be exact. */
  readonly offsets: 'auto' | 'mapped'
  /** Instead of the backup's. */
  readonly replicationFactor: number | null
  readonly bytesPerSecond: number | null
  /** Text records of an archive of the old script may be restored as what they are. */
  readonly acceptLossy: boolean
  /** Whether committed offsets of consumer groups are restored. */
  readonly groups: boolean
}

/** One archive of a chain as a restore reads it; `read-archive.ts` opens them. */
export interface RestoreArchive {
  readonly sidecar: Sidecar
  readonly manifest: Manifest
  metadata(signal: AbortSignal): Promise<BackupMetadata>
  /** Whole record batches, checked against their digest; good until `release`. Throws `archive-corrupt` (exit 21). */
  segment(partition: PartitionBackup, segment: Segment, signal: AbortSignal): Promise<{ readonly bytes: Buffer; release(): void }>
}

export interface Chain {
  /** The full backup first, the one that was named last. */
  readonly archives: readonly RestoreArchive[]
  /** Why what it holds is less than what was there, as with an archive of the old script; null: nothing is lost in it. */
  readonly lossy: string | null
}

/** Where backups are read from; its key stays in it. Every link of the chain is checked. Errors: `chain-broken`, `archive-corrupt`, `no-such-backup`, `wrong-key`. */
export interface ArchiveSource {
  open(name: string, progress: VerifyProgress, signal: AbortSignal): Promise<Chain>
}

export interface NotRestored {
  /** `user alice`, `topic orders: message.format.version`, `group billing` */
  readonly what: string
  readonly why: string
}

interface RestoredPartition {
  /** As it is named in the target. */
  readonly topic: string
  readonly partition: number
  readonly offsets: 'preserved' | 'mapped'
  /** Offset of its first record in the target. */
  readonly base: string
  readonly records: number
}

/** `kdr backup restore --output json`; docs/json.md. */
export interface RestoreReport {
  readonly schema: 'kdr/restore/1'
  readonly name: string
  readonly what: RestoreOptions['what']
  /** `incomplete`: the backup is, or records of it that were there before this restore are gone since, or a group that runs is not where it was. */
  readonly status: 'complete' | 'incomplete'
  readonly topics: number
  readonly records: number
  /** `preserved` only where that holds for every partition. */
  readonly offsets: 'preserved' | 'mapped'
  readonly groups: number
  readonly partitions: readonly RestoredPartition[]
  readonly notRestored: readonly NotRestored[]
}

/** The step whose settlement carries the report as its target. */
export const REPORT_STEP = 'report-restore'
