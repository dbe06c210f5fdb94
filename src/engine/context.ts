// What one life of a run carries along: its world, its journal, and what it already knows to have changed.
import { createHash } from 'node:crypto'
import type { Known } from '../model/known.ts'
import type { Aspect, Finding, Survey } from '../model/survey.ts'
import { ALL_ASPECTS } from '../model/survey.ts'
import type { RunFolder } from '../ports/run-store.ts'
import type { ReadWorld, WriteWorld } from '../ports/world.ts'
import type { Gate } from './events.ts'
import type { Folded } from './fold.ts'
import type { RehearsalDeps, RunDeps } from './interaction.ts'
import type { Journal } from './journal.ts'

/** The read world over `observe`, with what probes found laid over every survey. */
export const readWorld = (
  deps: RehearsalDeps<never>,
  notes: { finding: Finding; last: Survey | null },
  keep: (name: string, content: string) => string,
): ReadWorld => ({
  clock: deps.ports.clock,
  platform: deps.ports.platform,
  survey: async (aspects?: readonly Aspect[]) => {
    const wanted = aspects ?? ALL_ASPECTS
    const seen = await deps.observe(wanted, aspects === undefined ? null : notes.last, deps.interrupt.signal)
    notes.last = { ...seen, ...notes.finding }
    return notes.last
  },
  evidence: keep,
})

export class Context {
  readonly deps: RunDeps<never>
  readonly journal: Journal
  readonly past: Folded
  readonly world: WriteWorld
  readonly notes: { finding: Finding; last: Survey | null } = { finding: {}, last: null }
  /** Intents of this life or an earlier one that are not settled, by step key. */
  readonly open = new Map<string, unknown>()
  readonly gates: Gate[] = []
  readonly skipped: string[]
  changed: boolean
  recoveredAt: number | null = null
  /** Acknowledged records lost, as the recovery's proof saw it; null: no step told. */
  lost: Known<number> | null = null

  constructor(deps: RunDeps<never>, parts: { folder: RunFolder; journal: Journal; past: Folded }) {
    this.deps = deps
    this.journal = parts.journal
    this.past = parts.past
    this.changed = parts.past.changed
    this.skipped = [...parts.past.skipped]
    for (const [key, step] of parts.past.steps) if (step.status === 'intent') this.open.set(key, step.target)
    const keep = (name: string, content: string): string => {
      const clean = deps.redact(content)
      const file = parts.folder.evidence(name, clean)
      this.journal.record({ type: 'evidence.kept', file, sha256: createHash('sha256').update(clean).digest('hex') })
      return file
    }
    this.world = { ...readWorld(deps, this.notes, keep), run: parts.folder.id, kafka: deps.ports.kafka, change: deps.write }
  }

  get cluster(): string {
    return this.past.cluster
  }
}
