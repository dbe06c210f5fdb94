// Flags, configuration and mode become a world here. The only place that knows adapters and labs, and it
// imports them when they are needed, so that light commands stay light.

import type { KubernetesSettings } from '../adapters/kubernetes/open-kubernetes.ts'
import { type ClusterSettings, NO_REGISTRY, type PlatformSettings, stateRoot } from '../config.ts'
import type { Observe } from '../engine/interaction.ts'
import { wordsOf } from '../errors.ts'
import { ALL_ASPECTS, type Survey } from '../model/survey.ts'
import type { Clock } from '../ports/clock.ts'
import type { Faults } from '../ports/faults.ts'
import type { PlatformReader, PlatformWriter } from '../ports/platform.ts'
import type { Lock, RunStore } from '../ports/run-store.ts'
import type { ReadPorts, WritePorts } from '../ports/world.ts'
import { type Millis, seconds } from '../units.ts'
import { addressesOf, listedOnce } from './addresses.ts'
import { type ChosenCluster, chooseCluster, type LabDirectory, labsHome } from './clusters.ts'
import { backupReader, kafkaProbe, kafkaReader, kafkaWriter, platformWriter, readerOf, registryReader, registryWriter, restoreWriter } from './halves.ts'
import type { Invocation } from './invocation.ts'

/** One request to one broker or ZooKeeper: a hung one costs no more than this. A tunnel alone takes a second. */
const requestTimeout = (kind: PlatformSettings['kind']): Millis => seconds(kind === 'kubernetes' ? 4 : 2)
/** A whole survey: what was not seen by then is unknown. */
const surveyDeadline = (kind: PlatformSettings['kind']): Millis => seconds(kind === 'kubernetes' ? 12 : 8)

/** Everything there is to see, once. */
export const surveyOnce = ({ observe, ports, within }: World, signal: AbortSignal): Promise<Survey> =>
  observe(ALL_ASPECTS, null, ports.clock.deadline(within, signal))

export interface World extends ChosenCluster {
  readonly ports: ReadPorts
  readonly observe: Observe
  /** null unless the world was opened to be changed. */
  readonly write: WritePorts | null
  /** `host:port` of brokers, as advertised inside the platform. */
  readonly endpoints: readonly string[]
  /** A survey takes no longer. */
  readonly within: Millis
  /** One run at a time on this target. */
  readonly lock: Lock
  close(): Promise<void>
}

export interface Keeping {
  readonly store: RunStore
  readonly clock: Clock
  readonly actor: { readonly user: string; readonly host: string; readonly pid: number }
}

/** The machine's own: clock, run folders, who asks. */
export const openKeeping = async (env: Invocation['env']): Promise<Keeping> => {
  const [{ systemClock }, { fileRunStore }, { actor }] = await Promise.all([
    import('../adapters/system/clock.ts'),
    import('../adapters/system/run-store.ts'),
    import('../adapters/system/actor.ts'),
  ])
  return { store: fileRunStore(stateRoot(env)), clock: systemClock(), actor: actor() }
}

/** A Lease where the target can keep one for everybody; else a file, which covers this host. */
const lockOf = async (settings: ClusterSettings, env: Invocation['env']): Promise<Lock> => {
  if (settings.platform.kind !== 'kubernetes') return (await import('../adapters/system/lock.ts')).fileLock(stateRoot(env))
  const [{ kubernetesLock }, { actor, processStartOf }] = await Promise.all([import('../adapters/kubernetes/lease.ts'), import('../adapters/system/actor.ts')])
  const me = actor()
  return kubernetesLock({ ...settings.platform, cluster: settings.name, env }, { ...me, processStartOf })
}

export const labDirectory = async (env: Invocation['env']): Promise<LabDirectory> => {
  const { findLab, listLabs } = await import('../lab/labs.ts')
  const home = labsHome(env)
  return { list: () => listLabs(home), find: (name) => findLab(name, home) }
}

/** Everything `kdr lab` does. */
export const openLabs = async () => {
  const [{ labUp }, { labDown }, { labStatus, findLab }, { openFaults }, { parseLabVersion }] = await Promise.all([
    import('../lab/up.ts'),
    import('../lab/down.ts'),
    import('../lab/labs.ts'),
    import('../lab/faults.ts'),
    import('../lab/versions.ts'),
  ])
  return { labUp, labDown, labStatus, findLab, openFaults, parseLabVersion }
}

/** What breaks a Kubernetes cluster that says that it may be broken; throws `not-disposable` of any other. */
export const openKubernetesLab = async (settings: KubernetesSettings, signal: AbortSignal): Promise<Faults> => {
  const [{ mustBeDisposable, openKubernetesFaults }, { openClient }] = await Promise.all([
    import('../lab/kubernetes/faults.ts'),
    import('../adapters/kubernetes/client.ts'),
  ])
  await mustBeDisposable({ client: openClient(settings), name: settings.cluster }, signal)
  return openKubernetesFaults(settings)
}

/** The operator's own files. */
export const openFiles = async () => (await import('../adapters/system/files.ts')).fileReader()

/** What a lab of processes is made with on this machine. */
export const findTools = async () => {
  const { findJava, findMaven, JAVA_NEEDED } = await import('../lab/java.ts')
  return { java: await findJava(), javaNeeded: JAVA_NEEDED, maven: findMaven() }
}

/** `read` composes no write half at all: a dry run and a diagnosis hold nothing that could change anything. `limit`: for a survey, asked once everything is loaded; the platform's own when left out. */
export const openWorld = async (invocation: Invocation, half: 'read' | 'write', limit?: () => Millis): Promise<World> => {
  const chosen = chooseCluster(invocation, await labDirectory(invocation.env))
  return composeWorld(chosen, half, invocation, limit)
}

const openPlatform = async ({ name: cluster, platform }: ClusterSettings, env: Invocation['env']): Promise<PlatformReader & PlatformWriter> => {
  if (platform.kind === 'docker') return (await import('../adapters/docker/open-docker.ts')).openDocker({ ...platform, cluster, env })
  if (platform.kind === 'kubernetes') return (await import('../adapters/kubernetes/open-kubernetes.ts')).openKubernetes({ ...platform, cluster, env })
  return (await import('../adapters/process/open-process.ts')).openProcess(platform.state)
}

/** A platform that says nothing is given up in time for a survey of what answers without it; one that answers takes no longer than this. */
const DISCOVERY = { most: 0.6, usual: seconds(0.5) } as const

/** Connects to nothing yet; the first survey does. */
export const composeWorld = async (
  chosen: ChosenCluster,
  half: 'read' | 'write',
  { env, interruption }: Pick<Invocation, 'env' | 'interruption'>,
  limit = () => surveyDeadline(chosen.settings.platform.kind),
): Promise<World> => {
  const [opened, lock, { openKafka }, { openSchemaRegistry }, { fileReader }, { systemClock }, { observer }] = await Promise.all([
    openPlatform(chosen.settings, env),
    lockOf(chosen.settings, env),
    import('../adapters/kafka/open.ts'),
    import('../adapters/schema-registry/open-registry.ts'),
    import('../adapters/system/files.ts'),
    import('../adapters/system/clock.ts'),
    import('../survey/observe.ts'),
  ])
  const { settings } = chosen
  const { first, platform } = listedOnce(readerOf(opened, chosen.name))
  const clock = systemClock()
  const [began, within] = [clock.monotonic(), limit()]
  const { endpoints, zookeeper } = await addressesOf(chosen, first, clock, within * DISCOVERY.most, interruption.signal)
  const tls = settings.tls === null ? null : { ...settings.tls, rejectUnauthorized: true as const }
  const dial = platform.dial
  const timeout = requestTimeout(settings.platform.kind)
  const kafka = openKafka({ bootstrap: endpoints, clientId: 'kdr', tls, sasl: settings.sasl, dial, requestTimeout: timeout })
  const coordination =
    zookeeper.length === 0 ? null : (await import('../adapters/zookeeper/open-zookeeper.ts')).openZooKeeper({ servers: zookeeper, dial, timeout })
  const { openConnect } = await import('../adapters/connect/open-connect.ts')
  const connect = openConnect({ dial, ca: settings.connect?.ca ?? null, auth: settings.connect?.auth ?? null, timeout })
  const { ca, auth } = settings.schemaRegistry
  const registry = openSchemaRegistry({ dial, ca, auth, timeout })
  const ports: ReadPorts = {
    clock,
    platform,
    kafka: kafkaReader(kafka),
    backup: backupReader(kafka),
    coordination,
    connect: settings.connect?.urls.length === 0 ? null : connect,
    registry: registryReader(registry),
    files: fileReader(),
  }
  const close = async (): Promise<void> => {
    await Promise.allSettled([kafka.close(), coordination?.close(), platform.close()])
  }
  const looking = {
    endpoints,
    zookeeper,
    ...(settings.connect === null ? {} : { connect: settings.connect.urls }),
    registry: settings.schemaRegistry,
  }
  // Whoever waits for the first answer has waited for the addresses, too.
  let left = within - Math.max(0, clock.monotonic() - began - DISCOVERY.usual)
  const observe: Observe = (...asked) => {
    const deadline = left
    left = within
    return observer(ports, { ...looking, deadline })(...asked)
  }
  const write =
    half === 'read'
      ? null
      : {
          platform: platformWriter(opened),
          kafka: kafkaWriter(kafka),
          probe: kafkaProbe(kafka),
          restore: restoreWriter(kafka),
          registry: registryWriter(registry),
        }
  return { ...chosen, ports, observe, write, endpoints, within, lock, close }
}

/** Why no lab of processes can run here, or null when one can. */
export const processLabReason = async (env: Invocation['env']): Promise<string | null> => {
  const { findMaven, needJava } = await import('../lab/java.ts')
  const java = await needJava().then(
    () => null,
    (thrown: unknown) => wordsOf(thrown),
  )
  return java ?? (env['KAFKA_HOME'] || findMaven() !== null ? null : 'there is neither Maven nor KAFKA_HOME')
}

/** A simulated cluster with everything a drill needs, its own run folders and virtual time included. */
export const openSimulation = async (options: {
  readonly seed: number
  readonly mode: 'zookeeper' | 'kraft'
  readonly cluster: string
  readonly registries?: number
}) => {
  const [{ createSimulation }, { observer }] = await Promise.all([import('../adapters/simulated/open.ts'), import('../survey/observe.ts')])
  const simulation = createSimulation(options)
  const { ports, write, faults, store, lock, endpoints, zookeeperServers: zookeeper } = simulation
  const settings = {
    name: options.cluster,
    platform: { kind: 'process' as const, state: '' },
    bootstrap: endpoints,
    tls: null,
    sasl: null,
    zookeeper,
    connect: null,
    schemaRegistry: NO_REGISTRY,
    thresholds: {},
    stabilityInterval: seconds(5),
    notes: null,
  }
  const within = surveyDeadline(settings.platform.kind)
  const observe = observer(ports, { endpoints, zookeeper, deadline: within })
  const world: World = { name: options.cluster, kind: 'lab', settings, ports, observe, write, endpoints, within, lock, close: async () => {} }
  const keep = (file: string, text: string): string => {
    const path = `/simulated/${file}`
    simulation.files.set(path, text)
    return path
  }
  return { world, faults, write, store, keep }
}
