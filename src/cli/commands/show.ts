// kdr show <scenario>: the page. With a cluster, it is rehearsed on a picture in which one broker has
// failed, so that every command on the page is one that could be typed there.
import type { Gate, RunEvent } from '../../engine/events.ts'
import type { Preview } from '../../engine/step.ts'
import { type Exit, KdrError, wordsOf } from '../../errors.ts'
import { known } from '../../model/known.ts'
import { memberOfBroker, type Survey } from '../../model/survey.ts'
import type { PlatformCommands } from '../../ports/platform.ts'
import { openKeeping, openSimulation, openWorld, surveyOnce, type World } from '../compose.ts'
import { type Invocation, optionFlag } from '../invocation.ts'
import { page } from '../render/page.ts'
import { loadScenario, scenarioOptions } from '../scenarios.ts'

interface Filled {
  readonly previews: Map<string, Preview>
  readonly gates: Map<string, Gate>
}

const collect = (filled: Filled) => (event: RunEvent) => {
  if (event.type === 'step.preview') filled.previews.set(event.step, event.preview)
  if (event.type === 'step.withheld' && event.gate !== null) filled.gates.set(event.step, event.gate)
}

/** The broker the page is about: as asked, else the one that is not well, else the first. */
const brokerFor = async (survey: Survey, wanted: unknown): Promise<number> => {
  if (typeof wanted === 'number') return wanted
  const { diagnose } = await import('../../judgement/diagnose.ts')
  const [first] = survey.brokers.known ? survey.brokers.value : []
  const id = diagnose(survey).brokers[0] ?? first?.id
  if (id !== undefined) return id
  throw new KdrError('no broker was seen, so no command can be filled in', {
    code: 'nothing-seen',
    exit: 'unknown',
    hint: 'kdr show <scenario> --offline prints the page without a cluster',
  })
}

/** As the picture would be with this broker dead: nothing is done to it. */
const withFailed = async (survey: Survey, id: number): Promise<Survey> => {
  const { withBrokerOut, withMember } = await import('../../survey/project.ts')
  const member = memberOfBroker(survey, id)
  const out = withBrokerOut(survey, id)
  return member === undefined
    ? out
    : withMember(out, member.name, { state: known('stopped', 'projected'), uid: known(null, 'projected'), startedAt: known(null, 'projected') })
}

const fillIn = async (invocation: Invocation, world: World): Promise<string> => {
  const { interruption, terminal } = invocation
  const scenario = await loadScenario(invocation.args[0])
  const seen = await surveyOnce(world, interruption.signal)
  const broker = await brokerFor(seen, invocation.options['broker'])
  const options = await scenarioOptions(world.settings, broker)
  const filled: Filled = { previews: new Map(), gates: new Map() }
  const failed = await withFailed(seen, broker)
  const { rehearse } = await import('../../engine/rehearsal.ts')
  const { actor } = await openKeeping(invocation.env)
  const quiet = { interrupt: interruption, redact: terminal.redact, actor, force: [] }
  try {
    await rehearse({ scenario, options, ports: world.ports, observe: async () => failed, events: collect(filled), ...quiet })
  } catch (thrown) {
    interruption.signal.throwIfAborted()
    terminal.err(`note: not every command could be filled in: ${wordsOf(thrown)}`)
  }
  const cluster = {
    name: world.name,
    platform: seen.target.platform,
    id: seen.clusterId.known ? seen.clusterId.value : null,
    example: `as if broker ${broker} had failed`,
  }
  return page({ scenario, options, cluster, ...filled, checklist: false, notes: world.settings.notes })
}

/** On paper there is no cluster to fill in: what to type, with blanks, wherever Kafka runs. */
const ON_PAPER: PlatformCommands = {
  list: () => 'systemctl status kafka   # docker ps; kubectl get pods -n kafka -o wide',
  logs: () => 'journalctl -u kafka -n 500   # docker logs ______; kubectl logs --previous ______ -n kafka',
  stop: (_, grace) => `systemctl stop kafka   # give it ${grace / 1000} s: docker stop -t ${grace / 1000} ______`,
  start: () => 'systemctl start kafka   # docker start ______; Kubernetes does it by itself',
  restart: () => 'systemctl restart kafka   # docker restart -t 120 ______; kubectl delete pod ______ -n kafka --grace-period=120',
  reconnect: () => 'docker network connect ______ ______',
  kafka: (tool, args) => `${tool} --bootstrap-server ______:9092 ${args.join(' ')}`.trimEnd(),
}

/** The checklist to print: the list rehearsed on a simulated failure, with blanks for what only a cluster can tell. */
const offline = async (invocation: Invocation): Promise<string> => {
  const scenario = await loadScenario(invocation.args[0])
  const options = await scenarioOptions(null, undefined)
  const { world, faults } = await openSimulation({ seed: 1, mode: 'zookeeper', cluster: 'paper' })
  const { interruption, terminal } = invocation
  await faults.inject('hang-broker', { broker: 2 }, interruption.signal)
  const filled: Filled = { previews: new Map(), gates: new Map() }
  const { rehearse } = await import('../../engine/rehearsal.ts')
  const ports = { ...world.ports, platform: { ...world.ports.platform, commands: ON_PAPER } }
  const actor = { user: 'paper', host: 'paper', pid: 0 }
  await rehearse({
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
  return page({ scenario, options, cluster: null, previews: filled.previews, gates: new Map(), checklist: true, notes: null })
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  if (optionFlag(invocation, 'offline')) {
    invocation.terminal.out(await offline(invocation))
    return 'ok'
  }
  await loadScenario(invocation.args[0])
  const world = await openWorld(invocation, 'read')
  try {
    invocation.terminal.out(await fillIn(invocation, world))
    return 'ok'
  } finally {
    await world.close()
  }
}
