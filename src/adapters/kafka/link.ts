// One connection to one broker, with a deadline for every request. A broker that accepts connections and
// never answers (SIGSTOP, a full disk queue) costs at most that deadline; its connection is then torn
// down at once, so that nothing keeps the process alive.
import type { Duplex } from 'node:stream'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Intake } from '../../ports/platform.ts'
import type { Millis } from '../../units.ts'
import { within } from './deadline.ts'
import { type Connection, kafkajs, makeConnection, type Sasl, type Versions } from './kafkajs.ts'
import type { Message } from './message.ts'
import { socketFactory, type TlsSettings } from './socket.ts'
import { WireReader, WireWriter } from './wire.ts'

export interface LinkSettings {
  readonly clientId: string
  readonly tls: TlsSettings | null
  readonly sasl: Sasl | null
  readonly dial: (host: string, port: number, intake?: Intake) => Duplex
  readonly requestTimeout: Millis
}

/**
 * `breaks`: a late answer breaks the link; requests on a connection are answered in order, so nothing
 * after it would come either. `lingers`: the link stays, and tells by `abandoned` whether the answer came.
 */
export type WhenLate = 'breaks' | 'lingers'

const REFUSED = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE']

/** `host:port`, also `[::1]:9092`. */
export const splitEndpoint = (endpoint: string): { readonly host: string; readonly port: number } => {
  const colon = endpoint.lastIndexOf(':')
  return { host: endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(endpoint.slice(colon + 1)) }
}

/** Errors of the network, TLS and login, by what they prove: only `broker-refused` proves that nobody serves there. */
export const translate = (endpoint: string, error: unknown): KdrError => {
  if (error instanceof KdrError) return error
  const { name, code } = error as { name?: string; code?: string }
  const words = wordsOf(error).replace(/^Connection error: /, '')
  if (name === 'KafkaJSSASLAuthenticationError') {
    return new KdrError(`${endpoint} refused the login: ${words}`, {
      code: 'authentication-failed',
      cause: error,
      hint: 'Check the user, the password and the SASL mechanism.',
    })
  }
  if (name === 'KafkaJSConnectionClosedError' || (code !== undefined && REFUSED.includes(code))) {
    return new KdrError(`${endpoint}: ${words}`, { code: 'broker-refused', cause: error })
  }
  return new KdrError(`${endpoint}: ${words}`, { code: 'broker-unreachable', cause: error })
}

export class Link {
  readonly endpoint: string
  readonly #settings: LinkSettings
  readonly #whenLate: WhenLate
  #abandoned = 0
  #streams: readonly Duplex[] = []
  #connection: Connection | null = null
  #ready: Promise<Versions> | null = null
  #broken: KdrError | null = null
  /** Whoever waits. Not a race with one promise that lasts as long as the link: that would hold on to every answer. */
  readonly #waiting = new Set<(reason: KdrError) => void>()

  constructor(endpoint: string, settings: LinkSettings, whenLate: WhenLate = 'breaks') {
    this.endpoint = endpoint
    this.#settings = settings
    this.#whenLate = whenLate
  }

  /** A broken link is not used again. */
  get broken(): boolean {
    return this.#broken !== null
  }

  /** A request nobody waits for any more has not been answered yet. */
  get abandoned(): boolean {
    return this.#abandoned > 0 && !this.broken
  }

  /** Versions the broker offers, once it answered ApiVersions and the login is done. */
  versions(signal: AbortSignal): Promise<Versions> {
    this.#ready ??= this.#connect()
    return this.#guarded('ApiVersions', this.#ready, this.#settings.requestTimeout, signal)
  }

  /** Whether it offers the message in the version kdr speaks. */
  async offers(message: Pick<Message<never, unknown>, 'key' | 'version'>, signal: AbortSignal): Promise<boolean> {
    const range = (await this.versions(signal))[message.key]
    return range !== undefined && range.minVersion <= message.version && message.version <= range.maxVersion
  }

  /** Errors: `broker-refused`, `broker-silent`, `broker-unreachable`, `authentication-failed`, `api-not-offered`, `malformed-answer`. `extra` is how long the broker may wait by request. */
  async ask<Q, A>(message: Message<Q, A>, question: Q, signal: AbortSignal, extra: Millis = 0): Promise<A> {
    signal.throwIfAborted()
    if (!(await this.offers(message, signal))) {
      throw new KdrError(`${this.endpoint} does not offer ${message.name} v${message.version}`, { code: 'api-not-offered' })
    }
    const payload = await this.#guarded(message.name, this.#send(message, question), this.#settings.requestTimeout + extra, signal, this.#whenLate)
    try {
      const reader = new WireReader(payload)
      if (message.flexible) reader.tags()
      return message.decode(reader)
    } catch (error) {
      throw new KdrError(`${this.endpoint} answered ${message.name} in a form kdr cannot read: ${wordsOf(error)}`, { code: 'malformed-answer', cause: error })
    }
  }

  /** Tears the connection down; whoever waits gets `reason`. */
  destroy(reason: KdrError): void {
    if (this.#broken !== null) return
    this.#broken = reason
    for (const reject of this.#waiting) reject(reason)
    this.#connection?.rejectRequests(reason)
    this.#connection?.requestQueue.destroy()
    for (const stream of this.#streams) stream.destroy(reason)
  }

  #unlessBroken<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== null) reject(this.#broken)
      this.#waiting.add(reject)
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject))
    })
  }

  async #guarded<T>(what: string, work: Promise<T>, limit: Millis, signal: AbortSignal, whenLate: WhenLate = 'breaks'): Promise<T> {
    let late: KdrError | null = null
    const tooLate = (): KdrError => {
      late = new KdrError(`${this.endpoint} did not answer ${what} within ${limit} ms`, { code: 'broker-silent' })
      return late
    }
    try {
      return await within(this.#unlessBroken(work), limit, signal, tooLate)
    } catch (error) {
      const isLate = late !== null && error === late
      if (whenLate === 'lingers' && (signal.aborted || isLate)) this.#abandon(work)
      if (signal.aborted) throw signal.reason
      if (whenLate === 'lingers' && isLate) throw error
      const reason = translate(this.endpoint, error)
      this.destroy(reason)
      throw this.#broken ?? reason
    }
  }

  #abandon(work: Promise<unknown>): void {
    this.#abandoned += 1
    const settled = () => {
      this.#abandoned -= 1
    }
    work.then(settled, settled)
  }

  async #connect(): Promise<Versions> {
    const { clientId, tls, sasl, dial, requestTimeout } = this.#settings
    const made = (streams: readonly Duplex[]) => this.#adopt(streams)
    const { broker, connection } = makeConnection({
      ...splitEndpoint(this.endpoint),
      clientId,
      sasl,
      tls: tls !== null,
      socketFactory: socketFactory(dial, tls, made),
      timeout: requestTimeout,
    })
    this.#connection = connection
    await broker.connect()
    return broker.versions ?? {}
  }

  /** kafkajs does not notice a stream that closes without end or error. */
  #adopt(streams: readonly Duplex[]): void {
    this.#streams = streams
    for (const stream of streams) {
      stream.on('error', (error) => this.destroy(translate(this.endpoint, error)))
      stream.on('close', () => this.destroy(new KdrError(`${this.endpoint} closed the connection`, { code: 'broker-refused' })))
      if (this.#broken !== null) stream.destroy(this.#broken)
    }
  }

  #send<Q, A>(message: Message<Q, A>, question: Q): Promise<Buffer> {
    const { Encoder } = kafkajs()
    const encode = async () => {
      const writer = new WireWriter()
      if (message.flexible) writer.tags() // of the request header
      message.encode(writer, question)
      const encoder = new Encoder()
      encoder.writeBufferInternal(writer.finish())
      return encoder
    }
    const plain = async (payload: Buffer) => payload
    const request = { apiKey: message.key, apiVersion: message.version, apiName: message.name, encode }
    if (this.#connection === null) return Promise.reject(new Error('not connected'))
    return this.#connection.send({ request, response: { decode: plain, parse: plain }, logResponseError: false })
  }
}
