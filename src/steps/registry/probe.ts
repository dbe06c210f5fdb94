// The proof that a registry works: real records decode, compatibility says yes to a good schema and no to a
// bad one (both are answered with 200), and a write goes through, on a subject of kdr's own.
import { act, type Step } from '../../engine/step.ts'
import { wordsOf } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { registryOf } from '../../judgement/registry.ts'
import { isKnownTrue, known } from '../../model/known.ts'
import type { RegistryProof } from '../../model/registry.ts'
import { CANARY_SUBJECT } from '../../model/schemas.ts'
import type { Survey } from '../../model/survey.ts'
import type { SchemaText } from '../../ports/schema-registry.ts'
import type { WriteWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'
import { decodeOne, framedTopics } from './decode.ts'

interface ToProve {
  readonly subject: string
  readonly urls: readonly string[]
}

const record = (...fields: readonly object[]): SchemaText => ({
  type: 'AVRO',
  schema: JSON.stringify({ type: 'record', name: 'KdrCanary', fields }),
  references: [],
})
const FIRST = { name: 'run', type: 'string' }
const WRITTEN = record(FIRST)
/** BACKWARD: a new field with a default can read what was written before. */
const GOOD = record(FIRST, { name: 'note', type: 'string', default: '' })
const BAD = record({ name: 'run', type: 'long' })

const problemOf = async (words: string, attempt: () => Promise<boolean>, signal: AbortSignal): Promise<readonly string[]> => {
  try {
    return (await attempt()) ? [] : [words]
  } catch (thrown) {
    if (signal.aborted) throw signal.reason
    return [`${words}: ${wordsOf(thrown)}`]
  }
}

/** Where it cannot be read a write says it: nothing is taken for forbidden. */
const modeOf = async (world: WriteWorld, url: string, signal: AbortSignal): Promise<string> => {
  try {
    return (await world.registry.mode(url, null, signal)) ?? 'READWRITE'
  } catch {
    signal.throwIfAborted()
    return 'READWRITE'
  }
}

/** Compatibility on every instance, after one write that the leader has to take. */
const proveWrites = async (world: WriteWorld, { subject, urls }: ToProve, signal: AbortSignal): Promise<readonly string[]> => {
  const { registry } = world.change
  const [first] = urls
  if (first === undefined) return ['no instance answers']
  const mode = await modeOf(world, first, signal)
  const readWrite = mode === 'READWRITE'
  const problems = mode === 'IMPORT' ? [`${first} is in mode IMPORT: nobody can register a schema`] : []
  try {
    problems.push(
      ...(await problemOf(
        'a write does not go through',
        async () => {
          await registry.configure(first, subject, 'BACKWARD', signal)
          if (readWrite) await registry.register(first, subject, WRITTEN, signal)
          return true
        },
        signal,
      )),
    )
    for (const url of problems.length === 0 && readWrite ? urls : []) {
      problems.push(
        ...(await problemOf(`${url} calls a compatible schema incompatible`, () => eventually(world, url, subject, GOOD, signal), signal)),
        ...(await problemOf(
          `${url} calls an incompatible schema compatible`,
          async () => !(await world.registry.compatible(url, subject, BAD, signal)),
          signal,
        )),
      )
    }
  } finally {
    problems.push(
      ...(await problemOf(
        `${subject} could not be removed`,
        async () => {
          await registry.remove(first, subject, signal)
          return true
        },
        signal,
      )),
    )
  }
  return problems
}

/** A follower reads what the leader wrote a moment later. */
const eventually = async (world: WriteWorld, url: string, subject: string, schema: SchemaText, signal: AbortSignal): Promise<boolean> => {
  for (let tries = 0; ; tries += 1) {
    try {
      return await world.registry.compatible(url, subject, schema, signal)
    } catch (thrown) {
      if (tries >= 10) throw thrown
      await world.clock.sleep(seconds(0.5), signal)
    }
  }
}

const proveRecords = async (world: WriteWorld, now: Survey, urls: readonly string[], signal: AbortSignal): Promise<RegistryProof> => {
  const subjects = new Set(registryOf(now)?.instances.flatMap(({ held }) => (held.known ? held.value.map(({ subject }) => subject) : [])) ?? [])
  const decoded: string[] = []
  const undecoded: string[] = []
  const withoutRecords: string[] = []
  const problems: string[] = []
  for (const framed of framedTopics(now, [...subjects].sort())) {
    const results = await Promise.all(urls.map((url) => decodeOne(world, now, url, framed, signal)))
    const bad = results.find((result) => result?.ok === false)
    if (bad?.ok === false) problems.push(`a record of ${framed.topic} (${framed.of}) does not decode: ${bad.why}`)
    else if (results.includes(null)) withoutRecords.push(framed.topic)
    else if (results.some((result) => result?.ok === true && result.undecoded !== null)) undecoded.push(framed.topic)
    else decoded.push(framed.topic)
  }
  return { decoded, undecoded, withoutRecords, problems }
}

export const probeRegistry = (): Step =>
  act<ToProve>({
    id: 'probe-registry',
    title: 'Prove that it reads, judges and writes',
    why: 'An answer proves a process: a record that decodes, a bad schema that is refused and a write that goes through prove a registry.',
    effect: 'probe',
    aspects: [],
    budget: { expected: seconds(10), deadline: minutes(3) },
    guards: [],
    resolve: async (world) => {
      const view = registryOf(await world.survey())
      const urls = (view?.instances ?? []).filter(({ reads }) => isKnownTrue(reads)).map(({ url }) => url)
      if (urls.length === 0) return { unknown: 'no instance of the registry was seen to answer' }
      return { target: { subject: `${CANARY_SUBJECT}${world.clock.randomHex(6)}`, urls } }
    },
    preview: ({ subject, urls }) => ({
      sentence: `decode one record of each topic that has a schema, and try compatibility and a write on ${subject}, at ${urls.join(', ')}`,
      changes: ['nothing but a subject of its own, removed at the end'],
      commands: [],
    }),
    act: async (world, target, signal) => {
      const proof = await proveRecords(world, await world.survey(), target.urls, signal)
      const problems = [...proof.problems, ...(await proveWrites(world, target, signal))]
      return { schemas: known({ ...proof, problems }, `probe ${target.subject}`) }
    },
    expect: (now) => now,
    done: (now, { subject }) => {
      if (!now.schemas.known || now.schemas.by !== `probe ${subject}`) return { state: 'not-started', detail: 'nothing was tried' }
      const { decoded, undecoded, withoutRecords, problems } = now.schemas.value
      if (problems.length > 0) return { state: 'not-started', detail: few(problems, 3), hopeless: few(problems, 3) }
      const empty = withoutRecords.length === 0 ? '' : `; without a record: ${few(withoutRecords)}`
      const kinds = undecoded.length === 0 ? '' : `; NOT decoded, only their ids are known (JSON or PROTOBUF): ${few(undecoded)}`
      return { state: 'done', detail: `records of ${decoded.length} topics decode, compatibility and a write work${kinds}${empty}` }
    },
  })
