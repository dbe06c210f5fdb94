// What one life of a run carries along: its world, its journal, and what it already knows to have changed.
import { createHash, type Hash } from 'node:crypto'
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
  keeping: Pick<ReadWorld, 'evidence' | 'keep'>,
): ReadWorld => ({
  clock: deps.ports.clock,
  platform: deps.ports.platform,
  backup: deps.ports.backup,
  coordination: deps.ports.coordination,
  files: deps.ports.files,
  survey: async (aspects?: readonly Aspect[]) => {
    const wanted = aspects ?? [...ALL_ASPECTS, ...(deps.scenario.aspects ?? [])]
    const seen = await deps.observe(wanted, aspects === undefined ? null : notes.last, deps.interrupt.signal)
    notes.last = { ...seen, ...notes.finding }
    return notes.last
  },
  tell: () => {},
  ...keeping,
})

async function* hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk)
    yield chunk
  }
}

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
    const kept = (file: string, sha256: string): string => {
      this.journal.record({ type: 'evidence.kept', file, sha256 })
      return file
    }
    const evidence = (name: string, content: string): string => {
      const clean = deps.redact(content)
      return kept(parts.folder.evidence(name, clean), createHash('sha256').update(clean).digest('hex'))
    }
    const keep = async (name: string, source: AsyncIterable<Uint8Array>): Promise<string> => {
      const hash = createHash('sha256')
      const file = await parts.folder.keep(name, hashed(source, hash))
      return kept(file, hash.digest('hex'))
    }
    this.world = {
      ...readWorld(deps, this.notes, { evidence, keep }),
      run: parts.folder.id,
      kafka: deps.ports.kafka,
      registry: deps.ports.registry,
      change: deps.write,
      stopping: deps.interrupt.signal,
    }
  }

  get cluster(): string {
    return this.past.cluster
  }
}
