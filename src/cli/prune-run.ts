// A pruning as a run: what was asked, who answered, every deletion before it is made and after. The journal, the gate
// and the answers are the engine's; its walk is not, for that looks at a cluster, and a store has none.
import { createHash } from 'node:crypto'
import type { PrunePlan, PrunePolicy } from '../archive/prune/plan.ts'
import { type Pruned, type RemovalRecord, removalsOf } from '../archive/prune/remove.ts'
import { encode } from '../engine/codec.ts'
import type { Gate, Outcome } from '../engine/events.ts'
import { Journal } from '../engine/journal.ts'
import { EXIT_CODES, type Exit, KdrError, wordsOf } from '../errors.ts'
import { formatInstant, plural } from '../units.ts'
import type { Keeping } from './compose.ts'
import { asksOperator } from './grants.ts'
import type { Invocation } from './invocation.ts'
import { planAnew } from './render/words.ts'

const PRUNE = 'prune-backups'
const GATE = { step: 'prune', key: 'prune' } as const

/** What goes, to the byte: a plan with another digest is another plan. */
export const digestOf = (plan: PrunePlan): string =>
  createHash('sha256')
    .update(JSON.stringify(removalsOf(plan)))
    .digest('hex')
    .slice(0, 16)

export interface PruneRun {
  readonly id: string
  /** Journals question and answer. */
  asked(gate: Gate): void
  answered(answer: { readonly approved: boolean; readonly by: 'operator' | 'grant' | 'drill'; readonly answer: string }): void
  readonly record: RemovalRecord
  finish(exit: Exit, why: string): void
  /** As `finish`, of what was thrown; what is to be said of it, with what is gone by then. */
  failed(thrown: unknown): unknown
}

const OUTCOMES: Partial<Readonly<Record<Exit, Outcome>>> = {
  ok: 'recovered',
  declined: 'declined',
  refused: 'refused',
  approvalMissing: 'declined',
  stopped: 'stopped',
  interrupted: 'stopped',
  terminated: 'stopped',
}

/** What a pruning came to, in words and as the exit of the command. */
export const endOf = (plan: PrunePlan, { removed, locked, stopped }: Pruned, interrupted: Exit): { readonly exit: Exit; readonly why: string } => {
  const left = removalsOf(plan).length - removed.length - locked.length
  const why = `${plural(removed.length, 'deletion')} made${locked.length === 0 ? '' : `, ${locked.length} not possible`}${stopped ? `, then interrupted with ${left} left` : ''}`
  if (stopped) return { exit: removed.length === 0 ? interrupted : 'stopped', why }
  if (locked.length === 0) return { exit: 'ok', why }
  return { exit: removed.length === 0 ? 'refused' : 'failed', why }
}

/** How far it came by then: what is gone is no failure, and must not be looked for. */
interface Progress {
  readonly of: number
  gone: number
  /** Its deletion was begun, and whether it was made nobody has heard. */
  open: string | null
}

/** `thrown` in the words of a pruning; as it is where nothing was begun. */
const brokenOff = (thrown: unknown, { of, gone, open }: Progress, where: string, run: string): unknown => {
  const anew = planAnew(where)
  if (gone === 0 && open === null)
    return thrown instanceof KdrError && thrown.code === 'journal-failed'
      ? new KdrError(thrown.message, {
          code: thrown.code,
          exit: thrown.exit,
          hint: `make room or fix the permissions of the run folder; ${anew}`,
          cause: thrown,
        })
      : thrown
  const part = open === null ? '' : `, of which ${open} may be gone in part`
  return new KdrError(`the pruning of ${where} broke off: ${gone} of ${plural(of, 'deletion')} made, ${of - gone} left${part}: ${wordsOf(thrown)}`, {
    code: thrown instanceof KdrError ? thrown.code : 'failed',
    hint: `${thrown instanceof KdrError && thrown.code !== 'journal-failed' && thrown.hint !== undefined ? `${thrown.hint}; ` : ''}kdr runs show ${run} says what is gone, ${anew}`,
    cause: thrown,
  })
}

/** Throws `run-store-unwritable`, `journal-failed`: then nothing may be deleted. */
export const beginPruneRun = (invocation: Invocation, { store, clock, actor }: Keeping, where: string, plan: PrunePlan, policy: PrunePolicy): PruneRun => {
  const stamp = formatInstant(clock.now()).slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const id = `${stamp}-${PRUNE}-${clock.randomHex(3)}`
  const { redact } = invocation.terminal
  const journal = new Journal(store.create(id), { clock, redact, events: invocation.interruption.watch, check: () => {} })
  journal.record({
    type: 'run.started',
    schema: 'kdr/events/1',
    run: id,
    scenario: PRUNE,
    title: 'Prune backups',
    cluster: where,
    platform: 'store',
    identity: where,
    options: encode(policy),
    mode: asksOperator(invocation) ? 'interactive' : 'scripted',
    actor,
    rtoTargetSeconds: 0,
    rpoTargetRecords: 0,
    pastRunsSeconds: [],
    fence: 0,
    planDigest: digestOf(plan),
  })
  const placeOf = (name: string) => ({ step: 'delete-backup', key: `delete-backup/${name}` })
  let since = clock.monotonic()
  const progress: Progress = { of: removalsOf(plan).length, gone: 0, open: null }
  const finish = (exit: Exit, why: string): void => {
    const ending = { outcome: OUTCOMES[exit] ?? 'failed', exitCode: EXIT_CODES[exit].code, rtoSeconds: null, rpoRecords: null, why, hint: null }
    journal.record({ type: 'run.finished', run: id, ...ending })
    journal.close()
  }
  return {
    id,
    asked: (gate) => void journal.record({ type: 'gate.asked', ...GATE, gate }),
    answered: (answer) => void journal.record({ type: 'gate.answered', ...GATE, ...answer }),
    record: {
      announce: ({ name, objects }) => {
        since = clock.monotonic()
        const preview = { sentence: `Delete ${name} from ${where}`, changes: objects.map((object) => `${object} is gone`), commands: [] }
        journal.record({ type: 'step.intent', ...placeOf(name), effect: 'delete', target: { where, objects }, preview })
        progress.open = name
      },
      gone: ({ name, objects }) => {
        progress.gone += 1
        progress.open = null
        const seconds = (clock.monotonic() - since) / 1000
        journal.record({ type: 'step.settled', ...placeOf(name), effect: 'delete', target: { where, objects }, detail: 'it is gone', seconds, proves: null })
      },
      stays: ({ name }, why) => {
        progress.open = null
        journal.record({ type: 'step.failed', ...placeOf(name), why, hint: null, kind: 'refused' })
      },
    },
    finish,
    failed: (thrown) => {
      const told = brokenOff(thrown, progress, where, id)
      try {
        if (progress.open !== null) journal.record({ type: 'step.failed', ...placeOf(progress.open), why: wordsOf(thrown), hint: null, kind: 'failed' })
        finish(told instanceof KdrError ? told.exit : 'failed', wordsOf(told))
      } catch {
        // What was thrown first is told; where it was the journal itself, that cannot be.
      }
      return told
    },
  }
}
