// A topic's settings while it is loaded and afterwards. Loaded, nothing may expire, compact or be refused for its
// age; afterwards it has what the backup has, but for what this cluster cannot take, which is named.
import type { NotRestored } from './options.ts'

/** Kafka's topic settings that mean the same on another cluster. */
const TAKEN: ReadonlySet<string> = new Set([
  'cleanup.policy',
  'compression.type',
  'compression.gzip.level',
  'compression.lz4.level',
  'compression.zstd.level',
  'delete.retention.ms',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'index.interval.bytes',
  'max.compaction.lag.ms',
  'max.message.bytes',
  'message.timestamp.type',
  'message.timestamp.difference.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'min.insync.replicas',
  'preallocate',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.index.bytes',
  'segment.jitter.ms',
  'segment.ms',
  'unclean.leader.election.enable',
])

const DROPPED: Readonly<Record<string, string>> = {
  'message.format.version': 'Kafka 4 has no such setting, and Kafka 3 ignores it',
  'message.downconversion.enable': 'Kafka 4 has no such setting',
  'leader.replication.throttled.replicas': 'it names replicas of the cluster that is gone',
  'follower.replication.throttled.replicas': 'it names replicas of the cluster that is gone',
  'remote.storage.enable': 'tiered storage is the business of the cluster that has it',
  'local.retention.ms': 'tiered storage is the business of the cluster that has it',
  'local.retention.bytes': 'tiered storage is the business of the cluster that has it',
}

const LONG_MAX = '9223372036854775807'

/** Timestamp limits by the broker's name for each; 3.6 to 3.9 know all three. */
const TIMESTAMP_LIMITS = ['message.timestamp.difference.max.ms', 'message.timestamp.before.max.ms', 'message.timestamp.after.max.ms'] as const

export type Defaults = ReadonlyMap<string, string | null>

const knows = (defaults: Defaults, key: string): boolean => (defaults.get(`log.${key}`) ?? null) !== null

export interface FinalConfigs {
  readonly configs: Readonly<Record<string, string>>
  readonly notRestored: readonly NotRestored[]
}

/** `replicas`: what the topic will really have. `defaults` null: they were not seen. */
export const finalConfigs = (topic: string, overrides: Readonly<Record<string, string | null>>, replicas: number, defaults: Defaults | null): FinalConfigs => {
  const configs: Record<string, string> = {}
  const notRestored: NotRestored[] = []
  const lost = (key: string, why: string) => notRestored.push({ what: `topic ${topic}: ${key}`, why })
  for (const [key, value] of Object.entries(overrides)) {
    if (value === null) lost(key, 'the backup does not have its value')
    else if (DROPPED[key] !== undefined) lost(key, DROPPED[key])
    else if (!TAKEN.has(key)) lost(key, 'kdr does not know what it means on another cluster')
    else if (TIMESTAMP_LIMITS.some((limit) => limit === key) && defaults !== null && !knows(defaults, key)) lost(key, 'this cluster has no such setting')
    else if (key === 'min.insync.replicas' && Number(value) > replicas) {
      configs[key] = String(replicas)
      lost(key, `${value} of ${replicas} replicas could never be in sync: it is ${replicas}`)
    } else configs[key] = value
  }
  const common = Number(defaults?.get('min.insync.replicas') ?? 1)
  if (configs['min.insync.replicas'] === undefined && common > replicas) {
    configs['min.insync.replicas'] = String(replicas)
    lost('min.insync.replicas', `this cluster's default of ${common} could never hold with ${replicas} replicas: it is ${replicas} for this topic`)
  }
  return { configs, notRestored }
}

/** Room above the largest batch: what the broker counts is a little more than what the archive has. */
const ROOM = 64 * 1024
const DEFAULT_MAX_MESSAGE = 1_048_588

/** What a topic has while it is loaded, over its final settings. */
export const loadConfigs = (final: Readonly<Record<string, string>>, largestBatch: number, defaults: Defaults | null): Readonly<Record<string, string>> => {
  const most = Math.max(
    Number(final['max.message.bytes'] ?? defaults?.get('message.max.bytes') ?? DEFAULT_MAX_MESSAGE),
    largestBatch + ROOM,
    2 * DEFAULT_MAX_MESSAGE,
  )
  const limits = TIMESTAMP_LIMITS.filter((key) => defaults !== null && knows(defaults, key)).map((key) => [key, LONG_MAX])
  const { 'min.insync.replicas': minIsr } = final
  return {
    ...(minIsr === undefined ? {} : { 'min.insync.replicas': minIsr }),
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'max.message.bytes': String(most),
    'message.timestamp.type': 'CreateTime',
    'retention.bytes': '-1',
    'retention.ms': '-1',
    ...Object.fromEntries(limits),
  }
}

/** Whether a topic is as an interrupted restore leaves it: nobody else sets all of these. */
export const isLoadMode = (overrides: ReadonlyMap<string, string | null>): boolean =>
  overrides.get('retention.ms') === '-1' &&
  overrides.get('retention.bytes') === '-1' &&
  overrides.get('cleanup.policy') === 'delete' &&
  overrides.get('compression.type') === 'producer' &&
  overrides.get('message.timestamp.type') === 'CreateTime' &&
  overrides.has('max.message.bytes')

/** What turns `have` into `want`: of what is not wanted only `removable` goes, nobody else's settings are touched. */
export const changesTo = (
  have: ReadonlyMap<string, string | null>,
  want: Readonly<Record<string, string>>,
  removable: readonly string[],
): Readonly<Record<string, string | null>> => ({
  ...Object.fromEntries(removable.filter((key) => have.has(key) && want[key] === undefined).map((key) => [key, null])),
  ...Object.fromEntries(Object.entries(want).filter(([key, value]) => have.get(key) !== value)),
})

const HOUR = 3_600_000

/** How long records are kept, in milliseconds; null: for ever. Unknown defaults count as Kafka's own, seven days. */
export const retentionOf = (configs: Readonly<Record<string, string>>, defaults: Defaults | null): number | null => {
  const policy = configs['cleanup.policy'] ?? defaults?.get('log.cleanup.policy') ?? 'delete'
  if (!policy.split(',').includes('delete')) return null
  const given = (key: string, unit: number): number | null => {
    const value = defaults?.get(key)
    return value === undefined || value === null || value === '' ? null : Number(value) * unit
  }
  const own = configs['retention.ms']
  const ms =
    own !== undefined
      ? Number(own)
      : (given('log.retention.ms', 1) ?? given('log.retention.minutes', 60_000) ?? given('log.retention.hours', HOUR) ?? 168 * HOUR)
  return ms < 0 ? null : ms
}
