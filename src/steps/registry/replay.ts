// The raw replay: with every registry stopped, the records of the manifest go into `_schemas` as they were,
// so that subjects, versions, ids and deletions come back with nothing in between to interpret them.
import { act, type ForEach, forEach, type Part, type Step } from '../../engine/step.ts'
import { notManaged } from '../../judgement/platform-guards.ts'
import { lacking, registryOf } from '../../judgement/registry.ts'
import { allStopped, dependenciesHold, nothingForeign } from '../../judgement/registry-guards.ts'
import { known } from '../../model/known.ts'
import type { RawRecord, SchemaKey } from '../../model/schemas.ts'
import { memberOf, type Survey } from '../../model/survey.ts'
import type { RecordInput } from '../../ports/kafka.ts'
import { withMember, withRegistry } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { type FoundCase, loadManifest, NO_MANIFEST } from './case.ts'
import { REGISTRY_STOP, restartCommands, restartInstance, servesAnew, type ToRestart, withServing } from './restart.ts'

interface ToStop {
  readonly member: string
  readonly uid: string
}

const registries = (now: Survey, state: 'running' | 'stopped') =>
  now.members.known
    ? now.members.value.filter(
        ({ roles, state: seen }) => roles.includes('schema-registry') && seen.known && (seen.value === 'stopped') === (state === 'stopped'),
      )
    : []

/** Nothing is left to write: who runs already runs on it, as after a crash while they were started again. */
const allThere = (now: Survey, wanted: readonly SchemaKey[]): boolean => {
  const stored = registryOf(now)?.stored
  return stored?.known === true && lacking(wanted, stored.value.keys).length === 0
}

const stopStep = (name: string, from: FoundCase): Step =>
  act<ToStop>({
    id: 'stop-registry',
    title: `Stop ${name}`,
    why: 'A registry that runs while its topic is written under it goes on from its old memory.',
    effect: 'stop',
    aspects: ['members'],
    budget: { expected: seconds(5), deadline: minutes(2) },
    guards: [notManaged(), dependenciesHold()],
    challenge: ({ member }) => member,
    resolve: async (world) => {
      const now = await world.survey()
      const member = memberOf(now, name)
      if (member === undefined || !member.uid.known) return { unknown: `${name} was not seen` }
      if (member.uid.value === null) return { nothing: `${name} does not run` }
      return allThere(now, from.value().safe) ? { nothing: 'every schema is in its topic already' } : { target: { member: name, uid: member.uid.value } }
    },
    preview: ({ member }, commands) => ({
      sentence: `stop ${member}`,
      changes: ['nobody can read schemas until it runs again; what is lost could not be read anyway'],
      commands: [commands.stop(member, REGISTRY_STOP)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.stop({ name: member, uid }, { grace: REGISTRY_STOP }, signal)
      return undefined
    },
    expect: (now, { member }) => withMember(now, member, { state: known('stopped', 'projected'), uid: known(null, 'projected') }),
    done: (now, { member }) => {
      const seen = memberOf(now, member)
      if (seen === undefined || !seen.uid.known) return { state: 'unknown', detail: `${member} was not seen` }
      return seen.uid.value !== null ? { state: 'not-started', detail: `${member} still runs` } : { state: 'done', detail: `${member} no longer runs` }
    },
  })

const stopAll = (from: FoundCase): ForEach =>
  forEach({
    id: 'stop-registries',
    title: 'Every instance',
    items: (now) => (from.manifest === null ? [] : registries(now, 'running').map(({ name }) => ({ key: name, title: name, parts: [stopStep(name, from)] }))),
  })

/** Bytes of records in one request, well below max.message.bytes (1 MiB). */
const BATCH = 512 * 1024

const inputOf = ({ key, value }: RawRecord): RecordInput => ({
  key: key === null ? null : Buffer.from(key, 'base64'),
  value: value === null ? null : Buffer.from(value, 'base64'),
})

/** In order, as many at a time as fit. */
const batches = (records: readonly RawRecord[]): readonly (readonly RecordInput[])[] => {
  const all: RecordInput[][] = []
  let size = BATCH
  for (const record of records.map(inputOf)) {
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0) + 64
    if (size + bytes > BATCH) {
      all.push([])
      size = 0
    }
    all.at(-1)?.push(record)
    size += bytes
  }
  return all
}

interface Replay {
  readonly topic: string
  readonly records: number
  readonly manifest: string
}

const replayRecords = (from: FoundCase): Step =>
  act<Replay>({
    id: 'replay-schemas',
    title: 'Write the records of the manifest into the topic',
    why: 'As they were, deletions and settings included: every subject, version and id is the one that records carry.',
    effect: 'change',
    aspects: ['members', 'partitions', 'registry', 'schemas'],
    budget: { expected: seconds(10), deadline: minutes(10) },
    guards: [allStopped(), dependenciesHold(), nothingForeign(() => from.value().safe)],
    resolve: async (world) => {
      if (from.manifest === null) return { nothing: NO_MANIFEST }
      const view = registryOf(await world.survey())
      if (view === null) return { unknown: 'the registry was not seen' }
      const manifest = await loadManifest(world, from.manifest)
      if ('blocked' in manifest) return manifest
      if (manifest.raw === null) return { blocked: `${from.manifest.path} carries no records` }
      return { target: { topic: view.topic, records: manifest.raw.records.length, manifest: from.manifest.path } }
    },
    preview: ({ topic, records, manifest }) => ({
      sentence: `write ${records} records of ${manifest} into ${topic}`,
      changes: [`${topic} holds again every schema that the manifest has, under its old id`],
      commands: [],
    }),
    act: async (world, { topic }, signal) => {
      if (from.manifest === null) return undefined
      const manifest = await loadManifest(world, from.manifest)
      if ('blocked' in manifest) throw new Error(manifest.blocked)
      for (const batch of batches(manifest.raw?.records ?? [])) await world.change.kafka.append({ topic, partition: 0 }, batch, signal)
      return undefined
    },
    expect: (now) =>
      withRegistry(now, (view) => ({
        ...view,
        stored: view.stored.known ? known({ ...view.stored.value, keys: from.value().safe }, 'projected') : view.stored,
      })),
    done: (now) => {
      const view = registryOf(now)
      if (view === null || !view.stored.known) return { state: 'unknown', detail: 'what the topic holds was not seen' }
      const { safe } = from.value()
      const missing = lacking(safe, view.stored.value.keys).length
      // The same records once more change nothing: what counts of each key is the last one, in the same order.
      return missing === 0
        ? { state: 'done', detail: `${view.topic} holds all ${safe.length} schemas` }
        : { state: 'not-started', detail: `${view.topic} lacks ${missing} of ${safe.length}` }
    },
  })

const startStep = (name: string): Step =>
  act<ToRestart>({
    id: 'start-registry',
    title: `Start ${name}`,
    why: 'It reads its topic from the beginning, and serves what is there.',
    effect: 'restart',
    aspects: ['members', 'partitions', 'registry', 'schemas'],
    budget: { expected: seconds(15), deadline: minutes(4) },
    guards: [notManaged(), dependenciesHold()],
    resolve: async (world) => {
      const member = memberOf(await world.survey(), name)
      if (member === undefined || !member.uid.known) return { unknown: `${name} was not seen` }
      return member.uid.value === null ? { target: { member: name, uid: null, revives: false, because: 'it was stopped' } } : { nothing: `${name} runs` }
    },
    preview: (target, commands) => ({ sentence: `start ${name}`, changes: [`${name} serves again`], commands: restartCommands(target, commands) }),
    act: async (world, target, signal) => {
      await restartInstance(world, target, signal)
      return undefined
    },
    expect: (now, { member }) => withServing(now, member),
    done: servesAnew,
  })

const startAll: ForEach = forEach({
  id: 'start-registries',
  title: 'Every instance',
  items: (now) => registries(now, 'stopped').map(({ name }) => ({ key: name, title: name, parts: [startStep(name)] })),
})

export const replay = (from: FoundCase): readonly Part[] => [stopAll(from), replayRecords(from), startAll]
