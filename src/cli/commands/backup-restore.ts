// kdr backup restore NAME metadata|data|all: what the runbook does in two lines, as a run with gates, journal and report.
import type { RestoreOptions } from '../../archive/restore/options.ts'
import type { Exit } from '../../errors.ts'
import type { BackupStoreReader } from '../../ports/backup-store.ts'
import { backupNamed, chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import { forcedGuards, grantsOf } from '../grants.ts'
import { type Invocation, optionFlag, optionList, optionNumber, optionText } from '../invocation.ts'
import { runRestore } from '../restore.ts'

const whatOf = (word: string | undefined): RestoreOptions['what'] => (word === 'metadata' || word === 'data' ? word : 'all')

/** A wrong name costs no survey. Throws `no-such-backup` (exit 23), `archive-corrupt` (exit 21). */
const thatIsThere = async (store: BackupStoreReader, given: string, signal: AbortSignal): Promise<string> => {
  const [{ findBackup }, { isLegacy }] = await Promise.all([import('../../archive/find-backup.ts'), import('../../archive/legacy.ts')])
  const name = await backupNamed(store, given, signal)
  return (await isLegacy(store, name, signal)) ? name : (await findBackup(store, name, signal)).name
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { args, interruption, options } = invocation
  const [given = '', what] = args
  // Flags are judged before anything is looked at: a typing mistake costs no survey.
  forcedGuards(invocation)
  grantsOf(invocation)
  const chosen = chooseStore(invocation, given)
  const store = await openStore(chosen, { create: false })
  // A run is about one backup, whatever `latest` means tomorrow.
  const name = await thatIsThere(store, given, interruption.signal).finally(() => store.close())
  const restore: RestoreOptions = {
    store: chosen.where,
    name,
    what: whatOf(what),
    topics: optionList(invocation, 'topic'),
    topicPrefix: optionText(invocation, 'topicPrefix') ?? null,
    toTime: optionNumber(invocation, 'toTime'),
    existing: optionText(invocation, 'existing') === 'recreate' ? 'recreate' : 'refuse',
    offsets: optionText(invocation, 'offsets') === 'mapped' ? 'mapped' : 'auto',
    replicationFactor: optionNumber(invocation, 'replicationFactor'),
    bytesPerSecond: optionNumber(invocation, 'rate'),
    acceptLossy: optionFlag(invocation, 'lossy'),
    groups: options['groups'] !== false,
  }
  return runRestore(invocation, chosen, restore, optionFlag(invocation, 'dryRun'))
}
