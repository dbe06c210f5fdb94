// The Kafka adapter: the ports' halves over one set of connections, made when first needed.
import type { Duplex } from 'node:stream'
import type { KafkaProbe, KafkaReader, KafkaWriter } from '../../ports/kafka.ts'
import type { KafkaRestoreReader, KafkaRestoreWriter } from '../../ports/kafka-backup.ts'
import type { Intake } from '../../ports/platform.ts'
import type { Millis } from '../../units.ts'
import { readBackupTopics, readOverrides } from './backup-looks.ts'
import { alterConfigs, electLeaders, reassign } from './changes.ts'
import { Cluster } from './cluster.ts'
import { readConfigs } from './configs.ts'
import { commitOffsets, readGroupNames, readGroupOffsets } from './group-offsets.ts'
import { ping, readGroup, readGroups, readLogDirs, readQuorum, readReassigning } from './looks.ts'
import { readMetadata } from './metadata.ts'
import { MetadataLog } from './metadata-log.ts'
import { readEndOfEpoch, readOffsets } from './offsets.ts'
import { readPermits } from './permits.ts'
import { createCanary, deleteCanary, mustBeCanary } from './probe.ts'
import { RawFetcher } from './raw-fetch.ts'
import { newProducer, RawProducer } from './raw-produce.ts'
import { fetchRecords, Leaders, produceRecords } from './records.ts'
import { alterQuotas, createAcls, readAcls, readQuotas, readScramUsers } from './rights.ts'
import type { TlsSettings } from './socket.ts'
import { createTopics, deleteRecords, deleteTopics, judgeTopics } from './topics.ts'
import { readProducers, readTransactions } from './transactions.ts'

export interface KafkaSettings {
  /** `host:port`, as advertised inside the platform. */
  readonly bootstrap: readonly string[]
  readonly clientId: string
  readonly tls: TlsSettings | null
  readonly sasl: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string } | null
  /** `platform.dial`: every connection goes through it. */
  readonly dial: (host: string, port: number, intake?: Intake) => Duplex
  /** One request to one broker. A hung broker costs no more than this. */
  readonly requestTimeout: Millis
}

/** Connects to nothing until asked. Errors of all methods are KdrErrors, or the signal's reason once it is aborted. */
export const openKafka = (settings: KafkaSettings): KafkaReader & KafkaProbe & KafkaWriter & KafkaRestoreReader & KafkaRestoreWriter => {
  const cluster = new Cluster(settings.bootstrap, settings)
  const leaders = new Leaders(cluster)
  const log = new MetadataLog(cluster)
  const fetcher = new RawFetcher(cluster, settings)
  const producer = new RawProducer(cluster, settings)
  return {
    ping: (endpoints, signal) => ping(cluster, endpoints, signal),
    metadata: (signal) => readMetadata(cluster, signal),
    logDirs: (brokers, signal) => readLogDirs(cluster, brokers, signal),
    quorum: (controllers, signal) => readQuorum(cluster, controllers, signal),
    onRecord: (controllers, signal) => log.view(controllers, signal),
    offsets: (question, partitions, signal) => readOffsets(cluster, question, partitions, signal),
    endOfEpoch: (partitions, signal) => readEndOfEpoch(cluster, partitions, signal),
    reassigning: (signal) => readReassigning(cluster, settings.requestTimeout, signal),
    configs: (type, names, keys, signal) => readConfigs(cluster, type, names, keys, signal),
    producers: (partitions, signal) => readProducers(cluster, partitions, signal),
    transactions: (signal) => readTransactions(cluster, signal),
    groups: (signal) => readGroups(cluster, signal),
    describeGroup: (group, signal) => readGroup(cluster, group, signal),
    fetch: (at, offset, options, signal) => fetchRecords(cluster, leaders, at, offset, options, signal),
    close: async () => {
      fetcher.close()
      producer.close()
      cluster.close()
    },
    createTopic: async (name, assignments, configs, signal) => {
      mustBeCanary(name)
      await createCanary(cluster, name, assignments, configs, signal)
    },
    deleteTopic: async (name, signal) => {
      mustBeCanary(name)
      await deleteCanary(cluster, name, signal)
    },
    produce: async (at, records, signal) => {
      mustBeCanary(at.topic)
      return produceRecords(cluster, leaders, at, records, settings.requestTimeout, signal)
    },
    electLeaders: (kind, partitions, signal) => electLeaders(cluster, kind, partitions, signal),
    alterConfigs: (resource, changes, signal) => alterConfigs(cluster, resource, changes, signal),
    reassign: (moves, signal) => reassign(cluster, moves, signal),
    append: (at, records, signal) => produceRecords(cluster, leaders, at, records, settings.requestTimeout, signal),
    topics: (names, signal) => readBackupTopics(cluster, names, signal),
    topicOverrides: (topics, signal) => readOverrides(cluster, topics, signal),
    acls: (signal) => readAcls(cluster, signal),
    quotas: (signal) => readQuotas(cluster, signal),
    scramUsers: (signal) => readScramUsers(cluster, signal),
    groupOffsets: (groups, signal) => readGroupOffsets(cluster, groups, signal),
    groupNames: (signal) => readGroupNames(cluster, signal),
    permits: (topics, groups, signal) => readPermits(cluster, settings, topics, groups, signal),
    judgeTopics: (topics, signal) => judgeTopics(cluster, topics, signal),
    fetchRaw: (at, offset, options, signal) => fetcher.fetch(at, offset, options, signal),
    createTopics: (topics, signal) => createTopics(cluster, topics, signal),
    deleteTopics: (topics, signal) => deleteTopics(cluster, topics, signal),
    deleteRecords: (rows, signal) => deleteRecords(cluster, rows, signal),
    createAcls: (bindings, signal) => createAcls(cluster, bindings, signal),
    alterQuotas: (quotas, signal) => alterQuotas(cluster, quotas, signal),
    commitOffsets: (group, offsets, signal) => commitOffsets(cluster, group, offsets, signal),
    producer: (signal) => newProducer(cluster, signal),
    produceRaw: (rows, signal) => producer.produce(rows, signal),
  }
}
