// What the controller does, as Kafka does it: leaders from live ISR members, ISRs that shrink to their last
// member on record, ELR under KRaft 4 (KIP-966), replicas that catch up and come back.
import type { Cluster } from './cluster.ts'
import type { SimPartition, SimTopic } from './state.ts'

/** Kafka's default for `min.insync.replicas`, and 4.x's cluster default with ELR whatever the broker's file says. */
export const minIsrOf = (partition: SimPartition): number => Number(partition.topic.configs.get('min.insync.replicas') ?? '1')

const UNCLEAN = 'unclean.leader.election.enable'

/** The topic's own setting, else the brokers' dynamic default. */
export const uncleanAllowed = (cluster: Cluster, { configs }: SimTopic): boolean => (configs.get(UNCLEAN) ?? cluster.configsOf('')?.get(UNCLEAN)) === 'true'

interface Change {
  readonly leader: number
  readonly isr: readonly number[]
  readonly unclean?: boolean
}

/** Writes a new leader or ISR down, and the ELR that follows from it (`PartitionChangeBuilder`). */
export const applyChange = (cluster: Cluster, partition: SimPartition, change: Change): void => {
  const sameIsr = change.isr.length === partition.isr.length && change.isr.every((id, at) => partition.isr[at] === id)
  if (sameIsr && change.leader === partition.leader) return
  if (cluster.mode === 'kraft') updateElr(partition, change)
  const elected = change.leader !== partition.leader
  const shrunk = change.isr.length < partition.isr.length
  if (elected || (shrunk && cluster.mode === 'zookeeper')) partition.epoch += 1
  partition.leader = change.leader
  partition.isr = change.isr
  partition.version += 1
  if (elected && change.leader >= 0) recordElection(cluster, partition, change.unclean === true)
  replicate(cluster, partition)
}

/** KIP-966: whoever left an ISR that is now below min ISR is still eligible. */
const updateElr = (partition: SimPartition, change: Change): void => {
  if (change.isr.length === 0 && partition.leader >= 0) partition.lastKnownElr = [partition.leader]
  if (change.isr.length >= Math.min(minIsrOf(partition), partition.replicas.length)) {
    partition.elr = []
    partition.lastKnownElr = []
    return
  }
  if (change.unclean === true) partition.lastKnownElr = []
  const before = change.unclean === true ? [] : [...new Set([...partition.elr, ...partition.isr])]
  partition.elr = before.filter((id) => !change.isr.includes(id))
}

const recordElection = (cluster: Cluster, partition: SimPartition, unclean: boolean): void => {
  cluster.truth.elections.push({
    at: cluster.time.now(),
    topic: partition.topic.name,
    partition: partition.index,
    leader: partition.leader,
    epoch: partition.epoch,
    unclean,
    missing: cluster.truth.missingOn(partition, cluster.logOf(partition.leader, partition)),
  })
}

/** Followers in the ISR that run have what the leader has, and nothing else. */
export const replicate = (cluster: Cluster, partition: SimPartition): void => {
  if (partition.leader < 0 || !cluster.up(partition.leader)) return
  const leader = cluster.logOf(partition.leader, partition)
  for (const id of partition.isr) if (id !== partition.leader && cluster.up(id)) cluster.logOf(id, partition).follow(leader, cluster.now)
}

/** Brings every partition in line with who is registered, if anybody governs; then wakes whoever waits. */
export const settle = (cluster: Cluster): void => {
  if (cluster.mode === 'zookeeper' && cluster.ensemble.serving) chooseController(cluster)
  if (cluster.governed) {
    cluster.announced = [...cluster.registrations.keys()].sort((a, b) => a - b)
    for (const partition of cluster.partitions()) {
      applyChange(cluster, partition, decide(cluster, partition))
      finishMove(cluster, partition)
      catchUp(cluster, partition)
    }
  }
  for (const partition of cluster.partitions()) replicate(cluster, partition)
  cluster.changed()
}

/** ZooKeeper: whoever creates /controller first; here the registered broker with the lowest id. */
const chooseController = (cluster: Cluster): void => {
  if (cluster.controller !== null && cluster.registrations.has(cluster.controller)) return
  const next = [...cluster.registrations.keys()].filter((id) => !cluster.leaving.has(id)).sort((a, b) => a - b)[0]
  cluster.controller = next ?? null
  if (next !== undefined) cluster.controllerEpoch += 1
}

/** Who leads and who is in sync, given who is registered now. */
const decide = (cluster: Cluster, partition: SimPartition): Change => {
  // In controlled shutdown, ZooKeeper's controller leaves a leader that nobody can follow in place until it is gone.
  const counts = (id: number) => cluster.live(id) || (cluster.mode === 'zookeeper' && cluster.registrations.has(id))
  const liveIsr = partition.isr.filter(counts)
  if (liveIsr.includes(partition.leader)) return { leader: partition.leader, isr: liveIsr }
  const inSync = partition.replicas.find((id) => liveIsr.includes(id) && cluster.live(id))
  if (inSync !== undefined) return { leader: inSync, isr: liveIsr }
  const eligible = cluster.mode === 'kraft' ? fromElr(cluster, partition) : undefined
  if (eligible !== undefined) return { leader: eligible, isr: [eligible] }
  const stale = uncleanAllowed(cluster, partition.topic) ? partition.replicas.find((id) => cluster.live(id)) : undefined
  if (stale !== undefined) return { leader: stale, isr: [stale], unclean: true }
  // ZooKeeper's ReplicaStateMachine takes the dead out one by one and leaves the last on record; with ELR the ISR becomes empty.
  return { leader: -1, isr: cluster.mode === 'kraft' ? [] : partition.isr.slice(-1) }
}

/** KRaft with ELR: from the ELR, else the last known leader (`canElectLastKnownLeader`), else nobody. */
const fromElr = (cluster: Cluster, partition: SimPartition): number | undefined => {
  const known = partition.elr.length === 0 && partition.isr.length === 0 ? partition.lastKnownElr : partition.elr
  return partition.replicas.find((id) => known.includes(id) && cluster.live(id))
}

/** Replicas that run but are behind come back after a while of their own. */
const catchUp = (cluster: Cluster, partition: SimPartition): void => {
  if (partition.leader < 0) return
  for (const id of partition.replicas) {
    const key = `${id}/${partition.topic.id}/${partition.index}`
    if (cluster.misbehaviour.losesDir(id) || partition.isr.includes(id) || !cluster.up(id) || !cluster.live(id) || cluster.catchingUp.has(key)) continue
    cluster.catchingUp.add(key)
    cluster.time.after(cluster.random.between(400, 2200) + cluster.misbehaviour.catchUpDelay(), () => {
      cluster.catchingUp.delete(key)
      rejoin(cluster, partition, id)
    })
  }
}

const rejoin = (cluster: Cluster, partition: SimPartition, id: number): void => {
  const exists = cluster.partition(partition.topic.name, partition.index) === partition && partition.replicas.includes(id)
  if (!exists || partition.leader < 0 || partition.isr.includes(id)) return
  if (!cluster.governed || !cluster.up(id) || !cluster.live(id) || !cluster.up(partition.leader)) {
    settle(cluster)
    return
  }
  cluster.logOf(id, partition).follow(cluster.logOf(partition.leader, partition), cluster.now)
  applyChange(cluster, partition, { leader: partition.leader, isr: [...partition.isr, id] })
  finishMove(cluster, partition)
  cluster.changed()
}

export const without = (ids: readonly number[], gone: readonly number[]): readonly number[] => ids.filter((id) => !gone.includes(id))

/** All of the new replicas are in sync: the old ones go. */
export const finishMove = (cluster: Cluster, partition: SimPartition): void => {
  if (partition.moving?.to.every((id) => partition.isr.includes(id)) === true && partition.leader >= 0) shrinkTo(cluster, partition, partition.moving.to)
}

/** What is no longer assigned is deleted, and out of the ISR. */
export const shrinkTo = (cluster: Cluster, partition: SimPartition, replicas: readonly number[]): void => {
  const removed = without(partition.replicas, replicas)
  partition.moving = null
  partition.replicas = replicas
  const isr = without(partition.isr, removed)
  const leader = removed.includes(partition.leader) ? (replicas.find((id) => isr.includes(id) && cluster.live(id)) ?? -1) : partition.leader
  partition.elr = without(partition.elr, removed)
  applyChange(cluster, partition, { leader, isr })
  for (const id of removed) cluster.drop(id, partition)
}

/**
 * KRaft (KIP-966): a broker that comes back without a clean shutdown file may have lost its tail, so it is
 * no longer eligible; only the last known leader may still be elected.
 */
export const registeredUnclean = (cluster: Cluster, id: number): void => {
  for (const partition of cluster.partitions()) {
    if (partition.elr.includes(id)) partition.elr = partition.elr.filter((other) => other !== id)
  }
}

/** Controlled shutdown: leadership moves first and the ISR shrinks at once. True when nothing is left behind. */
export const moveAway = (cluster: Cluster, id: number): boolean => {
  let moved = true
  for (const partition of cluster.partitions()) {
    if (!partition.isr.includes(id)) continue
    const rest = partition.isr.filter((other) => other !== id)
    const next = partition.leader === id ? partition.replicas.find((other) => rest.includes(other) && cluster.live(other)) : partition.leader
    if (next !== undefined && rest.length > 0) applyChange(cluster, partition, { leader: next, isr: rest })
    else if (partition.replicas.length > 1) moved = false
  }
  return moved
}
