// A question to one instance of a registry, and what its answer means: Confluent's error codes as codes of ours.
import { KdrError } from '../../errors.ts'
import { type Answer, exchange, type HttpConnection } from '../http/exchange.ts'

export interface Question {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
}

const MEDIA = 'application/vnd.schemaregistry.v1+json'

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
export const ask = async (at: string, question: Question, connection: HttpConnection, signal: AbortSignal): Promise<unknown> => {
  const { method, path, body } = question
  const asked = { method, path, accept: `${MEDIA}, application/json`, ...(body === undefined ? {} : { body: { type: MEDIA, json: body } }) }
  const answer = await exchange('registry', at, asked, connection, signal)
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
