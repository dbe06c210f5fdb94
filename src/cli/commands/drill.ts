// kdr drill <scenario>: breaks a disposable cluster of its own, recovers it with the list an incident would
// run, and scores what is left of a ledger of acknowledged records.
import type { DrillReport } from '../../drill/drill.ts'
import { drillApprover } from '../../engine/gate.ts'
import type { RunDeps } from '../../engine/interaction.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { FAULTS, type Fault } from '../../ports/faults.ts'
import type { Options } from '../../scenarios/options.ts'
import type { ScenarioEntry } from '../../scenarios/registry.ts'
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
  const named = faultOf(optionText(invocation, 'fault'), entry)
  if (named !== undefined) demandGrant(invocation, entry, named)
  const ground = await openGround(invocation, entry.services ?? [])
  try {
    const fault = named ?? usualFault(entry, ground)
    demandKnown(fault, entry, ground)
    demandGrant(invocation, entry, fault)
    const session = await openSession(invocation, ground.world, false)
    try {
      const deps = await depsOf(invocation, ground, session, scenario)
      const { runDrill } = await import('../../drill/drill.ts')
      const { prepareSchemas } = await import('../../drill/schemas.ts')
      const report = await runDrill({
        deps,
        ...(entry.faults[fault]?.prepares === 'schemas' ? { prepare: prepareSchemas(deps, ground.keep) } : {}),
        faults: ground.faults,
        fault,
        expects: entry.faults[fault] ?? {},
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

const usage = (message: string, hint: string): KdrError => new KdrError(message, { code: 'usage', exit: 'usage', hint })

const fitting = ({ faults }: ScenarioEntry): readonly Fault[] => FAULTS.filter((fault) => fault in faults)

/** Before anything is brought up: a fault that leads to another scenario would only prove that one. Throws `usage`. */
const faultOf = (given: string | undefined, entry: ScenarioEntry): Fault | undefined => {
  const fault = FAULTS.find((name) => name === given)
  const hint = `faults that fit ${entry.id}: ${fitting(entry).join(', ')}`
  if (given !== undefined && fault === undefined) throw usage(`there is no fault ${given}`, hint)
  if (fault !== undefined && !(fault in entry.faults)) throw usage(`${fault} does not lead to ${entry.id}`, hint)
  return fault
}

/** What a platform kills and revives by itself is over before anybody has recovered it. */
const usualFault = ({ drill }: ScenarioEntry, { world: { ports } }: DrillGround): Fault => {
  const fault = ports.platform.kind === 'kubernetes' ? drill.revived : drill.fault
  return ports.coordination === null ? (drill.kraft ?? fault) : fault
}

/** Throws `not-on-this-platform` (exit usage). */
const demandKnown = (fault: Fault, entry: ScenarioEntry, { faults, world }: DrillGround): void => {
  if (faults.known.includes(fault)) return
  const here = fitting(entry).filter((each) => faults.known.includes(each))
  throw new KdrError(`${fault} cannot be done to ${world.name} (${world.ports.platform.kind})`, {
    code: 'not-on-this-platform',
    exit: 'usage',
    hint: here.length === 0 ? `no fault of ${entry.id} can be` : `of those that fit ${entry.id}: ${here.join(', ')}`,
  })
}

const grantsLoss = (invocation: Invocation): boolean => optionText(invocation, 'allow') === 'lose-data'

/** Where the recovery itself gives records up, that is granted beforehand, even on a cluster of the drill's own. Throws `usage`. */
const demandGrant = (invocation: Invocation, { faults }: ScenarioEntry, fault: Fault): void => {
  if (faults[fault]?.loses === true && !grantsLoss(invocation))
    throw usage(`recovering from ${fault} gives acknowledged records up, which even a drill does not do unasked`, 'add --allow lose-data')
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
    ...rehearsalDeps(invocation, world, session, scenario, await scenarioOptions(world.settings, {})),
    write,
    store,
    lock: world.lock,
    approver: drillApprover(grantsLoss(invocation)),
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
