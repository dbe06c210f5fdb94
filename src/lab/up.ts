// Brings a disposable cluster up. Whatever fails or is interrupted on the way, everything that was started
// is stopped again and the folder removed.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lookUp, startFailure, startNode } from '../adapters/process/control.ts'
import { LOG } from '../adapters/process/logs.ts'
import { writeStartScript } from '../adapters/process/start-script.ts'
import { type ProcessNode, type ProcessState, readState, writeState } from '../adapters/process/state-file.ts'
import { KdrError, wordsOf } from '../errors.ts'
import type { LabVersion } from '../model/lab.ts'
import { formatDuration } from '../units.ts'
import { classArchiveOf } from './class-archive.ts'
import type { DockerService } from './docker/images.ts'
import { isDockerLab } from './docker/lab-file.ts'
import { dockerLabUp } from './docker/up.ts'
import { removeLab } from './down.ts'
import { jarsOf } from './jars.ts'
import { needJava } from './java.ts'
import { type LabStatus, labFolder, labStatus, stateFileOf } from './labs.ts'
import { type LabPlan, planLab } from './plan.ts'
import { claimPorts, releasePorts } from './ports.ts'
import { listedBrokers, servesRegistry, servesZooKeeper } from './probe.ts'
import { type Controllers, portOffsets } from './properties.ts'
import { busy, exists, isAlive, newClusterId, thisProcess } from './setting-up.ts'
import { RELEASES } from './versions.ts'

export interface LabUpOptions {
  readonly name: string
  readonly platform: 'process' | 'docker'
  readonly kafka: LabVersion
  /** Root of all labs: `<state home>/kdr/labs`. */
  readonly home: string
  /** kdr's cache folder, `<cache home>/kdr`: jars are kept in `kafka/<version>` below it. */
  readonly cache: string
  /** `KAFKA_HOME`: an unpacked Kafka to take the jars from; null has Maven fetch them. */
  readonly kafkaHome: string | null
  readonly progress: (line: string) => void
  readonly signal: AbortSignal
  /** `combined`: KRaft brokers are the voters too. Default `own`. */
  readonly controllers?: Controllers
  /** Services besides brokers and their quorum; Connect in Docker only. */
  readonly with?: readonly DockerService[]
}

/** A busy laptop with two cores takes a minute; three times that is a failure. */
const READY_DEADLINE = 180_000

/** Whether the lab is already there, to be left as it is; a wreck is removed. */
const isThere = async (folder: string, options: LabUpOptions): Promise<boolean> => {
  if (!existsSync(folder)) return false
  let state: ProcessState | null = null
  try {
    state = readState(stateFileOf(folder))
  } catch {
    options.progress(`${options.name}: its state file is damaged; removing what is left of it`)
  }
  if (state?.settingUp && (await isAlive(state.settingUp))) {
    throw busy(options.name, state.settingUp)
  }
  if (state?.settingUp) options.progress(`${options.name}: bringing it up was interrupted; removing what is left of it`)
  if (state === null || state.settingUp) {
    await removeLab(folder)
    return false
  }
  const { version } = RELEASES[options.kafka]
  const lacks = options.with?.includes('schema-registry') && !state.nodes.some((node) => node.roles.includes('schema-registry'))
  if (state.kafka === version && !lacks) return true
  throw exists(options.name, `Kafka ${state.kafka}${lacks ? ' without Schema Registry' : ''}`, `${version}${lacks ? ' with it' : ''}`)
}

/** Writes everything beside the place and moves it there in one step: of two kdr, one gets the name. */
const writeLab = (folder: string, plan: LabPlan): void => {
  const temporary = join(dirname(folder), `.${basename(folder)}-${plan.state.id}`)
  const inside = (path: string) => join(temporary, path.slice(folder.length))
  try {
    for (const [path, content] of plan.files) {
      mkdirSync(dirname(inside(path)), { recursive: true, mode: 0o700 })
      writeFileSync(inside(path), content, { mode: dirname(path) === plan.state.tools ? 0o755 : 0o600 })
    }
    for (const node of plan.state.nodes) for (const data of node.dataDirs) mkdirSync(inside(data), { recursive: true })
    writeState(inside(stateFileOf(folder)), plan.state)
    renameSync(temporary, folder)
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true })
    if (!existsSync(folder)) throw cause
    throw busy(plan.state.cluster, null, cause)
  }
  for (const node of plan.state.nodes) writeStartScript(node)
}

/** All at once; the first failure ends the others, and is thrown when they have ended. */
const together = async (signal: AbortSignal, tasks: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> => {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  let first: { thrown: unknown } | null = null
  await Promise.all(
    tasks.map((task) =>
      task(either).catch((thrown) => {
        first ??= { thrown }
        stop.abort()
      }),
    ),
  )
  signal.throwIfAborted()
  if (first !== null) throw (first as { thrown: unknown }).thrown
}

const format = async (node: ProcessNode, argv: readonly string[], signal: AbortSignal): Promise<void> => {
  const [program = '', ...args] = argv
  const log = openSync(join(node.home, LOG), 'a')
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    signal,
    killSignal: 'SIGKILL',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
  })
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      appendFileSync(log, `${error.message}\n`)
      resolve(null)
    })
    child.once('close', resolve)
  })
  signal.throwIfAborted()
  if (code !== 0) throw await startFailure(node, 'could not be formatted')
}

/** Looks until `serves`; a node that has ended meanwhile, or is too late, is the failure. */
const untilServing = async (node: ProcessNode, serves: () => Promise<boolean>, signal: AbortSignal): Promise<void> => {
  const end = performance.now() + READY_DEADLINE
  while (!(await serves())) {
    if ((await lookUp(node)) === null) throw await startFailure(node, 'ended while it was starting')
    if (performance.now() > end) throw await startFailure(node, `does not serve ${formatDuration(READY_DEADLINE)} after its start`)
    await sleep(200, undefined, { signal })
  }
}

const bringUp = async (plan: LabPlan, { progress, signal }: LabUpOptions): Promise<void> => {
  const started = performance.now()
  const took = () => formatDuration(performance.now() - started)
  const { nodes } = plan.state
  const begin = (node: ProcessNode) => async (either: AbortSignal) => {
    const argv = plan.formats.find((each) => each.node === node.name)?.argv
    if (argv !== undefined) await format(node, argv, either)
    await startNode(node, { name: node.name, uid: null }, either)
  }
  const zookeepers = nodes.filter((node) => node.roles.includes('zookeeper'))
  const registries = nodes.filter((node) => node.roles.includes('schema-registry'))
  const rest = nodes.filter((node) => !zookeepers.includes(node) && !registries.includes(node))
  const brokers = nodes.filter((node) => node.roles.includes('broker'))
  if (zookeepers.length > 0) {
    progress(`starting ${zookeepers.map((node) => node.name).join(', ')}`)
    await together(signal, zookeepers.map(begin))
    const serving = (node: ProcessNode) => (either: AbortSignal) => untilServing(node, () => servesZooKeeper(node.listeners[0] ?? ''), either)
    await together(signal, zookeepers.map(serving))
    progress(`ZooKeeper serves after ${took()}`)
  }
  progress(`starting ${rest.map((node) => node.name).join(', ')}`)
  await together(signal, rest.map(begin))
  const lists = (node: ProcessNode) => async () => (await listedBrokers(node.listeners[0] ?? ''))?.length === brokers.length
  const serving = (node: ProcessNode) => async (either: AbortSignal) => {
    await untilServing(node, lists(node), either)
    progress(`${node.name} serves after ${took()}`)
  }
  await together(signal, brokers.map(serving))
  if (registries.length === 0) return
  progress(`starting ${registries.map((node) => node.name).join(', ')}`)
  await together(signal, registries.map(begin))
  const answering = (node: ProcessNode) => (either: AbortSignal) => untilServing(node, () => servesRegistry(node.listeners[0] ?? ''), either)
  await together(signal, registries.map(answering))
  progress(`Schema Registry serves after ${took()}`)
}

/** Removes what was started; when that fails too, both failures are told. */
const undo = async (folder: string, name: string, thrown: unknown): Promise<void> => {
  try {
    await removeLab(folder)
  } catch (second) {
    const words = `${wordsOf(thrown)}; and what had been started could not be removed: ${wordsOf(second)}`
    throw new KdrError(words, { code: 'lab-not-removed', hint: `Remove it: kdr lab down --name ${name}`, cause: thrown })
  }
}

/**
 * Resolves when every broker lists all of them. A lab of that name and version is returned as it is, stopped members and
 * all; one that was interrupted on its way up is removed and made anew. Throws `lab-exists`, `lab-busy`, `java-missing`,
 * `maven-missing`, `download-failed`, `kafka-home-unfit`, `no-free-ports`, `start-failed`, or the signal's reason.
 */
export const labUp = async (options: LabUpOptions): Promise<LabStatus> => {
  const { name, home, platform } = options
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const stateFile = stateFileOf(labFolder(name, home))
  if (existsSync(stateFile) && isDockerLab(stateFile) !== (platform === 'docker')) {
    const [has, wanted] = platform === 'docker' ? ['as processes', 'in Docker'] : ['in Docker', 'as processes']
    throw exists(name, has, wanted)
  }
  await (platform === 'docker' ? dockerLabUp(options) : processLabUp(options))
  return labStatus(name, home)
}

const processLabUp = async (options: LabUpOptions): Promise<void> => {
  const { name, home, signal } = options
  const controllers = options.controllers ?? 'own'
  const release = RELEASES[options.kafka]
  const registries = options.with?.includes('schema-registry') ?? false
  const folder = labFolder(name, home)
  if (await isThere(folder, options)) return
  const java = await needJava()
  const jars = await jarsOf(release, options.cache, options.kafkaHome, options)
  const classArchive = options.kafkaHome === null ? await classArchiveOf({ release, java, jars }, options.cache, options) : null
  signal.throwIfAborted()
  const base = await claimPorts(folder, portOffsets(release, registries))
  const plan = planLab({
    name,
    id: randomUUID(),
    folder,
    release,
    controllers,
    registries,
    java,
    jars,
    classArchive,
    base,
    clusterId: newClusterId(),
    settingUp: await thisProcess(),
  })
  try {
    writeLab(folder, plan)
  } catch (thrown) {
    releasePorts(folder)
    throw thrown
  }
  try {
    await bringUp(plan, options)
    writeState(stateFileOf(folder), { ...plan.state, settingUp: null })
  } catch (thrown) {
    await undo(folder, name, thrown)
    throw thrown
  }
}
