// One ZooKeeper session over one connection. Requests are written as they come and answered in order, so
// that a thousand reads cost a few round trips.
import type { Duplex } from 'node:stream'
import { KdrError, wordsOf } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'
import { abortGroups } from './abort-groups.ts'
import {
  closeRequest,
  connectRequest,
  ERROR_NAMES,
  frameCutter,
  getChildrenRequest,
  getDataRequest,
  NO_AUTH,
  NO_NODE,
  Reader,
  readConnectResponse,
  readData,
  readReplyHeader,
  syncRequest,
} from './jute.ts'

export interface Found {
  readonly data: Buffer
  readonly czxid: bigint
  readonly version: number
}

export interface Session {
  readonly alive: boolean
  /** Answers are still due. */
  readonly busy: boolean
  get(path: string, signal: AbortSignal): Promise<Found | null>
  children(path: string, signal: AbortSignal): Promise<readonly string[] | null>
  close(): Promise<void>
}

/** What the server is asked to keep the session for; every request renews it, and an idle one is closed long before. */
const SESSION: Millis = 10_000
/** A sync this recent covers the next read too. */
const FRESH: Millis = 100

interface Pending {
  readonly xid: number
  readonly settle: (error: number, reader: Reader) => void
  readonly fail: (thrown: unknown) => void
}

export const lost = (server: string, why: string, cause?: unknown): KdrError =>
  new KdrError(`ZooKeeper ${server} cannot be read: ${why}`, { code: 'zookeeper-unreachable', cause })

const refused = (path: string, error: number): KdrError =>
  error === NO_AUTH
    ? new KdrError(`ZooKeeper does not let kdr read ${path}`, {
        code: 'zookeeper-no-auth',
        hint: 'Its znodes are under access control, which kdr cannot log in to: it reads without credentials',
      })
    : new KdrError(`ZooKeeper answered ${ERROR_NAMES[error] ?? `error ${error}`} for ${path}`, { code: 'zookeeper-error' })

/** First in, first out, without moving what is left. */
const queue = () => {
  let items: Pending[] = []
  let head = 0
  return {
    push: (item: Pending) => items.push(item),
    shift: (): Pending | undefined => {
      const item = items[head]
      head += 1
      if (head > 1024 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    get size() {
      return Math.max(0, items.length - head)
    },
  }
}

/** Speaks the protocol over a connection that has just been dialled: everything but the opening handshake. */
const speak = (socket: Duplex, server: string, timeout: Millis): Session & { answer(body: Buffer): void; end(thrown: KdrError): void } => {
  const pending = queue()
  const onAbort = abortGroups()
  let xid = 0
  let ended: KdrError | null = null
  let syncedAt = Number.NEGATIVE_INFINITY
  let watch: NodeJS.Timeout | null = null
  const end = (thrown: KdrError) => {
    ended ??= thrown
    if (watch !== null) clearTimeout(watch)
    socket.destroy()
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) next.fail(ended)
  }
  // One watch for all: no answer to anything for that long.
  const rearm = () => {
    if (watch !== null) clearTimeout(watch)
    watch = pending.size === 0 ? null : setTimeout(() => end(lost(server, `no answer within ${formatDuration(timeout)}`)), timeout)
  }
  // What is asked in one turn leaves in one piece.
  let corked = false
  const write = (bytes: Buffer) => {
    if (!corked) {
      corked = true
      socket.cork()
      process.nextTick(() => {
        corked = false
        socket.uncork()
      })
    }
    socket.write(bytes)
  }
  const send = (build: (xid: number) => Buffer, item: Omit<Pending, 'xid'>) => {
    xid += 1
    const idle = pending.size === 0
    pending.push({ ...item, xid })
    if (idle) rearm()
    write(build(xid))
  }
  // A follower may lag behind its leader: after sync it is at least as new as the leader was when asked.
  const sync = () => {
    if (performance.now() - syncedAt < FRESH) return
    syncedAt = performance.now()
    const settle = (error: number) => {
      if (error !== 0) end(lost(server, `sync failed with ${ERROR_NAMES[error] ?? error}`))
    }
    send(syncRequest, { settle, fail: () => {} })
  }
  const ask = <T>(path: string, build: (xid: number) => Buffer, parse: (reader: Reader) => T, signal: AbortSignal): Promise<T | null> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      if (ended !== null) return reject(ended)
      sync()
      const forget = onAbort(signal, reject)
      const settle = (error: number, reader: Reader) => {
        forget()
        if (error === NO_NODE) resolve(null)
        else if (error !== 0) reject(refused(path, error))
        else resolve(parse(reader))
      }
      const fail = (thrown: unknown) => {
        forget()
        reject(thrown)
      }
      send(build, { settle, fail })
    })
  return {
    get alive() {
      return ended === null
    },
    get busy() {
      return pending.size > 0
    },
    get: (path, signal) => ask(path, (id) => getDataRequest(id, path), readData, signal),
    children: (path, signal) =>
      ask(
        path,
        (id) => getChildrenRequest(id, path),
        (reader) => reader.strings(),
        signal,
      ),
    close: () =>
      new Promise((resolve) => {
        if (ended !== null) return resolve()
        // A session that is not closed is expired by the server: closing is a courtesy, and not waited for long.
        const timer = setTimeout(() => end(lost(server, 'the session was closed')), 500)
        socket.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
        send(closeRequest, { settle: () => end(lost(server, 'the session was closed')), fail: () => {} })
      }),
    answer: (body) => {
      const reader = new Reader(body)
      const header = readReplyHeader(reader)
      // Watches and pings are never asked for; their numbers are negative.
      if (header.xid < 0) return
      const next = pending.shift()
      if (next?.xid !== header.xid) return end(lost(server, `it answered request ${header.xid} where ${next?.xid ?? 'none'} was due`))
      next.settle(header.error, reader)
      rearm()
    },
    end,
  }
}

/** Opens a session. A server without a quorum closes the connection instead. Throws `zookeeper-unreachable`, or the signal's reason. */
export const openSession = (socket: Duplex, server: string, timeout: Millis, signal: AbortSignal): Promise<Session> =>
  new Promise((resolve, reject) => {
    const session = speak(socket, server, timeout)
    const cut = frameCutter()
    let open = false
    const fail = (thrown: unknown) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      session.end(thrown instanceof KdrError ? thrown : lost(server, wordsOf(thrown), thrown))
      reject(thrown)
    }
    const aborted = () => fail(signal.reason)
    const timer = setTimeout(() => fail(lost(server, `no session within ${formatDuration(timeout)}`)), timeout)
    const accept = (body: Buffer) => {
      const answer = readConnectResponse(body)
      if (answer.session === 0n || answer.timeout <= 0) return fail(lost(server, 'it refused the session'))
      open = true
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      resolve(session)
    }
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const body of cut(chunk)) open ? session.answer(body) : accept(body)
      } catch (thrown) {
        fail(lost(server, wordsOf(thrown), thrown))
      }
    })
    socket.on('error', (thrown) => fail(lost(server, wordsOf(thrown), thrown)))
    socket.once('close', () => fail(lost(server, open ? 'the connection was lost' : 'it closed the connection, as one without a quorum does')))
    if (signal.aborted) return aborted()
    signal.addEventListener('abort', aborted, { once: true })
    socket.write(connectRequest(SESSION))
  })
