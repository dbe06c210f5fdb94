// Kafka Connect's REST interface, through the platform's own way to its hosts. Asks one address and follows
// nothing: a worker that names another host in its answer is not believed.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import * as v from 'valibot'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Connector } from '../../model/survey.ts'
import type { ConnectReader } from '../../ports/connect.ts'

export interface ConnectSettings {
  readonly dial: (host: string, port: number) => Duplex
  /** PEM of the authority; null: the system's. */
  readonly ca: string | null
  readonly auth: { readonly username: string; readonly password: string } | null
}

/** An answer longer than this is none that Connect gives. */
const MOST_BYTES = 32 * 1024 * 1024

const State = v.object({ state: v.string() })
const Statuses = v.record(v.string(), v.object({ status: v.object({ connector: State, tasks: v.array(v.object({ id: v.number(), state: v.string() })) }) }))

const unreachable = (url: string, thrown: unknown): KdrError =>
  new KdrError(`Connect at ${url} was not reached: ${wordsOf(thrown)}`, { code: 'connect-unreachable', cause: thrown })

const odd = (url: string, what: string): KdrError => new KdrError(`Connect at ${url} ${what}`, { code: 'connect-odd-answer' })

/** The stream is no net.Socket on every platform; Node's HTTP client needs only what a Duplex has, and these. */
const asSocket = (stream: Duplex): Socket => stream as Socket

const open = ({ dial, ca, auth }: ConnectSettings, url: URL, signal: AbortSignal): ClientRequest => {
  const secure = url.protocol === 'https:'
  const port = Number(url.port || (secure ? 443 : 80))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return request({
    host,
    port,
    path: '/connectors?expand=status',
    headers: {
      accept: 'application/json',
      connection: 'close',
      ...(auth === null ? {} : { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` }),
    },
    signal,
    createConnection: () => {
      const plain = asSocket(dial(host, port))
      return secure ? connectTls({ socket: plain, servername: host, ...(ca === null ? {} : { ca }) }) : plain
    },
  })
}

const bodyOf = async (url: string, response: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MOST_BYTES) throw odd(url, `answers more than ${MOST_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

const get = (settings: ConnectSettings, url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const asked = open(settings, new URL(url), signal)
    asked.on('error', (thrown) => reject(unreachable(url, thrown)))
    asked.on('response', (response) => {
      bodyOf(url, response).then(
        (body) => resolve({ status: response.statusCode ?? 0, body }),
        (thrown: unknown) => reject(thrown instanceof KdrError ? thrown : unreachable(url, thrown)),
      )
    })
    asked.end()
  })

/** KIP-465: every connector with its own state and each task's. Workers before 2.3 answer with names alone. */
const parse = (url: string, body: string): readonly Connector[] => {
  let read: unknown
  try {
    read = JSON.parse(body)
  } catch {
    throw odd(url, 'answers no JSON')
  }
  const parsed = v.safeParse(Statuses, read)
  if (!parsed.success) throw odd(url, 'does not say the states of its connectors (GET /connectors?expand=status, Kafka 2.3 and later)')
  return Object.entries(parsed.output).map(([name, { status }]) => ({ name, state: status.connector.state, tasks: status.tasks }))
}

/** Holds no connection between questions. */
export const openConnect = (settings: ConnectSettings): ConnectReader => ({
  connectors: async (url, signal) => {
    const { status, body } = await get(settings, url, signal)
    if (status === 401 || status === 403)
      throw new KdrError(`Connect at ${url} wants credentials (HTTP ${status})`, { code: 'connect-forbidden', hint: 'set clusters.<name>.connect.auth' })
    if (status !== 200) throw odd(url, `answers HTTP ${status}`)
    return parse(url, body)
  },
})
