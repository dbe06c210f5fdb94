// A container's log, told apart by start: Docker keeps one log over all starts of a container.
import type { Readable } from 'node:stream'
import type { Instant } from '../../units.ts'
import { type Container, lives } from './containers.ts'
import type { Engine } from './engine.ts'
import { turnsOf } from './events.ts'
import { collect, linesOf, unframe } from './frames.ts'

/** The engine waits this long before it restarts a container (restartmanager: 100 ms); last words are read within it. */
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
 * Since when lines are of the start noted at `start`. The engine notes it after the process has begun to run, on a busy
 * machine long after: the end before it is the better mark, where one is known.
 */
export const beginOf = (start: Instant, ends: readonly Instant[]): Instant => {
  const end = Math.max(...ends.filter((at) => at < start))
  return end === Number.NEGATIVE_INFINITY ? start - SLACK : end + Math.min(SLACK, (start - end) / 2)
}

/** While it runs, the engine shows when it ended last; of a stopped one only its events tell. */
const endsOf = async (engine: Engine, container: Container, signal: AbortSignal): Promise<readonly Instant[]> => {
  const { startedAt, finishedAt } = container
  if (startedAt !== null && finishedAt !== null && finishedAt < startedAt) return [finishedAt]
  return lives(container) ? [] : turnsOf(engine, container, 'die', signal)
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
  const start = beginOf(container.startedAt, await endsOf(engine, container, signal))
  if (!previous) {
    const lines = await read(engine, container, tail, signal)
    return lines.flatMap(({ at, text }) => (at < start ? [] : [text]))
  }
  const lines = await linesBefore(engine, container, start, tail, signal)
  if (lines.length === 0) return []
  const [starts, ends] = await Promise.all([turnsOf(engine, container, 'start', signal), turnsOf(engine, container, 'die', signal)])
  const before = beginOf(Math.max(...starts.filter((at) => at < start)), ends)
  return lines.flatMap(({ at, text }) => (at < before ? [] : [text]))
}
