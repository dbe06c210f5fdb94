// Whether the brokers' disks can take what a restore has yet to write, broker by broker: one full disk stops a
// partition, however much the others have free. What was not seen is said, and refuses nothing. Pure.
import type { LogDir } from '../../model/survey.ts'
import { formatBytes, plural } from '../../units.ts'

export interface Disk {
  readonly broker: number
  /** Of all its log directories; null where that was not seen. */
  readonly freeBytes: number | null
}

/** Two looks at one disk while somebody writes to it. */
const JITTER = 16 * 1024 * 1024

const sameDisk = (a: LogDir, b: LogDir): boolean =>
  a.totalBytes !== null && a.totalBytes === b.totalBytes && Math.abs((a.usableBytes ?? 0) - (b.usableBytes ?? 0)) <= JITTER

/**
 * Room in all log directories of a broker; null where one does not say. Several on one disk each say what that has (KIP-827), and nothing says
 * that it is one: those that are equal are counted once. One that failed takes nothing.
 */
export const freeIn = (dirs: readonly LogDir[]): number | null => {
  const online = dirs.filter(({ error }) => error === null)
  const disks = online.filter((dir, at) => !online.slice(0, at).some((other) => sameDisk(dir, other)))
  return disks.reduce<number | null>((sum, { usableBytes }) => (sum === null || usableBytes === null ? null : sum + usableBytes), 0)
}

export interface Need {
  /** Still to be written, one copy. */
  readonly bytes: number
  readonly replicationFactor: number
  /** Brokers that have its replicas; null where the topic is yet to be made, and Kafka will choose. */
  readonly replicas: readonly number[] | null
  /** Its topic is deleted first: its need refuses nothing, as what that frees is not known before. */
  readonly replaced: boolean
}

export interface RoomInput {
  readonly needs: readonly Need[]
  /** null: no broker was seen. */
  readonly disks: readonly Disk[] | null
  /** Topics that are deleted first. */
  readonly deleted: number
}

export interface Room {
  readonly notes: readonly string[]
  /** Why it cannot be, whatever replicas go where. */
  readonly refused: string | null
}

const total = (needs: readonly Need[], of: (need: Need) => number): number => Math.round(needs.reduce((sum, need) => sum + of(need), 0))

/** What is bound to come to this broker, and what is once replicas are spread evenly. */
const shareOf = (needs: readonly Need[], broker: number, brokers: number) => {
  const placed = (need: Need): boolean => need.replicas?.includes(broker) === true
  const certain = total(needs, (need) => (placed(need) || (need.replicas === null && need.replicationFactor >= brokers) ? need.bytes : 0))
  const even = total(needs, (need) =>
    placed(need) ? need.bytes : need.replicas === null ? (need.bytes * Math.min(need.replicationFactor, brokers)) / brokers : 0,
  )
  return { certain, even }
}

const copies = ({ bytes, replicationFactor, replicas }: Need): number => bytes * (replicas?.length ?? replicationFactor)

/** Where these needs cannot be met, a line each. */
const shortOf = (needs: readonly Need[], disks: readonly Disk[]): readonly string[] => {
  const short = disks.flatMap(({ broker, freeBytes }) => {
    const { certain } = shareOf(needs, broker, disks.length)
    return freeBytes !== null && certain > freeBytes ? [`broker ${broker} has ${formatBytes(freeBytes)} free and gets ${formatBytes(certain)}`] : []
  })
  const free = disks.reduce((all, { freeBytes }) => all + (freeBytes ?? Number.POSITIVE_INFINITY), 0)
  return short.length === 0 && total(needs, copies) > free ? [`${formatBytes(free)} are free in all`] : short
}

const unevenOf = (needs: readonly Need[], disks: readonly Disk[]): readonly string[] =>
  disks.flatMap(({ broker, freeBytes }) => {
    const { certain, even } = shareOf(needs, broker, disks.length)
    return freeBytes !== null && certain <= freeBytes && even > freeBytes
      ? [`broker ${broker} has ${formatBytes(freeBytes)} free, and its even share is ${formatBytes(even)}`]
      : []
  })

const neededBy = (needs: readonly Need[]): string => `about ${formatBytes(total(needs, copies))} on the brokers' disks`

export const roomFor = ({ needs, disks, deleted }: RoomInput): Room => {
  const needed = `it needs ${neededBy(needs)}`
  if (disks === null || disks.length === 0) return { notes: [`${needed}; how much is free was not seen`], refused: null }
  const kept = needs.filter(({ replaced }) => !replaced)
  const refused = shortOf(kept, disks)
  if (refused.length > 0) {
    const whose = deleted === 0 ? 'it needs' : 'without the topics that are deleted first it needs'
    return { notes: [], refused: `${whose} ${neededBy(kept)}: ${refused.join('; ')}` }
  }
  const blind = disks.filter(({ freeBytes }) => freeBytes === null).map(({ broker }) => broker)
  const free = disks.reduce((all, { freeBytes }) => all + (freeBytes ?? 0), 0)
  return {
    notes: [
      blind.length === 0 ? `${needed}, of ${formatBytes(free)} free` : `${needed}; how much is free on broker ${blind.join(', ')} was not seen`,
      ...(deleted === 0 ? [] : [`what the deletion of ${plural(deleted, 'topic')} frees is not known before, and not counted`]),
      ...unevenOf(needs, disks),
      ...shortOf(needs, disks),
    ],
    refused: null,
  }
}
