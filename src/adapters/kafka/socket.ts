// Turns what `platform.dial` gives into what kafkajs expects: a net.Socket, given at once, that calls back
// when connected. TLS is laid over it and verified against the advertised name, whatever was dialled.
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'
import type { SocketFactory } from './kafkajs.ts'

export interface TlsSettings {
  /** PEM texts; null for the system's certificate authorities or no client certificate. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  readonly rejectUnauthorized: true
}

type Dial = (host: string, port: number) => Duplex

/** What net.Socket has and a plain Duplex lacks, of what kafkajs may call. */
const SOCKET_METHODS = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'] as const

const asSocket = (stream: Duplex): Duplex => {
  const socket = stream as Duplex & Partial<Record<(typeof SOCKET_METHODS)[number], () => Duplex>>
  for (const method of SOCKET_METHODS) socket[method] ??= () => stream
  return stream
}

const tlsOptions = (tls: TlsSettings, host: string, stream: Duplex): ConnectionOptions => ({
  socket: stream,
  host,
  // Server names are never addresses (RFC 6066); Node still verifies an address against `host`.
  ...(isIP(host) === 0 ? { servername: host } : {}),
  ...(tls.ca === null ? {} : { ca: tls.ca }),
  ...(tls.cert === null ? {} : { cert: tls.cert }),
  ...(tls.key === null ? {} : { key: tls.key }),
  rejectUnauthorized: tls.rejectUnauthorized,
})

/** A Duplex that is still connecting says so as net.Socket does; any other takes writes from the start. */
const whenOpen = (stream: Duplex, then: () => void): void => {
  if ((stream as { connecting?: boolean }).connecting === true) stream.once('connect', then)
  else queueMicrotask(then)
}

/** `made` sees every socket, and whatever it was laid over, as soon as it exists. */
export const socketFactory =
  (dial: Dial, tls: TlsSettings | null, made: (streams: readonly Duplex[]) => void): SocketFactory =>
  ({ host, port, onConnect }) => {
    const stream = asSocket(dial(host, port))
    if (tls === null) {
      made([stream])
      whenOpen(stream, onConnect)
      return stream
    }
    const secure = connect(tlsOptions(tls, host, stream), onConnect)
    // A stream that breaks before the handshake would otherwise leave the TLS socket waiting.
    stream.once('error', (error) => secure.destroy(error))
    stream.once('close', () => secure.destroy())
    made([secure, stream])
    return secure
  }
