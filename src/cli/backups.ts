// Which store and which backup a command means: by flag, by path, by the configuration. Never a guess.
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BackupSecrets, type BackupSettings, backupSecrets, backupSettings, storePath } from '../config/backup.ts'
import { type Config, loadConfig } from '../config.ts'
import { KdrError } from '../errors.ts'
import type { BackupStoreReader } from '../ports/backup-store.ts'
import { configRequest } from './clusters.ts'
import { type Invocation, optionText } from './invocation.ts'

export interface ChosenStore {
  /** A folder's absolute path, or `s3://bucket/prefix`. */
  readonly where: string
  readonly settings: BackupSettings
  /** Keys, read when something has to be opened. */
  secrets(): BackupSecrets
}

/** A listing concerns no cluster, but a cluster may have a store of its own. */
const clusterOf = ({ globals, env }: Invocation, { settings }: Config): string | null => {
  const said = globals.cluster ?? (env['KDR_CLUSTER'] || undefined) ?? settings.default
  return said !== undefined && settings.clusters?.[said] !== undefined ? said : null
}

/** Has a folder in it, or is a file right here, as `aws s3 cp … ./` leaves one. */
const isPath = (name: string, cwd: string): boolean => name.includes('/') || (/\.(tar\.gz|manifest\.json)$/.test(name) && existsSync(join(cwd, name)))

const folderOf = (path: string, cwd: string): string => (path.startsWith('s3://') ? path.slice(0, path.lastIndexOf('/')) : dirname(storePath(path, cwd)))

/** `full_backup_20261123_031500` of any of its files; `latest` stays what it is. */
const nameOf = (given: string): string => basename(given).replace(/(\.part-?\d+)?\.tar\.gz$|\.manifest\.json$/, '')

const missing = (path: string | null): KdrError =>
  new KdrError('no backup store was named', {
    code: 'no-store',
    exit: 'usage',
    hint: `name one with --store (a folder or s3://bucket/prefix), or set backup: { store: … } in ${path ?? 'a configuration (kdr config init)'}`,
  })

/** `backup`: its argument, whose path may name the store. Throws `no-store` (exit 2). */
export const chooseStore = (invocation: Invocation, backup?: string): ChosenStore => {
  const request = configRequest(invocation)
  const config = loadConfig(request)
  const cluster = clusterOf(invocation, config)
  const settings = backupSettings(config, cluster, request.cwd)
  const flag = optionText(invocation, 'store')
  const named = flag === undefined ? null : storePath(flag, request.cwd)
  const byPath = named === null && backup !== undefined && isPath(backup, request.cwd) ? folderOf(backup, request.cwd) : null
  const where = named ?? byPath ?? settings.store
  if (where === null || where === '') throw missing(config.path)
  return { where, settings, secrets: () => backupSecrets(config, cluster, request) }
}

/** The store of a run that was begun before, with what the configuration says of stores today. */
export const storeNamed = (invocation: Invocation, where: string): ChosenStore => {
  const request = configRequest(invocation)
  const config = loadConfig(request)
  const cluster = clusterOf(invocation, config)
  return { where, settings: backupSettings(config, cluster, request.cwd), secrets: () => backupSecrets(config, cluster, request) }
}

/** The name of a backup that is meant: its own, whatever is wrong with it, or that of the latest. Throws `no-such-backup` (exit 23). */
export const backupNamed = async (store: BackupStoreReader, given: string, signal: AbortSignal): Promise<string> => {
  const name = nameOf(given)
  if (name !== 'latest') return name
  const { findBackup } = await import('../archive/find-backup.ts')
  return (await findBackup(store, name, signal)).name
}
