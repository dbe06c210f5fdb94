// What probes may do, and only to topics that kdr made for it: every name must say so by its prefix.
import { KdrError } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import { CONTROLLER_WAIT } from './changes.ts'
import type { Cluster } from './cluster.ts'
import { pause } from './deadline.ts'
import { kafkaError } from './error-codes.ts'
import { CreateTopics, DeleteTopics } from './messages/topics.ts'
import { readOffsets } from './offsets.ts'

const PREFIX = '__kdr_'
const POLL: Millis = 100
/** How long leaders may take to show, or a deleted topic to vanish. */
const PATIENCE: Millis = 30_000
const UNKNOWN_TOPIC = 3
/** The controller goes on with it after its own time is up. */
const REQUEST_TIMED_OUT = 7

/** Throws `not-a-canary`. */
export const mustBeCanary = (topic: string): void => {
  if (!topic.startsWith(PREFIX))
    throw new KdrError(`topic ${topic} is not kdr's own: a probe only touches names that start with ${PREFIX}`, { code: 'not-a-canary' })
}

const until = async (what: string, holds: () => Promise<boolean>, signal: AbortSignal): Promise<void> => {
  const end = performance.now() + PATIENCE
  while (!(await holds())) {
    if (performance.now() > end) throw new KdrError(`${what} within ${PATIENCE / 1000} s`, { code: 'topic-not-settled' })
    await pause(POLL, signal)
  }
}

/** Everyone who answers shows every leader, and every leader opens its log: then a record can be produced. */
const serves = async (cluster: Cluster, name: string, partitions: number, signal: AbortSignal): Promise<boolean> => {
  for (const { answer } of await cluster.everyone([name], signal)) {
    const rows = answer.topics.find((topic) => topic.name === name)?.partitions ?? []
    if (rows.length !== partitions || rows.some((row) => row.leader < 0)) return false
  }
  const rows = Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }))
  const ends = await readOffsets(cluster, { ask: 'high-watermark' }, rows, signal)
  return ends.every((end) => end.offset.known)
}

/** Errors: `not-a-canary`, `no-controller`, Kafka's own by name, `topic-not-settled`. */
export const createCanary = async (
  cluster: Cluster,
  name: string,
  assignments: readonly (readonly number[])[],
  configs: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> => {
  const endpoint = await cluster.controller(signal)
  const question = { name, assignments, configs, timeout: CONTROLLER_WAIT }
  const { error, message } = await cluster.ask(endpoint, 'write', CreateTopics, question, signal, CONTROLLER_WAIT)
  if (error !== 0 && error !== REQUEST_TIMED_OUT) throw kafkaError(`topic ${name} was not created`, error, message)
  await until(`topic ${name} did not get all its leaders`, () => serves(cluster, name, assignments.length, signal), signal)
}

/** A topic that is gone already is as wanted. Errors: as `createCanary`. */
export const deleteCanary = async (cluster: Cluster, name: string, signal: AbortSignal): Promise<void> => {
  const endpoint = await cluster.controller(signal)
  const { error, message } = await cluster.ask(endpoint, 'write', DeleteTopics, { name, timeout: CONTROLLER_WAIT }, signal, CONTROLLER_WAIT)
  if (error !== 0 && error !== UNKNOWN_TOPIC && error !== REQUEST_TIMED_OUT) throw kafkaError(`topic ${name} was not deleted`, error, message)
  const gone = async () => (await cluster.everyone([name], signal)).every(({ answer }) => answer.topics.every((topic) => topic.error === UNKNOWN_TOPIC))
  await until(`topic ${name} did not vanish`, gone, signal)
}
