// kdr drill <scenario>: breaks a disposable cluster of its own, recovers it with the list an incident would
// run, and scores what is left of a ledger of acknowledged records.
import type { DrillReport } from '../../drill/drill.ts'
import { drillApprover } from '../../engine/gate.ts'
import type { RunDeps } from '../../engine/interaction.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { FAULTS, type Fault } from '../../ports/faults.ts'
import type { Options } from '../../scenarios/options.ts'
import { openGround } from '../drill-ground.ts'
import type { DrillGround } from '../ground.ts'
import { pastRuns } from '../history.ts'
import { type Invocation, optionText } from '../invocation.ts'
import { stopDesk } from '../prompter.ts'
import { drillLines } from '../render/drill.ts'
import { findScenario, scenarioOptions } from '../scenarios.ts'
import { openSession, rehearsalDeps } from '../session.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal } = invocation
  const entry = await findScenario(invocation.args[0])
  const scenario = await entry.load()
  const named = faultOf(optionText(invocation, 'fault'))
  const ground = await openGround(invocation)
  try {
    // What a platform kills and revives by itself is over before anybody has recovered it.
    const fault = named ?? (ground.world.ports.platform.kind === 'kubernetes' ? entry.drill.revived : entry.drill.fault)
    const session = await openSession(invocation, ground.world, false)
    try {
      const deps = await depsOf(invocation, ground, session, scenario)
      const { runDrill } = await import('../../drill/drill.ts')
      const report = await runDrill({
        deps,
        faults: ground.faults,
        fault,
        kafka: ground.kafka,
        before: ground.phases,
        tell: (line) => tell(invocation, session, line),
      })
      session.close()
      if (terminal.format === 'text') for (const line of drillLines(report, session.style, terminal.columns)) terminal.out(line)
      else terminal.json(report)
      return exitOf(report)
    } finally {
      session.close()
    }
  } finally {
    await ground.close()
  }
}

const tell = ({ terminal }: Invocation, session: Awaited<ReturnType<typeof openSession>>, line: string): void => {
  if (terminal.quiet) return
  session.renderer.yield()
  terminal.err(`drill: ${line}`)
}

const faultOf = (given: string | undefined): Fault | undefined => {
  const fault = FAULTS.find((name) => name === given)
  if (given !== undefined && fault === undefined)
    throw new KdrError(`there is no fault ${given}`, { code: 'usage', exit: 'usage', hint: `faults: ${FAULTS.join(', ')}` })
  return fault
}

/** The same needs as an incident's run; only the answers are given: the cluster is the drill's own. */
const depsOf = async (
  invocation: Invocation,
  ground: DrillGround,
  session: Awaited<ReturnType<typeof openSession>>,
  scenario: RunDeps<Options>['scenario'],
): Promise<RunDeps<Options>> => {
  const { world, write } = ground
  const store = ground.store ?? session.keeping.store
  const { identity } = await world.ports.platform.identity(invocation.interruption.signal)
  return {
    ...rehearsalDeps(invocation, world, session, scenario, await scenarioOptions(world.settings, undefined)),
    write,
    store,
    lock: world.lock,
    approver: drillApprover(),
    desk: stopDesk,
    mode: 'drill',
    takeOver: null,
    pastRunsSeconds: pastRuns(store, scenario.id, identity),
    pace: { poll: 500, heartbeat: 15_000 },
  }
}

const exitOf = ({ problems, outcome }: DrillReport): Exit => {
  if (problems.length === 0) return 'ok'
  return outcome === 'unknown' ? 'unknown' : 'failed'
}
