// G1, G2 and G5: what must never be done to a broker, decided from a survey alone. Not knowing refuses.
// G3 (freshness) is the engine's: it runs these again on a fresh survey immediately before acting.
import type { Guard, Refusal } from '../engine/step.ts'
import { companyOf, type Member } from '../model/member.ts'
import type { PartitionRow, PartitionTable } from '../model/partitions.ts'
import { isrOnRecord, partitionName } from '../model/partitions.ts'
import type { QuorumView, Survey } from '../model/survey.ts'
import { memberOfBroker, unmatchedBrokers } from '../model/survey.ts'
import type { Millis } from '../units.ts'
import { seconds } from '../units.ts'
import { few } from './evidence.ts'
import { ableToReturn, notManaged, withinBudget } from './platform-guards.ts'
import { type BrokerTarget, blind, hosting, refusal, self } from './refusals.ts'
import { brokerStatus, outOfService, quorumHeld } from './status.ts'
import { checkUnsure, knownClean, staleCouldWin, uncleanOff } from './unclean-guards.ts'

/** Brokers other than the target that are not plainly up. */
const othersNotUp = (now: Survey, target: BrokerTarget): readonly { readonly id: number; readonly because: string }[] =>
  now.brokers.known
    ? now.brokers.value
        .filter((broker) => broker.id !== target.broker)
        .map((broker) => ({ id: broker.id, ...brokerStatus(now, broker.id) }))
        .filter((other) => other.status !== 'up')
    : []

const whileAnotherIsMissing = (now: Survey, table: PartitionTable, target: BrokerTarget): Refusal | null => {
  const unmatched = unmatchedBrokers(now)
  const missing = othersNotUp(now, target)
  if (missing.length === 0 && unmatched.length === 0) return null
  const ids = new Set(missing.map((other) => other.id))
  const hosted = hosting(table, target.broker)
  const shared = hosted.filter((row) => row.replicas.some((replica) => ids.has(replica)))
  const names = (shared.length > 0 ? shared : hosted).map(partitionName)
  const brokers = [...missing.map((other) => `broker ${other.id}`), ...unmatched]
  const why = missing[0]?.because ?? `${few(unmatched)} is a broker whose id was not seen`
  return refusal('G1', `another broker is missing (${why}): partitions of both would lose a second replica`, names.length > 0 ? names : brokers)
}

/** Kafka's own bar for acks=all is min.insync.replicas, and one replica to lead (Strimzi KafkaAvailability asks the same). */
const barOf = (table: PartitionTable, row: PartitionRow): number | null => {
  const minIsr = table.topic(row.topic)?.minIsr
  return minIsr?.known === true ? Math.max(minIsr.value, 1) : null
}

const arithmetic = (table: PartitionTable, target: BrokerTarget): Refusal | null => {
  const hosted = hosting(table, target.broker)
  const unread = hosted.filter((row) => barOf(table, row) === null)
  if (unread.length > 0) return blind('G1', 'the effective min.insync.replicas of its partitions was not seen', unread.map(partitionName))
  const short = hosted.filter((row) => row.isr.filter((id) => id !== target.broker).length < (barOf(table, row) ?? Number.POSITIVE_INFINITY))
  if (short.length === 0) return null
  const names = short.map(partitionName)
  const force = short.every((row) => row.replicas.length === 1) ? { as: 'lose-data' as const, partitions: names } : null
  const example = short[0]
  const because = example === undefined ? '' : ` (${partitionName(example)}: ISR [${example.isr.join(',')}], min ISR ${barOf(table, example)})`
  return refusal('G1', `without broker ${target.broker} the ISR would be below min.insync.replicas${because}`, names, force)
}

const checkRestart = (now: Survey, target: BrokerTarget): Refusal | null => {
  if (!now.brokers.known) return blind('G1', `the brokers were not seen: ${now.brokers.why}`, self(target))
  if (!now.members.known) return blind('G1', `the platform was not seen: ${now.members.why}`, self(target))
  if (!now.brokers.value.some((broker) => broker.id === target.broker)) return blind('G1', `broker ${target.broker} was not seen`, self(target))
  if (!now.partitions.known) return blind('G1', `the partitions were not seen: ${now.partitions.why}`, self(target))
  const missing = whileAnotherIsMissing(now, now.partitions.value, target)
  if (missing !== null) return missing
  if (!now.reassigning.known) return blind('G1', `reassignments were not seen: ${now.reassigning.why}`, self(target))
  if (now.reassigning.value.length > 0) return refusal('G1', 'a reassignment is under way', now.reassigning.value)
  return outOfService(now, target.broker) ? null : arithmetic(now.partitions.value, target)
}

/** G1: a restart must leave every partition at min ISR. A broker already out of service bypasses only the arithmetic. */
export const restartSafe = <T extends BrokerTarget>(): Guard<T> => ({ name: 'G1', check: checkRestart })

type Disk = { readonly fit: true } | { readonly fit: false; readonly because: string }

const diskOf = (member: Member | undefined): Disk => {
  if (member === undefined) return { fit: false, because: 'its member, and so its volume, was not seen' }
  if (member.volumes.length === 0) return { fit: false, because: `${member.name} shows no volume` }
  for (const volume of member.volumes) {
    if (!volume.state.known) return { fit: false, because: `volume ${volume.name} was not seen (${volume.state.why})` }
    if (volume.state.value !== 'intact') return { fit: false, because: `volume ${volume.name} is ${volume.state.value}` }
  }
  return { fit: true }
}

/** Deleting what runs on it takes the disk along: no claim, or one that is on its way out. */
const keptOf = (member: Member | undefined): Disk => {
  for (const { name, backing } of member?.volumes ?? []) {
    if (backing === null) return { fit: false, because: `volume ${name} has no claim: it goes with the pod` }
    if (backing.phase !== 'Bound') return { fit: false, because: `claim ${backing.claim} is ${backing.phase}: its volume may go with the pod` }
  }
  return { fit: true }
}

const checkStart = (now: Survey, target: BrokerTarget): Refusal | null => checkDisk(now, target, diskOf(memberOfBroker(now, target.broker)))

/** A stop that is a start too: the disk must be fit, and outlive what is stopped. */
const checkRevival = (now: Survey, target: BrokerTarget): Refusal | null => {
  const member = memberOfBroker(now, target.broker)
  const disk = diskOf(member)
  return checkDisk(now, target, disk.fit ? keptOf(member) : disk)
}

const checkDisk = (now: Survey, target: BrokerTarget, disk: Disk): Refusal | null => {
  if (!now.partitions.known) {
    return disk.fit ? null : blind('G2', `${disk.because}, and the partitions were not seen: ${now.partitions.why}`, self(target))
  }
  const table = now.partitions.value
  const hosted = hosting(table, target.broker)
  const stale = hosted.filter((row) => staleCouldWin(table, row, target.broker))
  if (stale.length > 0) {
    const because = 'they have no leader, this broker is not on record as in sync, and unclean election is not off: it would be elected stale'
    const unseen = stale.some((row) => isrOnRecord(row) === null || table.topic(row.topic)?.uncleanElection.known !== true)
    // A controller that has just come up elects a moment later, and brokers that answer say what is on record.
    const wait = unseen ? { blind: true as const } : {}
    return {
      ...refusal('G2', because, stale.map(partitionName)),
      ...wait,
      instead: 'start first who is on record, or switch unclean.leader.election.enable off',
    }
  }
  return disk.fit ? null : checkBlank(now, target, hosted, disk.because)
}

const checkBlank = (now: Survey, target: BrokerTarget, hosted: readonly PartitionRow[], why: string): Refusal | null => {
  const live = new Map<number, boolean>()
  const isLive = (id: number): boolean => {
    const seen = live.get(id) ?? brokerStatus(now, id).status === 'up'
    live.set(id, seen)
    return seen
  }
  const endangered = hosted.filter((row) => {
    const record = isrOnRecord(row)
    // Without a leader nobody on record lives, whatever their brokers look like.
    return record === null || (record.includes(target.broker) && (row.leader < 0 || !record.some((id) => id !== target.broker && isLive(id))))
  })
  if (endangered.length === 0) return null
  const because = `${why}, and no other member of the ISR on record is live: it would be elected empty and the followers would truncate`
  return refusal('G2', because, endangered.map(partitionName))
}

/** G2: never start a replica that could be elected stale, nor a broker on a disk without its data while it may be elected from the ISR on record (the hole of KIP-966). Cannot be forced. */
export const blankDisk = <T extends BrokerTarget>(): Guard<T> => ({ name: 'G2', check: checkStart })

/** A voter this far behind its leader's fetches is not counted on: KRaft's own fetch timeout is 2 s (controller.quorum.fetch.timeout.ms). */
export const VOTER_SILENCE: Millis = seconds(10)

const liveVoters = (now: Survey, view: QuorumView): readonly number[] => {
  const controllers = now.members.known ? now.members.value.filter((member) => member.roles.includes('controller')) : []
  const runs = (id: number) => controllers.some((member) => member.id.known && member.id.value === id && member.state.known && member.state.value === 'running')
  return view.voters.known
    ? view.voters.value.filter((voter) => runs(voter.id) && (voter.lastFetchAgo === null || voter.lastFetchAgo <= VOTER_SILENCE)).map((voter) => voter.id)
    : []
}

const checkQuorum = (now: Survey, target: BrokerTarget): Refusal | null => {
  if (!now.coordination.known) return blind('G5', `the quorum was not seen: ${now.coordination.why}`, self(target))
  const view = now.coordination.value
  if (!quorumHeld(now)) {
    const why = view.quorum.known ? 'the quorum is lost' : `whether the quorum is held was not seen: ${view.quorum.why}`
    const words = `${why}; a broker restarted now could not come back`
    return view.quorum.known ? refusal('G5', words, self(target)) : blind('G5', words, self(target))
  }
  const member = memberOfBroker(now, target.broker)
  if (member === undefined) return blind('G5', `the member that runs broker ${target.broker} was not seen: it may be a voter`, self(target))
  if (member.roles.includes('zookeeper')) return refusal('G5', `${member.name} is also a ZooKeeper server`, [member.name])
  if (view.kind !== 'kraft') return null
  if (!view.voters.known) return blind('G5', `the voters were not seen: ${view.voters.why}`, [member.name])
  const votes = view.voters.value.some((voter) => voter.id === target.broker) || member.roles.includes('controller')
  if (!votes) return null
  const left = liveVoters(now, view).filter((id) => id !== target.broker)
  const majority = Math.floor(view.voters.value.length / 2) + 1
  if (left.length >= majority) return null
  const because = `${member.name} is a voter: without it ${left.length} of ${view.voters.value.length} live voters would be left, a majority is ${majority}`
  return refusal('G5', because, [member.name])
}

/** G5: nothing that leaves fewer voters than a majority, and nothing done to a broker while the quorum is not known to be held. Cannot be forced. */
export const quorumKept = <T extends BrokerTarget>(): Guard<T> => ({ name: 'G5', check: checkQuorum })

const uncleanIfRevived = <T extends BrokerTarget>(): Guard<T> => ({
  name: 'UNCLEAN',
  check: (now, target) => (memberOfBroker(now, target.broker)?.revives === 'always' ? checkUnsure(now, target) : null),
})

/** Where the platform starts again whatever was stopped, a stop is a start too. */
const blankIfRevived = <T extends BrokerTarget>(): Guard<T> => ({
  name: 'G2',
  check: (now, target) => (memberOfBroker(now, target.broker)?.revives === 'always' ? checkRevival(now, target) : null),
})

/** Before a broker, or what is left of it, is stopped. */
export const stopGuards = <T extends BrokerTarget>(): readonly Guard<T>[] => [
  notManaged(),
  withinBudget(),
  ableToReturn(),
  restartSafe(),
  uncleanIfRevived(),
  blankIfRevived(),
  quorumKept(),
]

/** Before a broker that does not run is started. */
export const startGuards = <T extends BrokerTarget>(): readonly Guard<T>[] => [notManaged(), restartSafe(), knownClean(), blankDisk(), quorumKept()]

const checkServing = (now: Survey, target: BrokerTarget): Refusal | null => {
  if (!now.brokers.known) return blind('G1', `the brokers were not seen: ${now.brokers.why}`, self(target))
  if (!now.members.known) return blind('G1', `the platform was not seen: ${now.members.why}`, self(target))
  if (outOfService(now, target.broker)) return null
  const names = now.partitions.known ? hosting(now.partitions.value, target.broker).map(partitionName) : []
  return refusal(
    'G1',
    `broker ${target.broker} may be serving: while others are down it may hold the last replicas in sync`,
    names.length > 0 ? names : self(target),
  )
}

/** G1 while several are down: survivors are never touched; what is out of service takes nothing away. */
const servesNothing = <T extends BrokerTarget>(): Guard<T> => ({ name: 'G1', check: checkServing })

/** G2 and UNCLEAN for whoever this member runs. */
export const startOf = (now: Survey, name: string): Refusal | null => {
  const broker = now.brokers.known ? now.brokers.value.find(({ member }) => member.known && member.value === name)?.id : undefined
  return broker === undefined ? blind('G2', `which broker ${name} is was not seen`, [name]) : (checkStart(now, { broker }) ?? checkUnsure(now, { broker }))
}

/** Scaling a StatefulSet up may start others too: what G2 says of them counts. */
const checkCompany = (now: Survey, target: BrokerTarget): Refusal | null => {
  const member = memberOfBroker(now, target.broker)
  if (member === undefined || !now.members.known) return null
  for (const { name } of companyOf(member, now.members.value)) {
    const found = startOf(now, name)
    if (found !== null) return { ...found, because: `${member.name} can only be started together with ${name}: ${found.because}` }
  }
  return null
}

const companyFit = <T extends BrokerTarget>(): Guard<T> => ({ name: 'G2', check: checkCompany })

/** Before what is left of one of several dead brokers is stopped. */
export const remainsGuards = <T extends BrokerTarget>(): readonly Guard<T>[] => [
  notManaged(),
  withinBudget(),
  ableToReturn(),
  servesNothing(),
  uncleanIfRevived(),
  blankIfRevived(),
  quorumKept(),
]

/** Before one of several dead brokers is started: that others are missing is why, not why not. */
export const reviveGuards = <T extends BrokerTarget>(): readonly Guard<T>[] => [
  notManaged(),
  servesNothing(),
  uncleanOff(),
  blankDisk(),
  companyFit(),
  quorumKept(),
]

/** G5 for what only the controller does: nothing is asked of it while the quorum is not known to be held. */
export const governed = <T>(): Guard<T> => ({
  name: 'G5',
  check: (now) => {
    if (quorumHeld(now)) return null
    if (!now.coordination.known) return blind('G5', `the quorum was not seen: ${now.coordination.why}`, [])
    const { quorum } = now.coordination.value
    return quorum.known ? refusal('G5', 'the quorum is lost', []) : blind('G5', `whether the quorum is held was not seen: ${quorum.why}`, [])
  },
})
