// One request to one instance over `platform.dial`: its own deadline, nothing followed, nothing retried,
// Confluent's error codes as codes of ours.
import { request as httpRequest, type RequestOptions } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { KdrError, wordsOf } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'

export interface RegistryConnection {
  readonly dial: (host: string, port: number) => Duplex
  /** PEM; null: the system's authorities. */
  readonly ca: string | null
  readonly auth: { readonly username: string; readonly password: string } | null
  /** One request to one instance. */
  readonly timeout: Millis
}

export interface Question {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
}

interface Answer {
  readonly status: number
  readonly text: string
}

const MEDIA = 'application/vnd.schemaregistry.v1+json'
/** No answer of a registry is larger; one that never ends must not fill the memory. */
const MOST = 64 * 1024 * 1024

const portOf = ({ port, protocol }: URL): number => (port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port))

const streamTo = (url: URL, { dial, ca }: RegistryConnection): Duplex => {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const stream = dial(host, portOf(url))
  if (url.protocol !== 'https:') return stream
  const secure = connect({ socket: stream, host, ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === null ? {} : { ca }), rejectUnauthorized: true })
  // A stream that breaks before the handshake would otherwise leave the TLS socket waiting.
  stream.once('error', (error) => secure.destroy(error))
  return secure
}

const REFUSED = /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|EPIPE|socket hang up/

const failure = (at: string, thrown: unknown): KdrError => {
  if (thrown instanceof KdrError) return thrown
  const words = `${at} cannot be reached: ${wordsOf(thrown)}`
  const text = `${thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''} ${wordsOf(thrown)}`
  return new KdrError(words, { code: REFUSED.test(text) ? 'registry-unreachable' : 'registry-failed', cause: thrown })
}

const exchange = (url: URL, { method, body }: Question, connection: RegistryConnection, signal: AbortSignal): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { auth } = connection
    const text = body === undefined ? null : Buffer.from(JSON.stringify(body))
    const options: RequestOptions = {
      method,
      host: url.hostname,
      port: portOf(url),
      path: `${url.pathname}${url.search}`,
      signal,
      createConnection: () => streamTo(url, connection),
      headers: {
        accept: `${MEDIA}, application/json`,
        ...(text === null ? {} : { 'content-type': MEDIA, 'content-length': text.length }),
        ...(auth === null ? {} : { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` }),
      },
    }
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > MOST) request.destroy(new KdrError(`the answer of ${url.host} does not end`, { code: 'registry-failed' }))
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(text ?? undefined)
  })

const json = (at: string, { status, text }: Answer): unknown => {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    throw new KdrError(`${at} answers ${status} without JSON: it may be no schema registry`, { code: `registry-${status}` })
  }
}

const refusal = (at: string, { method, path }: Question, status: number, value: unknown): KdrError => {
  const said = typeof value === 'object' && value !== null ? (value as { error_code?: unknown; message?: unknown }) : {}
  const code = typeof said.error_code === 'number' ? said.error_code : status
  const words = `${at} answers ${method} ${path} with ${code}${typeof said.message === 'string' ? `: ${said.message}` : ''}`
  if (status === 401 || status === 403) {
    return new KdrError(words, { code: 'registry-unauthorized', hint: 'check schemaRegistry.auth of the cluster in the configuration' })
  }
  return new KdrError(words, { code: `registry-${code}` })
}

/** Errors: see the port; the signal's reason once it is aborted. */
export const ask = async (at: string, question: Question, connection: RegistryConnection, signal: AbortSignal): Promise<unknown> => {
  signal.throwIfAborted()
  const limit = AbortSignal.timeout(connection.timeout)
  let answer: Answer
  try {
    answer = await exchange(new URL(question.path, at), question, connection, AbortSignal.any([signal, limit]))
  } catch (thrown) {
    signal.throwIfAborted()
    if (limit.aborted) throw new KdrError(`${at} did not answer within ${formatDuration(connection.timeout)}`, { code: 'registry-silent' })
    throw failure(at, thrown)
  }
  // A redirection is an answer like any other: nobody was asked to look elsewhere.
  if (answer.status >= 200 && answer.status < 300) return json(at, answer)
  let value: unknown = null
  try {
    value = json(at, answer)
  } catch {
    // The status says enough.
  }
  throw refusal(at, question, answer.status, value)
}
