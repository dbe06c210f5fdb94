// Brings a lab up in Docker: the shipped deployment, made small, as a compose project of its own. Whatever fails
// or is interrupted on the way, containers, networks and volumes of that project are removed again.
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '../../adapters/docker/endpoint.ts'
import type { Engine } from '../../adapters/docker/engine.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import type { LabVersion } from '../../model/lab.ts'
import { formatDuration } from '../../units.ts'
import { labFolder, stateFileOf } from '../labs.ts'
import { claimPorts, releasePorts } from '../ports.ts'
import { listedBrokers, servesRegistry, servesZooKeeper } from '../probe.ts'
import { busy, exists, isAlive, newClusterId, thisProcess } from '../setting-up.ts'
import { RELEASES } from '../versions.ts'
import { needCompose, runCompose } from './compose-run.ts'
import { belongings, engineOf, removeDockerLab } from './down.ts'
import { type DockerService, imagesFor, SHIPPED } from './images.ts'
import { type DockerLabFile, placeAt, projectOf, readDockerLab, writeDockerLab } from './lab-file.ts'
import { type DockerPlan, dockerPortOffsets, planDocker } from './plan.ts'

interface DockerLabOptions {
  readonly name: string
  readonly kafka: LabVersion
  readonly home: string
  readonly cache: string
  readonly kafkaHome: string | null
  readonly with?: readonly DockerService[]
  readonly progress: (line: string) => void
  readonly signal: AbortSignal
}

/** A busy laptop with two cores takes a minute; four times that is a failure. */
const READY_DEADLINE = 240_000

/** Whether the lab is already there, to be left as it is; a wreck is removed. */
const isThere = async (folder: string, { name, kafka, progress }: DockerLabOptions): Promise<boolean> => {
  if (!existsSync(folder)) return false
  let lab: DockerLabFile | null = null
  try {
    lab = readDockerLab(stateFileOf(folder))
  } catch {
    progress(`${name}: its state file is damaged; removing what is left of it`)
  }
  if (lab?.settingUp && (await isAlive(lab.settingUp))) throw busy(name, lab.settingUp)
  if (lab?.settingUp) progress(`${name}: bringing it up was interrupted; removing what is left of it`)
  if (lab === null || lab.settingUp) {
    await removeDockerLab(folder)
    return false
  }
  const { version } = RELEASES[kafka]
  if (lab.kafka === version) return true
  throw exists(name, `Kafka ${lab.kafka}`, version)
}

const needEngine = async (engine: Engine, signal: AbortSignal): Promise<void> => {
  try {
    await engine.info(signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new KdrError(`a Docker lab needs a Docker engine: ${wordsOf(cause)}`, {
      code: 'docker-missing',
      hint: 'Start Docker, or name an engine in DOCKER_HOST; a lab of processes needs none: kdr lab up --platform process',
      cause,
    })
  }
}

/** A project of that name that this home knows nothing of is somebody else's. */
const needFreeProject = async (engine: Engine, project: string, signal: AbortSignal): Promise<void> => {
  const { containers, volumes } = await belongings(engine, project, signal)
  if (containers.length + volumes.length === 0) return
  throw new KdrError(`the engine at ${engine.endpoint.host} already has a compose project ${project}, which is no lab of yours`, {
    code: 'lab-exists',
    exit: 'usage',
    hint: `Choose another name; or, if it may go with its data: docker compose -p ${project} down --volumes`,
  })
}

/** The address that ports are published on, and the one they are dialled at: loopback, or a remote engine's own. */
const reachOf = ({ kind, hostname }: Endpoint): { readonly host: string; readonly bind: string } =>
  kind === 'socket' ? { host: '127.0.0.1', bind: '127.0.0.1' } : { host: hostname, bind: '0.0.0.0' }

interface Bringing {
  readonly lab: Omit<DockerLabFile, 'schema'>
  readonly plan: DockerPlan
  readonly compose: readonly string[]
  readonly endpoint: Endpoint
  readonly options: DockerLabOptions
}

/** One file with every value in it: whoever works with the project later needs no variables. */
const writeComposeFile = async ({ lab, plan, compose, endpoint, options }: Bringing, folder: string): Promise<void> => {
  const override = join(folder, 'override.json')
  writeFileSync(override, JSON.stringify(plan.override, null, 2))
  const args = ['-p', lab.project, '-f', join(SHIPPED, plan.shipped), '-f', override, 'config', ...plan.quorum, ...plan.rest]
  const text = await runCompose({ compose, endpoint, args, variables: plan.variables, signal: options.signal })
  writeFileSync(lab.files[0] ?? '', `# Lab ${lab.name}: docker compose -f docker-compose.yml ps\n${text}`)
}

const untilServing = async (serves: () => Promise<boolean>, what: string, signal: AbortSignal): Promise<void> => {
  for (const end = performance.now() + READY_DEADLINE; !(await serves()); await sleep(300, undefined, { signal })) {
    if (performance.now() > end)
      throw new KdrError(`${what} does not serve ${formatDuration(READY_DEADLINE)} after its start`, {
        code: 'start-failed',
        hint: 'is the machine overloaded?',
      })
  }
}

/** Not in the files' own order, which health checks decide: those are slow, and say less than the answers of brokers. */
const bringUp = async ({ lab, plan, compose, endpoint, options }: Bringing): Promise<void> => {
  const { progress, signal } = options
  const started = performance.now()
  const took = () => formatDuration(performance.now() - started)
  const start = async (services: readonly string[]) => {
    progress(`starting ${services.join(', ')}`)
    const args = ['-p', lab.project, ...lab.files.flatMap((file) => ['-f', file]), 'up', '-d', '--no-deps', ...services]
    await runCompose({ compose, endpoint, args, signal })
  }
  await start(plan.quorum)
  for (const address of lab.zookeeper) await untilServing(() => servesZooKeeper(address), `ZooKeeper at ${address}`, signal)
  if (lab.zookeeper.length > 0) progress(`ZooKeeper serves after ${took()}`)
  await start(plan.rest)
  for (const [at, address] of lab.bootstrap.entries()) {
    await untilServing(async () => (await listedBrokers(address))?.length === lab.bootstrap.length, `the broker at ${address}`, signal)
    progress(`kafka-${at + 1} serves after ${took()}`)
  }
  for (const address of plan.registries) await untilServing(() => servesRegistry(address), `Schema Registry at ${address}`, signal)
  if (plan.registries.length > 0) progress(`Schema Registry serves after ${took()}`)
}

/** Removes what was started; when that fails too, both failures are told. */
const undo = async (folder: string, name: string, thrown: unknown): Promise<void> => {
  try {
    await removeDockerLab(folder)
  } catch (second) {
    const words = `${wordsOf(thrown)}; and what had been started could not be removed: ${wordsOf(second)}`
    throw new KdrError(words, { code: 'lab-not-removed', hint: `Remove it: kdr lab down --name ${name}`, cause: thrown })
  }
}

/**
 * Resolves when every broker lists all of them. Starts no daemon and installs nothing. Throws `docker-missing`,
 * `compose-missing`, `image-missing`, `image-not-built`, `lab-exists`, `lab-busy`, `no-free-ports`, `compose-failed`, `start-failed`.
 */
export const dockerLabUp = async (options: DockerLabOptions): Promise<void> => {
  const { name, home, signal, kafka } = options
  const folder = labFolder(name, home)
  if (await isThere(folder, options)) return
  const release = RELEASES[kafka]
  const extra = options.with ?? []
  const project = projectOf(name)
  const engine = engineOf({ host: null, context: null })
  try {
    await needEngine(engine, signal)
    const compose = await needCompose()
    await needFreeProject(engine, project, signal)
    const images = await imagesFor(engine, { ...options, release, with: extra })
    const base = await claimPorts(folder, dockerPortOffsets(release, extra))
    const plan = planDocker({ name, release, clusterId: newClusterId(), images, base, ...reachOf(engine.endpoint), with: extra })
    const { bootstrap, zookeeper } = plan
    const files = [join(folder, 'docker-compose.yml')]
    const lab = {
      name,
      ...placeAt(project, engine.endpoint),
      kafka: release.version,
      mode: release.mode,
      files,
      bootstrap,
      zookeeper,
      settingUp: await thisProcess(),
    }
    claimName(folder, lab)
    try {
      const bringing: Bringing = { lab, plan, compose, endpoint: engine.endpoint, options }
      await writeComposeFile(bringing, folder)
      await bringUp(bringing)
      writeDockerLab(stateFileOf(folder), { ...lab, settingUp: null })
    } catch (thrown) {
      await undo(folder, name, thrown)
      throw thrown
    }
  } finally {
    engine.close()
  }
}

/** Made beside its place and moved there in one step: of two kdr, one gets the name. */
const claimName = (folder: string, lab: Omit<DockerLabFile, 'schema'>): void => {
  const temporary = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`))
  try {
    writeDockerLab(stateFileOf(temporary), lab)
    renameSync(temporary, folder)
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true })
    // Ports are claimed by folder: where another kdr has it, what is given up now would be its own.
    if (existsSync(folder)) throw busy(lab.name, null, cause)
    releasePorts(folder)
    throw cause
  }
}
