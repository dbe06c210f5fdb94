// kdr runs resume [run]: goes on where the live system is, not where the journal left off.

import type { RestoreOptions } from '../../archive/restore/options.ts'
import { decode } from '../../engine/codec.ts'
import { type Exit, KdrError } from '../../errors.ts'
import type { Options } from '../../scenarios/options.ts'
import { RESTORE_BACKUP } from '../../scenarios/restore-backup.ts'
import { openKeeping, openWorld } from '../compose.ts'
import { latestUnfinished, summarise } from '../history.ts'
import type { Invocation } from '../invocation.ts'
import { planAnew } from '../render/words.ts'
import { findScenario } from '../scenarios.ts'
import { openSession, runDeps } from '../session.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { store } = await openKeeping(invocation.env)
  const [named] = invocation.args
  const past = named === undefined ? latestUnfinished(store) : summarise(store, named)
  if (past.started?.platform === 'store')
    throw new KdrError(`run ${past.run} is about the store ${past.started.cluster}, and is not gone on with`, {
      code: 'not-resumable',
      exit: 'usage',
      hint: planAnew(past.started.cluster),
    })
  const { resumeRun, foldOf } = await import('../../engine/runner.ts')
  // Throws journal-corrupt before any cluster is touched.
  const { cluster, scenario: id, options } = foldOf(store.find(past.run))
  if (invocation.globals.cluster !== undefined && invocation.globals.cluster !== cluster) {
    throw new KdrError(`run ${past.run} is about ${cluster}, not ${invocation.globals.cluster}`, {
      code: 'other-cluster',
      exit: 'usage',
      hint: 'leave --cluster out: the run knows its own',
    })
  }
  const about: Invocation = { ...invocation, globals: { ...invocation.globals, cluster } }
  if (id === RESTORE_BACKUP) return (await import('../restore.ts')).resumeRestore(about, decode(options) as RestoreOptions, past)
  const entry = await findScenario(id)
  const scenario = await entry.load()
  const world = await openWorld(about, 'write')
  const session = await openSession(invocation, world, false)
  try {
    if (past.started !== null) session.recall(past.started)
    // The options it was approved with, as journalled; flags of today do not change the list.
    const given = decode(options) as Options
    const need = entry.need?.(given) ?? 'recover'
    return session.finish(await resumeRun(await runDeps(invocation, world, session, { scenario, options: given, need }), past.run))
  } finally {
    session.close()
    await world.close()
  }
}
