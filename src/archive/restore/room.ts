// Whether the brokers' disks can take what a restore has yet to write, broker by broker: one full disk stops a
// partition, however much the others have free. What was not seen is said, and refuses nothing. Pure.
import { formatBytes, plural } from '../../units.ts'

export interface Disk {
  readonly broker: number
  /** Of all its log directories; null where that was not seen. */
  readonly freeBytes: number | null
}

export interface Need {
  /** Still to be written, one copy. */
  readonly bytes: number
  readonly replicationFactor: number
  /** Brokers that have its replicas; null where the topic is yet to be made, and Kafka will choose. */
  readonly replicas: readonly number[] | null
}

export interface RoomInput {
  readonly needs: readonly Need[]
  /** null: no broker was seen. */
  readonly disks: readonly Disk[] | null
  /** Topics that are deleted first: what that frees is not known before. */
  readonly deleted: number
}

export interface Room {
  readonly notes: readonly string[]
  /** Why it cannot be, whatever replicas go where. */
  readonly refused: string | null
}

const total = (needs: readonly Need[], of: (need: Need) => number): number => Math.round(needs.reduce((sum, need) => sum + of(need), 0))

/** What is bound to come to this broker, and what is once replicas are spread evenly. */
const shareOf = ({ needs }: RoomInput, broker: number, brokers: number) => {
  const placed = (need: Need): boolean => need.replicas?.includes(broker) === true
  const certain = total(needs, (need) => (placed(need) || (need.replicas === null && need.replicationFactor >= brokers) ? need.bytes : 0))
  const even = total(needs, (need) =>
    placed(need) ? need.bytes : need.replicas === null ? (need.bytes * Math.min(need.replicationFactor, brokers)) / brokers : 0,
  )
  return { certain, even }
}

export const roomFor = (input: RoomInput): Room => {
  const { needs, disks, deleted } = input
  const sum = total(needs, ({ bytes, replicationFactor, replicas }) => bytes * (replicas?.length ?? replicationFactor))
  const needed = `it needs about ${formatBytes(sum)} on the brokers' disks`
  if (disks === null || disks.length === 0) return { notes: [`${needed}; how much is free was not seen`], refused: null }
  const blind = disks.filter(({ freeBytes }) => freeBytes === null).map(({ broker }) => broker)
  const free = disks.reduce((all, { freeBytes }) => all + (freeBytes ?? 0), 0)
  const notes = [
    blind.length === 0 ? `${needed}, of ${formatBytes(free)} free` : `${needed}; how much is free on broker ${blind.join(', ')} was not seen`,
    ...(deleted === 0 ? [] : [`what the deletion of ${plural(deleted, 'topic')} frees is not known before, and not counted`]),
  ]
  const short: string[] = []
  for (const { broker, freeBytes } of disks) {
    if (freeBytes === null) continue
    const { certain, even } = shareOf(input, broker, disks.length)
    if (certain > freeBytes) short.push(`broker ${broker} has ${formatBytes(freeBytes)} free and gets ${formatBytes(certain)}`)
    else if (even > freeBytes) notes.push(`broker ${broker} has ${formatBytes(freeBytes)} free, and its even share is ${formatBytes(even)}`)
  }
  if (short.length === 0 && blind.length === 0 && sum > free) short.push(`${formatBytes(free)} are free in all`)
  if (short.length === 0) return { notes, refused: null }
  return deleted > 0 ? { notes: [...notes, ...short], refused: null } : { notes, refused: `${needed}: ${short.join('; ')}` }
}
