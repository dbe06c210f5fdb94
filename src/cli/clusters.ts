// Which cluster a command is about: by flag, by environment, by the configuration's default, or because
// there is only one lab. Never a guess among several.

import { didYouMean } from '../config/suggest.ts'
import { type ClusterSettings, type Config, type ConfigRequest, loadConfig, NO_REGISTRY, type PlatformSettings, resolveCluster, stateRoot } from '../config.ts'
import { KdrError } from '../errors.ts'
import { seconds } from '../units.ts'
import type { Invocation } from './invocation.ts'

export interface ChosenCluster {
  readonly name: string
  readonly kind: 'config' | 'lab'
  readonly settings: ClusterSettings
}

/** What the labs can tell; given by compose.ts, which alone may import them. */
export interface LabDirectory {
  list(): readonly string[]
  find(name: string): { readonly settings: PlatformSettings; readonly bootstrap: readonly string[]; readonly zookeeper: readonly string[] } | null
}

const LAB_STABILITY = seconds(5)

export const configRequest = ({ globals, env, terminal }: Invocation): ConfigRequest => ({
  file: globals.config,
  env,
  cwd: process.cwd(),
  learn: (secrets) => terminal.learn(secrets),
})

export const labsHome = (env: Invocation['env']): string => `${stateRoot(env)}/labs`

const usage = (message: string, code: string, hint: string): KdrError => new KdrError(message, { code, exit: 'usage', hint })

const listed = (config: Config, labs: readonly string[]): string => {
  const names = [...Object.keys(config.settings.clusters ?? {}), ...labs.map((name) => `${name} (lab)`)]
  return names.length === 0 ? 'there are none: kdr config init, or kdr lab up' : `there are ${names.join(', ')}`
}

const nameOf = (invocation: Invocation, config: Config, labs: readonly string[]): string => {
  const said = invocation.globals.cluster ?? (invocation.env['KDR_CLUSTER'] || undefined) ?? config.settings.default
  if (said !== undefined) return said
  const configured = Object.keys(config.settings.clusters ?? {})
  const [only] = labs
  if (only !== undefined && labs.length === 1 && configured.length === 0) return only
  throw usage(`no cluster was named; ${listed(config, labs)}`, 'no-cluster', 'say which with --cluster <name>, or set default: in the configuration')
}

const labSettings = (name: string, labs: LabDirectory): ClusterSettings | null => {
  const lab = labs.find(name)
  if (lab === null) return null
  return {
    name,
    platform: lab.settings,
    bootstrap: lab.bootstrap,
    tls: null,
    sasl: null,
    zookeeper: lab.zookeeper,
    connect: null,
    schemaRegistry: NO_REGISTRY,
    thresholds: {},
    stabilityInterval: LAB_STABILITY,
    notes: null,
  }
}

/** Throws `no-cluster`, `cluster-not-found`, `cluster-ambiguous` (all exit 2), and what the configuration throws. */
export const chooseCluster = (invocation: Invocation, labs: LabDirectory): ChosenCluster => {
  const request = configRequest(invocation)
  const config = loadConfig(request)
  const names = labs.list()
  const name = nameOf(invocation, config, names)
  const configured = config.settings.clusters?.[name] !== undefined
  if (configured && names.includes(name)) {
    throw usage(
      `${name} is a cluster in ${config.path} and a lab too`,
      'cluster-ambiguous',
      `rename one of them, or remove the lab: kdr lab down --name ${name}`,
    )
  }
  if (configured) return { name, kind: 'config', settings: resolveCluster(config, name, request) }
  const settings = names.includes(name) ? labSettings(name, labs) : null
  if (settings !== null) return { name, kind: 'lab', settings }
  const near = didYouMean(name, [...Object.keys(config.settings.clusters ?? {}), ...names])
  throw usage(`there is no cluster ${name}${near}; ${listed(config, names)}`, 'cluster-not-found', 'kdr config show, kdr lab status')
}
