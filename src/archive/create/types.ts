// What a backup is made from, what it is asked to be, and what it says about itself when it is done.

import type { BackupStore } from '../../ports/backup-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { KafkaReader } from '../../ports/kafka.ts'
import type { KafkaBackupReader } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import type { Sealer } from '../encryption.ts'
import type { ChainLink, Compression, OpenTransaction } from '../manifest.ts'

export interface CreateOptions {
  /** `auto`: incremental where a chain of this cluster can be gone on with, else full. */
  readonly type: 'full' | 'incremental' | 'auto'
  /** Patterns with `*` and `?`; none: every topic. */
  readonly topics: readonly string[]
  /** Where the Schema Registry keeps its schemas: kept first, flagged internal. */
  readonly schemasTopic: string
  readonly compression: Compression | 'auto'
  /** null: nothing is encrypted. */
  readonly encryption: Sealer | null
  /** null: as fast as it goes. */
  readonly bytesPerSecond: number | null
  /** Followers in this rack are read where there are any (KIP-392). */
  readonly rack: string | null
  /** Partitions read side by side. */
  readonly parallel: number
  readonly kdrVersion: string
  /** Who holds the lock on the store, in words: `ann@host, process 4711`. */
  readonly holder: string
}

export interface CreatePorts {
  readonly backup: KafkaBackupReader
  readonly kafka: Pick<KafkaReader, 'offsets' | 'endOfEpoch' | 'producers' | 'transactions' | 'configs'>
  /** What `kdr schemas export` writes, and what is missing of it; null where there is no registry. A throw makes the backup incomplete. */
  readonly schemas: (signal: AbortSignal) => Promise<{ readonly content: unknown; readonly missing: readonly string[] } | null>
  readonly store: BackupStore
  readonly clock: Clock
}

export interface CreateProgress {
  readonly partitions: number
  readonly ofPartitions: number
  readonly bytes: number
  readonly records: number
  /** Bytes per second of late. */
  readonly rate: number
  /** By the offsets still to be read; null before anything was. */
  readonly estimatedBytes: number | null
  readonly remaining: Millis | null
}

export type CreateEvent = { readonly type: 'note'; readonly text: string } | { readonly type: 'progress'; readonly progress: CreateProgress }

export type Tell = (event: CreateEvent) => void

export interface CreateGap {
  readonly topic: string
  readonly partition: number
  readonly from: string
  readonly to: string
  readonly why: string
}

export interface CreateResult {
  readonly name: string
  readonly type: 'full' | 'incremental'
  readonly status: 'complete' | 'incomplete'
  readonly topics: number
  readonly partitions: number
  readonly records: number
  /** Of record batches as the brokers store them. */
  readonly bytes: number
  /** Of all files of the archive. */
  readonly stored: number
  readonly gaps: readonly CreateGap[]
  /** Why it is incomplete, a line each. */
  readonly incomplete: readonly string[]
  /** Why it is a full backup though an incremental one was asked for or could have been expected. */
  readonly forcedFull: string | null
  readonly chain: ChainLink
  readonly parent: string | null
  readonly openTransactions: readonly OpenTransaction[]
  readonly leftOut: readonly { readonly topic: string; readonly why: string }[]
}
