// Kafka Connect's REST interface, through the platform's own way to its hosts. Asks one address and follows
// nothing: a worker that names another host in its answer is not believed.
import * as v from 'valibot'
import { KdrError } from '../../errors.ts'
import type { Connector } from '../../model/survey.ts'
import type { ConnectReader } from '../../ports/connect.ts'
import { exchange, type HttpConnection } from '../http/exchange.ts'

const State = v.object({ state: v.string() })
const Statuses = v.record(v.string(), v.object({ status: v.object({ connector: State, tasks: v.array(v.object({ id: v.number(), state: v.string() })) }) }))

const odd = (url: string, what: string): KdrError => new KdrError(`Connect at ${url} ${what}`, { code: 'connect-odd-answer' })

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
export const openConnect = (connection: HttpConnection): ConnectReader => ({
  connectors: async (url, signal) => {
    const question = { method: 'GET', path: '/connectors?expand=status', accept: 'application/json' } as const
    const { status, text } = await exchange('connect', url, question, connection, signal)
    if (status === 401 || status === 403)
      throw new KdrError(`Connect at ${url} wants credentials (HTTP ${status})`, { code: 'connect-forbidden', hint: 'set clusters.<name>.connect.auth' })
    if (status !== 200) throw odd(url, `answers HTTP ${status}`)
    return parse(url, text)
  },
})
