// What the simulated world consists of: processes with their disks, topics with their logs.
import { type ExitStatus, ordinalOf } from '../../model/member.ts'
import type { Instant } from '../../units.ts'

/** A record batch as a producer sent it; its records share it. */
export interface SimBatch {
  readonly bytes: Buffer
  readonly base: number
  readonly count: number
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
}

export interface SimRecord {
  readonly offset: number
  readonly epoch: number
  readonly timestamp: Instant
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Absent where kdr or a workload appended plain records. */
  readonly batch?: SimBatch
}

export interface SimPartition {
  readonly topic: SimTopic
  readonly index: number
  replicas: readonly number[]
  /** While it is being moved: what it was assigned to before, and what it will be. */
  moving: { readonly from: readonly number[]; readonly to: readonly number[] } | null
  leader: number
  epoch: number
  isr: readonly number[]
  elr: readonly number[]
  lastKnownElr: readonly number[]
  /** ZooKeeper's version of the state znode. */
  version: number
}

export interface SimTopic {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly configs: Map<string, string>
  readonly partitions: SimPartition[]
  readonly czxid: bigint
}

export interface SimMember {
  readonly name: string
  readonly role: 'broker' | 'controller' | 'zookeeper' | 'schema-registry'
  readonly id: number
  readonly address: string
  state: 'stopped' | 'running' | 'paused'
  /** Answers requests. */
  serving: boolean
  pid: number
  startedAt: Instant | null
  /** Rises with every start; events of an older boot no longer count. */
  boot: number
  lastExit: ExitStatus | null
  /** Exits of its own since it was last made anew: each doubles the platform's back-off. */
  exits: number
  log: string[]
  previousLog: string[]
  disk: 'intact' | 'blank'
  /** A controller's empty disk that was formatted: it says whose it is, and holds no log yet. */
  formatted: boolean
  /** Something on its disk makes it exit whenever it starts, until somebody mends it. */
  broken: boolean
  /** Its disk is there, empty or not; of a member that a set makes, the claim may be gone until its pod is made anew. */
  claimed: boolean
  /** Left a clean shutdown file (KIP-966: only then is it still eligible). */
  cleanShutdown: boolean
}

/** What makes the pods of a role, as a StatefulSet does. */
export interface SimSet {
  readonly name: string
  readonly role: SimMember['role']
  /** Its generation: rises with every write. */
  version: number
  replicas: number
  first: number
  /** OrderedReady. */
  ordered: boolean
  /** Nobody is made: a fault is under way. */
  held: boolean
  /** Makes what is wanted and may be made now; stops what is not wanted. */
  review: () => void
}

/** It has no pod: it never crashed in one, and none was made since. */
export const hasNoPod = ({ state, exits }: SimMember): boolean => state === 'stopped' && exits === 0

export const isWanted = ({ first, replicas }: SimSet, { name }: Pick<SimMember, 'name'>): boolean => {
  const ordinal = ordinalOf(name)
  return ordinal >= first && ordinal < first + replicas
}

/** Names an incarnation as the process platform does: its id and its start. */
export const uidOf = (member: SimMember): string | null => (member.state === 'stopped' ? null : `${member.pid}@${member.startedAt}`)

/** Runs, serves and is scheduled: answers now. */
export const isUp = (member: SimMember): boolean => member.state === 'running' && member.serving

/** log.flush.start.offset.checkpoint.interval.ms: so often brokers write down what was deleted (UnifiedLog: lost when they all die before). */
const CHECKPOINT = 60_000

/** A replica's log on one broker's disk. Records are shared between replicas, so that the same object means the same history. */
export class ReplicaLog {
  readonly records: SimRecord[] = []
  /** Records before it were deleted: they are kept, for the truth, and nobody can read them. */
  #start = 0
  /** What the disk says of it, and since when it is otherwise (log-start-offset-checkpoint). */
  #written = { start: 0, until: Number.POSITIVE_INFINITY }
  /** The last batches of each idempotent producer, oldest first, as a leader remembers them (ProducerStateEntry). */
  readonly producers = new Map<bigint, readonly SimBatch[]>()

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.records.length
  }

  /** Nothing before `start` can be read any more. */
  startAt(start: number, now: number): void {
    if (start === this.#start) return
    if (now >= this.#written.until) this.#written = { start: this.#start, until: Number.POSITIVE_INFINITY }
    this.#start = start
    this.#written = { start: this.#written.start, until: Math.min(this.#written.until, now + CHECKPOINT) }
  }

  /** Its broker died without a word: where it starts is what its disk says. */
  die(now: number): void {
    if (now < this.#written.until) this.#start = this.#written.start
    this.#written = { start: this.#start, until: Number.POSITIVE_INFINITY }
  }

  has(record: SimRecord): boolean {
    return this.records[record.offset] === record
  }

  /** Truncates to where both histories agree (KIP-101), then copies. Returns how many records were cut off. */
  follow(leader: ReplicaLog, now: number): number {
    let agreed = Math.min(this.end, leader.end)
    while (agreed > 0 && this.records[agreed - 1] !== leader.records[agreed - 1]) agreed -= 1
    const cut = this.end - agreed
    this.records.length = agreed
    for (let at = agreed; at < leader.end; at += 1) this.records.push(leader.records[at] as SimRecord)
    this.startAt(leader.start, now)
    this.producers.clear()
    for (const [id, batches] of leader.producers) this.producers.set(id, batches)
    return cut
  }

  /** Nearest epoch at or below the one asked, and the end of it (OffsetForLeaderEpoch); null before the first. */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly end: number } | null {
    let end = this.end
    while (end > 0 && (this.records[end - 1] as SimRecord).epoch > epoch) end -= 1
    return end === 0 ? null : { epoch: (this.records[end - 1] as SimRecord).epoch, end }
  }
}
