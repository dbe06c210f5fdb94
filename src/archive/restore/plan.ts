// What a restore will do to this very cluster, decided before anything is created: which topics are made, which
// are gone on with, which offsets every partition's records get, and what cannot come back. Pure.
import type { Contents, TopicContents } from '../../model/contents.ts'
import { partitionName } from '../../model/partitions.ts'
import { formatDuration, type Instant, plural } from '../../units.ts'
import type { NotRestored, RestoreOptions } from './options.ts'
import { type Disk, type Need, roomFor } from './room.ts'
import type { SelectedTopic } from './select-topics.ts'
import type { Standing } from './stands.ts'
import type { StoredPartition } from './stored.ts'
import { type Defaults, finalConfigs, isLoadMode, loadConfigs, retentionOf } from './topic-configs.ts'

export interface TopicPlan {
  readonly topic: string
  /** Its name here. */
  readonly target: string
  readonly partitions: number
  readonly replicationFactor: number
  /** `replace`: it is there with records of somebody else, and goes. */
  readonly was: 'missing' | 'there' | 'replace'
  readonly load: Readonly<Record<string, string>>
  readonly final: Readonly<Record<string, string>>
}

export interface PartitionPlan {
  readonly topic: string
  readonly target: string
  readonly partition: number
  readonly how: 'preserved' | 'mapped'
  /** Offset of its first record here. */
  readonly base: bigint
  readonly records: number
  /** Of them, how many were there before this restore and are no more: they are not loaded again. */
  readonly gone: number
}

export interface TargetPlan {
  readonly topics: readonly TopicPlan[]
  readonly partitions: readonly PartitionPlan[]
  readonly records: number
  /** As stored, one copy. */
  readonly bytes: number
  readonly notRestored: readonly NotRestored[]
  /** Worth knowing before it is approved, a line each. */
  readonly notes: readonly string[]
}

export type Planned = { readonly plan: TargetPlan } | { readonly refused: string; readonly hint: string }

/** One partition as far as it was looked at. */
export interface SeenPartition {
  readonly stored: StoredPartition
  readonly records: number
  /** Where the first record may keep its offset; null where offsets cannot be preserved. */
  readonly preserve: bigint | null
  /** null: the topic is not there, or is another one. */
  readonly standing: Standing | null
}

export interface PlanInput {
  readonly options: RestoreOptions
  readonly selected: readonly SelectedTopic[]
  /** By source topic, in order of the partitions. */
  readonly partitions: ReadonlyMap<string, readonly SeenPartition[]>
  readonly contents: Contents
  /** Why the backup may have less than there was, and nobody knows of what; null: what it lacks is named. */
  readonly lossy: string | null
  /** null: no broker was seen. */
  readonly disks: readonly Disk[] | null
  /** Brokers that have replicas of what is there, by partition (`orders-3`); those not seen are left out. */
  readonly replicas: ReadonlyMap<string, readonly number[]>
  readonly now: Instant
}

const defaultsOf = ({ defaults }: Contents): Defaults | null => (defaults.known ? defaults.value : null)

const RECREATE = 'kdr backup restore … --existing recreate deletes them and makes them anew; --topic-prefix restores beside them'

const PURGED = 'ends where the records of the backup would end, and holds none: whether they were ever there cannot be told, and nothing can be compared'

interface Judged {
  readonly selected: SelectedTopic
  readonly there: TopicContents | null
  readonly was: TopicPlan['was']
  readonly because: string | null
}

const goneOf = (standing: Standing | null): number => (standing?.state === 'whole' ? standing.gone : 0)

const judge = (input: PlanInput, selected: SelectedTopic): Judged => {
  const there = input.contents.topics.get(selected.name) ?? null
  if (there === null) return { selected, there, was: 'missing', because: null }
  if (there.partitions.length !== selected.source.partitions)
    return {
      selected,
      there,
      was: 'replace',
      because: `it has ${plural(there.partitions.length, 'partition')}, the backup's has ${selected.source.partitions}: keys and offsets would not fit`,
    }
  const seen = input.partitions.get(selected.source.name) ?? []
  const withData = input.options.what !== 'metadata'
  const purged = withData ? seen.find(({ standing }) => standing?.state === 'purged') : undefined
  if (purged !== undefined) return { selected, there, was: 'replace', because: `partition ${purged.stored.partition} ${PURGED}` }
  const gone = withData ? seen.find(({ standing }) => goneOf(standing) > 0) : undefined
  if (gone !== undefined && input.options.existing === 'recreate')
    return { selected, there, was: 'replace', because: `partition ${gone.stored.partition} has lost ${plural(goneOf(gone.standing), 'record')} since` }
  const foreign = seen.find(({ standing }) => standing?.state === 'foreign')
  if (foreign?.standing?.state !== 'foreign') return { selected, there, was: 'there', because: null }
  return { selected, there, was: 'replace', because: `partition ${foreign.stored.partition} is not empty, and ${foreign.standing.because}` }
}

/** Partitions of a topic that the backup holds less of than there was, or may. */
const lacks = ({ partitions, lossy }: PlanInput, { source }: SelectedTopic): readonly string[] => {
  const seen = new Map((partitions.get(source.name) ?? []).map(({ stored }) => [stored.partition, stored]))
  return Array.from({ length: source.partitions }, (_, partition) => partition)
    .filter((partition) => lossy !== null || (seen.get(partition)?.gaps ?? [null]).length > 0)
    .map((partition) => partitionName({ topic: source.name, partition }))
}

const refusal = (input: PlanInput, judged: readonly Judged[]): Planned | null => {
  const { options } = input
  const missing = judged.filter(({ was }) => was === 'missing').map(({ selected }) => selected.name)
  if (options.what === 'data' && missing.length > 0)
    return {
      refused: `the cluster lacks ${plural(missing.length, 'topic')}: ${missing.slice(0, 5).join(', ')}`,
      hint: 'kdr backup restore … metadata first, or all',
    }
  const held = judged.filter(({ was }) => was === 'replace')
  const lacking = held.flatMap(({ selected }) => lacks(input, selected))
  if (options.existing === 'recreate' && lacking.length > 0)
    return {
      refused: `what is to be deleted ${input.lossy === null ? 'is not all' : 'may not all be'} in the backup, and may be the last copy: ${lacking.slice(0, 5).join(', ')}`,
      hint: '--topic-prefix restores beside it; or delete the topic yourself, knowing what is lost',
    }
  if (options.existing === 'refuse' && held.length > 0)
    return {
      refused: held
        .slice(0, 5)
        .map(({ selected, because }) => `${selected.name} is there already: ${because}`)
        .join('; '),
      hint: RECREATE,
    }
  return null
}

const replicasOf = ({ options, contents }: PlanInput, { selected, there, was }: Judged, notRestored: NotRestored[]): number => {
  if (there !== null && was === 'there') return there.replicationFactor
  const wanted = options.replicationFactor ?? selected.source.replicationFactor
  const most = Math.max(1, contents.brokers)
  if (wanted > most) notRestored.push({ what: `topic ${selected.name}: replication factor ${wanted}`, why: `there are ${most} brokers: it is ${most}` })
  return Math.min(wanted, most)
}

const topicPlan = (input: PlanInput, judged: Judged, notRestored: NotRestored[]): TopicPlan => {
  const { selected, there, was } = judged
  const { source, name } = selected
  const defaults = defaultsOf(input.contents)
  const replicationFactor = replicasOf(input, judged, notRestored)
  const largest = (input.partitions.get(source.name) ?? []).reduce((most, { stored }) => Math.max(most, stored.largestBatch), 0)
  const own =
    was === 'there' && there?.overrides.known === true && input.options.what === 'data' && !isLoadMode(there.overrides.value) ? there.overrides.value : null
  if (own === null && source.configs === null) notRestored.push({ what: `topic ${name}: settings`, why: 'the backup could not read them' })
  // Who made the topic before its data came decided on its settings.
  const overrides = own === null ? (source.configs ?? {}) : Object.fromEntries(own)
  const final = finalConfigs(name, overrides, replicationFactor, defaults)
  notRestored.push(...final.notRestored)
  if (final.configs['message.timestamp.type'] === 'LogAppendTime')
    notRestored.push({
      what: `topic ${name}: who stamped its records`,
      why: 'every time is the same, but the batches say CreateTime: a broker would stamp them anew',
    })
  return {
    topic: source.name,
    target: name,
    partitions: source.partitions,
    replicationFactor,
    was,
    load: loadConfigs(final.configs, largest, defaults),
    final: final.configs,
  }
}

/** So many offsets are filled at most, of one partition: some minutes, and under a GB until its segments go. */
const MOST_FILLED = 1_000_000_000n

const partitionPlan = ({ contents }: PlanInput, topic: TopicPlan, { stored, records, preserve, standing }: SeenPartition): PartitionPlan => {
  const gone = topic.was === 'there' ? goneOf(standing) : 0
  const at = { topic: topic.topic, target: topic.target, partition: stored.partition, records, gone }
  if (topic.was === 'there' && (standing?.state === 'partial' || standing?.state === 'whole')) return { ...at, how: standing.how, base: standing.base }
  const extent = topic.was === 'there' ? contents.topics.get(topic.target)?.partitions[stored.partition] : undefined
  const end = extent?.known === true ? extent.value.end : 0n
  if (preserve !== null && preserve >= end && preserve - end <= MOST_FILLED) return { ...at, how: 'preserved', base: preserve }
  return { ...at, how: 'mapped', base: end }
}

/** Records in segments whose youngest is past retention: at least these go once it is back. */
const expiring = ({ contents, partitions, now, selected }: PlanInput, topics: readonly TopicPlan[]): readonly string[] =>
  topics.flatMap((topic, at) => {
    const kept = retentionOf(topic.final, defaultsOf(contents))
    if (kept === null) return []
    const source = selected[at]?.source.name ?? ''
    const old = (partitions.get(source) ?? []).flatMap(({ stored }) => stored.segments.filter(({ segment }) => segment.maxTimestamp < now - kept))
    const records = old.reduce((sum, { segment }) => sum + segment.records, 0)
    return records === 0
      ? []
      : [`at least ${plural(records, 'record')} of ${topic.target} beyond its retention of ${formatDuration(kept)}, to expire once that is back`]
  })

const nameOf = ({ target, partition }: PartitionPlan): string => partitionName({ topic: target, partition })

/** Records that were in place once: whoever repeats a restore has to know that it does not bring them back. */
const goneBefore = (plans: readonly PartitionPlan[]): readonly NotRestored[] =>
  plans
    .filter(({ gone }) => gone > 0)
    .map((plan) => ({
      what: `${nameOf(plan)} ${plan.base} to ${plan.base + BigInt(plan.gone)}`,
      why: `these offsets were taken before and their records are gone (retention, DeleteRecords): they are not loaded a second time; --existing recreate makes the topic anew, --topic-prefix restores beside it`,
    }))

/** Kafka gives no offset to nothing: where the source went on after its last record, the restored partition ends before it. */
const endsBefore = (plans: readonly PartitionPlan[], seen: readonly SeenPartition[], toTime: Instant | null): readonly NotRestored[] =>
  plans.flatMap((plan, at) => {
    const end = plan.base + BigInt(plan.records)
    const source = seen[at]?.stored.end ?? end
    if (plan.how !== 'preserved' || toTime !== null || source <= end) return []
    const why = `the backup has no record of these offsets (markers of transactions, say), so the next records get them: a position kept outside Kafka (Flink, Connect) beyond ${end} has to be set back to ${end}`
    return [{ what: `${nameOf(plan)} ${end} to ${source}`, why }]
  })

/** What of a partition is not there yet. */
const missingBytes = ({ stored, records, standing }: SeenPartition, was: TopicPlan['was']): number => {
  const there = was === 'there' && (standing?.state === 'partial' || standing?.state === 'whole') ? standing.restored : 0
  return stored.records === 0 ? 0 : (stored.bytes * (records - there)) / stored.records
}

const needsOf = ({ replicas }: PlanInput, topic: TopicPlan, seen: readonly SeenPartition[]): readonly Need[] =>
  seen.map((one) => ({
    bytes: missingBytes(one, topic.was),
    replicationFactor: topic.replicationFactor,
    replaced: topic.was === 'replace',
    replicas: topic.was === 'there' ? (replicas.get(partitionName({ topic: topic.target, partition: one.stored.partition })) ?? null) : null,
  }))

export const planRestore = (input: PlanInput): Planned => {
  const judged = input.selected.map((selected) => judge(input, selected))
  const no = refusal(input, judged)
  if (no !== null) return no
  const notRestored: NotRestored[] = []
  const topics = judged.map((each) => topicPlan(input, each, notRestored))
  const withData = input.options.what !== 'metadata'
  const seen = topics.map((topic) => input.partitions.get(topic.topic) ?? [])
  const partitions = withData ? topics.flatMap((topic, at) => (seen[at] ?? []).map((one) => partitionPlan(input, topic, one))) : []
  const bytes = withData ? seen.flat().reduce((sum, { stored }) => sum + stored.bytes, 0) : 0
  const space = withData
    ? roomFor({
        needs: topics.flatMap((topic, at) => needsOf(input, topic, seen[at] ?? [])),
        disks: input.disks,
        deleted: topics.filter(({ was }) => was === 'replace').length,
      })
    : null
  if (space !== null && space.refused !== null)
    return {
      refused: space.refused,
      hint: 'make room, restore fewer topics (--topic), or with a lower --replication-factor; directories that say the same of their disk count as one',
    }
  const mapped = partitions.filter(({ how }) => how === 'mapped').length
  const gone = goneBefore(partitions)
  const short = endsBefore(partitions, withData ? seen.flat() : [], input.options.toTime)
  notRestored.push(...gone, ...short)
  return {
    plan: {
      topics,
      partitions,
      records: partitions.reduce((sum, { records }) => sum + records, 0),
      bytes,
      notRestored,
      notes: [
        ...(space?.notes ?? []),
        ...(withData ? expiring(input, topics) : []),
        ...gone.map(({ what, why }) => `${what}: ${why}`),
        ...(short.length === 0
          ? []
          : [
              `${plural(short.length, 'partition')} keep their offsets and end before the source did (markers of transactions, say): positions kept outside Kafka (Flink, Connect) may lie beyond, the report names each`,
            ]),
        ...(mapped === 0
          ? []
          : [
              `${mapped} of ${plural(partitions.length, 'partition')} get new offsets: consumers that keep offsets outside Kafka (Flink, Connect sinks) have to be told`,
            ]),
      ],
    },
  }
}
