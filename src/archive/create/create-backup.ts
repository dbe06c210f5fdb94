// A backup from end to end, in the order that makes it true: groups first, then where each partition ends, then
// the records; the manifest last. Whatever stops it, nothing remains that could be taken for a backup.
import { setMaxListeners } from 'node:events'
import { KdrError, wordsOf } from '../../errors.ts'
import type { BackupTopics, GroupOffsets } from '../../ports/kafka-backup.ts'
import { formatInstant, seconds } from '../../units.ts'
import { checkMetadata } from '../check-own.ts'
import { requireCompression } from '../compression.ts'
import { METADATA } from '../layout.ts'
import { type BackupMetadata, FORMAT, type Manifest, type OpenTransaction, type Sidecar } from '../manifest.ts'
import { type ArchiveWriter, openArchiveWriter } from '../write-archive.ts'
import { type Chosen, chooseChain } from './chain.ts'
import { sayCutShort } from './cut-short.ts'
import { captureGroups, committedBy, describeCluster, groupsText, groupsWithPlaces } from './describe.ts'
import { type PartitionPlan, placeOf, readEnds } from './ends.ts'
import { Memory } from './memory.ts'
import { PositionCounter } from './positions.ts'
import { Progress } from './progress.ts'
import { readData } from './read-data.ts'
import type { PartitionRead } from './read-partition.ts'
import { dropRecreated } from './recreated.ts'
import { fetchRoom } from './room.ts'
import { SegmentSize } from './segments.ts'
import { isLiteral, type Selection, selectTopics, wouldKeep } from './select-topics.ts'
import { spareCompression } from './spare-compression.ts'
import { openThrottle } from './throttle.ts'
import { hangingLines, openTransactions } from './transactions.ts'
import type { CreateGap, CreateOptions, CreatePorts, CreateResult, Tell } from './types.ts'

const MEMORY = 112 * 1024 * 1024
const FETCH_BYTES = 4 * 1024 * 1024
/** For partitions that nobody leads, all of them together; the adapter has waited before. */
const PATIENCE = seconds(30)

/** Held by whoever makes backups in a store or removes them. */
export const STORE_LOCK = 'backups'

interface Seen {
  readonly cluster: BackupTopics
  readonly selection: Selection
  readonly metadata: Omit<BackupMetadata, 'groups'>
  readonly groups: readonly GroupOffsets[]
  readonly chosen: Chosen
  readonly open: readonly OpenTransaction[]
  /** Grows while the backup is made. */
  readonly incomplete: string[]
}

const see = async (options: CreateOptions, ports: CreatePorts, signal: AbortSignal): Promise<Seen> => {
  const { backup, kafka } = ports
  const incomplete: string[] = []
  const lacking = (why: string): void => {
    incomplete.push(why)
  }
  const cluster = await backup.topics(null, signal)
  const selection = selectTopics(cluster.topics, options.topics, options.schemasTopic)
  const named = options.topics.length > 0 && options.topics.every(isLiteral)
  if (!cluster.complete.known && !named) lacking(`topics may be hidden from this principal: ${cluster.complete.why}`)
  for (const { topic, error } of cluster.missing) if (wouldKeep(topic, options.topics)) lacking(`${topic} could not be described: ${error}`)
  const groups = await captureGroups(ports, lacking, signal)
  const metadata = await describeCluster(ports, selection.kept, lacking, signal)
  const plans = await readEnds(kafka, selection.kept, signal)
  const chosen = await chooseChain(options, ports, { clusterId: cluster.clusterId, topics: cluster.topics, plans }, signal)
  const open = await openTransactions(ports, chosen.plans, signal)
  for (const line of hangingLines(open)) lacking(line)
  return { cluster, selection, metadata, groups, chosen, open, incomplete }
}

/** `full_backup_20261123_031500`, by the second; a later one where that is taken. */
const nameFor = async (type: Chosen['type'], { store, clock }: CreatePorts, signal: AbortSignal): Promise<string> => {
  for (let at = clock.now(); ; at += seconds(1)) {
    const [day, time] = formatInstant(at).replace(/\..*/, '').replaceAll(/[-:]/g, '').split('T')
    const name = `${type}_backup_${day}_${time}`
    let taken = false
    for await (const _ of store.list({ prefix: name }, signal)) taken = true
    if (!taken) return name
  }
}

const provisionalOf = (name: string, options: CreateOptions, began: string, seen: Seen): Manifest => {
  const { cluster, selection, chosen, groups, open } = seen
  const kept = new Set(selection.kept.map((topic) => topic.name))
  const groupNames = groups.filter(({ offsets }) => offsets.some(({ topic }) => kept.has(topic))).map(({ group }) => group)
  return {
    backup_date: began,
    backup_type: chosen.type,
    ...(chosen.since === null ? {} : { since_timestamp: chosen.since }),
    kafka_brokers: cluster.brokers.map(({ endpoint }) => endpoint).join(','),
    topics_count: kept.size,
    topics: [...kept],
    consumer_groups_count: groupNames.length,
    consumer_groups: groupNames,
    backup_size_bytes: 0,
    format: FORMAT,
    name,
    status: 'in-progress',
    incomplete: [],
    finished_at: null,
    kdr_version: options.kdrVersion,
    cluster_id: cluster.clusterId,
    isolation_level: 'read_committed',
    chain: chosen.chain,
    encryption: options.encryption === null ? null : { scheme: 'age', recipients: options.encryption.recipients },
    compression: options.compression,
    left_out: selection.leftOut,
    open_transactions: open,
    partitions: [],
    entries: [],
  }
}

const write = (writer: ArchiveWriter, key: keyof BackupMetadata, content: unknown): Promise<unknown> =>
  writer.add(METADATA[key], Buffer.from(`${JSON.stringify(content, null, 1)}\n`))

const readAll = async (
  options: CreateOptions,
  ports: CreatePorts,
  {
    plans,
    counters,
    writer,
  }: { readonly plans: readonly PartitionPlan[]; readonly counters: ReadonlyMap<string, PositionCounter>; readonly writer: ArchiveWriter },
  tell: Tell,
  signal: AbortSignal,
): Promise<readonly PartitionRead[]> => {
  const { backup, kafka, clock } = ports
  const progress = new Progress(plans, clock, tell)
  const { bytesPerSecond, parallel, rack, compression } = options
  const context = {
    backup,
    kafka,
    clock,
    rack,
    progress,
    throttle: openThrottle(bytesPerSecond, { fetchBytes: FETCH_BYTES, parallel }, clock),
    memory: new Memory(MEMORY),
    room: await fetchRoom(ports, plans, signal),
    patience: { left: PATIENCE },
    sink: {
      compression: spareCompression(compression),
      size: new SegmentSize(),
      write: (path: string, pieces: readonly Buffer[], how: Parameters<ArchiveWriter['addSegment']>[2]) => writer.addSegment(path, pieces, how),
    },
  }
  const reads = await readData(context, { plans, counters, parallel, first: options.schemasTopic }, signal)
  progress.done()
  return reads
}

const gapsOf = (manifest: Manifest): readonly CreateGap[] =>
  manifest.partitions.flatMap(({ topic, partition, gaps }) => gaps.map((gap) => ({ topic, partition, ...gap })))

const finalOf = (provisional: Manifest, seen: Seen, partitions: Manifest['partitions'], finished: string): Manifest => {
  const gaps = partitions.filter((one) => one.gaps.length > 0)
  const ends = new Map(partitions.map((one) => [placeOf(one), BigInt(one.end)]))
  const incomplete = [
    ...seen.incomplete,
    ...gaps.map((one) => `${placeOf(one)}: ${one.gaps.map(({ from, to, why }) => `offsets ${from} to ${to} are missing: ${why}`).join('; ')}`),
  ]
  return {
    ...provisional,
    status: incomplete.length === 0 ? 'complete' : 'incomplete',
    incomplete,
    finished_at: finished,
    // One that ended meanwhile may be in it after all: a compacted log is read on.
    open_transactions: provisional.open_transactions.filter((one) => BigInt(one.from) >= (ends.get(placeOf(one)) ?? 0n)),
    backup_size_bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
    partitions,
  }
}

const resultOf = (manifest: Manifest, sidecar: Sidecar, { chosen }: Seen): CreateResult => ({
  name: manifest.name,
  type: manifest.backup_type,
  status: manifest.status === 'complete' ? 'complete' : 'incomplete',
  topics: manifest.topics_count,
  partitions: manifest.partitions.length,
  records: manifest.partitions.reduce((sum, { records }) => sum + records, 0),
  bytes: manifest.backup_size_bytes,
  stored: sidecar.bytes,
  gaps: gapsOf(manifest),
  incomplete: manifest.incomplete,
  forcedFull: chosen.forcedFull,
  chain: manifest.chain,
  parent: manifest.chain.parent?.name ?? null,
  openTransactions: manifest.open_transactions,
  leftOut: manifest.left_out,
})

const fill = async (
  options: CreateOptions,
  ports: CreatePorts,
  { seen, provisional, writer }: { readonly seen: Seen; readonly provisional: Manifest; readonly writer: ArchiveWriter },
  tell: Tell,
  signal: AbortSignal,
): Promise<CreateResult> => {
  const { plans } = seen.chosen
  const committed = committedBy(seen.groups)
  const counters = new Map(plans.map((plan) => [placeOf(plan), new PositionCounter(committed.get(placeOf(plan)) ?? [], plan.start)]))
  checkMetadata(provisional.name, seen.metadata, groupsWithPlaces(seen.groups, counters))
  for (const key of ['topics', 'acls', 'quotas', 'scramUsers', 'schemas'] as const) await write(writer, key, seen.metadata[key])
  const reads = await readAll(options, ports, { plans, counters, writer }, tell, signal)
  const own = await dropRecreated(ports.backup, { plans, reads, counters, incomplete: seen.incomplete }, signal)
  const partitions = await sayCutShort(ports, own, signal)
  await writer.add(METADATA.groups, groupsText(groupsWithPlaces(seen.groups, counters)))
  const manifest = finalOf(provisional, seen, partitions, formatInstant(ports.clock.now()))
  return resultOf(manifest, await writer.finish(manifest), seen)
}

/** Says that nothing remains, or what may. */
const abandon = async (writer: ArchiveWriter, name: string, where: string, thrown: unknown, tell: Tell): Promise<void> => {
  try {
    await writer.abandon(thrown instanceof Error ? thrown : new Error(wordsOf(thrown)))
    tell({ type: 'note', text: `${name} was abandoned: nothing of it remains in ${where}` })
  } catch (failed) {
    tell({
      type: 'note',
      text: `${name} was abandoned, and what was written of it could not be removed from ${where}: ${wordsOf(failed)}; remove it by hand`,
    })
  }
}

/** Objects that a backup is made of (`nameFor`). */
const OURS = /^(?:full|incremental)_backup_\d{8}_\d{6}(?:_\d+)?(?:\.part-\d+)?(?:\.tar\.gz|\.manifest\.json)$/

const locked = async (options: CreateOptions, ports: CreatePorts, tell: Tell, signal: AbortSignal): Promise<CreateResult> => {
  const { store, clock } = ports
  // Whoever holds the lock is the only one at work here: what is unfinished now stays so.
  const cleared = await store.clear({ olderThan: clock.now(), ours: OURS }, signal)
  if (cleared > 0)
    tell({ type: 'note', text: `removed ${cleared} unfinished ${cleared === 1 ? 'file' : 'files'} that an earlier backup left in ${store.where}` })
  const began = formatInstant(clock.now())
  const seen = await see(options, ports, signal)
  if (seen.chosen.forcedFull !== null) tell({ type: 'note', text: `a full backup is made: ${seen.chosen.forcedFull}` })
  const { passedOver, chain } = seen.chosen
  if (passedOver !== null) tell({ type: 'note', text: `it goes on from ${chain.parent?.name}, not from a newer backup: ${passedOver}` })
  const name = await nameFor(seen.chosen.type, ports, signal)
  const provisional = provisionalOf(name, options, began, seen)
  const writer = openArchiveWriter({ store, name, provisional, encryption: options.encryption }, signal)
  try {
    return await fill(options, ports, { seen, provisional, writer }, tell, signal)
  } catch (thrown) {
    await abandon(writer, name, store.where, thrown, tell)
    throw thrown
  }
}

/**
 * Errors: `no-such-topic`, `store-locked`, the store's and Kafka's own, the signal's reason; after any of them nothing remains in the store that
 * could be taken for a backup. What of Kafka could not be read is no error: the result is incomplete and says why.
 */
export const createBackup = async (options: CreateOptions, ports: CreatePorts, tell: Tell, signal: AbortSignal): Promise<CreateResult> => {
  if (options.compression !== 'auto') requireCompression(options.compression)
  if (options.parallel < 1) throw new KdrError('at least one partition has to be read at a time', { code: 'bad-parallel', exit: 'usage' })
  const own = AbortSignal.any([signal])
  // Hundreds of requests listen to it at once, which is no leak.
  setMaxListeners(0, own)
  const lock = await ports.store.lock(STORE_LOCK, options.holder, own)
  try {
    return await locked(options, ports, tell, own)
  } finally {
    await lock.release()
  }
}
