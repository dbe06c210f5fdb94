// A restore as a run: the same engine as every recovery, with the chain of archives it reads beside it, and a report
// of what came back. Begun by kdr backup restore, gone on with by kdr runs resume.
import type { ArchiveSource, RestoreOptions, RestoreReport } from '../archive/restore/options.ts'
import { REPORT_STEP } from '../archive/restore/options.ts'
import { decode } from '../engine/codec.ts'
import type { EventSink } from '../engine/events.ts'
import type { RunResult } from '../engine/interaction.ts'
import type { Exit } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { restoreBackup } from '../scenarios/restore-backup.ts'
import { openerOf } from './backup-keys.ts'
import { type ChosenStore, storeNamed } from './backups.ts'
import { openStore } from './compose/store.ts'
import { openWorld, type World } from './compose.ts'
import type { RunSummary } from './history.ts'
import type { Invocation } from './invocation.ts'
import { leftBehind } from './left-behind.ts'
import { restoreLines } from './render/backups.ts'
import { openSession, type Report, rehearsalDeps, runDeps, type Session } from './session.ts'

/** Kafka is written to, the platform only looked at. */
const NEED = 'look'

/** Every link and every byte checked, or it throws; the key stays in here. */
const archiveSource = async (chosen: ChosenStore, store: BackupStoreReader): Promise<ArchiveSource> => {
  const opener = await openerOf(chosen)
  const { openWholeChain } = await import('../archive/chain.ts')
  const { openedLegacy } = await import('./legacy.ts')
  return {
    open: async (name, progress, signal) => {
      const legacy = await openedLegacy(store, name, signal)
      return legacy === null
        ? { archives: await openWholeChain(store, name, opener, progress, signal), lossy: null }
        : { archives: [legacy.archive], lossy: legacy.lossy }
    },
  }
}

const isReport = (value: unknown): value is RestoreReport => typeof value === 'object' && value !== null && 'notRestored' in value

/** What a script reads before anything is known to be back. */
const NOTHING_YET = { status: null, topics: null, records: null, offsets: null, groups: null, partitions: [], notRestored: [] } as const

export const restoreReport = (
  { name, what }: Pick<RestoreOptions, 'name' | 'what'>,
  columns: number,
): Report & { readonly report: () => RestoreReport | null } => {
  let report: RestoreReport | null = null
  const sink: EventSink = (event) => {
    if (event.type !== 'step.settled' || event.step !== REPORT_STEP) return
    const target: unknown = decode(event.target)
    if (isReport(target)) report = target
  }
  return {
    sink,
    report: () => report,
    json: (run) => ({ ...run, schema: 'kdr/restore/1', name, what, ...(report ?? NOTHING_YET) }),
    lines: () => (report === null ? [] : restoreLines(report, columns)),
  }
}

interface Opened {
  readonly world: World
  readonly session: Session
  readonly source: ArchiveSource
  close(): Promise<void>
}

const open = async (invocation: Invocation, chosen: ChosenStore, report: Report, dryRun: boolean): Promise<Opened> => {
  const store = await openStore(chosen, { create: false })
  try {
    const source = await archiveSource(chosen, store)
    const world = await openWorld(invocation, dryRun ? 'read' : 'write')
    const session = await openSession(invocation, world, dryRun, report)
    const close = async (): Promise<void> => {
      session.close()
      await Promise.allSettled([store.close(), world.close()])
    }
    return { world, session, source, close }
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}

/** What is not all back is no failure, but it is not nothing either; and it weighs more than that it took long. */
export const ended = (result: RunResult, report: RestoreReport | null): RunResult => {
  const back = result.exit === 'ok' || result.exit === 'breached'
  return back && report?.status === 'incomplete' ? { ...result, exit: 'backupIncomplete' } : result
}

export const runRestore = async (invocation: Invocation, chosen: ChosenStore, options: RestoreOptions, dryRun: boolean): Promise<Exit> => {
  const report = restoreReport(options, invocation.terminal.columns)
  const { world, session, source, close } = await open(invocation, chosen, report, dryRun)
  try {
    const scenario = restoreBackup(source)
    let result: RunResult
    if (dryRun) {
      const { rehearse } = await import('../engine/rehearsal.ts')
      result = await rehearse(rehearsalDeps(invocation, world, session, scenario, options))
    } else {
      const { startRun, resumeRun } = await import('../engine/runner.ts')
      const left = await leftBehind(world, session.keeping, options, invocation.interruption.signal)
      const deps = await runDeps(invocation, world, session, { scenario, options, need: NEED })
      if (left !== null && 'goOn' in left) {
        const { run, started } = left.goOn
        invocation.terminal.err(`Going on with ${run}: it was killed while it restored the same.`)
        if (started !== null) session.recall(started)
        result = await resumeRun(deps, run)
      } else result = await startRun(left === null ? deps : { ...deps, takeOver: deps.takeOver ?? left.takeOver })
    }
    return session.finish(ended(result, report.report()))
  } finally {
    await close()
  }
}

/** `invocation` names the run's own cluster. The store is opened again by what the journal says of it. */
export const resumeRestore = async (invocation: Invocation, options: RestoreOptions, past: RunSummary): Promise<Exit> => {
  const report = restoreReport(options, invocation.terminal.columns)
  const { world, session, source, close } = await open(invocation, storeNamed(invocation, options.store), report, false)
  try {
    if (past.started !== null) session.recall(past.started)
    const { resumeRun } = await import('../engine/runner.ts')
    const deps = await runDeps(invocation, world, session, { scenario: restoreBackup(source), options, need: NEED })
    return session.finish(ended(await resumeRun(deps, past.run), report.report()))
  } finally {
    await close()
  }
}
