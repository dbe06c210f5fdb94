// What a cluster holds, for a restore: every topic with its overrides and extents, and ACLs, quotas and committed
// offsets as names that can be compared.
import { wordsOf } from '../errors.ts'
import { aclName, type Contents, type Extent, quotaNames, type Rights, type TopicContents } from '../model/contents.ts'
import { type Known, known, mapKnown, unknown } from '../model/known.ts'
import { partitionName } from '../model/partitions.ts'
import type { BackupTopic, GroupOffsets } from '../ports/kafka-backup.ts'
import type { ReadPorts } from '../ports/world.ts'

/** Settings of brokers by which a restore judges what a topic may have. */
const DEFAULTS: readonly string[] = [
  'log.message.timestamp.difference.max.ms',
  'log.message.timestamp.before.max.ms',
  'log.message.timestamp.after.max.ms',
  'authorizer.class.name',
  'log.cleanup.policy',
  'log.retention.ms',
  'log.retention.minutes',
  'log.retention.hours',
  'message.max.bytes',
  'min.insync.replicas',
]

/** Brokers asked for their settings: one of them may be down. */
const ASKED = 3

type Ports = Pick<ReadPorts, 'kafka' | 'backup'>

const extentsOf = async ({ kafka }: Ports, topics: readonly BackupTopic[], signal: AbortSignal): Promise<ReadonlyMap<string, Known<Extent>>> => {
  const at = topics.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })))
  const [starts, ends] = await Promise.all([kafka.offsets({ ask: 'log-start' }, at, signal), kafka.offsets({ ask: 'high-watermark' }, at, signal)])
  const end = new Map(ends.map((answer) => [partitionName(answer), answer.offset]))
  return new Map(
    starts.map((answer) => {
      const name = partitionName(answer)
      const last = end.get(name) ?? unknown<never>('not answered', 'ListOffsets')
      if (!answer.offset.known) return [name, answer.offset]
      return [name, last.known ? known({ start: answer.offset.value, end: last.value }, last.by) : last]
    }),
  )
}

const NOT_ANSWERED = unknown<never>('not answered', 'ListOffsets')

export const readContents = async (ports: Ports, signal: AbortSignal): Promise<Contents> => {
  const { topics, brokers, complete } = await ports.backup.topics(null, signal)
  const names = topics.map(({ name }) => name)
  const [extents, overrides, defaults] = await Promise.all([
    extentsOf(ports, topics, signal),
    ports.backup.topicOverrides(names, signal),
    ports.kafka.configs(
      'broker',
      brokers.slice(0, ASKED).map(({ id }) => String(id)),
      DEFAULTS,
      signal,
    ),
  ])
  const contentsOf = ({ name, partitions }: BackupTopic): TopicContents => ({
    partitions: partitions.map((partition) => extents.get(partitionName({ topic: name, partition: partition.partition })) ?? NOT_ANSWERED),
    replicationFactor: partitions[0]?.replicas.length ?? 0,
    overrides: overrides.get(name) ?? unknown('not answered', 'DescribeConfigs'),
  })
  return {
    brokers: brokers.length,
    topics: new Map(topics.map((topic) => [topic.name, contentsOf(topic)])),
    complete,
    defaults: [...defaults.values()].find(({ known: seen }) => seen) ?? [...defaults.values()][0] ?? unknown('no broker answers', 'DescribeConfigs'),
  }
}

const groupsOf = (groups: readonly GroupOffsets[]) =>
  new Map(
    groups.map(({ group, state, offsets }) => [
      group,
      { state, offsets: new Map(offsets.map(({ offset, metadata, ...at }) => [partitionName(at), { offset, metadata }])) },
    ]),
  )

export const readRights = async ({ backup }: Pick<ReadPorts, 'backup'>, signal: AbortSignal): Promise<Rights> => {
  const [acls, quotas, groups] = await Promise.all([
    backup.acls(signal),
    backup.quotas(signal),
    backup.groupOffsets(null, signal).then(
      (all): Rights['groups'] => known(groupsOf(all), 'OffsetFetch'),
      (thrown): Rights['groups'] => unknown(wordsOf(thrown), 'OffsetFetch'),
    ),
  ])
  return { acls: mapKnown(acls, (all) => new Set(all.map(aclName))), quotas: mapKnown(quotas, (all) => new Set(all.flatMap(quotaNames))), groups }
}
