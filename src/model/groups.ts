// A group as its coordinator describes it, and which partition that coordinator leads.

interface GroupMember {
  readonly id: string
  /** As the group's own protocol encodes them. */
  readonly metadata: Buffer
  readonly assignment: Buffer
}

export interface GroupDescription {
  /** Stable, PreparingRebalance, CompletingRebalance, Empty, Dead. */
  readonly state: string
  readonly protocolType: string
  readonly members: readonly GroupMember[]
}

export const OFFSETS_TOPIC = '__consumer_offsets'

/** Partition of `__consumer_offsets` whose leader coordinates the group: Utils.abs(groupId.hashCode) % partitions (GroupMetadataManager.partitionFor). */
export const coordinatorPartition = (group: string, partitions: number): number => {
  let hash = 0
  for (let at = 0; at < group.length; at += 1) hash = (Math.imul(hash, 31) + group.charCodeAt(at)) | 0
  return (hash === -2_147_483_648 ? 0 : Math.abs(hash)) % partitions
}

/** Protocol type of share groups (KIP-932): they commit nothing, their state is in a topic of its own. */
export const SHARE = 'share'
