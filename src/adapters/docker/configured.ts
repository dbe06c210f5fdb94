// What a container is configured to be, by its environment alone: never by its name, nor by its image's. The
// variables are those of the Confluent, Apache, Bitnami and ZooKeeper images.
import type { Role } from '../../model/member.ts'

export type Environment = ReadonlyMap<string, string>

/** `KEY=value` as inspect shows it. */
export const environmentOf = (env: readonly string[] | null | undefined): Environment =>
  new Map((env ?? []).map((entry): [string, string] => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]))

/** Bitnami's images say KAFKA_CFG_ where the others say KAFKA_. */
const kafka = (env: Environment, key: string): string | undefined => env.get(`KAFKA_${key}`) || env.get(`KAFKA_CFG_${key}`) || undefined

/** Confluent's examples give one-shot containers of a broker's image this, for the image's own checks: as good as not given. */
const isGiven = (value: string | undefined): boolean => value !== undefined && value.trim().toLowerCase() !== 'ignored'

const first = (env: Environment, ...keys: readonly string[]): string | undefined => keys.map((key) => env.get(key)).find((value) => value)

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

export const rolesOf = (env: Environment): readonly Role[] => {
  const kraft = listOf(kafka(env, 'PROCESS_ROLES')).filter((role): role is 'broker' | 'controller' => role === 'broker' || role === 'controller')
  if (kraft.length > 0) return kraft
  if (isGiven(kafka(env, 'ZOOKEEPER_CONNECT')) || isGiven(kafka(env, 'BROKER_ID'))) return ['broker']
  if (first(env, 'ZOOKEEPER_CLIENT_PORT', 'ZOOKEEPER_SERVER_ID', 'ZOO_MY_ID', 'ZOO_SERVER_ID')) return ['zookeeper']
  if (first(env, 'SCHEMA_REGISTRY_HOST_NAME', 'SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS', 'SCHEMA_REGISTRY_KAFKASTORE_CONNECTION_URL'))
    return ['schema-registry']
  if (first(env, 'CONNECT_BOOTSTRAP_SERVERS', 'CONNECT_GROUP_ID')) return ['connect']
  return ['service']
}

export const isKafka = (roles: readonly Role[]): boolean => roles.includes('broker') || roles.includes('controller')

/** The id and the variable that says so; null where none does, or it is no number. */
export const configuredId = (env: Environment, roles: readonly Role[]): { readonly id: number; readonly by: string } | null => {
  const keys = isKafka(roles)
    ? ['KAFKA_NODE_ID', 'KAFKA_CFG_NODE_ID', 'KAFKA_BROKER_ID', 'KAFKA_CFG_BROKER_ID']
    : roles.includes('zookeeper')
      ? ['ZOOKEEPER_SERVER_ID', 'ZOO_MY_ID', 'ZOO_SERVER_ID']
      : []
  const by = keys.find((key) => /^\d+$/.test(env.get(key) ?? ''))
  return by === undefined ? null : { id: Number(env.get(by)), by }
}

/** Where the data is: as configured, else where the known images keep it. Every path given may hold none. */
export const dataPaths = (env: Environment, roles: readonly Role[]): { readonly said: readonly string[]; readonly usual: readonly string[] } => {
  if (isKafka(roles)) {
    const usual = ['/var/lib/kafka/data', '/bitnami/kafka/data', '/tmp/kraft-combined-logs', '/tmp/kafka-logs']
    return { said: listOf(kafka(env, 'LOG_DIRS') ?? kafka(env, 'LOG_DIR')), usual }
  }
  if (!roles.includes('zookeeper')) return { said: [], usual: [] }
  const said = [first(env, 'ZOO_DATA_DIR'), first(env, 'ZOO_DATA_LOG_DIR')].flatMap((path) => (path === undefined ? [] : [path]))
  return { said, usual: ['/var/lib/zookeeper/data', '/var/lib/zookeeper/log', '/bitnami/zookeeper/data', '/data', '/datalog'] }
}

interface Listener {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** `NAME://host:port`, the host perhaps empty or in brackets (IPv6). */
const listenersOf = (text: string | undefined): readonly Listener[] =>
  listOf(text).flatMap((part) => {
    const [, name, host, port] = /^([^:]+):\/\/(.*):(\d+)$/.exec(part) ?? []
    return name === undefined || host === undefined || port === undefined ? [] : [{ name, host: host.replace(/^\[|\]$/g, ''), port: Number(port) }]
  })

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1|host\.docker\.internal)$/i
export const EVERYWHERE = new Set(['', '0.0.0.0', '::'])

export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

const shown = ({ host, port }: Listener): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

/** The inside listener first: the one between brokers, else one that is not this machine's own name. */
const insideFirst = (env: Environment, listeners: readonly Listener[]): readonly Listener[] => {
  const between = kafka(env, 'INTER_BROKER_LISTENER_NAME')
  const rank = (each: Listener) => (each.name === between ? 0 : isLoopback(each.host) ? 2 : 1)
  return [...listeners].sort((a, b) => rank(a) - rank(b))
}

const brokerAddresses = (env: Environment, service: string): readonly string[] => {
  const controllers = listOf(kafka(env, 'CONTROLLER_LISTENER_NAMES'))
  const forClients = (listeners: readonly Listener[]) => listeners.filter((each) => !controllers.includes(each.name))
  const advertised = forClients(listenersOf(kafka(env, 'ADVERTISED_LISTENERS')))
  const own = advertised.length > 0 ? advertised : forClients(listenersOf(kafka(env, 'LISTENERS')))
  return insideFirst(env, own).map((each) => shown(EVERYWHERE.has(each.host) ? { ...each, host: service } : each))
}

const controllerAddresses = (env: Environment, service: string): readonly string[] =>
  listenersOf(kafka(env, 'LISTENERS')).map((each) => shown(EVERYWHERE.has(each.host) ? { ...each, host: service } : each))

/** Client listeners as clients on the containers' network dial them; `service` stands for a host left out. */
export const addressesOf = (env: Environment, roles: readonly Role[], service: string): readonly string[] => {
  if (roles.includes('broker')) return brokerAddresses(env, service)
  if (roles.includes('controller')) return controllerAddresses(env, service)
  if (roles.includes('zookeeper')) return [`${service}:${first(env, 'ZOOKEEPER_CLIENT_PORT', 'ZOO_PORT_NUMBER') ?? '2181'}`]
  if (roles.includes('schema-registry'))
    return listenersOf(env.get('SCHEMA_REGISTRY_LISTENERS') ?? 'http://0.0.0.0:8081').map(({ port }) => `${service}:${port}`)
  if (roles.includes('connect')) return [`${service}:${first(env, 'CONNECT_REST_PORT') ?? '8083'}`]
  return []
}
