// A backup becomes topics again: looked at whole before anything is created, loaded where retention and limits
// cannot touch it, put back as it was, proven. Not among the runbook's five pages: `kdr backup restore` runs it.
import type { ArchiveSource, RestoreOptions } from '../archive/restore/options.ts'
import type { Scenario } from '../engine/step.ts'
import { hours } from '../units.ts'

export const RESTORE_BACKUP = 'restore-backup'

/** `source` holds the key of encrypted archives, which no journal may see: whoever resumes opens it again by `options.store`. */
export const restoreBackup = (source: ArchiveSource): Scenario<RestoreOptions> => ({
  id: RESTORE_BACKUP,
  title: 'Restore a backup',
  verdict: 'complete-loss',
  symptoms: ['Topics, or records of them, are gone, and there is a backup of them'],
  objectives: { rto: hours(24 * 7), rpoRecords: 0 },
  steps: () => {
    void source
    return []
  },
})
