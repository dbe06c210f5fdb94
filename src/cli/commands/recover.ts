// kdr recover <scenario>: the run, or its dry run.
import type { Exit } from '../../errors.ts'
import { openWorld } from '../compose.ts'
import { forcedGuards, grantsOf } from '../grants.ts'
import { type Invocation, optionFlag } from '../invocation.ts'
import { schemasOption, snapshotOption } from '../manifest.ts'
import { findScenario, refuseUnfit, scenarioOptions } from '../scenarios.ts'
import { openSession, rehearsalDeps, runDeps } from '../session.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const dryRun = optionFlag(invocation, 'dryRun')
  const entry = await findScenario(invocation.args[0])
  // Flags are judged before anything is looked at: a typing mistake costs no survey.
  await refuseUnfit(entry, invocation.options)
  forcedGuards(invocation)
  grantsOf(invocation)
  const scenario = await entry.load()
  const files = { schemas: schemasOption(invocation), snapshot: await snapshotOption(invocation) }
  const world = await openWorld(invocation, dryRun ? 'read' : 'write')
  const session = await openSession(invocation, world, dryRun)
  try {
    const options = await scenarioOptions(world.settings, invocation.options, files)
    if (dryRun) {
      const { rehearse } = await import('../../engine/rehearsal.ts')
      return session.finish(await rehearse(rehearsalDeps(invocation, world, session, scenario, options)))
    }
    const { startRun } = await import('../../engine/runner.ts')
    return session.finish(await startRun(await runDeps(invocation, world, session, { scenario, options, need: entry.need?.(options) ?? 'recover' })))
  } finally {
    session.close()
    await world.close()
  }
}
