// A container's log, told apart by start: Docker keeps one log over all starts of a container.
import type { Readable } from 'node:stream'
import type { Instant } from '../../units.ts'
import type { Container } from './containers.ts'
import type { Engine } from './engine.ts'
import { startsOf } from './events.ts'
import { collect, linesOf, unframe } from './frames.ts'

/** The engine notes a start after the process has begun to run, and waits this long before it restarts one (restartmanager: 100 ms). */
const SLACK = 100
/** More of a log than this is not held in memory. */
const LIMIT = 64 << 20

interface Line {
  readonly at: Instant
  readonly text: string
}

/** docker-modem's own call: dockerode's `logs` gives no stream without following, and parses what looks like JSON. */
const dialLogs = (engine: Engine, container: Container, tail: number, abortSignal: AbortSignal): Promise<Readable> =>
  new Promise((resolve, reject) => {
    const statusCodes = { 200: true, 404: 'no such container', 500: 'server error', 501: 'not implemented' }
    const options = { stdout: true, stderr: true, timestamps: true, tail }
    const request = { path: `/containers/${container.id}/logs?`, method: 'GET', isStream: true, abortSignal, statusCodes, options }
    engine.docker.modem.dial(request, (failed, stream) => (failed === null ? resolve(stream as Readable) : reject(failed)))
  })

/** The last `tail` lines with the time the engine took them at. */
const read = async (engine: Engine, container: Container, tail: number, signal: AbortSignal): Promise<readonly Line[]> => {
  const raw = await engine.call(`read the log of ${container.name}`, signal, async (abortSignal) =>
    collect(await dialLogs(engine, container, tail, abortSignal), LIMIT),
  )
  // A terminal's output is not framed.
  const text = container.inspected.Config.Tty ? raw : unframe(raw).both
  return linesOf(text.toString('utf8')).map((line) => {
    const space = line.indexOf(' ')
    return { at: Date.parse(line.slice(0, space < 0 ? line.length : space)), text: space < 0 ? '' : line.slice(space + 1) }
  })
}

/** How much more is asked for at a time, and when it is enough: a log may hold months. */
const GROWTH = 4
const MOST = 200_000

/** The last `tail` lines before `end`; the engine counts lines from the very end, so more are asked for until enough are older. */
const linesBefore = async (engine: Engine, container: Container, end: Instant, tail: number, signal: AbortSignal): Promise<readonly Line[]> => {
  for (let asked = tail * GROWTH; ; asked *= GROWTH) {
    const lines = await read(engine, container, Math.min(asked, MOST), signal)
    const older = lines.filter(({ at }) => at < end)
    if (older.length >= tail || lines.length < asked || asked >= MOST) return older.slice(-tail)
  }
}

/**
 * Current: since the latest start, running or not. Previous: of the start before that, as far back as that start is
 * known: the engine remembers 256 events only (moby, daemon/events), and what is older than they are stands in one log
 * without a mark, so that lines of yet earlier starts may come first.
 */
export const logOf = async (
  engine: Engine,
  container: Container,
  { tail, previous }: { readonly tail: number; readonly previous: boolean },
  signal: AbortSignal,
): Promise<readonly string[]> => {
  if (tail <= 0 || container.startedAt === null) return []
  const start = container.startedAt - SLACK
  if (!previous) {
    const lines = await read(engine, container, tail, signal)
    return lines.flatMap(({ at, text }) => (at < start ? [] : [text]))
  }
  const lines = await linesBefore(engine, container, start, tail, signal)
  const starts = lines.length === 0 ? [] : await startsOf(engine, container, signal)
  const before = Math.max(...starts.filter((at) => at < start)) - SLACK
  return lines.flatMap(({ at, text }) => (at < before ? [] : [text]))
}
