// Whole runs in the simulated world, composed as the edge composes them: the same scenario, engine, survey
// and judgement, with virtual time.
import { createSimulation, type Simulation, type SimulationOptions } from '../../src/adapters/simulated/open.ts'
import type { RunEvent } from '../../src/engine/events.ts'
import { drillApprover, grantApprover } from '../../src/engine/gate.ts'
import type { RunDeps } from '../../src/engine/interaction.ts'
import { readJournal } from '../../src/engine/journal.ts'
import { DEFAULT_THRESHOLDS } from '../../src/judgement/health.ts'
import type { Options } from '../../src/scenarios/options.ts'
import { singleBroker } from '../../src/scenarios/single-broker.ts'
import { observer } from '../../src/survey/observe.ts'
import { seconds } from '../../src/units.ts'

export const open = (options: Partial<SimulationOptions> = {}): Simulation => createSimulation({ seed: 1, mode: 'zookeeper', ...options })

export interface Staged {
  readonly deps: RunDeps<Options>
  readonly events: RunEvent[]
}

export const compose = (
  simulation: Simulation,
  given: Partial<RunDeps<Options>> & {
    readonly broker?: number
    readonly gone?: readonly number[]
    readonly schemas?: Options['schemas']
    readonly snapshot?: Options['snapshot']
  } = {},
): Staged => {
  const events: RunEvent[] = []
  const { broker = null, gone = [], schemas = null, snapshot = null, ...overrides } = given
  const deps: RunDeps<Options> = {
    scenario: singleBroker,
    options: { broker, gone, schemas, snapshot, thresholds: DEFAULT_THRESHOLDS, stability: seconds(5) },
    ports: simulation.ports,
    write: simulation.write,
    store: simulation.store,
    lock: simulation.lock,
    observe: observer(simulation.ports, { endpoints: simulation.endpoints, zookeeper: simulation.zookeeperServers, deadline: seconds(6) }),
    events: (event) => events.push(event),
    interrupt: { signal: new AbortController().signal, cause: () => null },
    redact: (text) => text,
    actor: { user: 'ada', host: 'laptop', pid: 1 },
    force: [],
    approver: drillApprover(),
    desk: { by: 'policy', choose: async () => ({ choice: 'stop' }) },
    mode: 'drill',
    takeOver: null,
    pastRunsSeconds: [],
    pace: { poll: 500, heartbeat: seconds(15) },
    ...overrides,
  }
  return { deps, events }
}

export const granting = (cluster: string, ...allow: ('restart' | 'change' | 'stop')[]) => grantApprover({ allow, confirm: cluster, acceptLoss: [] }, cluster)

/** What must hold at every seed, whatever happened. */
export const violations = (simulation: Simulation): readonly string[] => {
  const { world, store } = simulation
  const problems: string[] = []
  for (const { topic, partition, unclean, missing } of world.elections) {
    if (unclean || missing > 0) problems.push(`${topic}-${partition} was given a leader that lacked ${missing} acknowledged records`)
  }
  for (const { topic, partition, offset } of world.lost()) problems.push(`acknowledged record ${offset} of ${topic}-${partition} is gone`)
  const intents = store.list().flatMap((run) => readJournal(store.find(run)).lines.filter(({ type }) => type === 'step.intent')).length
  const effects = world.effects.filter(({ by, what }) => by === 'kdr' && (what === 'start' || what === 'stop')).length
  if (effects > intents) problems.push(`${effects} effects, but only ${intents} intents`)
  if (world.emptied()) problems.push('an empty disk was elected by the quorum')
  return problems
}
