// The only door to kafkajs. Its public client throws on leaderless partitions and hides what kdr must
// see, so kdr uses the connections beneath it: framing, correlation, version handshake and login. These
// are internals, hence the exact pin on 2.2.4; they are loaded when the first connection is made.
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import type { Millis } from '../../units.ts'

interface Logger {
  namespace(): Logger
  debug(): void
  info(): void
  warn(): void
  error(): void
}

/** kafkajs logs through here: nowhere. Errors reach the caller as errors. */
const silent: Logger = { namespace: () => silent, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export interface Sasl {
  readonly mechanism: string
  readonly username: string
  readonly password: string
}

export type SocketFactory = (options: { readonly host: string; readonly port: number; readonly onConnect: () => void }) => Duplex

/** What kdr touches of `network/requestQueue`. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
  destroy(): void
}

/** What kdr touches of `network/connection`. */
export interface Connection {
  readonly requestQueue: RequestQueue
  rejectRequests(error: Error): void
  send(protocol: {
    readonly request: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string; readonly encode: () => Promise<unknown> }
    readonly response: { readonly decode: (payload: Buffer) => Promise<Buffer>; readonly parse: (payload: Buffer) => Promise<Buffer> }
    readonly logResponseError: boolean
  }): Promise<Buffer>
}

interface ConnectionPool {
  readonly pool: readonly Connection[]
}

/** Highest and lowest version a broker offers of an API, by its key. */
export type Versions = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>

interface Broker {
  readonly versions: Versions | null
  /** Connects, asks ApiVersions and logs in. */
  connect(): Promise<void>
}

interface Encoder {
  writeBufferInternal(buffer: Buffer): void
}

export interface Internals {
  readonly ConnectionPool: new (options: object) => ConnectionPool
  readonly Broker: new (options: object) => Broker
  readonly Encoder: new () => Encoder
}

let loaded: Internals | undefined

export const kafkajs = (): Internals => {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url)
    loaded = {
      ConnectionPool: require('kafkajs/src/network/connectionPool'),
      Broker: require('kafkajs/src/broker'),
      Encoder: require('kafkajs/src/protocol/encoder'),
    }
  }
  return loaded
}

export interface LoginOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly socketFactory: SocketFactory
  readonly tls: boolean
  readonly sasl: Sasl | null
  readonly timeout: Millis
}

/** One connection, logged in when `broker.connect()` resolves. Deadlines are the caller's. */
export const makeConnection = (options: LoginOptions): { readonly broker: Broker; readonly connection: Connection } => {
  const { ConnectionPool, Broker } = kafkajs()
  const pool = new ConnectionPool({
    host: options.host,
    port: options.port,
    clientId: options.clientId,
    logger: silent,
    socketFactory: options.socketFactory,
    ssl: options.tls ? {} : null,
    // kafkajs keeps its authenticator in this object, so that it must not be shared.
    sasl: options.sasl === null ? null : { ...options.sasl },
    requestTimeout: options.timeout,
    connectionTimeout: options.timeout,
    // A new login is made so long before the session ends: a request that takes longer to arrive is late anyway. (kafkajs: 10 s, which logs in at every request of a shorter session.)
    reauthenticationThreshold: options.timeout,
    enforceRequestTimeout: false, // it would poll by interval; a link has its own deadlines
  })
  const broker = new Broker({ connectionPool: pool, logger: silent, authenticationTimeout: options.timeout })
  const connection = pool.pool[0] as Connection
  quietTimer(connection)
  return { broker, connection }
}

/** kafkajs sets a timer after every answer, with a negative delay when nothing is throttled: Node 24 warns about it (kafkajs#1751). Only needed while something waits. */
const quietTimer = (connection: Connection): void => {
  const queue = connection.requestQueue
  const schedule = queue.scheduleCheckPendingRequests.bind(queue)
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule()
  }
}
