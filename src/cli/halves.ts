// One half of what an adapter can do, and nothing more: a step that only reads holds no object that could write.
import type { KafkaProbe, KafkaReader, KafkaWriter } from '../ports/kafka.ts'
import type { KafkaRestoreReader, KafkaRestoreWriter } from '../ports/kafka-backup.ts'
import type { PlatformReader, PlatformWriter } from '../ports/platform.ts'
import type { SchemaRegistryProbe, SchemaRegistryReader, SchemaRegistryWriter } from '../ports/schema-registry.ts'

/** The name the operator uses is the name every challenge and hint uses, whatever the platform calls it. */
export const readerOf = (platform: PlatformReader, cluster: string): PlatformReader => ({
  kind: platform.kind,
  commands: platform.commands,
  identity: async (signal) => ({ ...(await platform.identity(signal)), cluster }),
  members: (signal) => platform.members(signal),
  logs: (member, options, signal) => platform.logs(member, options, signal),
  data: (member, signal) => platform.data(member, signal),
  replicas: (member, signal) => platform.replicas(member, signal),
  events: (since, signal) => platform.events(since, signal),
  dial: (host, port, intake) => platform.dial(host, port, intake),
  permissions: (need, signal) => platform.permissions(need, signal),
  close: () => platform.close(),
})

export const kafkaReader = (kafka: KafkaReader): KafkaReader => ({
  ping: (endpoints, signal) => kafka.ping(endpoints, signal),
  metadata: (signal) => kafka.metadata(signal),
  logDirs: (brokers, signal) => kafka.logDirs(brokers, signal),
  quorum: (controllers, signal) => kafka.quorum(controllers, signal),
  onRecord: (controllers, signal) => kafka.onRecord(controllers, signal),
  offsets: (question, partitions, signal) => kafka.offsets(question, partitions, signal),
  endOfEpoch: (partitions, signal) => kafka.endOfEpoch(partitions, signal),
  reassigning: (signal) => kafka.reassigning(signal),
  configs: (type, names, keys, signal) => kafka.configs(type, names, keys, signal),
  producers: (partitions, signal) => kafka.producers(partitions, signal),
  transactions: (signal) => kafka.transactions(signal),
  groups: (signal) => kafka.groups(signal),
  describeGroup: (group, signal) => kafka.describeGroup(group, signal),
  fetch: (at, offset, options, signal) => kafka.fetch(at, offset, options, signal),
  close: () => kafka.close(),
})

export const backupReader = ({
  topics,
  topicOverrides,
  acls,
  quotas,
  scramUsers,
  groupOffsets,
  groupNames,
  permits,
  judgeTopics,
  fetchRaw,
}: KafkaRestoreReader): KafkaRestoreReader => ({
  topics,
  topicOverrides,
  acls,
  quotas,
  scramUsers,
  groupOffsets,
  groupNames,
  permits,
  judgeTopics,
  fetchRaw,
})

export const platformWriter = ({ stop, start, reconnect, exec, inspect, place, workloads }: PlatformWriter): PlatformWriter => ({
  stop,
  start,
  reconnect,
  exec,
  inspect,
  place,
  workloads,
})
export const kafkaWriter = ({ electLeaders, alterConfigs, reassign, append }: KafkaWriter): KafkaWriter => ({ electLeaders, alterConfigs, reassign, append })
export const kafkaProbe = ({ createTopic, deleteTopic, produce }: KafkaProbe): KafkaProbe => ({ createTopic, deleteTopic, produce })
export const restoreWriter = ({
  createTopics,
  deleteTopics,
  deleteRecords,
  createAcls,
  alterQuotas,
  commitOffsets,
  producer,
  produceRaw,
}: KafkaRestoreWriter): KafkaRestoreWriter => ({
  createTopics,
  deleteTopics,
  deleteRecords,
  createAcls,
  alterQuotas,
  commitOffsets,
  producer,
  produceRaw,
})

type Registry = SchemaRegistryReader & SchemaRegistryWriter & SchemaRegistryProbe
export const registryReader = ({ subjects, list, versions, schema, byId, config, mode, compatible }: Registry): SchemaRegistryReader => ({
  subjects,
  list,
  versions,
  schema,
  byId,
  config,
  mode,
  compatible,
})
export const registryWriter = ({
  setMode,
  setConfig,
  importVersion,
  deleteVersion,
  register,
  configure,
  remove,
}: Registry): SchemaRegistryWriter & SchemaRegistryProbe => ({ setMode, setConfig, importVersion, deleteVersion, register, configure, remove })
