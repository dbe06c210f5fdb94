// Where the replicas of brokers that will not come back are to live instead: each partition before → after,
// racks respected, never fewer replicas than min ISR needs.
import { isKnownTrue } from '../model/known.ts'
import { type PartitionRow, partitionName } from '../model/partitions.ts'
import type { Survey } from '../model/survey.ts'
import { brokerStatus } from './status.ts'

export interface Move {
  readonly topic: string
  readonly partition: number
  readonly before: readonly number[]
  readonly after: readonly number[]
}

export interface ReassignmentPlan {
  readonly moves: readonly Move[]
  /** Partitions that cannot be moved now, and why. */
  readonly stuck: readonly { readonly name: string; readonly because: string }[]
}

interface Ground {
  readonly racks: ReadonlyMap<number, string | null>
  readonly gone: ReadonlySet<number>
  /** Replicas each live broker hosts so far: the emptier one is chosen. */
  readonly load: Map<number, number>
}

/** A live broker that does not host it yet: of a rack that it lacks if there is one, then the one that hosts least. */
const successor = ({ racks, load }: Ground, kept: readonly number[]): number | undefined => {
  const taken = new Set(kept.map((id) => racks.get(id)).filter((rack) => rack !== null && rack !== undefined))
  const sameRack = (id: number): number => (taken.has(racks.get(id) ?? '') ? 1 : 0)
  return [...load.keys()].filter((id) => !kept.includes(id)).sort((a, b) => sameRack(a) - sameRack(b) || (load.get(a) ?? 0) - (load.get(b) ?? 0) || a - b)[0]
}

/** In place of each one that is gone, so that the preferred leader stays preferred; those nobody can take are left out. */
const afterOf = (ground: Ground, row: PartitionRow): readonly number[] => {
  let after: readonly number[] = row.replicas.filter((id) => !ground.gone.has(id))
  const slots: number[] = []
  for (const id of row.replicas) {
    if (!ground.gone.has(id)) slots.push(id)
    else {
      const next = successor(ground, after)
      if (next === undefined) continue
      after = [...after, next]
      slots.push(next)
      ground.load.set(next, (ground.load.get(next) ?? 0) + 1)
    }
  }
  return slots
}

/** Pure. Empty where nothing is hosted on them; partitions not seen: ask `partitions.known` first. */
export const reassignmentPlan = (now: Survey, gone: readonly number[]): ReassignmentPlan => {
  const brokers = now.brokers.known ? now.brokers.value : []
  const live = brokers.filter(({ id, registered }) => isKnownTrue(registered) && !gone.includes(id) && brokerStatus(now, id).status === 'up')
  const rows = now.partitions.known ? [...now.partitions.value.rows()] : []
  const table = now.partitions.known ? now.partitions.value : null
  const load = new Map(live.map(({ id }) => [id, rows.filter(({ replicas }) => replicas.includes(id)).length]))
  const ground: Ground = { racks: new Map(brokers.map(({ id, rack }) => [id, rack])), gone: new Set(gone), load }
  const moves: Move[] = []
  const stuck: { name: string; because: string }[] = []
  for (const row of rows) {
    if (!row.replicas.some((id) => ground.gone.has(id))) continue
    const name = partitionName(row)
    if (row.leader < 0) {
      stuck.push({ name, because: 'it has no leader to copy from' })
      continue
    }
    const after = afterOf(ground, row)
    const minIsr = table?.topic(row.topic)?.minIsr
    if (minIsr?.known !== true) stuck.push({ name, because: 'its min.insync.replicas was not seen' })
    else if (after.length < Math.max(1, minIsr.value))
      stuck.push({ name, because: `${after.length} replicas would be left, min.insync.replicas is ${minIsr.value}: add a broker first` })
    else moves.push({ topic: row.topic, partition: row.partition, before: row.replicas, after })
  }
  return { moves, stuck }
}

export const moveWords = ({ topic, partition, before, after }: Move): string => `${topic}-${partition}: [${before.join(',')}] → [${after.join(',')}]`
