// A websocket to a pod, as exec and port-forward use it: each frame's first byte says which channel it
// belongs to. The library's own classes drop the end of a connection and hold nothing back (measured with
// 1.4.0), so this speaks to the API server itself, with the kubeconfig's credentials.
import type { RequestOptions } from 'node:https'
import WebSocket from 'ws'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import type { KubeClient } from './client.ts'

/** How a connection ended. `clean`: the other side said goodbye, having sent all it had. */
export interface Ending {
  readonly clean: boolean
  readonly why: string
}

export interface Hearing {
  data(channel: number, chunk: Buffer): void
  /** Called once; nothing is heard after it. */
  ended(ending: Ending): void
}

export interface Channels {
  /** `sent` is called when the machine has taken it, which is what holds a fast writer back. */
  send(channel: number, chunk: Buffer, sent: (error?: Error | null) => void): void
  pause(): void
  resume(): void
  /** Says goodbye. */
  close(): void
  /** Leaves without a word. */
  drop(): void
}

/** From the first packet to the kubelet's answer; a node that is gone costs the API server seconds to notice. */
const HANDSHAKE: Millis = 20_000
const GOODBYE: Millis = 2_000
/** No frame of an API server comes near it; more is no API server. */
const MAX_FRAME = 32 << 20
const MAX_REFUSAL = 64 << 10

const CODES: Readonly<Record<number, string>> = { 401: 'forbidden', 403: 'forbidden', 404: 'not-found' }

/** Why the API server would not upgrade the connection: its Status, else the bare text. */
const refusal = (what: string, status: number, body: string): KdrError => {
  let words = body.trim()
  try {
    words = String((JSON.parse(body) as { readonly message?: unknown }).message ?? words)
  } catch {
    // A proxy's own text is the best there is.
  }
  const code = CODES[status] ?? 'kubernetes-error'
  const hint = code === 'forbidden' ? { hint: 'kdr doctor prints the Role that is missing' } : {}
  return new KdrError(`cannot ${what}: ${words === '' ? `HTTP ${status}` : words}`, { code, ...hint })
}

const unreachable = (what: string, cause: unknown): KdrError =>
  new KdrError(`cannot ${what}: ${wordsOf(cause)}`, {
    code: 'kubernetes-unreachable',
    hint: 'check the network up to the API server: kubectl cluster-info',
    cause,
  })

const optionsOf = async ({ config, userAgent }: KubeClient): Promise<WebSocket.ClientOptions> => {
  const options: RequestOptions = {}
  await config.applyToHTTPSOptions(options)
  const headers = { ...(options.headers as Record<string, string> | undefined), 'User-Agent': userAgent }
  const limits = { handshakeTimeout: HANDSHAKE, closeTimeout: GOODBYE, maxPayload: MAX_FRAME, perMessageDeflate: false }
  return { ...(options as object), ...limits, headers }
}

const channelsOf = (socket: WebSocket): Channels => ({
  send: (channel, chunk, sent) => {
    const frame = Buffer.allocUnsafe(chunk.length + 1)
    frame[0] = channel
    chunk.copy(frame, 1)
    socket.send(frame, { binary: true }, sent)
  },
  pause: () => socket.pause(),
  resume: () => socket.resume(),
  close: () => socket.close(1000),
  drop: () => socket.terminate(),
})

/** After the upgrade: frames and one end. Code 1000 is a goodbye (RFC 6455 §7.4.1); without one the connection was dropped. */
const listen = (socket: WebSocket, hearing: Hearing): void => {
  let trouble = ''
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (binary && data.length > 0) hearing.data(data.readUInt8(0), data.subarray(1))
  })
  socket.on('error', (error) => {
    trouble = wordsOf(error)
  })
  socket.on('close', (code, reason) => {
    const words = trouble || reason.toString('utf8') || (code === 1000 ? 'the other side closed it' : 'the connection to the API server was dropped')
    hearing.ended({ clean: code === 1000 && trouble === '', why: words })
  })
}

/**
 * Opens `path` (with its query) of the API server. `what` is the ask in words: `exec in pod kafka-2`. Rejects with the
 * signal's reason, `forbidden`, `not-found`, `kubernetes-error` or `kubernetes-unreachable`. The signal ends with the opening.
 */
export const openChannels = async (
  client: KubeClient,
  what: string,
  path: string,
  protocols: readonly string[],
  hearing: Hearing,
  signal: AbortSignal,
): Promise<Channels> => {
  signal.throwIfAborted()
  const options = await optionsOf(client).catch((cause: unknown) => {
    throw unreachable(what, cause)
  })
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${client.server.replace(/^http/, 'ws').replace(/\/$/, '')}${path}`, [...protocols], options)
    const abort = () => fail(signal.reason)
    const fail = (reason: unknown) => {
      signal.removeEventListener('abort', abort)
      // Torn down while it connects, it reports that as an error of its own.
      socket.on('error', () => {})
      socket.terminate()
      reject(reason)
    }
    const failed = (error: Error) => fail(unreachable(what, error))
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', failed)
    socket.once('unexpected-response', (_, response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        if (body.length < MAX_REFUSAL) body += text
      })
      response.once('close', () => fail(refusal(what, response.statusCode ?? 0, body)))
    })
    socket.once('open', () => {
      signal.removeEventListener('abort', abort)
      socket.off('error', failed)
      listen(socket, hearing)
      resolve(channelsOf(socket))
    })
  })
}
