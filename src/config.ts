// Finds the configuration and says what is in effect: flags over environment over file over defaults.
// Reads only what it is told to: the environment and the directory come in as arguments.
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parseConfig } from './config/parse.ts'
import type { ClusterFile, FileSettings, SecretReference } from './config/schema.ts'
import { KdrError, wordsOf } from './errors.ts'
import type { Role } from './model/member.ts'
import { REGISTRY_DEFAULTS } from './model/registry.ts'
import { type Millis, seconds } from './units.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigRequest {
  /** `--config` */
  readonly file: string | undefined
  readonly env: Environment
  readonly cwd: string
  /** Told every secret found, before anything can be printed. */
  readonly learn: (secrets: readonly string[]) => void
}

export interface Config {
  /** Where it was read from; null when there is none. */
  readonly path: string | null
  readonly settings: FileSettings
}

/** $XDG_STATE_HOME/kdr, else ~/.local/state/kdr: runs, locks and labs. */
export const stateRoot = (env: Environment): string => join(env['XDG_STATE_HOME'] || join(env['HOME'] || '/', '.local', 'state'), 'kdr')

/** Where a configuration is looked for, in order, when nobody names one. */
export const searchPath = (env: Environment, cwd: string): readonly string[] => [
  join(cwd, 'kdr.yaml'),
  join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || '/', '.config'), 'kdr', 'config.yaml'),
]

const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null
    throw new KdrError(`cannot read the configuration ${path}: ${wordsOf(thrown)}`, {
      code: 'config-unreadable',
      exit: 'usage',
      hint: 'fix its permissions, or name another file with --config',
      cause: thrown,
    })
  }
}

/** Throws `config-not-found` when a file that was named is not there, `bad-config` when it is wrong. No file at all is an empty configuration. */
export const loadConfig = ({ file, env, cwd, learn }: ConfigRequest): Config => {
  const named = file ?? (env['KDR_CONFIG'] || undefined)
  const paths = named === undefined ? searchPath(env, cwd) : [resolve(cwd, named)]
  for (const path of paths) {
    const text = readIfThere(path)
    if (text !== null) return { path, settings: parseConfig(text, path, learn).settings }
  }
  if (named === undefined) return { path: null, settings: {} }
  throw new KdrError(`there is no configuration file ${paths[0]}`, {
    code: 'config-not-found',
    exit: 'usage',
    hint: 'kdr config init writes a commented example',
  })
}

/** What runs the members, and how it is reached. Paths are absolute. */
export type PlatformSettings =
  | { readonly kind: 'process'; readonly state: string }
  | {
      readonly kind: 'docker'
      readonly project: string
      /** What DOCKER_HOST would hold; null: the environment, the context, the default socket. */
      readonly host: string | null
      readonly context: string | null
      /** Empty: those that the containers' labels name. */
      readonly files: readonly string[]
    }
  | {
      readonly kind: 'kubernetes'
      /** null: KUBECONFIG, ~/.kube/config, or the pod's own service account. */
      readonly kubeconfig: string | null
      readonly context: string | null
      readonly namespace: string
      /** Label selectors by role; what is left out has the defaults. */
      readonly selectors: Readonly<Partial<Record<Role, string>>>
    }

/** A REST service beside Kafka. */
interface RestSettings {
  /** `http://host:port`; empty: it is not looked at. */
  readonly urls: readonly string[]
  /** PEM; null: the system's authorities. */
  readonly ca: string | null
  readonly auth: { readonly username: string; readonly password: string } | null
}

/** The Schema Registry, and what its instances keep their schemas and elect their leader in. */
interface RegistrySettings extends RestSettings {
  readonly topic: string
  readonly group: string
}

/** Nothing said about it: the platform's members, over plain HTTP, with Confluent's defaults. */
export const NO_REGISTRY: RegistrySettings = { urls: [], ca: null, auth: null, ...REGISTRY_DEFAULTS }

export interface ClusterSettings {
  readonly name: string
  readonly platform: PlatformSettings
  /** Empty: what the platform's brokers advertise. */
  readonly bootstrap: readonly string[]
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null } | null
  readonly sasl: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string } | null
  readonly zookeeper: readonly string[]
  /** null: the platform's Connect members, over plain HTTP. */
  readonly connect: RestSettings | null
  readonly schemaRegistry: RegistrySettings
  readonly thresholds: NonNullable<ClusterFile['thresholds']>
  readonly stabilityInterval: Millis
  readonly notes: string | null
}

export const DEFAULT_STABILITY = seconds(60)

const broken = (path: string, why: string, hint: string, cause?: unknown): KdrError =>
  new KdrError(`${path} ${why}`, { code: 'bad-reference', exit: 'usage', hint, cause })

const readFileAt = (path: string, file: string, base: string): string => {
  const full = isAbsolute(file) ? file : join(base, file)
  try {
    return readFileSync(full, 'utf8')
  } catch (thrown) {
    throw broken(path, `refers to ${full}, which cannot be read`, 'create the file, or fix its permissions', thrown)
  }
}

/** The secret behind a reference, its last line end cut off; told to `learn` at once. */
export const resolveSecret = (path: string, reference: SecretReference, base: string, request: ConfigRequest): string => {
  const value = 'env' in reference ? request.env[reference.env] : readFileAt(path, reference.file, base).replace(/\r?\n$/, '')
  if (value === undefined || value === '') {
    throw broken(
      path,
      'env' in reference ? `refers to $${reference.env}, which is not set` : `refers to ${reference.file}, which is empty`,
      'set it, then kdr config check',
    )
  }
  request.learn([value])
  return value
}

const resolvePlatform = ({ process, docker, kubernetes }: ClusterFile['platform'], base: string): PlatformSettings => {
  if (docker !== undefined) {
    const { project, host = null, context = null, files = [] } = docker
    return { kind: 'docker', project, host, context, files: files.map((file) => resolve(base, file)) }
  }
  if (kubernetes !== undefined) {
    const { kubeconfig, context = null, namespace, selectors = {} } = kubernetes
    const given = Object.entries(selectors).filter(([, selector]) => selector !== undefined)
    return {
      kind: 'kubernetes',
      kubeconfig: kubeconfig === undefined ? null : resolve(base, kubeconfig),
      context,
      namespace,
      selectors: Object.fromEntries(given),
    }
  }
  return { kind: 'process', state: resolve(base, process?.state ?? '') }
}

const resolveRest = (of: NonNullable<ClusterFile['connect']>, path: string, base: string, request: ConfigRequest): RestSettings => ({
  urls: of.urls,
  ca: of.ca === undefined ? null : readFileAt(`${path}.ca`, of.ca, base),
  auth: of.auth === undefined ? null : { username: of.auth.username, password: resolveSecret(`${path}.auth.password`, of.auth.password, base, request) },
})

const registryOf = (of: ClusterFile['schemaRegistry'], path: string, base: string, request: ConfigRequest): RegistrySettings => {
  if (of === undefined) return NO_REGISTRY
  const { urls = NO_REGISTRY.urls, topic = NO_REGISTRY.topic, group = NO_REGISTRY.group, ...rest } = of
  return { ...resolveRest({ ...rest, urls: [...urls] }, path, base, request), topic, group }
}

/** What relative paths of a configuration are relative to. */
export const configBase = ({ path }: Config, cwd: string): string => (path === null ? cwd : dirname(path))

/** One cluster, every reference in it resolved. Paths are relative to the file they stand in. Throws `bad-reference`. */
export const resolveCluster = (config: Config, name: string, request: ConfigRequest): ClusterSettings => {
  const cluster = config.settings.clusters?.[name]
  if (cluster === undefined)
    throw new KdrError(`there is no cluster ${name} in ${config.path ?? 'the configuration'}`, { code: 'cluster-not-found', exit: 'usage' })
  const base = configBase(config, request.cwd)
  const at = `clusters.${name}.kafka`
  const { tls, sasl } = cluster.kafka ?? {}
  const pem = (key: 'ca' | 'cert' | 'key'): string | null => {
    const file = tls?.[key]
    if (file === undefined) return null
    const text = readFileAt(`${at}.tls.${key}`, file, base)
    if (key === 'key') request.learn([text])
    return text
  }
  return {
    name,
    platform: resolvePlatform(cluster.platform, base),
    bootstrap: cluster.kafka?.bootstrap ?? [],
    tls: tls === undefined ? null : { ca: pem('ca'), cert: pem('cert'), key: pem('key') },
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: resolveSecret(`${at}.sasl.password`, sasl.password, base, request) },
    zookeeper: cluster.zookeeper?.servers ?? [],
    connect: cluster.connect === undefined ? null : resolveRest(cluster.connect, `clusters.${name}.connect`, base, request),
    schemaRegistry: registryOf(cluster.schemaRegistry, `clusters.${name}.schemaRegistry`, base, request),
    thresholds: cluster.thresholds ?? {},
    stabilityInterval: cluster.stability?.interval ?? DEFAULT_STABILITY,
    notes: cluster.notes ?? null,
  }
}
