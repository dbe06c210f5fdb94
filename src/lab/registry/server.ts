// HTTP around the routes: finds the route, reads the body, sends writes to the leader, and answers errors in
// Confluent's form.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Call, Route } from './api.ts'
import { RestError } from './rest-error.ts'
import type { Identity } from './settings.ts'

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json'
const ACCEPTED = [CONTENT_TYPE, 'application/vnd.schemaregistry+json', 'application/json', 'application/octet-stream']
/** Set on what another instance has passed on: it is never passed on again. */
const FORWARDED = 'x-forward'
const FORWARD_TIMEOUT = 10_000
const LARGEST_BODY = 8 << 20

export interface Leadership {
  /** null: nobody is known to lead. */
  readonly leader: () => Identity | null
  readonly isMe: (leader: Identity) => boolean
  /** As the leader, when everybody's writes have been read, and one at a time. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

interface Answer {
  readonly status: number
  readonly body: string
}

const matches = (route: Route, words: readonly string[]): readonly string[] | null => {
  const parts = route.path.split('/').slice(1)
  if (parts.length !== words.length) return null
  if (!parts.every((part, at) => part === '{}' || part === words[at])) return null
  return words.filter((_, at) => parts[at] === '{}')
}

const findRoute = (routes: readonly Route[], method: string, words: readonly string[]): { readonly route: Route; readonly words: readonly string[] } => {
  const found = routes.flatMap((route) => {
    const of = matches(route, words)
    return of === null ? [] : [{ route, words: of }]
  })
  const fits = found.find(({ route }) => route.method === (method === 'HEAD' ? 'GET' : method))
  if (fits !== undefined) return fits
  throw found.length > 0 ? new RestError(405, 'HTTP 405 Method Not Allowed') : new RestError(404, 'HTTP 404 Not Found')
}

const readBody = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LARGEST_BODY) throw new RestError(413, 'the body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const parseBody = (message: IncomingMessage, body: Buffer): Call['body'] => {
  if (body.length === 0) return {}
  const type = (message.headers['content-type'] ?? CONTENT_TYPE).split(';')[0]?.trim() ?? ''
  if (!ACCEPTED.includes(type)) throw new RestError(415, 'HTTP 415 Unsupported Media Type')
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Call['body']) : {}
  } catch {
    throw new RestError(400, 'Unrecognized JSON')
  }
}

/** Throws 50003. */
const forward = (leader: Identity, message: IncomingMessage, body: Buffer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const failed = (cause: unknown) =>
      reject(new RestError(50003, `Error while forwarding the request to the leader at ${leader.host}:${leader.port}: ${wordsOf(cause)}`))
    const headers = { 'content-type': message.headers['content-type'] ?? CONTENT_TYPE, 'content-length': body.length, [FORWARDED]: 'true' }
    const call = request({ host: leader.host, port: leader.port, method: message.method, path: message.url, headers, agent: false }, (answer) => {
      readBody(answer).then((bytes) => resolve({ status: answer.statusCode ?? 500, body: bytes.toString('utf8') }), failed)
    })
    call.setTimeout(FORWARD_TIMEOUT, () => call.destroy(new Error('no answer')))
    call.once('error', failed)
    call.end(body)
  })

const ok = (value: unknown): Answer => ({ status: 200, body: JSON.stringify(value) })

/** Errors: 404, 405, 415, 50003, 50004, and what the route throws. */
const answerOf = async (routes: readonly Route[], leadership: Leadership, message: IncomingMessage): Promise<Answer> => {
  const url = new URL(message.url ?? '/', 'http://registry')
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : url.pathname
  const { route, words } = findRoute(routes, message.method ?? 'GET', path.split('/').slice(1).map(decodeURIComponent))
  const body = await readBody(message)
  const call: Call = { words, query: url.searchParams, body: parseBody(message, body) }
  if (route.write === undefined) return ok(await route.answer(call))
  const local = route.write.local(call)
  if (local !== null) return ok(local)
  const leader = leadership.leader()
  if (leader === null) throw new RestError(50004, 'Leader not known.')
  if (leadership.isMe(leader)) return ok(await leadership.inTurn(async () => route.answer(call)))
  if (message.headers[FORWARDED] !== undefined) throw new RestError(50003, 'Error while forwarding the request: this is not the leader')
  return forward(leader, message, body)
}

const errorOf = (thrown: unknown): RestError => {
  if (thrown instanceof RestError) return thrown
  if (thrown instanceof KdrError && thrown.code === 'store-timeout') return new RestError(50002, `Operation timed out: ${thrown.message}`)
  return new RestError(50001, `Error in the backend data store: ${wordsOf(thrown)}`)
}

const send = (response: ServerResponse, { status, body }: Answer): void => {
  response.writeHead(status, { 'content-type': CONTENT_TYPE, server: 'kdr-lab-schema-registry' }).end(body)
}

/** Never rejects. */
const respond = async (routes: readonly Route[], leadership: Leadership, message: IncomingMessage): Promise<Answer> => {
  try {
    return await answerOf(routes, leadership, message)
  } catch (thrown) {
    const { status, code, message: words } = errorOf(thrown)
    return { status, body: JSON.stringify({ error_code: code, message: words }) }
  }
}

export const serve = (routes: readonly Route[], leadership: Leadership, log: (line: string) => void): Server =>
  createServer(async (message, response) => {
    const answer = await respond(routes, leadership, message)
    log(`INFO ${message.socket.remoteAddress} ${message.method} ${message.url} ${answer.status}`)
    send(response, answer)
  })
