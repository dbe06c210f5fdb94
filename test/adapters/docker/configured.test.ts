// Environments as the images' own documentation and the runbook's deployment have them.
import { describe, expect, it } from 'vitest'
import { addressesOf, configuredId, dataPaths, environmentOf, rolesOf } from '../../../src/adapters/docker/configured.ts'

const BROKER = {
  KAFKA_BROKER_ID: '2',
  KAFKA_ZOOKEEPER_CONNECT: 'zookeeper-1:2181,zookeeper-2:2181',
  KAFKA_LISTENERS: 'PLAINTEXT_HOST://0.0.0.0:9092,PLAINTEXT://0.0.0.0:29092',
  KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT_HOST://localhost:9093,PLAINTEXT://kafka-2:29092',
  KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
}
const env = (variables: Readonly<Record<string, string>>) => environmentOf(Object.entries(variables).map(([key, value]) => `${key}=${value}`))
const roles = (variables: Readonly<Record<string, string>>) => rolesOf(env(variables))
const addresses = (variables: Readonly<Record<string, string>>, service: string) => addressesOf(env(variables), roles(variables), service)

describe('what a container is, by its environment', () => {
  it('keeps an = inside a value', () => {
    expect(environmentOf(['A=b=c', 'EMPTY=']).get('A')).toBe('b=c')
    expect(environmentOf(null).size).toBe(0)
  })

  it.each([
    [BROKER, ['broker']],
    [{ KAFKA_PROCESS_ROLES: 'broker,controller', KAFKA_NODE_ID: '1' }, ['broker', 'controller']],
    [{ KAFKA_CFG_PROCESS_ROLES: 'controller', KAFKA_CFG_NODE_ID: '1' }, ['controller']],
    [{ KAFKA_CFG_ZOOKEEPER_CONNECT: 'zk:2181' }, ['broker']],
    [{ ZOOKEEPER_CLIENT_PORT: '2181', KAFKA_HEAP_OPTS: '-Xmx64M' }, ['zookeeper']],
    [{ ZOO_MY_ID: '3' }, ['zookeeper']],
    [{ SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: 'kafka-1:29092' }, ['schema-registry']],
    [{ CONNECT_BOOTSTRAP_SERVERS: 'kafka-1:29092', KAFKA_HEAP_OPTS: '-Xmx256M' }, ['connect']],
    [{ KAFKA_BROKERCONNECT: 'kafka-1:29092', KAFKA_CLUSTERS_0_ZOOKEEPER: 'zk:2181' }, ['service']],
    [{ KAFKA_REST_ZOOKEEPER_CONNECT: 'zk:2181' }, ['service']],
    [{ KAFKA_BROKER_ID: 'ignored', KAFKA_ZOOKEEPER_CONNECT: 'ignored' }, ['service']],
    [{ KAFKA_CFG_BROKER_ID: 'IGNORED' }, ['service']],
    [{ KAFKA_BROKER_ID: 'Ignored', KAFKA_ZOOKEEPER_CONNECT: 'zk:2181' }, ['broker']],
    [{ KAFKA_BROKER_ID: '1', KAFKA_ZOOKEEPER_CONNECT: 'ignored' }, ['broker']],
    [{ PATH: '/usr/bin' }, ['service']],
  ])('%j is %j', (variables, expected) => {
    expect(roles(variables)).toEqual(expected)
  })

  it('names the variable that an id comes from', () => {
    const idOf = (variables: Readonly<Record<string, string>>) => configuredId(env(variables), roles(variables))
    expect(idOf(BROKER)).toEqual({ id: 2, by: 'KAFKA_BROKER_ID' })
    expect(idOf({ ...BROKER, KAFKA_NODE_ID: '7' })).toEqual({ id: 7, by: 'KAFKA_NODE_ID' })
    expect(idOf({ ZOO_MY_ID: '3' })).toEqual({ id: 3, by: 'ZOO_MY_ID' })
    expect(idOf({ ...BROKER, KAFKA_BROKER_ID: '-1' })).toBeNull()
    expect(idOf({ CONNECT_BOOTSTRAP_SERVERS: 'x', KAFKA_BROKER_ID_SOMETHING: '1' })).toBeNull()
  })

  it('has the inside listener first, and no listener of controllers', () => {
    expect(addresses(BROKER, 'kafka-2')).toEqual(['kafka-2:29092', 'localhost:9093'])
    const { KAFKA_INTER_BROKER_LISTENER_NAME: _, ...unnamed } = BROKER
    expect(addresses(unnamed, 'kafka-2')).toEqual(['kafka-2:29092', 'localhost:9093'])
    const combined = {
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENERS: 'CONTROLLER://:9093,INSIDE://:9092',
    }
    expect(addresses(combined, 'broker')).toEqual(['broker:9092'])
    expect(addresses({ ...combined, KAFKA_PROCESS_ROLES: 'controller', KAFKA_LISTENERS: 'CONTROLLER://:9093' }, 'controller-1')).toEqual(['controller-1:9093'])
    expect(addresses({ ...BROKER, KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://[fd00::2]:29092' }, 'kafka-2')).toEqual(['[fd00::2]:29092'])
    expect(addresses({ ZOOKEEPER_CLIENT_PORT: '12181' }, 'zookeeper-1')).toEqual(['zookeeper-1:12181'])
  })

  it('looks for data where it was told to, else where images keep it', () => {
    expect(dataPaths(env({ ...BROKER, KAFKA_LOG_DIRS: '/a, /b' }), ['broker']).said).toEqual(['/a', '/b'])
    expect(dataPaths(env(BROKER), ['broker']).usual).toContain('/var/lib/kafka/data')
    expect(dataPaths(env({ ZOO_DATA_DIR: '/data', ZOO_DATA_LOG_DIR: '/datalog' }), ['zookeeper']).said).toEqual(['/data', '/datalog'])
    expect(dataPaths(env({}), ['service'])).toEqual({ said: [], usual: [] })
  })
})
