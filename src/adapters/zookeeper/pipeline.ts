// Requests over one connection, written as they come and answered in order, so that a thousand reads cost
// a few round trips.
import type { Duplex } from 'node:stream'
import { KdrError } from '../../errors.ts'
import { formatDuration, type Millis } from '../../units.ts'
import { Reader, readReplyHeader } from './jute.ts'

interface Pending {
  readonly xid: number
  readonly settle: (error: number, reader: Reader) => void
  readonly fail: (thrown: unknown) => void
}

export const lost = (server: string, why: string, cause?: unknown): KdrError =>
  new KdrError(`ZooKeeper ${server} cannot be read: ${why}`, { code: 'zookeeper-unreachable', cause })

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

/** Requests in the order they were written, and what ends them all: a lost connection, or no answer for `timeout`. */
export const pipeline = (socket: Duplex, server: string, timeout: Millis) => {
  const pending = queue()
  let xid = 0
  let ended: KdrError | null = null
  let watch: NodeJS.Timeout | null = null
  let corked = false
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
  /** What is asked in one turn leaves in one piece. */
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
  const send = (build: (xid: number) => Buffer, settle: Pending['settle'], fail: Pending['fail'] = () => {}) => {
    xid += 1
    pending.push({ xid, settle, fail })
    if (pending.size === 1) rearm()
    write(build(xid))
  }
  const answer = (body: Buffer) => {
    const reader = new Reader(body)
    const header = readReplyHeader(reader)
    // Watches and pings are never asked for; their numbers are negative.
    if (header.xid < 0) return
    const next = pending.shift()
    if (next?.xid !== header.xid) {
      const failure = lost(server, `it answered request ${header.xid} where ${next?.xid ?? 'none'} was due`)
      next?.fail(failure)
      return end(failure)
    }
    next.settle(header.error, reader)
    rearm()
  }
  return { send, answer, end, ended: () => ended, size: () => pending.size }
}

export type Pipeline = ReturnType<typeof pipeline>
