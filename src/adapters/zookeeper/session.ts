// One ZooKeeper session over one connection, for reading only.
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
  type Reader,
  readConnectResponse,
  readData,
  syncRequest,
} from './jute.ts'
import { lost, type Pipeline, pipeline } from './pipeline.ts'

interface Found {
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

const refused = (path: string, error: number): KdrError =>
  error === NO_AUTH
    ? new KdrError(`ZooKeeper does not let kdr read ${path}`, {
        code: 'zookeeper-no-auth',
        hint: 'Its znodes are under access control, which kdr cannot log in to: it reads without credentials',
      })
    : new KdrError(`ZooKeeper answered ${ERROR_NAMES[error] ?? `error ${error}`} for ${path}`, { code: 'zookeeper-error' })

/** A follower may lag behind its leader: after a sync it is at least as new as the leader was when asked. */
const syncing = (server: string, { send, end }: Pipeline) => {
  let at = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() - at < FRESH) return
    at = performance.now()
    send(syncRequest, (error) => {
      if (error !== 0) end(lost(server, `sync failed with ${ERROR_NAMES[error] ?? error}`))
    })
  }
}

/** Asks for one znode: null when there is none. */
const asking = (server: string, line: Pipeline) => {
  const onAbort = abortGroups()
  const sync = syncing(server, line)
  return <T>(path: string, build: (xid: number) => Buffer, parse: (reader: Reader) => T, signal: AbortSignal): Promise<T | null> =>
    new Promise((resolve, reject) => {
      const ended = line.ended()
      if (signal.aborted) return reject(signal.reason)
      if (ended !== null) return reject(ended)
      sync()
      const forget = onAbort(signal, reject)
      const settle = (error: number, reader: Reader) => {
        forget()
        if (error === NO_NODE) return resolve(null)
        if (error !== 0) return reject(refused(path, error))
        try {
          resolve(parse(reader))
        } catch (thrown) {
          reject(lost(server, wordsOf(thrown), thrown))
        }
      }
      line.send(build, settle, (thrown) => {
        forget()
        reject(thrown)
      })
    })
}

/** A session that is not closed is expired by the server: closing is a courtesy, and not waited for long. */
const closing = (socket: Duplex, server: string, line: Pipeline): Promise<void> =>
  new Promise((resolve) => {
    if (line.ended() !== null) return resolve()
    const end = () => line.end(lost(server, 'the session was closed'))
    const timer = setTimeout(end, 500)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    line.send(closeRequest, end)
  })

const sessionOver = (socket: Duplex, server: string, line: Pipeline): Session => {
  const ask = asking(server, line)
  return {
    get alive() {
      return line.ended() === null
    },
    get busy() {
      return line.size() > 0
    },
    get: (path, signal) => ask(path, (xid) => getDataRequest(xid, path), readData, signal),
    children: (path, signal) =>
      ask(
        path,
        (xid) => getChildrenRequest(xid, path),
        (reader) => reader.strings(),
        signal,
      ),
    close: () => closing(socket, server, line),
  }
}

/** Opens a session. A server without a quorum closes the connection instead. Throws `zookeeper-unreachable`, or the signal's reason. */
export const openSession = (socket: Duplex, server: string, timeout: Millis, signal: AbortSignal): Promise<Session> =>
  new Promise((resolve, reject) => {
    const line = pipeline(socket, server, timeout)
    const cut = frameCutter()
    let open = false
    const fail = (thrown: unknown) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      line.end(thrown instanceof KdrError ? thrown : lost(server, wordsOf(thrown), thrown))
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
      resolve(sessionOver(socket, server, line))
    }
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const body of cut(chunk)) open ? line.answer(body) : accept(body)
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
