// What a backup reads, over the simulated cluster.
import { KdrError } from '../../errors.ts'
import { coordinatorPartition, OFFSETS_TOPIC } from '../../model/groups.ts'
import { known, unknown } from '../../model/known.ts'
import type { BackupTopic, BackupTopics, GroupOffsets, KafkaRestoreReader } from '../../ports/kafka-backup.ts'
import { judgeTopic } from './backup-write.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { anyBroker, unreachable } from './kafka-logs.ts'
import { fetchBatches } from './raw.ts'
import { permitsOf } from './rights.ts'
import type { SimTopic } from './state.ts'

const topicOf = ({ name, id, internal, partitions }: SimTopic): BackupTopic => ({
  name,
  id,
  internal,
  partitions: partitions.map(({ index, replicas, leader, epoch }) => ({ partition: index, replicas, leader, leaderEpoch: epoch })),
})

const topics = (cluster: Cluster, names: readonly string[] | null, by: string): BackupTopics => ({
  clusterId: cluster.clusterId,
  brokers: cluster.announced.flatMap((id) => {
    const member = cluster.broker(id)
    return member === undefined ? [] : [{ id, endpoint: member.address, rack: null }]
  }),
  topics: [...cluster.topics.values()].filter(({ name }) => names === null || names.includes(name)).map(topicOf),
  missing: (names ?? []).filter((topic) => !cluster.topics.has(topic)).map((topic) => ({ topic, error: 'UNKNOWN_TOPIC_OR_PARTITION' })),
  complete: known(true, `Metadata from ${by}`),
})

const incomplete = (why: string): KdrError => new KdrError(why, { code: 'groups-incomplete' })

const groupOf = (cluster: Cluster, group: string): GroupOffsets => {
  const { state, protocolType, offsets } = cluster.groups.get(group) ?? { state: 'Dead', protocolType: '', offsets: new Map() }
  return { group, state, protocolType, offsets: [...offsets.values()] }
}

/** Each coordinator that is concerned has to answer. */
const groupOffsets = async (cluster: Cluster, groups: readonly string[] | null, signal: AbortSignal): Promise<readonly GroupOffsets[]> => {
  const kept = cluster.topics.get(OFFSETS_TOPIC)?.partitions ?? []
  const asked = groups === null || kept.length === 0 ? kept : groups.flatMap((group) => kept[coordinatorPartition(group, kept.length)] ?? [])
  for (const partition of new Set(asked)) {
    const why = partition.leader < 0 ? 'the partition has no leader' : await unreachable(cluster, partition.leader, signal)
    if (why !== null) throw incomplete(`groups kept in ${OFFSETS_TOPIC}-${partition.index} cannot be read: ${why}`)
  }
  return [...(groups ?? cluster.groups.keys())].sort().map((group) => groupOf(cluster, group))
}

/** As far as their coordinators can be reached. */
const groupNames = async (cluster: Cluster, signal: AbortSignal): Promise<readonly string[]> => {
  const kept = cluster.topics.get(OFFSETS_TOPIC)?.partitions ?? []
  const names: string[] = []
  for (const name of [...cluster.groups.keys()].sort()) {
    const leader = kept[coordinatorPartition(name, kept.length)]?.leader ?? -1
    if (kept.length === 0 || (leader >= 0 && (await unreachable(cluster, leader, signal)) === null)) names.push(name)
  }
  return names
}

export const createBackupReader = (cluster: Cluster, call: Call): KafkaRestoreReader => ({
  topics: (names, signal) => call('backup.topics', signal, async () => topics(cluster, names, (await anyBroker(cluster, signal)).address)),
  topicOverrides: (names, signal) =>
    call('backup.topicOverrides', signal, async () => {
      const { address } = await anyBroker(cluster, signal)
      const by = `DescribeConfigs from ${address}`
      return new Map(
        names.map((name) => {
          const own = cluster.topics.get(name)?.configs
          return [name, own === undefined ? unknown('UNKNOWN_TOPIC_OR_PARTITION', by) : known(new Map(own), by)]
        }),
      )
    }),
  acls: (signal) =>
    call('backup.acls', signal, async () =>
      known([...(cluster.rights.acls?.values() ?? [])], `DescribeAcls from ${(await anyBroker(cluster, signal)).address}`),
    ),
  quotas: (signal) =>
    call('backup.quotas', signal, async () =>
      known([...cluster.rights.quotas.values()], `DescribeClientQuotas from ${(await anyBroker(cluster, signal)).address}`),
    ),
  scramUsers: (signal) =>
    call('backup.scramUsers', signal, async () =>
      known(cluster.rights.users, `DescribeUserScramCredentials from ${(await anyBroker(cluster, signal)).address}`),
    ),
  groupOffsets: (groups, signal) =>
    call('backup.groupOffsets', signal, async () => {
      await anyBroker(cluster, signal)
      return groupOffsets(cluster, groups, signal)
    }),
  groupNames: (signal) =>
    call('backup.groupNames', signal, async () => {
      await anyBroker(cluster, signal)
      return groupNames(cluster, signal)
    }),
  permits: (names, groups, signal) =>
    call('backup.permits', signal, async () => permitsOf(cluster.rights, names, groups, `Metadata from ${(await anyBroker(cluster, signal)).address}`)),
  judgeTopics: (wanted, signal) =>
    call('backup.judgeTopics', signal, async () => {
      await anyBroker(cluster, signal)
      return new Map(wanted.flatMap((topic) => [judgeTopic(cluster, topic)].flatMap((why) => (why === null ? [] : [[topic.name, why] as const]))))
    }),
  fetchRaw: (at, offset, options, signal) => call('backup.fetchRaw', signal, () => fetchBatches(cluster, at, offset, options.maxBytes, signal)),
})
