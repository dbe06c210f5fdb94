// The Kafka versions a lab can run, and where their tools' classes are: those move between versions.
import { KdrError } from '../errors.ts'
import { LAB_VERSIONS, type LabVersion } from '../model/lab.ts'

export interface Release {
  /** As Maven names it. */
  readonly version: string
  readonly mode: 'zookeeper' | 'kraft'
  /** Logging binding that Kafka's own artifacts leave out, as `group:artifact:version`. */
  readonly logging: string
}

/** 3.5 is Confluent 7.5's Kafka; 4 is the newest on Maven Central. */
export const RELEASES: Readonly<Record<LabVersion, Release>> = {
  '3.5': { version: '3.5.2', mode: 'zookeeper', logging: 'org.slf4j:slf4j-reload4j:1.7.36' },
  '3.9': { version: '3.9.2', mode: 'kraft', logging: 'org.slf4j:slf4j-reload4j:1.7.36' },
  '4': { version: '4.3.1', mode: 'kraft', logging: 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4' },
}

/** `--kafka`'s word. Throws `unknown-kafka-version`, exit usage. */
export const parseLabVersion = (text: string): LabVersion => {
  const found = LAB_VERSIONS.find((version) => version === text)
  if (found !== undefined) return found
  throw new KdrError(`a lab cannot run Kafka ${text}`, { code: 'unknown-kafka-version', exit: 'usage', hint: `Choose one of ${LAB_VERSIONS.join(', ')}` })
}

/** Main class of each tool a lab has a script for; ZooKeeper's shell only where there is ZooKeeper. */
export const toolClasses = (release: Release): Readonly<Record<string, string>> => {
  const old = release.version.startsWith('3.5')
  const moved = old ? 'kafka.admin' : 'org.apache.kafka.tools'
  return {
    'kafka-topics': `${moved}.TopicCommand`,
    'kafka-leader-election': `${moved}.LeaderElectionCommand`,
    'kafka-log-dirs': `${moved}.LogDirsCommand`,
    'kafka-consumer-groups': old ? `${moved}.ConsumerGroupCommand` : `${moved}.consumer.group.ConsumerGroupCommand`,
    'kafka-acls': release.version.startsWith('4') ? `${moved}.AclCommand` : 'kafka.admin.AclCommand',
    'kafka-delete-records': `${moved}.DeleteRecordsCommand`,
    'kafka-metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
    'kafka-configs': 'kafka.admin.ConfigCommand',
    'kafka-broker-api-versions': release.version.startsWith('4') ? `${moved}.BrokerApiVersionsCommand` : 'kafka.admin.BrokerApiVersionsCommand',
    'kafka-storage': 'kafka.tools.StorageTool',
    ...(release.mode === 'zookeeper' ? { 'zookeeper-shell': 'org.apache.zookeeper.ZooKeeperMain' } : {}),
  }
}
