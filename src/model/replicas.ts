// What one broker's disks hold of a partition, by their files alone: read where no broker answers for them.

export interface ReplicaOnDisk {
  readonly topic: string
  readonly partition: number
  /** Of partition.metadata (KIP-516); null where there is none. */
  readonly topicId: string | null
  /** One after the last record. */
  readonly end: number
  /** Of the last checkpoint, some seconds old at most (replica.high.watermark.checkpoint.interval.ms); null: none names it. */
  readonly highWatermark: number | null
  /** The latest that it has seen led (leader-epoch-checkpoint); null: it never was led, or it is empty. */
  readonly epoch: number | null
  /** The highest that its last segment names; null: none. */
  readonly producerId: bigint | null
}
