// One connection into a pod, as a socket: it exists at once, connects behind the scenes, holds back whoever
// is too fast on either side, and ends when either side ends.
import { Duplex } from 'node:stream'
import { wordsOf } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import { type Channels, type Ending, type Hearing, openChannels } from './channels.ts'
import type { KubeClient } from './client.ts'
import { openDirect, type Target } from './direct.ts'

/** A pod's port, and which pod of that name. */
export interface Spot {
  readonly namespace: string
  readonly pod: string
  readonly uid: string
  readonly port: number
}

/** Channels of the one forwarded port. Each begins with its number, which proves nothing yet about the pod. */
const DATA = 0
const TROUBLE = 1
const PORT_BYTES = 2
/** Well below what one frame may carry. */
const CHUNK = 256 << 10
/** The protocol cannot end one direction only: after our end, what still comes is awaited this long at a time. */
const LINGER: Millis = 1_000

/** `code` as net.Socket has it. Only what the pod itself refused may be taken for nobody listening. */
export const socketError = (message: string, code: 'ECONNREFUSED' | 'ETUNNEL' | 'ENOTFOUND'): Error => Object.assign(new Error(message), { code })

/** In containerd's and CRI-O's words, from the connect in the pod's own network. */
const troubleOf = (spot: Spot, words: string): Error =>
  /connection refused/i.test(words)
    ? socketError(`connection refused by pod ${spot.pod}, port ${spot.port}`, 'ECONNREFUSED')
    : socketError(`the tunnel to pod ${spot.pod}, port ${spot.port}, broke: ${words}`, 'ETUNNEL')

export class Tunnel extends Duplex {
  /** As net.Socket's, until `connect` is emitted. */
  connecting = true
  readonly #opening = new AbortController()
  #channels: Channels | null = null
  #over = false
  #held: (() => void) | null = null
  #trouble = ''
  #skip: [number, number] = [PORT_BYTES, PORT_BYTES]
  #linger: NodeJS.Timeout | null = null

  constructor() {
    super({ allowHalfOpen: false })
  }

  /** Aborted when nobody wants it any more before it is open. */
  get wanted(): AbortSignal {
    return this.#opening.signal
  }

  /** Port-forward over websocket, one port a connection: /pods/…/portforward, protocol v4.channel.k8s.io. */
  async connect(client: KubeClient, spot: Spot): Promise<void> {
    const path = `/api/v1/namespaces/${spot.namespace}/pods/${spot.pod}/portforward?ports=${spot.port}`
    const hearing = this.#hearing((words) => troubleOf(spot, words))
    try {
      this.#opened(await openChannels(client, `reach pod ${spot.pod}, port ${spot.port}`, path, ['v4.channel.k8s.io'], hearing, this.wanted))
    } catch (error) {
      this.destroy(socketError(wordsOf(error), 'ETUNNEL'))
    }
  }

  /** Straight to a host that is none of the cluster's; fails as net.Socket does. */
  async connectTo(target: Target): Promise<void> {
    this.#skip = [0, 0]
    const hearing = this.#hearing((words) => socketError(`the connection to ${target.host}:${target.port} broke: ${words}`, 'ETUNNEL'))
    try {
      this.#opened(await openDirect(target, DATA, hearing, this.wanted))
    } catch (error) {
      this.destroy(error instanceof Error ? error : socketError(wordsOf(error), 'ETUNNEL'))
    }
  }

  #hearing(broken: (words: string) => Error): Hearing {
    return { data: (channel, chunk) => this.#hear(channel, chunk), ended: (ending) => this.#ended(ending, broken) }
  }

  #opened(channels: Channels): void {
    if (this.destroyed) {
      channels.drop()
      return
    }
    this.#channels = channels
    this.connecting = false
    this.emit('connect')
    this.#held?.()
    this.#held = null
  }

  #hear(channel: number, chunk: Buffer): void {
    if (channel !== DATA && channel !== TROUBLE) return
    const skipped = Math.min(this.#skip[channel], chunk.length)
    this.#skip[channel] -= skipped
    const rest = chunk.subarray(skipped)
    if (rest.length === 0 || this.destroyed) return
    if (channel === TROUBLE) this.#trouble += rest.toString('utf8')
    else if (!this.push(rest)) this.#channels?.pause()
    if (this.#linger !== null) this.#wait()
  }

  /** A goodbye is the pod's own end; without one nobody knows what became of the other side. */
  #ended({ clean, why }: Ending, broken: (words: string) => Error): void {
    this.#over = true
    if (this.destroyed) return
    if (this.#trouble !== '') this.destroy(broken(this.#trouble))
    else if (clean || this.#linger !== null) this.push(null)
    else this.destroy(broken(why))
  }

  override _read(): void {
    this.#channels?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#channels === null) this.#held = () => this.#send(chunk, done)
    else this.#send(chunk, done)
  }

  #send(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.#over) {
      done(Object.assign(new Error('the other side has ended the connection'), { code: 'EPIPE' }))
      return
    }
    const rest = chunk.subarray(CHUNK)
    this.#channels?.send(DATA, chunk.subarray(0, CHUNK), (error) => (error || rest.length === 0 ? done(error) : this.#send(rest, done)))
  }

  override _final(done: () => void): void {
    if (!this.#over) this.#wait()
    done()
  }

  #wait(): void {
    if (this.#linger !== null) clearTimeout(this.#linger)
    this.#linger = setTimeout(() => this.#channels?.close(), LINGER)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#linger !== null) clearTimeout(this.#linger)
    this.#opening.abort()
    if (!this.#over) this.#channels?.drop()
    // As net.Socket closes: a turn of the loop later, when TLS laid over it has said what it did not like.
    setImmediate(done, error)
  }
}
