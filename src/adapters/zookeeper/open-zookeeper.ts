// The coordination port over a ZooKeeper ensemble, read only. It reads as nobody in particular: znodes under
// access control (digest, SASL) answer `zookeeper-no-auth`. Brokers leave what kdr reads world-readable.
import { KdrError, wordsOf } from '../../errors.ts'
import type { CoordinationReader } from '../../ports/coordination.ts'
import type { Millis } from '../../units.ts'
import { abortGroups } from './abort-groups.ts'
import { openSession, type Session } from './session.ts'
import { askWord, type Dial, parseServer } from './words.ts'

export interface ZooKeeperSettings {
  /** `host:port` of every server of the ensemble. */
  readonly servers: readonly string[]
  readonly dial: Dial
  /** For an answer, and for finding a server that serves. */
  readonly timeout: Millis
}

/** How long one server may keep silent before the next is tried beside it. */
const STAGGER: Millis = 300
const IDLE: Millis = 2000

interface Attempt {
  readonly server: string
  readonly session: Session
}

/** The first server that opens a session: one that fails is followed at once by the next, a silent one after a moment. */
const firstSession = (servers: readonly string[], { dial, timeout }: ZooKeeperSettings): Promise<Attempt> =>
  new Promise((resolve, reject) => {
    const others = new AbortController()
    const problems: string[] = []
    let next = 0
    let timer: NodeJS.Timeout | null = null
    const attempt = () => {
      if (timer !== null) clearTimeout(timer)
      const server = servers[next]
      if (server === undefined || others.signal.aborted) return
      next += 1
      if (next < servers.length) timer = setTimeout(attempt, STAGGER)
      const { host, port } = parseServer(server)
      openSession(dial(host, port), server, timeout, others.signal).then(
        (session) => {
          // Two may open at the same moment: one is enough.
          if (others.signal.aborted) return session.close()
          others.abort()
          if (timer !== null) clearTimeout(timer)
          resolve({ server, session })
        },
        (thrown) => {
          if (others.signal.aborted) return
          problems.push(wordsOf(thrown))
          if (problems.length < servers.length) return attempt()
          reject(new KdrError(`no ZooKeeper serves: ${problems.join('; ')}`, { code: 'zookeeper-unreachable', hint: 'Look at its quorum first: kdr diagnose' }))
        },
      )
    }
    if (servers.length === 0) reject(new KdrError('no ZooKeeper server is known', { code: 'zookeeper-unreachable' }))
    attempt()
  })

const isLoss = (thrown: unknown): boolean => thrown instanceof KdrError && thrown.code === 'zookeeper-unreachable'

/** One session shared by all reads, opened when needed and closed when idle. */
const sharedSession = (settings: ZooKeeperSettings) => {
  let opening: Promise<Attempt> | null = null
  let current: Attempt | null = null
  let order = settings.servers
  let idle: NodeJS.Timeout | null = null
  const onAbort = abortGroups()
  const open = (): Promise<Attempt> => {
    opening ??= firstSession(order, settings)
      .then((attempt) => {
        current = attempt
        return attempt
      })
      .finally(() => {
        opening = null
      })
    return opening
  }
  /** Settles sooner with an abort; the opening goes on for whoever else waits. */
  const opened = (signal: AbortSignal): Promise<Attempt> =>
    new Promise((resolve, reject) => {
      const forget = onAbort(signal, reject)
      open().then(resolve, reject).finally(forget)
    })
  const touch = () => {
    if (idle !== null) clearTimeout(idle)
    idle = setTimeout(() => (current?.session.busy ? touch() : void current?.session.close()), IDLE)
    idle.unref()
  }
  return {
    get: async (signal: AbortSignal): Promise<Session> => {
      signal.throwIfAborted()
      touch()
      return current?.session.alive ? current.session : (await opened(signal)).session
    },
    /** The server that failed is tried last. */
    avoid: () => {
      const failed = current?.server
      if (failed !== undefined) order = [...order.filter((server) => server !== failed), failed]
    },
    close: async () => {
      if (idle !== null) clearTimeout(idle)
      await current?.session.close()
    },
  }
}

/**
 * Reads from any server that serves; a connection lost in between is tried once more on another.
 * Throws `zookeeper-unreachable`, `zookeeper-no-auth`, `zookeeper-error`, or the signal's reason.
 */
export const openZooKeeper = (settings: ZooKeeperSettings): CoordinationReader => {
  const shared = sharedSession(settings)
  const read = async <T>(ask: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> => {
    const session = await shared.get(signal)
    try {
      return await ask(session)
    } catch (thrown) {
      if (!isLoss(thrown) || signal.aborted) throw thrown
      shared.avoid()
      return ask(await shared.get(signal))
    }
  }
  return {
    word: async (word, servers, signal) => {
      const answers = servers.map(async (server) => [server, await askWord(word, server, settings.dial, settings.timeout, signal)] as const)
      return new Map(await Promise.all(answers))
    },
    get: (path, signal) => read((session) => session.get(path, signal), signal),
    children: (path, signal) => read((session) => session.children(path, signal), signal),
    close: () => shared.close(),
  }
}
