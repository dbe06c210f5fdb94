// One connection for record batches by the gigabyte. Requests go out in the order they are made, several at once, their
// pieces uncopied; answers come in that order, each in memory of its own. kafkajs copies every byte several times over.
import type { Duplex } from 'node:stream'
import { KdrError } from '../../errors.ts'
import type { Slabs } from '../../model/slabs.ts'
import type { Millis } from '../../units.ts'
import { type LinkSettings, splitEndpoint, translate } from './link.ts'
import type { Message } from './message.ts'
import { type Frame, FrameReader } from './raw-frames.ts'
import { login } from './raw-login.ts'
import { socketFactory } from './socket.ts'
import { WireReader, WireWriter } from './wire.ts'

/** Bytes a slow line carries at least in a millisecond: what is sent may take that much longer. */
const SLOWEST = 256
/** A new login is made when so much of the session's time has passed. */
const SESSION_USED = 0.8

type Kind = Pick<Message<never, unknown>, 'name' | 'key' | 'version' | 'flexible'>

interface Waiting {
  readonly kind: Kind
  readonly pieces: readonly Buffer[]
  readonly correlation: number
  readonly limit: Millis
  /** Once it was answered, given up or the connection broke. */
  settled: boolean
  readonly resolve: (frame: Frame) => void
  readonly reject: (reason: unknown) => void
}

const now = (): number => performance.now()

export class RawLink {
  readonly endpoint: string
  readonly #settings: LinkSettings
  readonly #reader: FrameReader
  readonly #outbox: Waiting[] = []
  readonly #sent: Waiting[] = []
  #streams: readonly Duplex[] = []
  #stream: Duplex | null = null
  #broken: KdrError | null = null
  #open = false
  #correlation = 0
  /** When something last came, or the first of what is waited for was sent. */
  #heard = now()
  #watch: NodeJS.Timeout | undefined
  #quietUntil = 0
  #quiet: NodeJS.Timeout | undefined
  #sessionEnds = Number.POSITIVE_INFINITY

  /** Connects at once. `patience`: how long the broker may take to let kdr in. */
  constructor(endpoint: string, settings: LinkSettings, slabs: Slabs | null, patience: Millis) {
    this.endpoint = endpoint
    this.#settings = settings
    this.#reader = new FrameReader(slabs, (frame) => this.#arrived(frame))
    this.#connect(patience)
  }

  get broken(): boolean {
    return this.#broken !== null
  }

  /** Requests not answered yet. */
  get open(): number {
    return this.#outbox.length + this.#sent.length
  }

  /**
   * The answer behind its correlation id, to be released. Waits for silence, not for the whole: `limit` is how long nothing at all
   * may come. Errors: `broker-refused`, `broker-silent`, `broker-unreachable`, `authentication-failed`.
   */
  request(kind: Kind, pieces: readonly Buffer[], limit: Millis, signal: AbortSignal): Promise<Frame> {
    return this.#enqueue(this.#outbox, kind, pieces, limit, signal)
  }

  /** Nothing is sent for so long: the broker asked for it. */
  rest(length: Millis): void {
    if (length > 0) this.#quietUntil = Math.max(this.#quietUntil, now() + length)
  }

  /** Whoever waits gets `reason`. */
  destroy(reason: KdrError): void {
    if (this.#broken !== null) return
    this.#broken = reason
    clearTimeout(this.#watch)
    clearTimeout(this.#quiet)
    for (const stream of this.#streams) stream.destroy(reason)
    this.#reader.drop()
    for (const waiting of [...this.#sent.splice(0), ...this.#outbox.splice(0)]) waiting.reject(reason)
  }

  #enqueue(queue: Waiting[], kind: Kind, pieces: readonly Buffer[], limit: Millis, signal: AbortSignal | null): Promise<Frame> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#broken !== null) return Promise.reject(this.#broken)
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiting.settled = true
        signal?.removeEventListener('abort', abandon)
      }
      // What was sent is still answered: its answer is thrown away when it comes.
      const abandon = () => {
        settle()
        reject(signal?.reason)
      }
      this.#correlation = (this.#correlation + 1) & 0x7fffffff
      const waiting: Waiting = {
        kind,
        pieces,
        correlation: this.#correlation,
        limit: limit + pieces.reduce((sum, piece) => sum + piece.length, 0) / SLOWEST,
        settled: false,
        resolve: (frame) => {
          settle()
          resolve(frame)
        },
        reject: (reason) => {
          settle()
          reject(reason)
        },
      }
      signal?.addEventListener('abort', abandon, { once: true })
      queue.push(waiting)
      this.#flush()
    })
  }

  #connect(patience: Millis): void {
    const { dial, tls } = this.#settings
    this.#watchEntry(patience)
    const intake = { buffer: () => this.#reader.buffer(), filled: (bytes: number) => this.#hear(() => this.#reader.filled(bytes)) }
    const open = socketFactory(
      (host, port) => dial(host, port, tls === null ? intake : undefined),
      tls,
      (streams) => this.#adopt(streams),
    )
    try {
      this.#stream = open({ ...splitEndpoint(this.endpoint), onConnect: () => this.#enter(patience) })
      this.#stream.on('data', (chunk: Buffer) => this.#hear(() => this.#reader.take(chunk)))
    } catch (error) {
      this.destroy(translate(this.endpoint, error))
    }
  }

  #adopt(streams: readonly Duplex[]): void {
    this.#streams = streams
    for (const stream of streams) {
      stream.on('error', (error) => this.destroy(translate(this.endpoint, error)))
      for (const event of ['end', 'close'])
        stream.on(event, () => this.destroy(new KdrError(`${this.endpoint} closed the connection`, { code: 'broker-refused' })))
    }
  }

  #watchEntry(patience: Millis): void {
    const late = () => this.destroy(new KdrError(`${this.endpoint} did not let kdr in within ${patience} ms`, { code: 'broker-silent' }))
    this.#watch ??= setTimeout(late, patience)
  }

  /** Logs in, the first time or again. Nothing else may be under way. */
  #enter(patience: Millis): void {
    const { sasl } = this.#settings
    this.#watchEntry(patience)
    const opened = () => {
      clearTimeout(this.#watch)
      this.#watch = undefined
      this.#open = true
      this.#flush()
    }
    if (sasl === null) {
      opened()
      return
    }
    login(this.endpoint, (message, question) => this.#ask(message, question, patience), sasl).then(
      (lifetime) => {
        this.#sessionEnds = lifetime > 0 ? now() + lifetime * SESSION_USED : Number.POSITIVE_INFINITY
        opened()
      },
      (error: unknown) => this.destroy(translate(this.endpoint, error)),
    )
  }

  /** A message of the login, which goes before everything else. */
  async #ask<Q, A>(message: Message<Q, A>, question: Q, limit: Millis): Promise<A> {
    const writer = new WireWriter()
    message.encode(writer, question)
    const first: Waiting[] = []
    const answer = this.#enqueue(first, message, [writer.finish()], limit, null)
    this.#write(first)
    const frame = await answer
    try {
      return message.decode(new WireReader(frame.bytes))
    } finally {
      frame.release()
    }
  }

  #flush(): void {
    if (!this.#open || this.#outbox.length === 0) return
    if (now() >= this.#sessionEnds) {
      if (this.#sent.length > 0) return // #arrived comes back here
      this.#open = false
      this.#enter(this.#outbox[0]?.limit ?? 0)
      return
    }
    const rest = this.#quietUntil - now()
    if (rest <= 0) {
      this.#write(this.#outbox.splice(0))
      return
    }
    this.#quiet ??= setTimeout(() => {
      this.#quiet = undefined
      this.#flush()
    }, rest)
  }

  #write(all: readonly Waiting[]): void {
    const stream = this.#stream
    if (stream === null) return
    stream.cork()
    for (const waiting of all) {
      if (waiting.settled) continue
      if (this.#sent.length === 0) this.#heard = now()
      this.#sent.push(waiting)
      stream.write(this.#header(waiting))
      for (const piece of waiting.pieces) stream.write(piece)
    }
    stream.uncork()
    this.#watchOver()
  }

  #header({ kind, pieces, correlation }: Waiting): Buffer {
    const writer = new WireWriter(64).i16(kind.key).i16(kind.version).i32(correlation).oldString(this.#settings.clientId)
    if (kind.flexible) writer.tags()
    const header = writer.finish()
    const length = pieces.reduce((sum, piece) => sum + piece.length, header.length)
    return new WireWriter(header.length + 4).i32(length).raw(header).finish()
  }

  #hear(read: () => void): void {
    if (this.#broken !== null) return
    this.#heard = now()
    try {
      read()
    } catch (error) {
      this.#malformed(error instanceof Error ? error.message : String(error))
    }
  }

  #malformed(words: string): void {
    this.destroy(new KdrError(`${this.endpoint} sent what kdr cannot read: ${words}`, { code: 'malformed-answer' }))
  }

  #arrived(frame: Frame): void {
    const waiting = this.#sent.shift()
    const correlation = frame.bytes.readInt32BE(0)
    if (waiting === undefined || waiting.correlation !== correlation) {
      frame.release()
      if (waiting !== undefined) this.#sent.unshift(waiting)
      this.#malformed(`an answer to request ${correlation}, which was not the next`)
      return
    }
    if (waiting.settled) frame.release()
    else waiting.resolve({ bytes: frame.bytes.subarray(4), release: frame.release })
    if (this.#sent.length === 0 && this.#open) {
      clearTimeout(this.#watch)
      this.#watch = undefined
      this.#flush()
    }
  }

  /** One timer however many requests: it looks again when the first of them could be late. */
  #watchOver(): void {
    if (this.#watch !== undefined || this.#broken !== null || !this.#open) return
    const [first] = this.#sent
    if (first === undefined) return
    const left = Math.max(this.#heard, this.#quietUntil) + first.limit - now()
    if (left <= 0) {
      this.destroy(new KdrError(`${this.endpoint} did not answer ${first.kind.name} within ${Math.round(first.limit)} ms`, { code: 'broker-silent' }))
      return
    }
    this.#watch = setTimeout(() => {
      this.#watch = undefined
      this.#watchOver()
    }, left)
  }
}
