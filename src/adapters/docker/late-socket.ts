// A connection given out at once that finds its way behind the scenes: whoever dials gets a Duplex, and errors,
// those of the search included, arrive on it.
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Intake } from '../../ports/platform.ts'
import type { Millis } from '../../units.ts'
import { readingTo } from '../system/intake.ts'
import type { Address } from './route.ts'

/** From the first packet to the connection: whoever dials has shorter deadlines of their own. */
const CONNECT_DEADLINE: Millis = 30_000

/** What net.Socket has and its users count on: `connecting`, `connect`, and backpressure both ways. */
class LateSocket extends Duplex {
  connecting = true
  #socket: Socket | null = null
  #idle = false
  readonly #search = new AbortController()
  /** Writes that came before the connection. */
  #waiting: (() => void)[] = []

  readonly #intake: Intake | undefined

  constructor(find: (signal: AbortSignal) => Promise<Address>, intake: Intake | undefined) {
    super({ allowHalfOpen: true })
    this.#intake = intake
    find(AbortSignal.any([this.#search.signal, AbortSignal.timeout(CONNECT_DEADLINE)])).then(
      (address) => this.#connect(address),
      (thrown: unknown) => this.destroy(thrown instanceof Error ? thrown : new Error(String(thrown))),
    )
  }

  #connect({ host, port }: Address): void {
    if (this.destroyed) return
    const socket = connect({ host, port, ...readingTo(this.#intake) })
    this.#socket = socket
    socket.setNoDelay(true)
    if (this.#idle) socket.unref()
    socket.once('connect', () => {
      this.connecting = false
      this.emit('connect')
      for (const write of this.#waiting.splice(0)) write()
    })
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.once('end', () => this.push(null))
    socket.once('error', (error) => this.destroy(error))
    socket.once('close', () => this.destroy())
  }

  #whenOpen(then: (socket: Socket) => void): void {
    const socket = this.#socket
    if (socket !== null && !this.connecting) then(socket)
    else this.#waiting.push(() => this.#whenOpen(then))
  }

  override _read(): void {
    this.#socket?.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#whenOpen((socket) => socket.write(chunk, encoding, done))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#whenOpen((socket) => socket.end(() => done()))
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#search.abort()
    this.#socket?.destroy()
    done(error)
  }

  setNoDelay(on?: boolean): this {
    this.#socket?.setNoDelay(on)
    return this
  }

  ref(): this {
    this.#idle = false
    this.#socket?.ref()
    return this
  }

  unref(): this {
    this.#idle = true
    this.#socket?.unref()
    return this
  }
}

/** `find` is called at once; what it throws is the stream's error. */
export const lateSocket = (find: (signal: AbortSignal) => Promise<Address>, intake?: Intake): Duplex => new LateSocket(find, intake)
