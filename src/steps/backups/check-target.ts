// Whether this cluster can take the backup, and what exactly will be done to it. Whatever is found in the way is
// refused here, before anything is created.

import type { RestoreOptions } from '../../archive/restore/options.ts'
import { keptIn } from '../../archive/restore/pieces.ts'
import { planRestore, type SeenPartition, type TargetPlan } from '../../archive/restore/plan.ts'
import { recompressed } from '../../archive/restore/recompressed.ts'
import { type Disk, freeIn } from '../../archive/restore/room.ts'
import { type SelectedTopic, selectRestored } from '../../archive/restore/select-topics.ts'
import { standing } from '../../archive/restore/stands.ts'
import { begunAnew, type StoredPartition } from '../../archive/restore/stored.ts'
import { isLoadMode } from '../../archive/restore/topic-configs.ts'
import { type Decision, decide, type Resolution } from '../../engine/step.ts'
import { topicOperators } from '../../judgement/topic-operators.ts'
import { walkBatches } from '../../model/batches/batch.ts'
import { decodeRecords } from '../../model/batches/records.ts'
import type { Contents } from '../../model/contents.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { each } from '../../survey/reading.ts'
import { formatBytes, hours, minutes, plural } from '../../units.ts'
import { keyOf, NOT_SEEN, nothingStored, type Restoring, storedIn, withDataOf } from './restoring.ts'

/** Partitions looked at side by side: each may hold a segment. */
const WIDTH = 8

/** What is kept of a partition once younger records are left out: how many, and whether what is left is still without holes. */
const cutOf = async (stored: StoredPartition, toTime: number, signal: AbortSignal): Promise<{ readonly records: number; readonly tail: boolean }> => {
  let records = 0
  let cut = false
  let tail = true
  for (const { archive, partition, segment } of stored.segments) {
    const whole = segment.maxTimestamp <= toTime
    let kept = segment.records
    if (!whole) {
      const { bytes, release } = await archive.segment(partition, segment, signal)
      try {
        kept = keptIn(bytes, toTime)
        // Records left out in the middle of a segment leave holes, unless the segment begins with all that is kept of it.
        if (kept > 0 && kept < segment.records) tail &&= keptFirst(bytes, toTime, kept)
      } finally {
        release()
      }
    }
    if (cut && kept > 0) tail = false
    if (kept < segment.records) cut = true
    records += kept
  }
  return { records, tail }
}

/** Whether the `kept` records are the first ones, without a younger one between them. */
const keptFirst = (bytes: Buffer, toTime: number, kept: number): boolean => {
  let count = 0
  for (const batch of walkBatches(bytes)) {
    if (batch.maxTimestamp <= toTime) {
      count += batch.count
      continue
    }
    const records = decodeRecords(batch)
    const younger = records.findIndex(({ timestamp }) => timestamp > toTime)
    return count + (younger < 0 ? records.length : younger) === kept
  }
  return count === kept
}

const seenPartition = async (
  world: ReadWorld,
  { options, contents }: { readonly options: RestoreOptions; readonly contents: Contents },
  name: string,
  stored: StoredPartition,
  fits: boolean,
  signal: AbortSignal,
): Promise<SeenPartition> => {
  const { toTime } = options
  const cut = toTime !== null && stored.maxTimestamp > toTime ? await cutOf(stored, toTime, signal) : null
  const records = cut?.records ?? stored.records
  const preserve = options.offsets === 'auto' && stored.dense && cut?.tail !== false ? stored.first : null
  const there = contents.topics.get(name)
  const extent = there?.partitions[stored.partition]
  if (there === undefined || !fits || extent?.known !== true) return { stored, records, preserve, standing: null }
  const loading = there.overrides.known && isLoadMode(there.overrides.value)
  const at = { topic: name, partition: stored.partition }
  return { stored, records, preserve, standing: await standing(world.backup, at, extent.value, { stored, records, preserve, toTime }, loading, signal) }
}

const disksOf = ({ brokers }: Survey): readonly Disk[] | null => {
  if (!brokers.known) return null
  return brokers.value.map(({ id, logDirs }) => ({ broker: id, freeBytes: logDirs.known ? freeIn(logDirs.value) : null }))
}

const replicasOf = ({ partitions }: Survey, topics: readonly SelectedTopic[]): ReadonlyMap<string, readonly number[]> => {
  if (!partitions.known) return new Map()
  const wanted = new Set(topics.map(({ name }) => name))
  const rows = [...partitions.value.rows()].filter(({ topic }) => wanted.has(topic))
  return new Map(rows.map((row) => [partitionName(row), row.replicas]))
}

const unseen = (contents: Contents, selected: readonly SelectedTopic[]): string | null => {
  for (const { name } of selected) {
    const there = contents.topics.get(name)
    if (there === undefined) continue
    if (!there.overrides.known) return `the settings of ${name} were not seen: ${there.overrides.why}`
    const blind = there.partitions.findIndex(({ known }) => !known)
    if (blind >= 0) return `what partition ${blind} of ${name} holds was not seen`
  }
  return null
}

/** A partition that the topic had, and that the archives do not even call empty. */
const silentOn = (selected: readonly SelectedTopic[], stored: ReturnType<typeof storedIn>): string | undefined =>
  selected
    .flatMap(({ source }) => Array.from({ length: source.partitions }, (_, partition) => ({ topic: source.name, partition })))
    .filter((at) => !stored.has(keyOf(at)))
    .map(partitionName)[0]

const resolvePlan = async (world: ReadWorld, options: RestoreOptions, open: Restoring['open']): Promise<Resolution<TargetPlan>> => {
  const now = await world.survey()
  if (!now.contents.known) return { unknown: `${NOT_SEEN}: ${now.contents.why}`, hint: 'kdr diagnose' }
  const contents = now.contents.value
  const signal = world.clock.deadline(hours(12))
  const chain = await open(world, signal)
  const metadata = await chain.archives.at(-1)?.metadata(signal)
  if (metadata === undefined) return { blocked: `${options.name} holds nothing` }
  const { topics: selected, notRestored, idle } = selectRestored(metadata.topics, options)
  if (idle.length > 0) return { blocked: `no topic of the backup is called ${idle.join(' or ')}`, hint: `kdr backup show ${options.name}` }
  const blind = unseen(contents, selected)
  if (blind !== null) return { unknown: blind, hint: 'kdr diagnose' }
  const stored = storedIn(
    chain,
    selected.map(({ source }) => source.name),
  )
  const silent = silentOn(selected, stored)
  if (silent !== undefined && chain.lossy === null)
    return { blocked: `the backup says nothing of ${silent}, which its cluster had: it may have lost it`, hint: `kdr backup verify ${options.name}` }
  const all = selected.flatMap(({ source, name }) =>
    Array.from({ length: source.partitions }, (_, partition) => ({
      name,
      topic: source.name,
      fits: contents.topics.get(name)?.partitions.length === source.partitions,
      stored: stored.get(keyOf({ topic: source.name, partition })) ?? nothingStored(source.name, partition),
    })),
  )
  const seen = await each(all, WIDTH, (one) => seenPartition(world, { options, contents }, one.name, one.stored, one.fits, signal))
  const partitions = new Map<string, SeenPartition[]>()
  for (const one of seen) partitions.set(one.stored.topic, [...(partitions.get(one.stored.topic) ?? []), one])
  const planned = planRestore({
    options,
    selected,
    partitions,
    contents,
    lossy: chain.lossy,
    disks: disksOf(now),
    replicas: replicasOf(now, selected),
    now: now.takenAt,
  })
  if ('refused' in planned) return { blocked: planned.refused, hint: planned.hint }
  const codecs = withDataOf({ options }) ? recompressed([...stored.values()]) : null
  const anew = begunAnew(
    chain.archives,
    selected.map(({ source }) => source.name),
  )
  const cut = [...anew].map(([topic, name]) => `${topic} was deleted and made again within the chain: what it was before ${name} is not restored`)
  return {
    target: {
      ...planned.plan,
      notRestored: [...notRestored, ...planned.plan.notRestored],
      notes: [
        ...topicOperators(
          now,
          metadata.topics.map(({ name }) => name),
        ),
        ...cut,
        ...planned.plan.notes,
        ...(codecs === null ? [] : [codecs]),
      ],
    },
  }
}

export const checkTarget = (options: RestoreOptions, open: Restoring['open']): Decision<TargetPlan> =>
  decide<TargetPlan>({
    id: 'check-target',
    title: 'Check what the cluster can take',
    why: 'Topics that are there, disks, limits, replicas: whatever is in the way is found before anything is created.',
    effect: 'read',
    aspects: ['contents'],
    budget: { expected: minutes(1), deadline: hours(12) },
    resolve: (world) => resolvePlan(world, options, open),
    preview: ({ topics }, commands) => ({
      sentence: `${plural(topics.length, 'topic')}, ${topics.filter(({ was }) => was === 'missing').length} of them to be created`,
      changes: [],
      commands: [commands.kafka('kafka-topics', ['--describe'])],
    }),
    expect: (now) => now,
    done: (_, { topics, partitions, records, bytes, notes }) => ({
      state: 'done',
      detail: [
        withDataOf({ options })
          ? `${plural(topics.length, 'topic')}, ${plural(partitions.length, 'partition')}, ${plural(records, 'record')}, ${formatBytes(bytes)}`
          : plural(topics.length, 'topic'),
        ...notes,
      ].join('; '),
    }),
  })
