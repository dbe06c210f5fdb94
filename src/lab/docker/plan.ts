// What a Docker lab consists of: the shipped compose file, and what is put over it so that two cores carry it
// and a lost broker is noticed in seconds. Pure.
import { IDS } from '../properties.ts'
import type { Release } from '../versions.ts'
import type { DockerService } from './images.ts'

export interface DockerPlan {
  /** Name of the compose file among those that kdr ships. */
  readonly shipped: string
  /** In the order in which they are brought up. */
  readonly quorum: readonly string[]
  readonly rest: readonly string[]
  /** Values of the file's variables. */
  readonly variables: Readonly<Record<string, string>>
  /** Put over the file: JSON is YAML. */
  readonly override: unknown
  readonly bootstrap: string[]
  readonly zookeeper: string[]
  readonly registries: readonly string[]
}

export interface DockerPlanInput {
  readonly name: string
  readonly release: Release
  readonly clusterId: string
  readonly images: Readonly<Record<string, string>>
  readonly base: number
  /** How this machine reaches the engine's host. */
  readonly host: string
  /** Address that the engine publishes ports on. */
  readonly bind: string
  readonly with: readonly DockerService[]
}

/** kdr's own name for a lab: that one's containers are called as in the runbook. */
const DEFAULT_NAME = 'lab'

const ports = (base: number) => ({
  broker: (id: number) => base + id,
  zookeeper: (id: number) => base + 10 + id,
  'schema-registry': base + 21,
  'schema-registry-2': base + 23,
  'kafka-connect': base + 22,
})

/** Two registries, so that one forwards to the other. */
const servicesOf = (services: readonly DockerService[]): readonly (DockerService | 'schema-registry-2')[] =>
  services.flatMap((service) => (service === 'schema-registry' ? [service, 'schema-registry-2'] : [service]))

/** Ports a lab publishes on the engine's host, as offsets from its base. */
export const dockerPortOffsets = (release: Release, services: readonly DockerService[]): readonly number[] => {
  const of = ports(0)
  return [
    ...IDS.flatMap((id) => (release.mode === 'zookeeper' ? [of.broker(id), of.zookeeper(id)] : [of.broker(id)])),
    ...servicesOf(services).map((service) => of[service]),
  ]
}

/** As in a lab of processes: sessions of 6 s, small internal topics, leaders that move when they are told to. */
const SMALL = {
  KAFKA_AUTO_LEADER_REBALANCE_ENABLE: 'false',
  KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: 5,
  KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: 5,
  KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: 0,
  KAFKA_NUM_NETWORK_THREADS: 2,
  KAFKA_NUM_IO_THREADS: 4,
  KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE: 4_194_304,
}
/** The controllers' session time-out is the one that counts (KIP-500); a broker sends within its own. */
const KRAFT_SESSION = { KAFKA_BROKER_SESSION_TIMEOUT_MS: 6000, KAFKA_BROKER_HEARTBEAT_INTERVAL_MS: 1000 }

const brokerOver = (release: Release) => ({
  environment: {
    ...SMALL,
    ...(release.mode === 'zookeeper' ? { KAFKA_ZOOKEEPER_SESSION_TIMEOUT_MS: 6000 } : KRAFT_SESSION),
    KAFKA_HEAP_OPTS: '-Xms64M -Xmx320M',
  },
  mem_limit: '1g',
})
const controllerOver = () => ({ environment: { ...KRAFT_SESSION, KAFKA_HEAP_OPTS: '-Xms48M -Xmx128M' }, mem_limit: '512m' })
/** A stopped member has no name: a resolver that asks the world for it takes 10 s, and elections are held up by each look. */
const NO_LONG_LOOKUPS = ['timeout:1', 'attempts:1']
const zookeeperOver = () => ({
  environment: { ZOOKEEPER_TICK_TIME: 1000, KAFKA_HEAP_OPTS: '-Xms32M -Xmx128M' },
  mem_limit: '512m',
  dns_opt: NO_LONG_LOOKUPS,
})

/** Confluent's image takes the same variables, but for the min ISR. */
const REGISTRY = { environment: { SCHEMA_REGISTRY_KAFKASTORE_TIMEOUT_MS: 5000, SCHEMA_REGISTRY_HEAP_OPTS: '-Xms64M -Xmx256M' }, mem_limit: '512m' }

/** Like the deployment's own, under another name: the deployment has but one. */
const secondRegistry = ({ base, bind, images }: DockerPlanInput, prefix: string) => ({
  image: images['KDR_SCHEMA_REGISTRY_IMAGE'],
  container_name: `${prefix}schema-registry-2`,
  hostname: 'schema-registry-2',
  networks: ['kafka-network'],
  restart: 'unless-stopped',
  ports: [`${bind}:${ports(base)['schema-registry-2']}:8081`],
  ...REGISTRY,
  environment: {
    ...REGISTRY.environment,
    SCHEMA_REGISTRY_HOST_NAME: 'schema-registry-2',
    SCHEMA_REGISTRY_LISTENERS: 'http://0.0.0.0:8081',
    SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: 'kafka-1:29092,kafka-2:29092,kafka-3:29092',
    SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR: 3,
  },
})

export const planDocker = (input: DockerPlanInput): DockerPlan => {
  const { name, release, base, host } = input
  const at = ports(base)
  const zookeeper = release.mode === 'zookeeper'
  const prefix = name === DEFAULT_NAME ? '' : `${name}-`
  const services = servicesOf(input.with)
  const registries = services.includes('schema-registry-2')
  const quorum = zookeeper ? 'zookeeper' : 'controller'
  const each = <Value>(what: (id: number) => readonly [string, Value]) => Object.fromEntries(IDS.map(what))
  return {
    shipped: zookeeper ? 'docker-compose.yml' : 'docker-compose-kraft.yml',
    quorum: IDS.map((id) => `${quorum}-${id}`),
    rest: [...IDS.map((id) => `kafka-${id}`), ...services],
    variables: {
      ...input.images,
      ...each((id) => [`KAFKA_${id}_PORT`, String(at.broker(id))]),
      ...each((id) => [`ZOOKEEPER_${id}_PORT`, String(at.zookeeper(id))]),
      SCHEMA_REGISTRY_PORT: String(at['schema-registry']),
      CONNECT_PORT: String(at['kafka-connect']),
      KAFKA_HOST: host,
      KAFKA_BIND: input.bind,
      KDR_PREFIX: prefix,
      ...(zookeeper ? {} : { CLUSTER_ID: input.clusterId }),
    },
    override: {
      services: {
        ...each((id) => [`${quorum}-${id}`, zookeeper ? zookeeperOver() : controllerOver()]),
        ...each((id) => [`kafka-${id}`, brokerOver(release)]),
        ...(registries ? { 'schema-registry': REGISTRY, 'schema-registry-2': secondRegistry(input, prefix) } : {}),
      },
    },
    bootstrap: IDS.map((id) => `${host}:${at.broker(id)}`),
    zookeeper: zookeeper ? IDS.map((id) => `${host}:${at.zookeeper(id)}`) : [],
    registries: registries ? [`${host}:${at['schema-registry']}`, `${host}:${at['schema-registry-2']}`] : [],
  }
}
