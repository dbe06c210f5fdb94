// Where backups lie and how they are kept, as the configuration says: the cluster's own over everybody's.
import { resolve } from 'node:path'
import { type Config, type ConfigRequest, configBase, resolveSecret } from '../config.ts'
import type { BackupFile } from './schema.ts'

export interface BackupSettings {
  /** A folder's absolute path or `s3://bucket/prefix`; null: nobody said. */
  readonly store: string | null
  readonly s3: {
    readonly endpoint: string | null
    readonly region: string | null
    readonly pathStyle: boolean | null
    readonly storageClass: string | null
    readonly sse: { readonly kind: 'AES256' | 'aws:kms'; readonly keyId: string | null } | null
    readonly objectLock: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number } | null
  }
  /** Public keys of age to encrypt to; empty: not by key. */
  readonly recipients: readonly string[]
  readonly keep: { readonly days: number | null; readonly full: number | null }
}

/** What opens an encrypted backup; null where nobody configured it. */
export interface BackupSecrets {
  readonly identity: string | null
  readonly passphrase: string | null
}

/** `cluster` null: what holds for every cluster. */
const fileOf = ({ settings }: Config, cluster: string | null): BackupFile => {
  const { backup: general = {}, clusters } = settings
  const own = (cluster === null ? undefined : clusters?.[cluster]?.backup) ?? {}
  return { ...general, ...own }
}

/** A path in the file is relative to it, one on the command line to where that is typed. */
export const storePath = (named: string, base: string): string => (named.startsWith('s3://') ? named.replace(/\/+$/, '') : resolve(base, named))

export const backupSettings = (config: Config, cluster: string | null, cwd: string): BackupSettings => {
  const { store, s3 = {}, encryption = {}, keep = {} } = fileOf(config, cluster)
  const { endpoint = null, region = null, pathStyle = null, storageClass = null, sse, objectLock = null } = s3
  return {
    store: store === undefined ? null : storePath(store, configBase(config, cwd)),
    s3: { endpoint, region, pathStyle, storageClass, sse: sse === undefined ? null : { kind: sse.kind, keyId: sse.keyId ?? null }, objectLock },
    recipients: encryption.recipients ?? [],
    keep: { days: keep.days ?? null, full: keep.full ?? null },
  }
}

/** Read only where something has to be opened or sealed: a listing needs no key. Throws `bad-reference`. */
export const backupSecrets = (config: Config, cluster: string | null, request: ConfigRequest): BackupSecrets => {
  const { identity, passphrase } = fileOf(config, cluster).encryption ?? {}
  const inCluster = cluster !== null && config.settings.clusters?.[cluster]?.backup?.encryption !== undefined
  const at = `${inCluster ? `clusters.${cluster}.` : ''}backup.encryption`
  const base = configBase(config, request.cwd)
  // A file of identities holds several lines: each of them is a secret by itself.
  const lines = (text: string): string => {
    request.learn(text.split(/\r?\n/).filter((line) => line.startsWith('AGE-SECRET-KEY-')))
    return text
  }
  return {
    identity: identity === undefined ? null : lines(resolveSecret(`${at}.identity`, identity, base, request)),
    passphrase: passphrase === undefined ? null : resolveSecret(`${at}.passphrase`, passphrase, base, request),
  }
}
