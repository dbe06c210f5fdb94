// Partitions on the move (KIP-455): new replicas are added, catch up, and the old ones go once all of the new
// are in sync. Nothing is removed before.
import type { Cluster } from './cluster.ts'
import { finishMove, shrinkTo, without } from './controller.ts'
import type { SimPartition } from './state.ts'

/** Kafka's error name, or null when it was taken. New replicas have to be live; null cancels. */
export const reassignOne = (cluster: Cluster, partition: SimPartition | undefined, replicas: readonly number[] | null): string | null => {
  if (partition === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (replicas === null) return cancel(cluster, partition)
  const from = partition.moving?.from ?? partition.replicas
  const valid = replicas.length > 0 && new Set(replicas).size === replicas.length
  if (!valid || without(replicas, from).some((id) => !cluster.live(id))) return 'INVALID_REPLICA_ASSIGNMENT'
  // Nobody comes and nobody goes: only the order changes, with or without a leader (KafkaController.isReassignmentComplete).
  if (partition.moving === null && from.length === replicas.length && without(replicas, from).length === 0) {
    partition.replicas = replicas
    return null
  }
  partition.moving = { from, to: replicas }
  partition.replicas = [...replicas, ...without(from, replicas)]
  finishMove(cluster, partition)
  return null
}

const cancel = (cluster: Cluster, partition: SimPartition): string | null => {
  if (partition.moving === null) return 'NO_REASSIGNMENT_IN_PROGRESS'
  shrinkTo(cluster, partition, partition.moving.from)
  return null
}
