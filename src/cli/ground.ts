// What a drill needs of the place where it happens.
import type { DrillReport } from '../drill/drill.ts'
import type { Faults } from '../ports/faults.ts'
import type { RunStore } from '../ports/run-store.ts'
import type { WritePorts } from '../ports/world.ts'
import type { World } from './compose.ts'

export interface DrillGround {
  readonly world: World
  readonly write: WritePorts
  readonly faults: Faults
  readonly kafka: string
  /** Where a simulated cluster keeps its runs; null: the machine's own. */
  readonly store: RunStore | null
  /** Keeps a file that a run on it can read, also once it is resumed; returns its path. Of its owner's only. */
  keep(name: string, text: string): string
  readonly phases: DrillReport['phases']
  close(): Promise<void>
}
