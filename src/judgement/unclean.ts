// Partitions that nobody may be elected to lead cleanly: who could, who is missing and why, and what it would
// cost to take whoever is left. Nothing here licenses an election unless every member of the ISR on record
// was seen to have lost its disk.
import { isKnownTrue } from '../model/known.ts'
import { isrOnRecord, type PartitionRow, type PartitionTable, partitionName } from '../model/partitions.ts'
import { brokerOf, type LogEnds, memberOfBroker, type Survey } from '../model/survey.ts'
import { brokerStatus } from './status.ts'

/** A number of records, `null` at most where nothing bounds it. */
export interface Range {
  readonly atLeast: number
  readonly atMost: number | null
}

interface Candidate {
  readonly broker: number
  /** null: not seen yet, in a picture of what is expected. */
  readonly end: number | null
  readonly epoch: number | null
}

export interface UncleanElection {
  readonly topic: string
  readonly partition: number
  readonly name: string
  /** Leader epoch when it was judged: a newer one means that somebody was elected since. */
  readonly leaderEpoch: number
  /** Whoever has the most. */
  readonly candidate: Candidate
  /** How it is assigned now. */
  readonly assigned: readonly number[]
  /** The same replicas with the candidate first, where the controller would take a worse one, the first live of the assignment; else null. */
  readonly reordered: readonly number[] | null
  /** The rest, best first. */
  readonly others: readonly Candidate[]
  /** Of those, whoever has the longer log and is ranked behind for its epoch alone: where that was seen too low, it has the most. */
  readonly longer: readonly number[]
  readonly record: readonly number[]
  /** Records acknowledged with acks=all that the candidate may lack. */
  readonly acknowledged: Range
  /** Records of any kind that the candidate may lack: acks of 0 or 1, and what was never acknowledged. */
  readonly unacknowledged: Range
}

export type Leaderless =
  | { readonly can: 'wait'; readonly name: string; readonly because: string }
  | { readonly can: 'nobody'; readonly name: string; readonly because: string }
  | { readonly can: 'unclean'; readonly election: UncleanElection }

/** Its disk was seen to hold nothing any more; a volume that is only released can be given back. */
export const provenGone = (now: Survey, id: number): boolean => {
  const member = memberOfBroker(now, id)
  if (member === undefined || member.volumes.length === 0) return false
  return member.volumes.every(({ state, backing }) => state.known && state.value !== 'intact' && backing?.phase !== 'Released')
}

/** What is missing of the record, member by member, in words. */
const missingWords = (now: Survey, record: readonly number[]): string =>
  record
    .map((id) => {
      if (provenGone(now, id)) return `broker ${id} (its disk is gone)`
      const { status, because } = brokerStatus(now, id)
      return status === 'up' ? `broker ${id} (up, yet not leading: look at its log directories)` : `broker ${id} (${because})`
    })
    .join(', ')

/** Best first: the later epoch, then the longer log; an epoch that was not seen counts as the earliest. */
export const ranked = (candidates: readonly Candidate[]): readonly Candidate[] =>
  [...candidates].sort((a, b) => (b.epoch ?? -1) - (a.epoch ?? -1) || (b.end ?? -1) - (a.end ?? -1) || a.broker - b.broker)

const asGood = (a: Candidate, b: Candidate): boolean => (a.epoch ?? -1) === (b.epoch ?? -1) && a.end === b.end

/**
 * An empty log beside one that is not speaks for nothing: that replica never had it, or came back on another disk. Where all
 * are empty, one on a disk that shows no record at all is taken for such a disk.
 */
const witnesses = ({ logs }: Survey, seen: readonly Candidate[]): number => {
  const most = Math.max(0, ...seen.map(({ end }) => end ?? 0))
  if (most > 0) return seen.filter(({ end }) => (end ?? 0) > 0).length
  const all = logs.known ? [...logs.value.values()] : []
  const holding = new Set(all.flatMap(({ local }) => local.filter(({ end }) => end > 0).map(({ broker }) => broker)))
  return seen.filter(({ broker }) => holding.has(broker)).length
}

/**
 * A record acknowledged with acks=all was on at least min.insync.replicas replicas. With fewer replicas unseen than that,
 * one of those seen has it, and the best of them has what any of them was acknowledged for (logs of one epoch are prefixes
 * of each other, and a later epoch begins with all that was committed before).
 */
const acknowledgedLoss = (table: PartitionTable, row: PartitionRow, candidate: Candidate, seen: number, known: number, sure: boolean): Range => {
  const minIsr = table.topic(row.topic)?.minIsr
  const unseen = row.replicas.length - seen
  // What was committed and is not there contradicts that: min ISR was lower once, or somebody lost what was not flushed.
  const bounded = sure && minIsr?.known === true && unseen < minIsr.value && known <= (candidate.end ?? -1)
  return bounded ? { atLeast: 0, atMost: 0 } : { atLeast: candidate.end === null ? 0 : Math.max(0, known - candidate.end), atMost: null }
}

export const liveReplicas = (now: Survey, { replicas }: PartitionRow): readonly number[] =>
  replicas.filter((id) => {
    const registered = brokerOf(now, id)?.registered
    return registered !== undefined && isKnownTrue(registered)
  })

type Case = {
  readonly now: Survey
  readonly table: PartitionTable
  readonly row: PartitionRow
  readonly ends: LogEnds | undefined
  readonly before: LogEnds | undefined
  readonly given: readonly number[]
}

/** Not live, and its disk may still hold more than anybody else's: an election before it is back would throw that away. */
const absent = ({ now, row, given }: Case, live: readonly number[]): readonly number[] =>
  row.replicas.filter((id) => !live.includes(id) && !given.includes(id) && !provenGone(now, id))

const judge = (the: Case): Leaderless => {
  const { now, row } = the
  const name = partitionName(row)
  const record = isrOnRecord(row)
  if (record === null) return { can: 'nobody', name, because: 'its ISR on record was not seen: nobody may be elected before it is' }
  if (!record.every((id) => provenGone(now, id))) return { can: 'wait', name, because: `only ${missingWords(now, record)} may lead it cleanly` }
  const live = liveReplicas(now, row)
  const first = live[0]
  if (first === undefined) return { can: 'nobody', name, because: `none of its replicas (${row.replicas.join(', ')}) is live` }
  const away = absent(the, live)
  if (away.length > 0) {
    const words = missingWords(now, away)
    return {
      can: 'nobody',
      name,
      because: `where the log of ${words} ends was not seen, and it may have the most: bring it back first, or give it up by --gone`,
    }
  }
  const seen = ranked((the.ends?.local ?? []).filter(({ broker }) => live.includes(broker)))
  const blind = live.filter((id) => !seen.some(({ broker, end, epoch }) => broker === id && (end === 0 || epoch !== null)))
  const notYet = (id: number): boolean => brokerOf(now, id)?.registered.by === 'projected'
  if (blind.length > 0 && blind.every(notYet)) return electing(the, { broker: first, end: null, epoch: null }, [], record)
  if (blind.length > 0)
    return { can: 'nobody', name, because: `where and in which epoch the log of broker ${blind.join(', ')} ends was not seen: it may have the most` }
  const best = seen[0] as Candidate
  return electing(the, seen.find((one) => one.broker === first && asGood(one, best)) ?? best, seen, record)
}

const electing = ({ now, table, row, ends, before }: Case, candidate: Candidate, seen: readonly Candidate[], record: readonly number[]): Leaderless => {
  const highest = Math.max(0, ...[before, ends].flatMap((logs) => (logs === undefined ? [] : [logs.highWatermark ?? 0, ...logs.local.map(({ end }) => end)])))
  const others = seen.filter(({ broker }) => broker !== candidate.broker)
  // An epoch is that of the record with the latest timestamp: producers whose clocks disagree make it a lower bound.
  const longer = others.filter(({ end }) => (end ?? 0) > (candidate.end ?? 0)).map(({ broker }) => broker)
  const election: UncleanElection = {
    topic: row.topic,
    partition: row.partition,
    name: partitionName(row),
    leaderEpoch: row.leaderEpoch,
    candidate,
    assigned: row.replicas,
    reordered: liveReplicas(now, row)[0] === candidate.broker ? null : [candidate.broker, ...row.replicas.filter((id) => id !== candidate.broker)],
    others,
    longer,
    record,
    acknowledged: acknowledgedLoss(table, row, candidate, witnesses(now, seen), before?.highWatermark ?? 0, longer.length === 0),
    unacknowledged: { atLeast: candidate.end === null ? 0 : Math.max(0, highest - candidate.end), atMost: null },
  }
  return { can: 'unclean', election }
}

/**
 * Every partition without a leader. `before`: where logs ended when the run began; `given`: brokers that were given up. Empty where the
 * partitions were not seen: ask `partitions.known` first.
 */
export const judgeLeaderless = (now: Survey, before: (name: string) => LogEnds | undefined, given: readonly number[] = []): readonly Leaderless[] => {
  if (!now.partitions.known) return []
  const table = now.partitions.value
  const ends = now.logs.known ? now.logs.value : new Map<string, LogEnds>()
  return [...table.rows()]
    .filter(({ leader }) => leader < 0)
    .map((row) => judge({ now, table, row, ends: ends.get(partitionName(row)), before: before(partitionName(row)), given }))
}

export const rangeWords = ({ atLeast, atMost }: Range): string =>
  atMost === null ? `at least ${atLeast}, at most an unknown number` : atLeast === atMost ? `${atLeast}` : `${atLeast} to ${atMost}`
