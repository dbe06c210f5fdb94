// A backup becomes topics again: looked at whole before anything is created, loaded where retention and limits
// cannot touch it, put back as it was, proven. Not among the runbook's five pages: `kdr backup restore` runs it.
import type { ArchiveSource, RestoreOptions } from '../archive/restore/options.ts'
import { phase, type Scenario } from '../engine/step.ts'
import { checkTarget } from '../steps/backups/check-target.ts'
import { chooseBackup } from '../steps/backups/choose-backup.ts'
import { compareRecords } from '../steps/backups/compare-records.ts'
import { commitGroups, mapGroups } from '../steps/backups/groups.ts'
import { loadData } from '../steps/backups/load.ts'
import { checkPermissions } from '../steps/backups/permissions.ts'
import { preserveOffsets } from '../steps/backups/preserve.ts'
import { openedOnce } from '../steps/backups/restoring.ts'
import { restoreAcls, restoreQuotas } from '../steps/backups/rights.ts'
import { createTopics, deleteTopics, enterLoadMode, restoreConfigs } from '../steps/backups/topics.ts'
import { reportRestore, verifyRestore } from '../steps/backups/verify-restore.ts'
import { hours } from '../units.ts'

export const RESTORE_BACKUP = 'restore-backup'

/** `source` holds the key of encrypted archives, which no journal may see: whoever resumes opens it again by `options.store`. */
export const restoreBackup = (source: ArchiveSource): Scenario<RestoreOptions> => {
  // A plan and the run after it read the archives once.
  const opening = openedOnce(source)
  return {
    id: RESTORE_BACKUP,
    title: 'Restore a backup',
    verdict: 'complete-loss',
    symptoms: ['Topics, or records of them, are gone, and there is a backup of them'],
    // The runbook's for complete cluster loss, of which this is the longest part.
    objectives: { rto: hours(4), rpoRecords: 0 },
    aspects: ['contents', 'rights'],
    steps: (options) => {
      const open = opening(options.name)
      const from = { options, open, chosen: chooseBackup(options, open), plan: checkTarget(options, open) }
      const groups = mapGroups(from)
      return [
        phase('look', 'Look before touching anything', from.chosen.step, from.plan.step, checkPermissions(from)),
        phase('metadata', 'Topics and rights', deleteTopics(from), createTopics(from), enterLoadMode(from), restoreAcls(from), restoreQuotas(from)),
        phase('data', 'Records', preserveOffsets(from), loadData(from), compareRecords(from)),
        phase('finish', 'Settings and consumer groups', restoreConfigs(from), groups.step, commitGroups(groups)),
        phase('verify', 'Verify', verifyRestore(from), reportRestore(from, groups)),
      ]
    },
  }
}
