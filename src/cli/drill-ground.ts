// Where a drill takes place: a lab of its own, of processes or in Docker, or a simulated cluster. Says which and why.

import { KdrError, wordsOf } from '../errors.ts'
import type { LabService } from '../model/lab.ts'
import { chooseCluster, labsHome } from './clusters.ts'
import { cacheHome } from './commands/lab-up.ts'
import { composeWorld, labDirectory, openLabs, openSimulation, processLabReason } from './compose.ts'
import type { DrillGround } from './ground.ts'
import { type Invocation, optionFlag, optionText } from './invocation.ts'
import { keepBeside } from './whole-file.ts'

const DEFAULT_KAFKA = '4'
type Services = readonly LabService[]

const usage = (message: string, hint: string): KdrError => new KdrError(message, { code: 'usage', exit: 'usage', hint })

/** By flags, else processes where Java and Maven (or KAFKA_HOME) are there, else simulated. */
const platformOf = async (invocation: Invocation): Promise<'process' | 'docker' | 'kubernetes' | 'simulated'> => {
  const asked = optionText(invocation, 'platform')
  if (optionFlag(invocation, 'simulated')) {
    if (asked !== undefined && asked !== 'simulated') throw usage(`--simulated and --platform ${asked} say different things`, 'give one of them')
    return 'simulated'
  }
  if (asked === 'simulated' || asked === 'process' || asked === 'docker' || asked === 'kubernetes') return asked
  const missing = await processLabReason(invocation.env)
  const say = (line: string) => invocation.terminal.err(line)
  if (missing === null) {
    say('Drill on local Kafka processes: Java and Maven (or KAFKA_HOME) are there.')
    return 'process'
  }
  say(`Drill in simulation: ${missing}. With Java 17 and Maven it runs on real Kafka.`)
  return 'simulated'
}

/** Throws what bringing a lab up throws, and `usage`. */
export const openGround = async (invocation: Invocation, services: Services): Promise<DrillGround> => {
  const platform = await platformOf(invocation)
  if (platform === 'kubernetes') return (await import('./drill-kubernetes.ts')).openKubernetesGround(invocation)
  return platform === 'simulated' ? openSimulated(invocation, services) : openLab(invocation, platform, services)
}

const openSimulated = async (invocation: Invocation, services: Services): Promise<DrillGround> => {
  const kafka = optionText(invocation, 'kafka') ?? DEFAULT_KAFKA
  const text = optionText(invocation, 'seed') ?? '1'
  const seed = Number(text)
  if (!Number.isSafeInteger(seed) || seed < 0) throw usage(`--seed ${text} is not a whole number`, 'give a seed such as 7')
  const { world, faults, write, store, keep } = await openSimulation({
    seed,
    mode: kafka === '3.5' ? 'zookeeper' : 'kraft',
    cluster: `drill-simulated-${kafka}`,
    registries: services.includes('schema-registry') ? 2 : 0,
  })
  return { world, faults, write, store, keep, kafka, phases: [], close: () => world.close() }
}

/** Its own lab, named after platform and version: used again if it is up and whole, made anew if it is not. */
const openLab = async (invocation: Invocation, platform: 'process' | 'docker', services: Services): Promise<DrillGround> => {
  const { env, terminal, interruption } = invocation
  const { labUp, labDown, labStatus, findLab, openFaults, parseLabVersion } = await openLabs()
  const home = labsHome(env)
  const kafka = optionText(invocation, 'kafka') ?? DEFAULT_KAFKA
  const name = ['drill', platform, kafka, ...services].join('-')
  const progress = (line: string) => {
    if (!terminal.quiet) terminal.err(`lab: ${line}`)
  }
  const there = await labStatus(name, home).catch(() => null)
  const whole = there?.complete === true && there.members.every(({ state }) => state === 'running')
  if (there !== null && !whole) {
    progress(`${name} is left broken by an earlier drill; making it anew`)
    await labDown(name, home)
  }
  const start = performance.now()
  await labUp({
    name,
    platform,
    with: services,
    kafka: parseLabVersion(kafka),
    home,
    cache: cacheHome(env),
    kafkaHome: env['KAFKA_HOME'] || null,
    progress,
    signal: interruption.signal,
  })
  const phases = [{ name: whole ? 'lab (it was up)' : 'lab up', seconds: (performance.now() - start) / 1000 }]
  const keep = whole || optionFlag(invocation, 'keep')
  const leave = async (): Promise<void> => {
    if (keep) return progress(`${name} stays up: kdr lab down --name ${name}`)
    progress(`taking ${name} down`)
    await labDown(name, home)
  }
  try {
    const chosen = chooseCluster({ ...invocation, globals: { ...invocation.globals, cluster: name } }, await labDirectory(env))
    const world = await composeWorld(chosen, 'write', invocation)
    const stateFile = findLab(name, home)?.stateFile
    if (world.write === null || stateFile === undefined) throw new KdrError(`lab ${name} is gone`, { code: 'lab-not-found', hint: 'run the drill again' })
    const close = async (): Promise<void> => {
      await world.close()
      await leave()
    }
    return { world, write: world.write, faults: openFaults(stateFile), kafka, store: null, keep: keepBeside(env, name), phases, close }
  } catch (thrown) {
    await leave().catch((second: unknown) => progress(wordsOf(second)))
    throw thrown
  }
}
