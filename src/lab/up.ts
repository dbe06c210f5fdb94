// Brings a disposable cluster up. Whatever fails or is interrupted on the way, everything that was started
// is stopped again and the folder removed.
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lookUp, startFailure, startNode } from '../adapters/process/control.ts'
import { LOG } from '../adapters/process/logs.ts'
import { processTable } from '../adapters/process/process-table.ts'
import { writeStartScript } from '../adapters/process/start-script.ts'
import { type ProcessNode, type ProcessState, readState, writeState } from '../adapters/process/state-file.ts'
import { KdrError, wordsOf } from '../errors.ts'
import { formatDuration } from '../units.ts'
import { removeLab } from './down.ts'
import { jarsOf } from './jars.ts'
import { needJava } from './java.ts'
import { type LabStatus, labFolder, labStatus, stateFileOf } from './labs.ts'
import { type LabPlan, planLab } from './plan.ts'
import { claimPorts, releasePorts } from './ports.ts'
import { listedBrokers, servesZooKeeper } from './probe.ts'
import { type Controllers, portOffsets } from './properties.ts'
import { type LabVersion, RELEASES } from './versions.ts'

export interface LabUpOptions {
  readonly name: string
  readonly platform: 'process'
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
}

/** A busy laptop with two cores takes a minute; three times that is a failure. */
const READY_DEADLINE = 180_000

const own = async (): Promise<{ pid: number; start: string }> => {
  const row = (await processTable()).find((each) => each.pid === process.pid)
  return { pid: process.pid, start: row?.start ?? '' }
}

const isAlive = async ({ pid, start }: { pid: number; start: string }): Promise<boolean> =>
  (await processTable()).some((row) => row.pid === pid && row.start === start)

/** The lab that is already there: to be returned as it is, or null when it was a wreck and has been removed. */
const existing = async (folder: string, options: LabUpOptions): Promise<LabStatus | null> => {
  if (!existsSync(folder)) return null
  let state: ProcessState | null = null
  try {
    state = readState(stateFileOf(folder))
  } catch {
    options.progress(`${options.name}: its state file is damaged; removing what is left of it`)
  }
  if (state?.settingUp && (await isAlive(state.settingUp))) {
    throw new KdrError(`lab ${options.name} is being brought up by another kdr (process ${state.settingUp.pid})`, { code: 'lab-busy', exit: 'locked' })
  }
  if (state?.settingUp) options.progress(`${options.name}: bringing it up was interrupted; removing what is left of it`)
  if (state === null || state.settingUp) {
    await removeLab(folder)
    return null
  }
  const { version } = RELEASES[options.kafka]
  if (state.kafka === version) return labStatus(options.name, options.home)
  throw new KdrError(`lab ${options.name} exists and runs Kafka ${state.kafka}, not ${version}`, {
    code: 'lab-exists',
    exit: 'usage',
    hint: `Choose another name, or remove it first: kdr lab down --name ${options.name}`,
  })
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
    throw new KdrError(`lab ${plan.state.cluster} is being brought up by another kdr`, { code: 'lab-busy', exit: 'locked', cause })
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
  const rest = nodes.filter((node) => !node.roles.includes('zookeeper'))
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

const uuid = (): string => {
  const text = randomBytes(16).toString('base64url')
  // A leading dash would be taken for an option.
  return text.startsWith('-') ? `A${text.slice(1)}` : text
}

/**
 * Resolves when every broker lists all of them. A lab of that name and version is returned as it is, stopped members and
 * all; one that was interrupted on its way up is removed and made anew. Throws `lab-exists`, `lab-busy`, `java-missing`,
 * `maven-missing`, `download-failed`, `kafka-home-unfit`, `no-free-ports`, `start-failed`, or the signal's reason.
 */
export const labUp = async (options: LabUpOptions): Promise<LabStatus> => {
  const { name, home, signal } = options
  const controllers = options.controllers ?? 'own'
  const release = RELEASES[options.kafka]
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const folder = labFolder(name, home)
  const found = await existing(folder, options)
  if (found !== null) return found
  const java = await needJava()
  const jars = await jarsOf(release, options.cache, options.kafkaHome, options)
  signal.throwIfAborted()
  const base = await claimPorts(folder, portOffsets(release))
  const plan = planLab({ name, id: randomUUID(), folder, release, controllers, java, jars, base, clusterId: uuid(), settingUp: await own() })
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
  return labStatus(name, home)
}
