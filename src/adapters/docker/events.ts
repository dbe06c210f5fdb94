// What the engine remembers to have happened. It keeps its last 256 events only (moby, daemon/events), which
// health checks can fill within a minute: what is not there may still have happened.
import type { Readable } from 'node:stream'
import type { ExitStatus } from '../../model/member.ts'
import type { PlatformReader } from '../../ports/platform.ts'
import type { Instant } from '../../units.ts'
import { type Container, PROJECT } from './containers.ts'
import type { Engine } from './engine.ts'
import { exitStatus } from './exits.ts'
import { collect } from './frames.ts'

type PlatformEvents = Awaited<ReturnType<PlatformReader['events']>>

interface EngineEvent {
  readonly type: string
  readonly action: string
  readonly id: string
  readonly attributes: Readonly<Record<string, string>>
  readonly at: Instant
}

/** 256 events are some hundred KiB. */
const LIMIT = 8 << 20

const record = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {})

const parse = (line: string): EngineEvent => {
  const event = record(JSON.parse(line))
  const actor = record(event['Actor'])
  const attributes = Object.entries(record(actor['Attributes'])).map(([key, value]): [string, string] => [key, String(value)])
  return {
    type: String(event['Type']),
    action: String(event['Action']),
    id: String(actor['ID'] ?? ''),
    attributes: Object.fromEntries(attributes),
    at: Number(event['timeNano'] ?? 0) / 1e6,
  }
}

/** Filtered by type, not by label: a label filter drops what happens to networks and volumes. `until` is the engine's own now, so that the stream ends. */
const read = async (
  engine: Engine,
  since: Instant,
  types: readonly string[],
  container: string | null,
  signal: AbortSignal,
): Promise<readonly EngineEvent[]> => {
  const now = await engine.now(signal)
  const filters = { type: types, ...(container === null ? {} : { container: [container] }) }
  const options = { since: Math.max(0, since / 1000), until: now / 1000, filters: JSON.stringify(filters) }
  const text = await engine.call('read what happened', signal, async (abortSignal) =>
    collect((await engine.docker.getEvents({ ...options, abortSignal })) as Readable, LIMIT),
  )
  return text
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parse)
}

/** Looking leaves such events too, and says nothing about what is looked at. */
const NOISE = /^(?:exec_|health_status|archive-path|top$|resize$|attach$|detach$|copy$|extract-to-dir$)/

const wordsOf = ({ type, action, attributes }: EngineEvent): string => {
  const name = type === 'container' ? '' : `${type} `
  const about = type === 'network' ? ` ${attributes['name'] ?? ''}` : ''
  const code =
    action === 'die' ? ` (exit code ${attributes['exitCode'] ?? 'unknown'})` : action === 'kill' ? ` (signal ${attributes['signal'] ?? 'unknown'})` : ''
  return `${name}${action}${about}${code}`.trim()
}

/** What happened to the project's containers, and to networks and volumes with them. `volumes` are the names of the project's. */
export const eventsOf = async (
  engine: Engine,
  project: string,
  containers: readonly Container[],
  volumes: readonly string[],
  since: Instant,
  signal: AbortSignal,
): Promise<PlatformEvents> => {
  const events = (await read(engine, since, ['container', 'network', 'volume'], null, signal)).filter(({ action }) => !NOISE.test(action))
  // Containers that are gone by now are known by their own events.
  const names = new Map(containers.map(({ id, name }) => [id, name]))
  for (const { type, id, attributes } of events)
    if (type === 'container' && attributes[PROJECT] === project) names.set(id, attributes['name'] ?? id.slice(0, 12))
  return events.flatMap((event): PlatformEvents => {
    const { type, id, attributes, at } = event
    const member = names.get(type === 'container' ? id : (attributes['container'] ?? '')) ?? null
    if (member === null && !(type === 'volume' && volumes.includes(id))) return []
    return [{ at, member, what: type === 'volume' ? `${wordsOf(event)} ${id}` : wordsOf(event) }]
  })
}

/** When the container was started, or ended, as far as the engine remembers. */
export const turnsOf = async (engine: Engine, { id }: Container, turn: 'start' | 'die', signal: AbortSignal): Promise<readonly Instant[]> =>
  (await read(engine, 0, ['container'], id, signal)).filter(({ action }) => action === turn).map(({ at }) => at)

/** How the run before the present one ended, by the engine's events; null where it no longer remembers. */
export const rememberedExit = async (engine: Engine, { id, startedAt }: Container, signal: AbortSignal): Promise<ExitStatus | null> => {
  const before = (await read(engine, 0, ['container'], id, signal)).filter(({ at }) => startedAt !== null && at < startedAt)
  const died = before.findLastIndex(({ action }) => action === 'die')
  const code = Number(before[died]?.attributes['exitCode'] ?? Number.NaN)
  if (!Number.isInteger(code)) return null
  const start = before.slice(0, died).findLastIndex(({ action }) => action === 'start')
  return exitStatus(
    code,
    before.slice(start + 1, died + 1).some(({ action }) => action === 'oom'),
  )
}
