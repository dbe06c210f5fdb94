// Making and deleting topics, many at once, and cutting off the beginning of their logs.
import { KdrError, wordsOf } from '../../errors.ts'
import { partitionName } from '../../model/partitions.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { NewTopic } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import { CONTROLLER_WAIT } from './changes.ts'
import type { Cluster } from './cluster.ts'
import { NOT_CONTROLLER, pages, THROTTLED, toController, until } from './controller-requests.ts'
import { pause } from './deadline.ts'
import { errorName, errorWords, kafkaError } from './error-codes.ts'
import { type CreatableTopic, CreateTopics, DeleteRecords, DeleteTopics, type TopicOutcome } from './messages/topics.ts'
import { readOffsets } from './offsets.ts'

const UNKNOWN_TOPIC = 3
/** The controller goes on with it after its own time is up. */
const REQUEST_TIMED_OUT = 7
/** A controller of KRaft takes at most 10,000 partitions in one batch (QuorumController.MAX_RECORDS_PER_BATCH). */
const PARTITIONS_PER_REQUEST = 2000
const TOPICS_PER_REQUEST = 100

/** Everyone who answers shows every leader, and every leader opens its log: then a record can be produced. */
const serve = async (cluster: Cluster, counts: ReadonlyMap<string, number>, signal: AbortSignal): Promise<boolean> => {
  const names = [...counts.keys()]
  for (const { answer } of await cluster.everyone(names, signal)) {
    const found = new Map(answer.topics.map(({ name, partitions }) => [name, partitions]))
    for (const [name, count] of counts) {
      const rows = found.get(name) ?? []
      if (rows.length !== count || rows.some((row) => row.leader < 0)) return false
    }
  }
  const rows = names.flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
  const ends = await readOffsets(cluster, { ask: 'high-watermark' }, rows, signal)
  return ends.every((end) => end.offset.known)
}

const countOf = (topic: CreatableTopic): number => (topic.assignments === undefined ? topic.partitions : topic.assignments.length)

const again = ({ error }: TopicOutcome): boolean => error === NOT_CONTROLLER || error === THROTTLED

/** Topics of one request; those about which nothing was done are asked for again. */
const createSome = async (cluster: Cluster, topics: readonly CreatableTopic[], signal: AbortSignal): Promise<readonly TopicOutcome[]> => {
  const outcomes = new Map<string, TopicOutcome>()
  let left = topics
  const taken = async (): Promise<boolean> => {
    const question = { topics: left, timeout: CONTROLLER_WAIT }
    const answered = await cluster.ask(await cluster.controller(signal), 'write', CreateTopics, question, signal, CONTROLLER_WAIT)
    const byName = new Map(answered.map((outcome) => [outcome.name, outcome]))
    for (const { name } of left) outcomes.set(name, byName.get(name) ?? { name, error: -1, message: 'the answer lacks the topic' })
    left = left.filter(({ name }) => [outcomes.get(name)].some((outcome) => outcome !== undefined && again(outcome)))
    return left.length === 0
  }
  await until('no controller took the new topics', taken, signal)
  return [...outcomes.values()]
}

/**
 * What was refused, by name. Waits until the leaders of the others serve. Of a topic that 3.9 calls unknown, or that
 * took longer than the controller's time, only Metadata can say that it is there. Throws `topic-not-settled`.
 */
export const makeTopics = async (cluster: Cluster, topics: readonly CreatableTopic[], signal: AbortSignal): Promise<readonly TopicOutcome[]> => {
  const outcomes = await createSome(cluster, topics, signal)
  const refused = outcomes.filter(({ error }) => error !== 0 && error !== REQUEST_TIMED_OUT && error !== UNKNOWN_TOPIC)
  const made = topics.filter(({ name }) => refused.every((outcome) => outcome.name !== name))
  const what = made.length === 1 ? `topic ${made[0]?.name} did not get all its leaders` : `${made.length} new topics did not get all their leaders`
  if (made.length > 0) await until(what, () => serve(cluster, new Map(made.map((topic) => [topic.name, countOf(topic)])), signal), signal)
  return refused
}

/** Requests the controller takes whole. */
const inRequests = (topics: readonly CreatableTopic[]): readonly (readonly CreatableTopic[])[] => {
  const requests: CreatableTopic[][] = []
  let partitions = Number.POSITIVE_INFINITY
  for (const topic of topics) {
    const last = requests.at(-1)
    partitions += countOf(topic)
    if (last === undefined || partitions > PARTITIONS_PER_REQUEST || last.length >= TOPICS_PER_REQUEST) {
      requests.push([topic])
      partitions = countOf(topic)
    } else last.push(topic)
  }
  return requests
}

/** Kafka's error in words for each topic that was refused; the others serve. */
export const createTopics = async (cluster: Cluster, topics: readonly NewTopic[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
  const refused = new Map<string, string>()
  for (const request of inRequests(topics)) {
    for (const { name, error, message } of await makeTopics(cluster, request, signal)) refused.set(name, errorWords(error, message))
  }
  return refused
}

/** Passes by itself; 3.9 calls some topics unknown that it makes. */
const NO_VERDICT = [0, UNKNOWN_TOPIC, REQUEST_TIMED_OUT, NOT_CONTROLLER, THROTTLED]

/** Kafka's error in words for each topic that it would refuse; nothing is made. */
export const judgeTopics = async (cluster: Cluster, topics: readonly NewTopic[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
  const refused = new Map<string, string>()
  for (const request of inRequests(topics)) {
    const question = { topics: request, timeout: CONTROLLER_WAIT, only: 'validate' as const }
    const { answer } = await toController(cluster, CreateTopics, question, (rows) => rows.some(({ error }) => error === NOT_CONTROLLER), signal)
    for (const { name, error, message } of answer) if (!NO_VERDICT.includes(error)) refused.set(name, errorWords(error, message))
  }
  return refused
}

/** Topics that are gone already are as wanted. Throws Kafka's own error by name, `topic-not-settled`. */
export const deleteTopics = async (cluster: Cluster, topics: readonly string[], signal: AbortSignal): Promise<void> => {
  for (const names of pages(topics, TOPICS_PER_REQUEST)) {
    const { answer } = await toController(cluster, DeleteTopics, { names, timeout: CONTROLLER_WAIT }, (rows) => rows.some(again), signal)
    const failed = answer.find(({ error }) => error !== 0 && error !== UNKNOWN_TOPIC && error !== REQUEST_TIMED_OUT)
    if (failed !== undefined) throw kafkaError(`topic ${failed.name} was not deleted`, failed.error, failed.message)
    const gone = async () => (await cluster.everyone(names, signal)).every(({ answer: seen }) => seen.topics.every((topic) => topic.error === UNKNOWN_TOPIC))
    await until(names.length === 1 ? `topic ${names[0]} did not vanish` : `${names.length} deleted topics did not vanish`, gone, signal)
  }
}

type Row = TopicPartition & { readonly before: bigint }

interface Failure {
  readonly why: string
  readonly error: number
  /** The leader moved, or its followers were late: the same again does no harm. */
  readonly again: boolean
}

const LEADER_NOT_AVAILABLE = 5
const MOVED = [UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE, 6, REQUEST_TIMED_OUT, 9]
const DELETE_WAIT: Millis = 5000
const PATIENCE: Millis = 30_000
const POLL: Millis = 200

/** Metadata does not know the topic: nobody will. */
const placeless = (why = 'no answer'): Failure =>
  why === errorName(UNKNOWN_TOPIC) ? { why, error: UNKNOWN_TOPIC, again: false } : { why, error: LEADER_NOT_AVAILABLE, again: true }

/** Rows that were not answered well, with why. */
const deleteSome = async (cluster: Cluster, rows: readonly Row[], signal: AbortSignal): Promise<ReadonlyMap<Row, Failure>> => {
  const left = new Map<Row, Failure>()
  const byPlace = new Map<string, Row[]>()
  const places = await cluster.leaders(rows, signal)
  for (const [at, row] of rows.entries()) {
    const place = places[at]
    if (place === undefined || 'why' in place) left.set(row, placeless(place?.why))
    else {
      const mine = byPlace.get(place.endpoint)
      if (mine === undefined) byPlace.set(place.endpoint, [row])
      else mine.push(row)
    }
  }
  await Promise.all(
    Array.from(byPlace, async ([endpoint, mine]) => {
      try {
        const answers = await cluster.ask(endpoint, 'write', DeleteRecords, { rows: mine, timeout: DELETE_WAIT }, signal, DELETE_WAIT)
        const errors = new Map(answers.map((answer) => [partitionName(answer), answer.error]))
        for (const row of mine) {
          const error = errors.get(partitionName(row)) ?? -1
          if (error !== 0) left.set(row, { why: errorName(error), error, again: MOVED.includes(error) })
        }
      } catch (error) {
        signal.throwIfAborted()
        for (const row of mine) left.set(row, { why: wordsOf(error), error: REQUEST_TIMED_OUT, again: true })
      }
    }),
  )
  return left
}

/** Throws Kafka's own error by name, `records-not-deleted` when leaders were not to be had. */
export const deleteRecords = async (cluster: Cluster, rows: readonly Row[], signal: AbortSignal): Promise<void> => {
  let left: readonly Row[] = rows
  let last = ''
  const end = performance.now() + PATIENCE
  while (left.length > 0) {
    const failed = await deleteSome(cluster, left, signal)
    for (const [row, { error, again: may }] of failed) if (!may) throw kafkaError(`records of ${partitionName(row)} were not deleted`, error)
    left = [...failed.keys()]
    const [first] = failed
    if (first === undefined) return
    last = `${partitionName(first[0])}: ${first[1].why}`
    if (performance.now() > end) throw new KdrError(`records were not deleted within ${PATIENCE / 1000} s: ${last}`, { code: 'records-not-deleted' })
    await pause(POLL, signal)
  }
}
