// A restore that was killed holds its lock on. The same command, given again, goes on with it: whoever restores does
// not have to know of runs and locks. Anything else that holds a lock is somebody's work, and stays locked.
import { isDeepStrictEqual } from 'node:util'
import type { RestoreOptions } from '../archive/restore/options.ts'
import { decode } from '../engine/codec.ts'
import { KdrError } from '../errors.ts'
import type { RunStore } from '../ports/run-store.ts'
import { RESTORE_BACKUP } from '../scenarios/restore-backup.ts'
import type { Keeping, World } from './compose.ts'
import { type RunSummary, summarise } from './history.ts'

/** `goOn`: the same restore, to be gone on with. `takeOver`: a run that left no journal, or ended, before it gave its lock back. */
export type LeftBehind = { readonly goOn: RunSummary } | { readonly takeOver: string } | null

const pastOf = (store: RunStore, run: string): RunSummary | null => {
  try {
    return summarise(store, run)
  } catch (thrown) {
    if (thrown instanceof KdrError && thrown.code === 'run-not-found') return null
    throw thrown
  }
}

/** What a process that is provably gone left of this very restore; null: nothing, or nothing that is ours to go on with. */
export const leftBehind = async (
  { lock, ports }: Pick<World, 'lock' | 'ports'>,
  { store, actor }: Pick<Keeping, 'store' | 'actor'>,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<LeftBehind> => {
  const held = await lock.inspect(await ports.platform.identity(signal))
  if (held === null || held.alive !== false) return null
  const { run } = held.holder
  const past = pastOf(store, run)
  // The lock comes before the journal, and goes after its last line.
  // A journal that is not here may be another user's, of a recovery half done.
  if (past === null && (held.holder.user !== actor.user || !run.includes(`-${RESTORE_BACKUP}-`))) return null
  if (past === null || (past.broken === null && past.lines.length === 0) || past.finished !== null) return { takeOver: run }
  if (past.folded === null || past.folded.scenario !== RESTORE_BACKUP || !isDeepStrictEqual(decode(past.folded.options), options)) return null
  return { goOn: past }
}
