// What a configuration file may hold. Strict: an unknown key is an error, because a mistyped threshold
// that is silently ignored is found out at three in the morning.
import * as v from 'valibot'
import { type Millis, parseDuration } from '../units.ts'

const named = (what: string) => v.pipe(v.string(`expected ${what}`), v.nonEmpty(`expected ${what}`))

const hostPort = v.pipe(
  v.string('expected host:port'),
  v.check((text) => {
    const [, port] = /^(?:\[[0-9A-Fa-f:]+\]|[^\s:/@,]+):(\d{1,5})$/.exec(text) ?? []
    return port !== undefined && Number(port) > 0 && Number(port) < 65_536
  }, 'expected host:port'),
)

const hosts = v.pipe(v.array(hostPort, 'expected a list of host:port'), v.minLength(1, 'expected at least one host:port'))

const duration = v.pipe(
  v.string('expected a duration such as 60s or 5m'),
  v.check((text) => parseDuration(text) !== undefined, 'expected a duration such as 60s or 5m'),
  v.transform((text): Millis => parseDuration(text) ?? 0),
)

const share = v.pipe(v.number('expected a number from 0 to 1'), v.minValue(0, 'expected a number from 0 to 1'), v.maxValue(1, 'expected a number from 0 to 1'))

/** A secret by reference: what it is called in the environment, or which file holds it. Never the value. */
const reference = v.union(
  [v.strictObject({ env: named('the name of an environment variable') }), v.strictObject({ file: named('the path of a file') })],
  'must be a reference, { env: NAME } or { file: path }; a secret itself never stands here',
)

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

const sasl = v.strictObject({
  mechanism: v.picklist(MECHANISMS, `expected one of ${MECHANISMS.join(', ')}`),
  username: named('a user name'),
  password: reference,
})

const tls = v.strictObject({
  ca: v.optional(named('the path of a PEM file')),
  cert: v.optional(named('the path of a PEM file')),
  key: v.optional(named('the path of a PEM file')),
})

const docker = v.strictObject({
  project: named('a compose project'),
  host: v.optional(named('what DOCKER_HOST would hold')),
  context: v.optional(named('a Docker context')),
  files: v.optional(v.array(named('the path of a compose file'), 'expected a list of compose files')),
})

const selector = v.optional(named('a label selector'))

const kubernetes = v.strictObject({
  kubeconfig: v.optional(named('the path of a kubeconfig')),
  context: v.optional(named('a context of the kubeconfig')),
  namespace: named('a namespace'),
  selectors: v.optional(
    v.strictObject({ broker: selector, controller: selector, zookeeper: selector, 'schema-registry': selector, connect: selector, service: selector }),
  ),
})

const process = v.strictObject({ state: named('the path of a state file') })

const PLATFORMS = 'expected one of process, docker, kubernetes'

const platform = v.pipe(
  v.strictObject({ process: v.optional(process), docker: v.optional(docker), kubernetes: v.optional(kubernetes) }, PLATFORMS),
  v.check((all) => Object.values(all).filter((one) => one !== undefined).length === 1, PLATFORMS),
)

const url = v.pipe(
  v.string('expected http://host:port'),
  v.check((text) => /^https?:\/\/(?:\[[0-9A-Fa-f:]+\]|[^\s:/@,]+):\d{1,5}\/?$/.test(text), 'expected http://host:port or https://host:port'),
  v.transform((text) => text.replace(/\/$/, '')),
)

/** A REST service beside Kafka. */
const rest = v.strictObject({
  urls: v.array(url, 'expected a list of http://host:port'),
  ca: v.optional(named('the path of a PEM file')),
  auth: v.optional(v.strictObject({ username: named('a user name'), password: reference })),
})

const schemaRegistry = v.strictObject({
  ...rest.entries,
  urls: v.optional(v.pipe(rest.entries.urls, v.minLength(1, 'expected at least one http://host:port'))),
  topic: v.optional(named('a topic')),
  group: v.optional(named('a group')),
})

const thresholds = v.strictObject({
  diskUsed: v.optional(share),
  leaderImbalance: v.optional(share),
  roundTripP99: v.optional(duration),
})

const whole = (least: number) => {
  const says = `expected a whole number, ${least} or more`
  return v.pipe(v.number(says), v.integer(says), v.minValue(least, says))
}

const STORAGE = /^[A-Z][A-Z0-9_]*$/

/** How an S3 server is spoken to; credentials come from the usual chain of AWS, never from here. */
const s3 = v.strictObject({
  endpoint: v.optional(v.pipe(v.string('expected https://host:port'), v.regex(/^https?:\/\/[^\s/@]+\/?$/, 'expected https://host:port'))),
  region: v.optional(named('a region')),
  pathStyle: v.optional(v.boolean('expected true or false')),
  storageClass: v.optional(v.pipe(v.string('expected a storage class such as STANDARD_IA'), v.regex(STORAGE, 'expected a storage class such as STANDARD_IA'))),
  sse: v.optional(v.strictObject({ kind: v.picklist(['AES256', 'aws:kms'], 'expected AES256 or aws:kms'), keyId: v.optional(named('the id of a KMS key')) })),
  objectLock: v.optional(v.strictObject({ mode: v.picklist(['GOVERNANCE', 'COMPLIANCE'], 'expected GOVERNANCE or COMPLIANCE'), days: whole(1) })),
})

const RECIPIENT = 'expected a recipient of age, age1…'

const encryption = v.strictObject({
  recipients: v.optional(v.array(v.pipe(v.string(RECIPIENT), v.regex(/^age1[02-9ac-hj-np-z]{50,}$/, RECIPIENT)), 'expected a list of age1… recipients')),
  identity: v.optional(reference),
  passphrase: v.optional(reference),
})

/** Where backups go, how, and how long they stay. */
const backup = v.strictObject({
  store: v.optional(named('a folder or s3://bucket/prefix')),
  s3: v.optional(s3),
  encryption: v.optional(encryption),
  keep: v.optional(v.strictObject({ days: v.optional(whole(0)), full: v.optional(whole(1)) })),
})

const cluster = v.strictObject({
  platform,
  kafka: v.optional(v.strictObject({ bootstrap: v.optional(hosts), tls: v.optional(tls), sasl: v.optional(sasl) })),
  zookeeper: v.optional(v.strictObject({ servers: hosts })),
  connect: v.optional(rest),
  schemaRegistry: v.optional(schemaRegistry),
  thresholds: v.optional(thresholds),
  stability: v.optional(v.strictObject({ interval: duration })),
  backup: v.optional(backup),
  notes: v.optional(v.string('expected text')),
})

export const fileSchema = v.strictObject({
  default: v.optional(named("a cluster's name")),
  backup: v.optional(backup),
  // A file that names no cluster yet is valid: the example is one.
  clusters: v.nullish(v.record(v.pipe(v.string(), v.regex(/^[A-Za-z0-9][\w.-]*$/, 'expected a name of letters, digits, dots, dashes')), cluster)),
})

export type FileSettings = v.InferOutput<typeof fileSchema>
export type ClusterFile = v.InferOutput<typeof cluster>
export type BackupFile = v.InferOutput<typeof backup>
export type SecretReference = v.InferOutput<typeof reference>

const backupKeys = (at: string): Readonly<Record<string, readonly string[]>> => ({
  [at]: Object.keys(backup.entries),
  [`${at}.s3`]: Object.keys(s3.entries),
  [`${at}.s3.sse`]: ['kind', 'keyId'],
  [`${at}.s3.objectLock`]: ['mode', 'days'],
  [`${at}.encryption`]: Object.keys(encryption.entries),
  [`${at}.encryption.identity`]: ['env', 'file'],
  [`${at}.encryption.passphrase`]: ['env', 'file'],
  [`${at}.keep`]: ['days', 'full'],
})

/** Keys that may stand at a path, for "did you mean"; an asterisk is any cluster's name. */
export const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(fileSchema.entries),
  'clusters.*': Object.keys(cluster.entries),
  'clusters.*.platform': ['process', 'docker', 'kubernetes'],
  'clusters.*.platform.process': Object.keys(process.entries),
  'clusters.*.platform.docker': Object.keys(docker.entries),
  'clusters.*.platform.kubernetes': Object.keys(kubernetes.entries),
  'clusters.*.platform.kubernetes.selectors': Object.keys(kubernetes.entries.selectors.wrapped.entries),
  'clusters.*.kafka': ['bootstrap', 'tls', 'sasl'],
  'clusters.*.kafka.tls': Object.keys(tls.entries),
  'clusters.*.kafka.sasl': Object.keys(sasl.entries),
  'clusters.*.kafka.sasl.password': ['env', 'file'],
  'clusters.*.zookeeper': ['servers'],
  'clusters.*.connect': Object.keys(rest.entries),
  'clusters.*.connect.auth': ['username', 'password'],
  'clusters.*.connect.auth.password': ['env', 'file'],
  'clusters.*.schemaRegistry': Object.keys(schemaRegistry.entries),
  'clusters.*.schemaRegistry.auth': ['username', 'password'],
  'clusters.*.schemaRegistry.auth.password': ['env', 'file'],
  'clusters.*.thresholds': Object.keys(thresholds.entries),
  'clusters.*.stability': ['interval'],
  ...backupKeys('backup'),
  ...backupKeys('clusters.*.backup'),
}
