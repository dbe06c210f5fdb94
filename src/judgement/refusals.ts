// How a guard about a broker refuses, and what it names: shared by every guard that judges one.
import type { Refusal } from '../engine/step.ts'
import type { PartitionRow, PartitionTable } from '../model/partitions.ts'

/** What every guard here needs of a step's target. */
export interface BrokerTarget {
  readonly broker: number
}

export const refusal = (guard: string, because: string, protects: readonly string[], force: Refusal['force'] = null): Refusal => ({
  guard,
  because,
  protects,
  force,
})

/** Not knowing refuses too, and says that this is why. */
export const blind = (guard: string, because: string, protects: readonly string[]): Refusal => ({ ...refusal(guard, because, protects), blind: true })

export const self = (target: BrokerTarget): readonly string[] => [`broker ${target.broker}`]
export const hosting = (table: PartitionTable, broker: number): readonly PartitionRow[] =>
  Array.from(table.rows()).filter((row) => row.replicas.includes(broker))
