// The smallest properties with which a lab's brokers, controllers and ZooKeepers behave like real ones:
// loopback only, sessions of 6 s, three replicas of everything, no topic by accident.
import type { Release } from './versions.ts'

/** `combined`: KRaft brokers are voters themselves, for tests of guard G5. */
export type Controllers = 'own' | 'combined'

export interface Shape {
  readonly release: Release
  readonly controllers: Controllers
  readonly base: number
}

export const IDS = [1, 2, 3] as const
export const LOOPBACK = '127.0.0.1'
export type Properties = Readonly<Record<string, string | number | boolean>>

export const portsOf = (base: number) => ({
  broker: (id: number) => base + id,
  zookeeper: (id: number) => base + 10 + id,
  peer: (id: number) => base + 20 + id,
  election: (id: number) => base + 30 + id,
  controller: (id: number) => base + 40 + id,
  registry: (id: number) => base + 45 + id,
})

/** Two, so that one forwards to the other. */
export const REGISTRIES = [1, 2] as const

/** Ports a lab of this shape listens on, as offsets from its base. */
export const portOffsets = (release: Release, registries: boolean): readonly number[] => [
  ...IDS.flatMap((id) => (release.mode === 'zookeeper' ? [id, 10 + id, 20 + id, 30 + id] : [id, 40 + id])),
  ...(registries ? REGISTRIES.map(portsOf(0).registry) : []),
]

export const propertiesText = (properties: Properties): string =>
  Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')

export const zooKeeperProperties = (shape: Shape, id: number, data: string): Properties => ({
  dataDir: data,
  clientPort: portsOf(shape.base).zookeeper(id),
  clientPortAddress: LOOPBACK,
  tickTime: 1000,
  initLimit: 10,
  syncLimit: 5,
  maxClientCnxns: 0,
  'admin.enableServer': false,
  '4lw.commands.whitelist': '*',
  ...Object.fromEntries(IDS.map((peer) => [`server.${peer}`, `${LOOPBACK}:${portsOf(shape.base).peer(peer)}:${portsOf(shape.base).election(peer)}`])),
})

const quorum = (shape: Shape): Properties => ({
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'controller.quorum.voters': IDS.map((id) => `${shape.controllers === 'own' ? 100 + id : id}@${LOOPBACK}:${portsOf(shape.base).controller(id)}`).join(','),
})

/** Topic defaults are the controllers' too: in KRaft it is they that create topics. */
const DEFAULTS: Properties = {
  'num.partitions': 1,
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'auto.create.topics.enable': false,
  // A lab repeats itself: leaders move back when they are told to, not when five minutes are over.
  'auto.leader.rebalance.enable': false,
  'offsets.topic.replication.factor': 3,
  'offsets.topic.num.partitions': 5,
  'transaction.state.log.replication.factor': 3,
  'transaction.state.log.min.isr': 2,
  'transaction.state.log.num.partitions': 5,
  'share.coordinator.state.topic.num.partitions': 5,
}

export const controllerProperties = (shape: Shape, id: number, data: string): Properties => ({
  'node.id': 100 + id,
  'process.roles': 'controller',
  listeners: `CONTROLLER://${LOOPBACK}:${portsOf(shape.base).controller(id)}`,
  ...quorum(shape),
  ...DEFAULTS,
  'log.dirs': data,
})

export const brokerProperties = (shape: Shape, id: number, data: string): Properties => {
  const client = `PLAINTEXT://${LOOPBACK}:${portsOf(shape.base).broker(id)}`
  const combined = shape.controllers === 'combined'
  const coordination: Properties =
    shape.release.mode === 'zookeeper'
      ? {
          'broker.id': id,
          listeners: client,
          'zookeeper.connect': IDS.map((each) => `${LOOPBACK}:${portsOf(shape.base).zookeeper(each)}`).join(','),
          'zookeeper.session.timeout.ms': 6000,
        }
      : {
          'node.id': id,
          'process.roles': combined ? 'broker,controller' : 'broker',
          listeners: combined ? `${client},CONTROLLER://${LOOPBACK}:${portsOf(shape.base).controller(id)}` : client,
          'advertised.listeners': client,
          'broker.session.timeout.ms': 6000,
          'broker.heartbeat.interval.ms': 1000,
          ...quorum(shape),
        }
  return {
    ...coordination,
    ...DEFAULTS,
    'log.dirs': data,
    'group.initial.rebalance.delay.ms': 0,
    'controlled.shutdown.enable': true,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
  }
}

/** In Confluent's names; writes wait for a busy machine. */
export const registryProperties = (base: number, id: number): Properties => ({
  listeners: `http://${LOOPBACK}:${portsOf(base).registry(id)}`,
  'host.name': LOOPBACK,
  'kafkastore.bootstrap.servers': IDS.map((each) => `PLAINTEXT://${LOOPBACK}:${portsOf(base).broker(each)}`).join(','),
  'kafkastore.topic.replication.factor': 3,
  'kafkastore.topic.min.insync.replicas': 2,
  'kafkastore.timeout.ms': 5000,
})
