// kdr config show: what is in effect, and where each value comes from. A secret shows as its reference.
import { DEFAULT_STABILITY, loadConfig, stateRoot } from '../../config.ts'
import type { Exit } from '../../errors.ts'
import { DEFAULT_THRESHOLDS } from '../../judgement/health.ts'
import { formatDuration } from '../../units.ts'
import { configRequest, labsHome } from '../clusters.ts'
import { labDirectory } from '../compose.ts'
import type { Invocation } from '../invocation.ts'
import { table } from '../render/text.ts'

interface Setting {
  readonly path: string
  readonly value: unknown
  readonly origin: string
}

const flatten = (value: unknown, path: string, origin: string): readonly Setting[] => {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length === 0) return [{ path, value, origin }]
  return Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : flatten(item, path === '' ? key : `${path}.${key}`, origin)))
}

/** Flag, else environment, else file, else default. */
const winner = (
  path: string,
  flag: unknown,
  env: readonly [name: string, value: string | undefined],
  file: unknown,
  otherwise: unknown,
  where: string,
): Setting => {
  if (flag !== undefined) return { path, value: flag, origin: 'flag' }
  if (env[1] !== undefined && env[1] !== '') return { path, value: env[1], origin: `$${env[0]}` }
  return file === undefined ? { path, value: otherwise, origin: 'default' } : { path, value: file, origin: where }
}

const defaultsFor = (name: string, present: readonly Setting[]): readonly Setting[] => {
  const at = `clusters.${name}`
  const all = [...flatten(DEFAULT_THRESHOLDS, `${at}.thresholds`, 'default'), { path: `${at}.stability.interval`, value: DEFAULT_STABILITY, origin: 'default' }]
  return all.filter(({ path }) => !present.some((setting) => setting.path === path))
}

const readable = ({ path, value }: Setting): string => {
  if (typeof value === 'number' && /interval|P99/.test(path)) return formatDuration(value)
  return Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value)
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { env, globals, terminal } = invocation
  const config = loadConfig(configRequest(invocation))
  const where = config.path ?? 'none'
  const clusters = flatten(config.settings.clusters ?? {}, 'clusters', where).filter(({ path }) => path !== 'clusters')
  const settings: readonly Setting[] = [
    winner('config', globals.config, ['KDR_CONFIG', env['KDR_CONFIG']], undefined, where, where),
    winner('cluster', globals.cluster, ['KDR_CLUSTER', env['KDR_CLUSTER']], config.settings.default, null, where),
    winner('output', globals.output, ['KDR_OUTPUT', env['KDR_OUTPUT']], undefined, 'text', where),
    { path: 'state', value: stateRoot(env), origin: env['XDG_STATE_HOME'] ? '$XDG_STATE_HOME' : 'default' },
    ...flatten(config.settings.backup ?? {}, 'backup', where).filter(({ path }) => path !== 'backup'),
    ...clusters,
    ...Object.keys(config.settings.clusters ?? {}).flatMap((name) => defaultsFor(name, clusters)),
  ]
  const labs = (await labDirectory(env)).list()
  if (terminal.format === 'json') {
    terminal.json({ schema: 'kdr/config/1', path: config.path, settings, labs })
    return 'ok'
  }
  for (const line of table([['SETTING', 'VALUE', 'FROM'], ...settings.map((setting) => [setting.path, readable(setting), setting.origin])])) terminal.out(line)
  if (labs.length > 0) terminal.out(`Labs in ${labsHome(env)}: ${labs.join(', ')}`)
  return 'ok'
}
