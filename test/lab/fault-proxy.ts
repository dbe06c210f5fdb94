// Stands before a real HTTP server and lets through, answers an error, says nothing, or cuts the line: what a
// network and a busy server do, when a test wants it.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Fault =
  | { readonly kind: 'answer'; readonly status: number }
  /** Nothing is said, and the line stays open. */
  | { readonly kind: 'hang' }
  /** The request never arrives. */
  | { readonly kind: 'cut' }
  /** It arrives and is done; only the answer gets lost. */
  | { readonly kind: 'lose-answer' }
  /** The answer breaks off after so many bytes of its body. */
  | { readonly kind: 'cut-answer'; readonly after: number }

export interface FaultProxy {
  readonly endpoint: string
  /** What has come so far: `PUT /bucket/key?partNumber=1`. */
  readonly seen: readonly string[]
  /** For the next `times` requests that match. */
  break(matches: (line: string) => boolean, fault: Fault, times?: number): void
  heal(): void
  stop(): Promise<void>
}

interface Rule {
  readonly matches: (line: string) => boolean
  readonly fault: Fault
  left: number
}

const forward = (target: URL, incoming: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): void => {
  const { method, url, headers } = incoming
  // The host stays as it was asked for: it is signed.
  const outgoing = request({ host: target.hostname, port: target.port, method, path: url, headers }, (response) => {
    if (fault?.kind === 'lose-answer') {
      response.resume().on('end', () => incoming.socket.destroy())
      return
    }
    answer.writeHead(response.statusCode ?? 502, response.headers)
    let left = fault?.kind === 'cut-answer' ? fault.after : Number.POSITIVE_INFINITY
    response.on('data', (chunk: Buffer) => {
      if (left <= 0) return
      answer.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left <= 0) setTimeout(() => incoming.socket.destroy(), 20)
    })
    response.on('end', () => left > 0 && answer.end())
    response.on('error', () => answer.destroy())
  })
  outgoing.on('error', () => incoming.socket.destroy())
  incoming.pipe(outgoing)
}

export const startFaultProxy = async (endpoint: string): Promise<FaultProxy> => {
  const target = new URL(endpoint)
  const seen: string[] = []
  let rules: Rule[] = []
  const server = createServer((incoming, answer) => {
    const line = `${incoming.method} ${incoming.url}`
    seen.push(line)
    const rule = rules.find(({ left, matches }) => left > 0 && matches(line))
    if (rule !== undefined) rule.left -= 1
    const fault = rule?.fault
    if (fault?.kind === 'hang') return void incoming.resume()
    if (fault?.kind === 'cut') return void incoming.socket.destroy()
    if (fault?.kind !== 'answer') return forward(target, incoming, answer, fault)
    incoming.resume().on('end', () => {
      answer.writeHead(fault.status, { 'content-type': 'application/xml' })
      answer.end(incoming.method === 'HEAD' ? undefined : `<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    break: (matches, fault, times = Number.POSITIVE_INFINITY) => {
      rules = [...rules, { matches, fault, left: times }]
    },
    heal: () => {
      rules = []
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
