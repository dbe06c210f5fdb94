// Full or incremental: what the store and the brokers say about it, asked before anything is written.
import { KdrError, wordsOf } from '../../errors.ts'
import type { Known } from '../../model/known.ts'
import { known, unknown } from '../../model/known.ts'
import type { BackupTopic } from '../../ports/kafka-backup.ts'
import type { ChainLink, Manifest } from '../manifest.ts'
import { openArchive } from '../read-archive.ts'
import { CLEANING_KEYS, type Cleaning, cleaningOf } from './cleaning.ts'
import { type PartitionPlan, placeOf } from './ends.ts'
import { lastOfChains, type Parent } from './parent.ts'
import type { CreateOptions, CreatePorts } from './types.ts'
import { goOn, whyFull } from './why-full.ts'

/** Topics per DescribeConfigs. */
const CHUNK = 500

export interface Chosen {
  readonly type: 'full' | 'incremental'
  readonly plans: readonly PartitionPlan[]
  readonly chain: ChainLink
  readonly since: string | null
  readonly forcedFull: string | null
  /** Of an incremental one: why it does not go on from the newest. */
  readonly passedOver: string | null
}

interface Seen {
  readonly clusterId: string | null
  readonly topics: readonly BackupTopic[]
  readonly plans: readonly PartitionPlan[]
}

const epochEndsOf = async (
  { kafka }: CreatePorts,
  parent: Manifest,
  plans: readonly PartitionPlan[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Known<bigint>>> => {
  const epochs = new Map(parent.partitions.map((one) => [placeOf(one), one.leaderEpoch]))
  const rows = plans.flatMap(({ topic, partition, problem }) => {
    const epoch = epochs.get(placeOf({ topic, partition }))
    return epoch === undefined || problem !== null ? [] : [{ topic, partition, epoch }]
  })
  if (rows.length === 0) return new Map()
  const answers = await kafka.endOfEpoch(rows, signal)
  return new Map(answers.map((answer) => [placeOf(answer), answer.endOffset]))
}

/** Of topics with records after the parent: where there are none, no delete can have been missed. */
const cleanings = async (
  { kafka }: CreatePorts,
  parent: Manifest,
  plans: readonly PartitionPlan[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Known<Cleaning>>> => {
  const ends = new Map(parent.partitions.map((one) => [placeOf(one), BigInt(one.end)]))
  const grown = [...new Set(plans.filter((plan) => plan.end > (ends.get(placeOf(plan)) ?? plan.end)).map(({ topic }) => topic))]
  const found = new Map<string, Known<Cleaning>>()
  for (let at = 0; at < grown.length; at += CHUNK) {
    const names = grown.slice(at, at + CHUNK)
    const answers = await kafka.configs('topic', names, CLEANING_KEYS, signal)
    for (const name of names) found.set(name, cleaningOf(answers.get(name)))
  }
  return found
}

/** By topics of these that the parent lacks: the last backup before it that has one of the name. Reads no further than it has to. */
const formerOf = async (
  { store }: CreatePorts,
  parent: Manifest,
  plans: readonly PartitionPlan[],
  signal: AbortSignal,
): Promise<Known<ReadonlyMap<string, string>>> => {
  const before = new Set(parent.partitions.map(({ topic }) => topic))
  const fresh = new Set(plans.map(({ topic }) => topic).filter((topic) => !before.has(topic)))
  const found = new Map<string, string>()
  try {
    for (let link = parent.chain.parent; link !== null && fresh.size > found.size; ) {
      const { manifest } = await openArchive(store, link.name, null, signal)
      for (const { topic } of manifest.partitions) if (fresh.has(topic) && !found.has(topic)) found.set(topic, manifest.name)
      link = manifest.chain.parent
    }
  } catch (thrown) {
    signal.throwIfAborted()
    if (!(thrown instanceof KdrError)) throw thrown
    return unknown(wordsOf(thrown), store.where)
  }
  return known(found, store.where)
}

const fullChain = (clock: CreatePorts['clock']): ChainLink => ({ id: clock.randomHex(8), sequence: 0, parent: null })

const nextLink = ({ sidecar }: Parent): ChainLink => ({
  id: sidecar.chain.id,
  sequence: sidecar.chain.sequence + 1,
  parent: { name: sidecar.name, sha256: sidecar.manifest.sha256 },
})

/** Why it would not do to go on from `parent`. */
const reasonAgainst = async (ports: CreatePorts, { manifest }: Parent, { topics, plans }: Seen, signal: AbortSignal): Promise<string | null> =>
  whyFull(manifest, {
    present: new Set(topics.map(({ name }) => name)),
    plans,
    epochEnds: await epochEndsOf(ports, manifest, plans, signal),
    cleaning: await cleanings(ports, manifest, plans, signal),
    former: await formerOf(ports, manifest, plans, signal),
    now: ports.clock.now(),
  })

interface Search {
  readonly parent: Parent | null
  /** Why not the newest, or why none; null where it is the newest, or nothing was there. */
  readonly why: string | null
}

/** The one that stands for most of the topics asked; of several, the newest. One that has none of them saves nothing. */
const findParent = async (ports: CreatePorts, clusterId: string, seen: Seen, signal: AbortSignal): Promise<Search> => {
  const asked = new Set(seen.plans.map(({ topic }) => topic))
  let best: { readonly parent: Parent; readonly covered: number } | null = null
  let why: string | null = null
  for await (const parent of lastOfChains(ports.store, clusterId, signal)) {
    if (typeof parent === 'string') {
      why ??= parent
      continue
    }
    const covered = parent.manifest.topics.filter((topic) => asked.has(topic)).length
    if (asked.size > 0 && covered <= (best?.covered ?? 0)) continue
    const against = await reasonAgainst(ports, parent, seen, signal)
    if (against === null) best = { parent, covered }
    else why ??= `${parent.sidecar.name}: ${against}`
    if (best !== null && best.covered === asked.size) break
  }
  return { parent: best?.parent ?? null, why }
}

/** Where `auto` finds no chain of this cluster with these topics, a full backup is what was wanted: `forcedFull` is null then. */
export const chooseChain = async (options: Pick<CreateOptions, 'type'>, ports: CreatePorts, seen: Seen, signal: AbortSignal): Promise<Chosen> => {
  const { clusterId, plans } = seen
  const full = (forcedFull: string | null): Chosen => ({
    type: 'full',
    plans,
    chain: fullChain(ports.clock),
    since: null,
    forcedFull,
    passedOver: null,
  })
  if (options.type === 'full') return full(null)
  if (clusterId === null) return full('the cluster has no id by which its backups could be told')
  const { parent, why } = await findParent(ports, clusterId, seen, signal)
  if (parent === null) return full(why ?? (options.type === 'auto' ? null : 'there is no backup of this cluster with any of these topics in the store yet'))
  const { manifest } = parent
  return { type: 'incremental', plans: goOn(manifest, plans), chain: nextLink(parent), since: manifest.backup_date, forcedFull: null, passedOver: why }
}
