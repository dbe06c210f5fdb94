// What an archive says about itself. The first fields have the shape that the runbook's shell lines read
// (`jq .topics`, `jq -r .backup_date`); all others are kdr's. Offsets and ids beyond 2^53 are strings.
import type { AclBinding, ClientQuota } from '../model/contents.ts'
import type { ScramUser } from '../ports/kafka-backup.ts'

export const FORMAT = 'kdr-archive/1'
export const MANIFEST = 'backup-manifest.json'

export type Compression = 'none' | 'gzip' | 'zstd'

/** One tar entry. Its member of the archive is a gzip member (or stored in one) of its own. */
export interface ManifestEntry {
  /** `metadata/topics.json`, `data/orders/0/00000000000000000000.seg` */
  readonly path: string
  /** Ordinal of the part file it lies in. */
  readonly part: number
  /** Where its member begins in that part, and its length there: tar header, content and padding. */
  readonly offset: number
  readonly length: number
  /** Bytes of the content as the tar header says. */
  readonly bytes: number
  /** Of the content as it lies in the tar: encrypted where it is. Lower-case hexadecimal. */
  readonly sha256: string
  readonly encrypted: boolean
}

/** Offsets missing between what was asked for and what is kept: `from` up to, not including, `to`. */
export interface Gap {
  readonly from: string
  readonly to: string
  readonly why: string
}

/** Raw record batches in order, none of them a control batch or aborted. */
export interface Segment {
  /** Of an entry in `entries`. */
  readonly path: string
  readonly baseOffset: string
  /** Of the last record that may be in it. */
  readonly lastOffset: string
  readonly records: number
  readonly batches: number
  /** Of the batches' first records: within a batch a record may be earlier, so nothing can be left out by it. No time is later than the latest date there can be (`LATEST`), which stands for all later ones. */
  readonly minTimestamp: number
  readonly maxTimestamp: number
  /** Content of the entry before encryption: codec of `zstd` content is in the path's ending (`.seg.zst`). */
  readonly bytes: number
}

/** A transaction that was open when the backup began: offsets `from` up to `to`, the high watermark, are not in it. */
export interface OpenTransaction {
  readonly topic: string
  readonly partition: number
  /** The last stable offset, which it pins. */
  readonly from: string
  readonly to: string
  /** null where the leader did not say. */
  readonly producerId: string | null
  readonly transactionalId: string | null
  /** RFC 3339: when its producer last wrote to this partition; null where the leader did not say, or named a time that is still to come. */
  readonly lastWrite: string | null
  /** Older than brokers let a transaction become (transaction.max.timeout.ms, 15 min by default): it hangs, and the backup is incomplete. */
  readonly hanging: boolean
}

export interface PartitionBackup {
  readonly topic: string
  readonly partition: number
  readonly topicId: string | null
  readonly leaderEpoch: number
  /** Log start of the source when it was read. */
  readonly logStart: string
  /** First offset this archive stands for: the log start of a full backup, the end of the parent of an incremental one. */
  readonly start: string
  /** Next offset after it: the last stable offset when the backup began, or, of a log that was cleaned while it was read, a later one. */
  readonly end: string
  readonly highWatermark: string
  readonly records: number
  readonly bytes: number
  /** -1 when there is no record. */
  readonly minTimestamp: number
  readonly maxTimestamp: number
  readonly largestBatch: number
  /** Offsets within [first, last] kept that have no record (markers, aborted data, compaction): offsets can be preserved where there are none. */
  readonly holes: number
  readonly gaps: readonly Gap[]
  readonly segments: readonly Segment[]
}

export interface GroupPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly leaderEpoch: number
  readonly metadata: string | null
  /** Kept records of this archive before the committed offset; the chain's earlier archives come on top. null where it lies before this archive begins. */
  readonly archivedIndex: number | null
}

export interface GroupBackup {
  readonly group: string
  readonly state: string
  readonly protocolType: string
  readonly offsets: readonly GroupPosition[]
}

export interface TopicBackup {
  readonly name: string
  readonly id: string | null
  readonly internal: boolean
  readonly partitions: number
  readonly replicationFactor: number
  /** Overrides; null where they could not be read, which makes the backup incomplete. */
  readonly configs: Readonly<Record<string, string | null>> | null
}

/** Contents of `metadata/`: one JSON entry each. */
export interface BackupMetadata {
  readonly topics: readonly TopicBackup[]
  readonly acls: readonly AclBinding[]
  readonly quotas: readonly ClientQuota[]
  readonly scramUsers: readonly ScramUser[]
  readonly groups: readonly GroupBackup[]
  /** As `kdr schemas export` writes it; null where there is no registry. */
  readonly schemas: unknown
}

export interface ChainLink {
  readonly id: string
  /** 0 for the full backup. */
  readonly sequence: number
  readonly parent: { readonly name: string; readonly sha256: string } | null
}

export interface PartFile {
  readonly name: string
  readonly bytes: number
}

export interface Manifest {
  /** RFC 3339: when the backup began; everything committed before the run's end offsets is in it. */
  readonly backup_date: string
  readonly backup_type: 'full' | 'incremental'
  /** Of an incremental: `backup_date` of its parent. */
  readonly since_timestamp?: string
  readonly kafka_brokers: string
  readonly topics_count: number
  readonly topics: readonly string[]
  readonly consumer_groups_count: number
  readonly consumer_groups: readonly string[]
  /** Bytes of record batches as the brokers stored them. */
  readonly backup_size_bytes: number
  readonly format: typeof FORMAT
  /** `full_backup_20261123_031500` */
  readonly name: string
  /** `in-progress`: the provisional manifest, of an archive that nobody finished. */
  readonly status: 'in-progress' | 'complete' | 'incomplete'
  /** Why it is incomplete, a line each. */
  readonly incomplete: readonly string[]
  readonly finished_at: string | null
  readonly kdr_version: string
  readonly cluster_id: string | null
  readonly isolation_level: 'read_committed'
  readonly chain: ChainLink
  /** Who can read what is encrypted: X25519 recipients as they are public, `passphrase` for a passphrase. null: nothing is encrypted. */
  readonly encryption: { readonly scheme: 'age'; readonly recipients: readonly string[] } | null
  readonly compression: Compression | 'auto'
  /** Topics left out by pattern or because they must never be replayed, and why. */
  readonly left_out: readonly { readonly topic: string; readonly why: string }[]
  readonly open_transactions: readonly OpenTransaction[]
  readonly partitions: readonly PartitionBackup[]
  readonly entries: readonly ManifestEntry[]
}

/** The commit marker beside the archive, `<name>.manifest.json`: written last, and what `list` reads. */
export interface Sidecar {
  readonly format: typeof FORMAT
  readonly name: string
  readonly type: 'full' | 'incremental'
  readonly status: 'complete' | 'incomplete'
  readonly date: string
  /** Of the source: chains of several clusters may lie in one store. */
  readonly cluster_id: string | null
  readonly chain: ChainLink
  readonly topics: number
  readonly records: number
  /** Of all parts together. */
  readonly bytes: number
  readonly parts: readonly PartFile[]
  /** Where the final manifest lies in the last part, and the SHA-256 of its JSON. */
  readonly manifest: { readonly offset: number; readonly length: number; readonly bytes: number; readonly sha256: string }
  /** Latest record timestamp of all partitions, so that what expires can be told without reading more; -1 for none. */
  readonly max_timestamp: number
  readonly encrypted: boolean
}
