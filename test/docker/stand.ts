// The real binary on labs in Docker, and the truth read past it: from the engine and the brokers themselves.
import { homedir } from 'node:os'
import path from 'node:path'
import { PROJECT } from '../../src/adapters/docker/containers.ts'
import { resolveEndpoint } from '../../src/adapters/docker/endpoint.ts'
import { type Engine, openEngine } from '../../src/adapters/docker/engine.ts'
import { openDocker } from '../../src/adapters/docker/open-docker.ts'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { LedgerPorts } from '../../src/drill/ledger.ts'
import { findLab } from '../../src/lab/labs.ts'
import type { PlatformReader } from '../../src/ports/platform.ts'
import { type Stand, stand } from '../real/harness.ts'

const PASSED_ON = ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH', 'KDR_DOCKER_COMPOSE', 'KDR_KAFKA_IMAGE', 'KDR_ZOOKEEPER_IMAGE']

/** A stand that knows the engine; down again it goes by what its labs wrote down. */
export const dockerStand = (): Stand => {
  const { env } = process
  const here = stand()
  const said = PASSED_ON.flatMap((name): [string, string][] => (env[name] ? [[name, env[name]]] : []))
  // Another home would hide the compose plugin and the current context.
  const around = { DOCKER_CONFIG: env['DOCKER_CONFIG'] ?? path.join(homedir(), '.docker'), ...Object.fromEntries(said) }
  return {
    ...here,
    kdr: (args, options = {}) => here.kdr(args, { ...options, env: { ...around, ...options.env } }),
    json: (args, options = {}) => here.json(args, { ...options, env: { ...around, ...options.env } }),
  }
}

const labsOf = ({ home }: Stand): string => path.join(home, 'kdr', 'labs')
export const engineHere = (): Engine => openEngine(resolveEndpoint({ host: null, context: null }, process.env))

/** Id and start of every container of the project, by name, and its volumes: what nothing but a change changes. */
export const stateOf = async ({ docker }: Engine, project: string): Promise<Readonly<Record<string, string>>> => {
  const filters = { label: [`${PROJECT}=${project}`] }
  const containers = await docker.listContainers({ all: true, filters })
  const seen = await Promise.all(
    containers.map(async ({ Id }) => {
      const { Name, State, NetworkSettings } = await docker.getContainer(Id).inspect()
      return [Name.slice(1), `${Id} ${State.Status} ${State.StartedAt} ${Object.keys(NetworkSettings.Networks).join()}`] as const
    }),
  )
  const { Volumes: volumes } = await docker.listVolumes({ filters })
  return Object.fromEntries([...seen, ...volumes.map((volume): [string, string] => [volume.Name, 'volume'])])
}

interface EngineEvent {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

/** Of this project's containers, and of those that belong to no project; networks and volumes by the project's prefix. */
const concerns = (project: string, { Type, Actor: { ID, Attributes } }: EngineEvent): boolean =>
  Type === 'container' ? (Attributes[PROJECT] ?? project) === project : (Attributes['name'] ?? ID).startsWith(project)

/** Listens until told to stop, since the engine remembers little; returns every action that concerns the project but those of health checks. */
export const watchChanges = async ({ docker }: Engine, project: string): Promise<() => Promise<readonly string[]>> => {
  const stream = await docker.getEvents({ filters: JSON.stringify({ type: ['container', 'network', 'volume'] }) })
  let text = ''
  stream.on('data', (chunk) => {
    text += String(chunk)
  })
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 500))
    if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
    const events = text.split('\n').flatMap((line): EngineEvent[] => (line.trim() === '' ? [] : [JSON.parse(line)]))
    return events.filter((event) => concerns(project, event) && !/^(?:exec_|health_status)/.test(event.Action)).map(({ Type, Action }) => `${Type} ${Action}`)
  }
}

export interface DockerTruth {
  readonly ledgerPorts: LedgerPorts
  readonly project: string
  readonly platform: PlatformReader
  close(): Promise<void>
}

/** The lab seen past the binary, through adapters of the test's own. */
export const truthOf = (here: Stand, name: string): DockerTruth => {
  const lab = findLab(name, labsOf(here))
  if (lab?.settings.kind !== 'docker') throw new Error(`there is no lab ${name} in Docker`)
  const platform = openDocker({ cluster: name, ...lab.settings, env: process.env })
  const kafka = openKafka({ bootstrap: lab.bootstrap, clientId: 'kdr-test', tls: null, sasl: null, dial: platform.dial, requestTimeout: 3000 })
  return {
    ledgerPorts: { clock: systemClock(), kafka, probe: kafka },
    project: lab.settings.project,
    platform,
    close: async () => {
      await Promise.allSettled([kafka.close(), platform.close()])
    },
  }
}
