// One HTTP request to one address, through the platform's own way to its hosts: nothing followed, nothing
// retried, no connection kept. What a service's answers mean is its own adapter's to say.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { KdrError, wordsOf } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'

export interface HttpConnection {
  readonly dial: (host: string, port: number) => Duplex
  /** PEM; null: the system's authorities. */
  readonly ca: string | null
  readonly auth: { readonly username: string; readonly password: string } | null
  /** The longest silence, before an answer as within it: a large one may take longer as long as it comes. */
  readonly timeout: Millis
}

export interface Question {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly accept: string
  readonly body?: { readonly type: string; readonly json: unknown }
}

export interface Answer {
  readonly status: number
  readonly text: string
}

/** No answer is larger; one that never ends must not fill the memory. */
const MOST_BYTES = 64 * 1024 * 1024

const portOf = ({ port, protocol }: URL): number => (port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port))

/** The stream is no net.Socket on every platform; Node's HTTP client needs only what a Duplex has. */
const asSocket = (stream: Duplex): Socket => stream as Socket

/** TLS is verified against the name that was asked for, whatever the way there. */
const streamTo = (url: URL, { dial, ca }: HttpConnection): Duplex => {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const stream = dial(host, portOf(url))
  if (url.protocol !== 'https:') return stream
  const secure = connectTls({
    socket: stream,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === null ? {} : { ca }),
    rejectUnauthorized: true,
  })
  // A stream that breaks before the handshake would otherwise leave the TLS socket waiting.
  stream.on('error', (error) => secure.destroy(error))
  return secure
}

const headersOf = ({ accept, body }: Question, payload: Buffer | null, { auth }: HttpConnection): Record<string, string | number> => ({
  accept,
  connection: 'close',
  ...(payload === null || body === undefined ? {} : { 'content-type': body.type, 'content-length': payload.length }),
  ...(auth === null ? {} : { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` }),
})

const REFUSED = /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|EPIPE|socket hang up/

const read = (url: URL, response: IncomingMessage, name: string, heard: () => void): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const failed = (words: string, cause?: unknown) => reject(new KdrError(`${url.origin} ${words}`, { code: `${name}-failed`, cause }))
    response.on('data', (chunk: Buffer) => {
      heard()
      chunks.push(chunk)
      size += chunk.length
      if (size > MOST_BYTES) failed('does not end its answer')
    })
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
    // It answers, so somebody is there: half an answer says nothing else.
    response.on('error', (cause) => failed(`cut its answer short: ${wordsOf(cause)}`, cause))
  })

const unanswered = (url: URL, name: string, cause: unknown): KdrError => {
  if (cause instanceof KdrError) return cause
  const text = `${cause instanceof Error && 'code' in cause ? String(cause.code) : ''} ${wordsOf(cause)}`
  return new KdrError(`${url.origin} cannot be reached: ${wordsOf(cause)}`, { code: `${name}-${REFUSED.test(text) ? 'unreachable' : 'failed'}`, cause })
}

/**
 * `at`: `http://host:port`; `name`: what listens there, for the codes of errors: `<name>-unreachable` (nobody listens),
 * `<name>-silent`, `<name>-failed` (TLS, a broken or endless answer). Throws the signal's reason once it is aborted.
 */
export const exchange = (name: string, at: string, question: Question, connection: HttpConnection, signal: AbortSignal): Promise<Answer> => {
  signal.throwIfAborted()
  const url = new URL(question.path, at)
  const payload = question.body === undefined ? null : Buffer.from(JSON.stringify(question.body.json))
  return new Promise<Answer>((resolve, reject) => {
    let stream: Duplex | null = null
    const options: RequestOptions = {
      method: question.method,
      host: url.hostname,
      port: portOf(url),
      path: `${url.pathname}${url.search}`,
      headers: headersOf(question, payload, connection),
      createConnection: () => {
        stream = streamTo(url, connection)
        // What breaks after the end, while it is torn down, concerns nobody.
        stream.on('error', () => {})
        return asSocket(stream)
      },
    }
    const request = httpRequest(options)
    const silent = new KdrError(`${url.origin} did not answer within ${formatDuration(connection.timeout)}`, { code: `${name}-silent` })
    const end = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      settle()
      request.destroy()
      stream?.destroy()
    }
    const fail = (thrown: unknown) => end(() => reject(thrown))
    const abort = () => fail(signal.reason)
    const giveUp = () => fail(silent)
    let timer = setTimeout(giveUp, connection.timeout)
    const heard = () => {
      clearTimeout(timer)
      timer = setTimeout(giveUp, connection.timeout)
    }
    signal.addEventListener('abort', abort, { once: true })
    request.on('error', (cause) => fail(unanswered(url, name, cause)))
    request.on('response', (response) => {
      heard()
      read(url, response, name, heard).then((answer) => end(() => resolve(answer)), fail)
    })
    request.end(payload ?? undefined)
  })
}
