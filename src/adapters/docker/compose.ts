// What the compose files want, and making it so: by compose's own command, which alone reads them as they are
// meant (variables, profiles, several files, extensions).
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { KdrError, wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { type Environment, environmentOf } from './configured.ts'
import type { Container } from './containers.ts'

const CONFIG_FILES = 'com.docker.compose.project.config_files'
const WORKING_DIR = 'com.docker.compose.project.working_dir'
const ENVIRONMENT_FILES = 'com.docker.compose.project.environment_file'

export interface WantedService {
  readonly service: string
  /** The container's name once it is made. */
  readonly name: string
  readonly env: Environment
  readonly image: string
  readonly restart: string
  readonly hostname: string | null
  /** Where it is mounted, and the volume's name on the engine. */
  readonly volumes: readonly { readonly path: string; readonly volume: string; readonly external: boolean }[]
  /** By the network's name on the engine: the aliases given to it there, and a fixed address. */
  readonly networks: ReadonlyMap<string, { readonly aliases: readonly string[]; readonly address: string | null }>
}

/** How compose is run for this project; null files: none are here. */
interface ComposeCall {
  readonly command: readonly string[]
  readonly project: readonly string[]
}

const Environments = v.optional(v.nullable(v.union([v.record(v.string(), v.nullable(v.union([v.string(), v.number(), v.boolean()]))), v.array(v.string())])))
const Network = v.nullable(v.object({ aliases: v.optional(v.nullable(v.array(v.string()))), ipv4_address: v.optional(v.string()) }))
const Service = v.object({
  image: v.optional(v.string(), ''),
  container_name: v.optional(v.string()),
  hostname: v.optional(v.string()),
  restart: v.optional(v.string(), 'no'),
  environment: Environments,
  volumes: v.optional(v.nullable(v.array(v.object({ type: v.string(), source: v.optional(v.string()), target: v.string() }))), []),
  networks: v.optional(v.nullable(v.record(v.string(), Network)), {}),
  scale: v.optional(v.number()),
  deploy: v.optional(v.nullable(v.object({ replicas: v.optional(v.nullable(v.number())) }))),
})
const Named = v.optional(v.nullable(v.object({ name: v.optional(v.string()), external: v.optional(v.unknown()) })))
const Model = v.object({
  services: v.optional(v.record(v.string(), Service), {}),
  networks: v.optional(v.record(v.string(), Named), {}),
  volumes: v.optional(v.record(v.string(), Named), {}),
})

const wantedOf = (project: string, text: string): readonly WantedService[] => {
  const model = v.parse(Model, JSON.parse(text))
  return Object.entries(model.services).flatMap(([service, each]) => {
    if (each.scale === 0 || each.deploy?.replicas === 0) return []
    const env = each.environment
    const pairs = Array.isArray(env) ? env : Object.entries(env ?? {}).map(([key, value]) => `${key}=${value ?? ''}`)
    const volumes = (each.volumes ?? []).flatMap(({ type, source, target }) => {
      if (type !== 'volume' || source === undefined) return []
      const named = model.volumes[source]
      return [{ path: target, volume: named?.name ?? `${project}_${source}`, external: Boolean(named?.external) }]
    })
    const networks = Object.entries(each.networks ?? {}).map(([key, network]): [string, { aliases: readonly string[]; address: string | null }] => [
      model.networks[key]?.name ?? `${project}_${key}`,
      { aliases: network?.aliases ?? [], address: network?.ipv4_address ?? null },
    ])
    return [
      {
        service,
        name: each.container_name ?? `${project}-${service}-1`,
        env: environmentOf(pairs),
        image: each.image,
        restart: each.restart,
        hostname: each.hostname ?? null,
        volumes,
        networks: new Map(networks),
      },
    ]
  })
}

const onPath = (program: string, path: string): string | null => {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      if (statSync(file).isFile()) return file
    } catch {
      // Not in this folder.
    }
  }
  return null
}

const run = promisify(execFile)
/** Reading files; a machine under load needs its time. */
const CONFIG_DEADLINE = 20_000
/** Pulling an image may be part of it. */
const UP_DEADLINE = 600_000

type Env = Readonly<Record<string, string | undefined>>

/** `docker compose`, else `docker-compose`; KDR_DOCKER_COMPOSE names another. null: there is none. */
export const findCommand = async (env: Env): Promise<readonly string[] | null> => {
  const said = env['KDR_DOCKER_COMPOSE']
  if (said) return [said]
  const path = env['PATH'] ?? ''
  const docker = onPath('docker', path)
  const plugin = docker === null ? null : await run(docker, ['compose', 'version'], { env: { ...env }, timeout: CONFIG_DEADLINE }).catch(() => null)
  if (docker !== null && plugin !== null) return [docker, 'compose']
  const standalone = onPath('docker-compose', path)
  return standalone === null ? null : [standalone]
}

const listed = (label: string | undefined): readonly string[] => (label ?? '').split(',').filter((file) => file !== '')

/** Files and folder as said, else as compose wrote them on the containers, where all of them exist here. */
const filesOf = (files: readonly string[], containers: readonly Container[]): readonly string[] | null => {
  if (files.length > 0) return files.every((file) => existsSync(file)) ? files.flatMap((file) => ['-f', file]) : null
  const labels = containers.map((container) => container.labels).find((each) => each[CONFIG_FILES])
  const written = listed(labels?.[CONFIG_FILES])
  if (labels === undefined || written.length === 0 || !written.every((file) => existsSync(file))) return null
  const folder = labels[WORKING_DIR]
  const environments = listed(labels[ENVIRONMENT_FILES]).filter((file) => existsSync(file))
  return [
    ...(folder === undefined ? [] : ['--project-directory', folder]),
    ...environments.flatMap((file) => ['--env-file', file]),
    ...written.flatMap((file) => ['-f', file]),
  ]
}

export interface Compose {
  /** What the files want; unknown where they, or the compose command, are not here. Kept while the files stay as they are. */
  wanted(containers: readonly Container[], signal: AbortSignal): Promise<Known<readonly WantedService[]>>
  /** Makes and starts the container of a service that has none, and touches no other. Throws `compose-missing`, `start-failed`. */
  up(service: string, containers: readonly Container[], signal: AbortSignal): Promise<void>
}

interface ComposeSettings {
  readonly project: string
  /** Absolute; empty: those that the containers' labels name. */
  readonly files: readonly string[]
  /** DOCKER_HOST for the command. */
  readonly host: string
  readonly certs: string | null
  readonly env: Env
}

/** Starts nothing until it is asked. */
export const openCompose = ({ project, files, host, certs, env }: ComposeSettings): Compose => {
  const { DOCKER_CONTEXT: _, ...rest } = env
  const childEnv = { ...rest, DOCKER_HOST: host, ...(certs === null ? {} : { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certs }) }
  let command: Promise<readonly string[] | null> | null = null
  let kept: { readonly key: string; readonly wanted: readonly WantedService[] } | null = null

  const callOf = async (containers: readonly Container[]): Promise<ComposeCall | string> => {
    const found = filesOf(files, containers)
    if (found === null) return files.length > 0 ? `${files.join(', ')} is not here` : "the project's compose files are not on this machine"
    command ??= findCommand(env)
    const compose = await command
    return compose === null ? 'there is no compose command on this machine' : { command: compose, project: ['-p', project, ...found] }
  }

  const compose = async (
    { command: [program = '', ...first], project: options }: ComposeCall,
    args: readonly string[],
    timeout: number,
    signal: AbortSignal,
  ) => {
    const { stdout } = await run(program, [...first, ...options, ...args], { env: childEnv, timeout, signal, maxBuffer: 64 << 20 })
    return stdout
  }

  return {
    wanted: async (containers, signal) => {
      const call = await callOf(containers)
      const by = 'docker compose config'
      if (typeof call === 'string') return unknown(call, by)
      const key = JSON.stringify([call, call.project.filter((word) => existsSync(word)).map((file) => statSync(file).mtimeMs)])
      if (kept?.key === key) return known(kept.wanted, by)
      try {
        kept = { key, wanted: wantedOf(project, await compose(call, ['config', '--format', 'json'], CONFIG_DEADLINE, signal)) }
        return known(kept.wanted, by)
      } catch (thrown) {
        signal.throwIfAborted()
        return unknown(`the compose files could not be read: ${lastWords(thrown)}`, by)
      }
    },
    up: async (service, containers, signal) => {
      const call = await callOf(containers)
      if (typeof call === 'string') {
        throw new KdrError(`${service} has no container, and cannot be given one: ${call}`, {
          code: 'compose-missing',
          hint: `where the files are: docker compose -p ${project} up -d --no-deps --no-recreate ${service}`,
        })
      }
      try {
        await compose(call, ['up', '-d', '--no-deps', '--no-recreate', service], UP_DEADLINE, signal)
      } catch (cause) {
        signal.throwIfAborted()
        throw new KdrError(`cannot make a container for ${service}: ${lastWords(cause)}`, {
          code: 'start-failed',
          hint: 'docker compose up shows all of it',
          cause,
        })
      }
    },
  }
}

/** The last line a failed command wrote; the command line itself may carry nothing secret, yet says nothing either. */
const lastWords = (thrown: unknown): string => {
  const written = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr).trim().split('\n').at(-1) : ''
  return written || wordsOf(thrown)
}
