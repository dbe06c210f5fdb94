// Which backups somebody restores from: a restore holds no lock on its store, which it may only be allowed to read, and
// takes hours. What its runs on this machine say is better than nothing.
import type { InUse } from '../archive/prune/plan.ts'
import type { RestoreOptions } from '../archive/restore/options.ts'
import { decode } from '../engine/codec.ts'
import type { RunStore } from '../ports/run-store.ts'
import { RESTORE_BACKUP } from '../scenarios/restore-backup.ts'
import type { Instant } from '../units.ts'
import { type RunSummary, resumable, summarise } from './history.ts'

/** Who has not gone on with a restore for so long does not. */
const GIVEN_UP = 7 * 86_400_000

const isOpen = (summary: RunSummary, now: Instant): boolean =>
  summary.started !== null &&
  summary.started.mode !== 'dry-run' &&
  (summary.state !== 'finished' || resumable(summary)) &&
  Date.parse(summary.lines.at(-1)?.at ?? '') > now - GIVEN_UP

/** Of restores from the store `where` that run, were killed or stopped part-way. */
export const restoredFrom = (store: RunStore, where: string, now: Instant): readonly InUse[] =>
  store
    .list()
    .filter((run) => run.includes(`-${RESTORE_BACKUP}-`))
    .map((run) => summarise(store, run))
    .filter((summary) => isOpen(summary, now))
    .flatMap(({ run, started }) => {
      const { store: from, name } = decode(started?.options) as RestoreOptions
      return from === where ? [{ backup: name, run }] : []
    })
