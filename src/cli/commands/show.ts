// kdr show <scenario>: the page. With a cluster, it is rehearsed on a picture in which what the page is about has
// failed, so that every command on the page is one that could be typed there.
import type { Gate, RunEvent } from '../../engine/events.ts'
import type { Part, Preview, Scenario } from '../../engine/step.ts'
import { type Exit, KdrError, wordsOf } from '../../errors.ts'
import type { Survey } from '../../model/survey.ts'
import type { PlatformCommands } from '../../ports/platform.ts'
import type { ScenarioEntry } from '../../scenarios/registry.ts'
import { openKeeping, openSimulation, openWorld, surveyOnce, type World } from '../compose.ts'
import { type Invocation, optionFlag } from '../invocation.ts'
import { page } from '../render/page.ts'
import { findScenario, refuseUnfit, scenarioOptions } from '../scenarios.ts'

interface Filled {
  readonly previews: Map<string, Preview>
  readonly gates: Map<string, Gate>
}

const collect = (filled: Filled) => (event: RunEvent) => {
  if (event.type === 'step.preview') filled.previews.set(event.step, event.preview)
  if (event.type === 'step.withheld' && event.gate !== null) filled.gates.set(event.step, event.gate)
}

/** The broker a page is about: as asked, else the one that is not well. */
const brokerFor = async (survey: Survey, wanted: unknown): Promise<number | null> => {
  if (typeof wanted === 'number') return wanted
  const { diagnose } = await import('../../judgement/diagnose.ts')
  return diagnose(survey).brokers[0] ?? null
}

/** The list is made once: what the rehearsal decided is what the page repeats. */
const composed = <O>(scenario: Scenario<O>, options: O): { readonly parts: readonly Part[]; readonly scenario: Scenario<O> } => {
  const parts = scenario.steps(options)
  return { parts, scenario: { ...scenario, steps: () => parts } }
}

const fillIn = async (invocation: Invocation, world: World, entry: ScenarioEntry): Promise<string> => {
  const { interruption, terminal } = invocation
  const seen = await surveyOnce(world, interruption.signal)
  const broker = entry.takes.includes('broker') ? await brokerFor(seen, invocation.options['broker']) : null
  const { pictureFor } = await import('../pictures.ts')
  const picture = pictureFor(entry.id, seen, broker)
  if (picture === null)
    throw new KdrError(`too little of ${world.name} was seen to fill in ${entry.id}`, {
      code: 'nothing-seen',
      exit: 'unknown',
      hint: 'kdr show <scenario> --offline prints the page without a cluster',
    })
  const options = await scenarioOptions(world.settings, { ...invocation.options, ...(broker === null ? {} : { broker }) })
  const { parts, scenario } = composed(await entry.load(), options)
  const filled: Filled = { previews: new Map(), gates: new Map() }
  const { rehearse } = await import('../../engine/rehearsal.ts')
  const { actor } = await openKeeping(invocation.env)
  const quiet = { interrupt: interruption, redact: terminal.redact, actor, force: [] }
  try {
    await rehearse({ scenario, options, ports: world.ports, observe: async () => picture.survey, events: collect(filled), ...quiet })
  } catch (thrown) {
    interruption.signal.throwIfAborted()
    terminal.err(`note: not every command could be filled in: ${wordsOf(thrown)}`)
  }
  const cluster = {
    name: world.name,
    platform: seen.target.platform,
    id: seen.clusterId.known ? seen.clusterId.value : null,
    example: picture.words,
  }
  return page({ scenario, parts, survey: picture.survey, cluster, ...filled, checklist: false, notes: world.settings.notes })
}

/** On paper there is no cluster to fill in: what to type, with blanks, wherever Kafka runs. */
const ON_PAPER: PlatformCommands = {
  list: () => 'systemctl status kafka   # docker ps; kubectl get pods -n kafka -o wide',
  logs: () => 'journalctl -u kafka -n 500   # docker logs ______; kubectl logs --previous ______ -n kafka',
  stop: (_, grace) => `systemctl stop kafka   # give it ${grace / 1000} s: docker stop -t ${grace / 1000} ______`,
  start: () => 'systemctl start kafka   # docker start ______; Kubernetes does it by itself',
  restart: () => 'systemctl restart kafka   # docker restart -t 120 ______; kubectl delete pod ______ -n kafka --grace-period=120',
  reconnect: () => 'docker network connect ______ ______',
  format: () => 'kafka-storage format -t ______ -c ______',
  kafka: (tool, args) => `${tool} --bootstrap-server ______:9092 ${args.join(' ')}`.trimEnd(),
}

/** The checklist to print: the list rehearsed on a simulated failure, with blanks for what only a cluster can tell. */
const offline = async (invocation: Invocation, entry: ScenarioEntry): Promise<string> => {
  const options = await scenarioOptions(null, {})
  const { parts, scenario } = composed(await entry.load(), options)
  const { world, faults } = await openSimulation({
    seed: 1,
    mode: 'zookeeper',
    cluster: 'paper',
    registries: entry.services?.includes('schema-registry') === true ? 2 : 0,
  })
  const { interruption, terminal } = invocation
  await faults.inject(entry.drill.paper ?? entry.drill.fault, {}, interruption.signal)
  const filled: Filled = { previews: new Map(), gates: new Map() }
  const { rehearse } = await import('../../engine/rehearsal.ts')
  const ports = { ...world.ports, platform: { ...world.ports.platform, commands: ON_PAPER } }
  const actor = { user: 'paper', host: 'paper', pid: 0 }
  const { survey } = await rehearse({
    scenario,
    options,
    ports,
    observe: world.observe,
    events: collect(filled),
    interrupt: interruption,
    redact: terminal.redact,
    actor,
    force: [],
  })
  return page({ scenario, parts, survey, cluster: null, previews: filled.previews, gates: new Map(), checklist: true, notes: null })
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const entry = await findScenario(invocation.args[0])
  await refuseUnfit(entry, invocation.options)
  if (optionFlag(invocation, 'offline')) {
    invocation.terminal.out(await offline(invocation, entry))
    return 'ok'
  }
  const world = await openWorld(invocation, 'read')
  try {
    invocation.terminal.out(await fillIn(invocation, world, entry))
    return 'ok'
  } finally {
    await world.close()
  }
}
