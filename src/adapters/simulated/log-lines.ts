// Lines as Kafka and ZooKeeper write them, so that what recognises them in real logs works on these.
import { formatInstant, type Instant } from '../../units.ts'

/** `[2026-01-15 03:00:00,000]`, log4j's pattern in Kafka's own configuration. */
export const stamp = (at: Instant): string => `[${formatInstant(at).replace('T', ' ').replace('.', ',').replace('Z', '')}]`

export interface Lines {
  readonly starting: (id: number, data: string) => readonly string[]
  readonly recovering: (data: string, clean: boolean) => readonly string[]
  readonly started: (id: number) => readonly string[]
  readonly stopping: (id: number) => readonly string[]
  readonly stopped: (id: number) => readonly string[]
}

const recovering = (data: string, clean: boolean): readonly string[] =>
  clean
    ? [`INFO Skipping recovery of 11 logs from ${data} since clean shutdown file was found (kafka.log.LogManager)`]
    : [
        `INFO Attempting recovery for all logs in ${data} since no clean shutdown file was found (kafka.log.LogManager)`,
        `INFO Recovering 1 unflushed segments for orders-0; 0/1 remaining. (kafka.log.LogLoader)`,
      ]

/** Broker under ZooKeeper (3.5). */
export const ZOOKEEPER_BROKER: Lines = {
  starting: (id, data) => [
    'INFO Registered kafka:type=kafka.Log4jController MBean (kafka.utils.Log4jControllerRegistration$)',
    'INFO starting (kafka.server.KafkaServer)',
    `INFO KafkaConfig values: broker.id = ${id} log.dirs = ${data} (kafka.server.KafkaConfig)`,
  ],
  recovering,
  started: (id) => [`INFO [KafkaServer id=${id}] started (kafka.server.KafkaServer)`],
  stopping: (id) => [
    `INFO [KafkaServer id=${id}] shutting down (kafka.server.KafkaServer)`,
    `INFO [KafkaServer id=${id}] Starting controlled shutdown (kafka.server.KafkaServer)`,
  ],
  stopped: (id) => [
    `INFO [KafkaServer id=${id}] Controlled shutdown request returned successfully after 38ms (kafka.server.KafkaServer)`,
    `INFO [KafkaServer id=${id}] shut down completed (kafka.server.KafkaServer)`,
  ],
}

/** Broker under KRaft (4.x). */
export const KRAFT_BROKER: Lines = {
  starting: (id, data) => [
    'INFO Registered kafka:type=kafka.Log4jController MBean (kafka.utils.Log4jControllerRegistration$)',
    `INFO [BrokerServer id=${id}] Transition from SHUTDOWN to STARTING (kafka.server.BrokerServer)`,
    `INFO KafkaConfig values: node.id = ${id} log.dirs = ${data} (kafka.server.KafkaConfig)`,
  ],
  recovering,
  started: (id) => [
    `INFO [BrokerServer id=${id}] Transition from STARTING to STARTED (kafka.server.BrokerServer)`,
    `INFO [KafkaRaftServer nodeId=${id}] Kafka Server started (kafka.server.KafkaRaftServer)`,
  ],
  stopping: (id) => [
    `INFO [BrokerServer id=${id}] Transition from STARTED to SHUTTING_DOWN (kafka.server.BrokerServer)`,
    `INFO [BrokerLifecycleManager id=${id}] Beginning controlled shutdown. (kafka.server.BrokerLifecycleManager)`,
  ],
  stopped: (id) => [
    `INFO [BrokerLifecycleManager id=${id}] The controller has asked us to exit controlled shutdown. (kafka.server.BrokerLifecycleManager)`,
    `INFO [BrokerServer id=${id}] Transition from SHUTTING_DOWN to SHUTDOWN (kafka.server.BrokerServer)`,
  ],
}

const none = (): readonly string[] => []

export const KRAFT_CONTROLLER: Lines = {
  starting: (id) => [`INFO [ControllerServer id=${id}] Starting controller (kafka.server.ControllerServer)`],
  recovering: none,
  started: (id) => [`INFO [KafkaRaftServer nodeId=${id}] Kafka Server started (kafka.server.KafkaRaftServer)`],
  stopping: (id) => [`INFO [ControllerServer id=${id}] shutting down (kafka.server.ControllerServer)`],
  stopped: none,
}

export const ZOOKEEPER_SERVER: Lines = {
  starting: (id, data) => [`INFO Starting quorum peer, myid=${id}, dataDir=${data} (org.apache.zookeeper.server.quorum.QuorumPeerMain)`],
  recovering: none,
  started: (id) => [`INFO [QuorumPeer[myid=${id}]] Peer state changed: following - broadcast (org.apache.zookeeper.server.quorum.QuorumPeer)`],
  stopping: none,
  stopped: none,
}

/** ZOOKEEPER ephemeral node of an earlier incarnation still there: `KafkaZkClient.checkedEphemeralCreate`. */
export const nodeExists = (id: number): readonly string[] => [
  `ERROR Error while creating ephemeral at /brokers/ids/${id}, node already exists and owner '72057594037927937' does not match current session '72057594037927941' (kafka.zk.KafkaZkClient$CheckedEphemeral)`,
  `ERROR [KafkaServer id=${id}] Fatal error during KafkaServer startup. Prepare to shutdown (kafka.server.KafkaServer)`,
  'org.apache.zookeeper.KeeperException$NodeExistsException: KeeperErrorCode = NodeExists',
]

export const noZooKeeper = (id: number): readonly string[] => [
  `ERROR [KafkaServer id=${id}] Fatal error during KafkaServer startup. Prepare to shutdown (kafka.server.KafkaServer)`,
  'kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out waiting for connection while in state: CONNECTING',
]

export const noQuorum = (id: number): readonly string[] => [
  `ERROR [BrokerLifecycleManager id=${id}] Shutting down because we were unable to register with the controller quorum. (kafka.server.BrokerLifecycleManager)`,
  `ERROR [BrokerServer id=${id}] Fatal error during broker startup. Prepare to shutdown (kafka.server.BrokerServer)`,
]

/** A tree that was made anew names another cluster than the broker's disk: `KafkaServer.startup`. */
export const inconsistentClusterId = (own: string): readonly string[] => [
  'ERROR Fatal error during KafkaServer startup. Prepare to shutdown (kafka.server.KafkaServer)',
  `kafka.common.InconsistentClusterIdException: The Cluster ID of the quorum doesn't match stored clusterId Some(${own}) in meta.properties.`,
]

/** A controller's disk without meta.properties: `KafkaRaftServer.initializeLogDirs`. */
export const notFormatted = (data: string): readonly string[] => [
  'ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)',
  `java.lang.RuntimeException: No readable meta.properties files found in ${data}.`,
]

/** What is no partition's folder: `LogManager.loadLogs`. */
export const strangeFolder = (data: string): readonly string[] => [
  `ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)`,
  `org.apache.kafka.common.KafkaException: Found directory ${data}/broken, 'broken' is not in the form of topic-partition or topic-partition.uniqueId-delete (if marked for deletion).`,
]

/** The scripted exit: nothing that a restart would not cure. */
export const exitedAgain = (id: number): readonly string[] => [`ERROR [KafkaServer id=${id}] Exiting Kafka due to a simulated fault (kafka.Kafka$)`]

/** Confluent's Schema Registry (7.5). */
export const SCHEMA_REGISTRY: Lines = {
  starting: () => ['INFO SchemaRegistryConfig values: (io.confluent.kafka.schemaregistry.rest.SchemaRegistryConfig)'],
  recovering: () => [],
  started: () => ['INFO Server started, listening for requests... (io.confluent.kafka.schemaregistry.rest.SchemaRegistryMain)'],
  stopping: () => [],
  stopped: () => ['INFO Shutting down schema registry (io.confluent.kafka.schemaregistry.storage.KafkaSchemaRegistry)'],
}

export const registryTimedOut = (): readonly string[] => [
  'ERROR Error starting the schema registry (io.confluent.kafka.schemaregistry.rest.SchemaRegistryRestApplication)',
  'io.confluent.kafka.schemaregistry.exceptions.SchemaRegistryTimeoutException: Timed out waiting for join group to complete',
]
