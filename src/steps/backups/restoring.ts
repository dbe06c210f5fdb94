// What the steps of a restore share: the archives, opened once in each life of a run, and what was decided.
import type { ArchiveSource, Chain, RestoreOptions } from '../../archive/restore/options.ts'
import type { PartitionPlan, TargetPlan, TopicPlan } from '../../archive/restore/plan.ts'
import { type StoredPartition, storedPartitions } from '../../archive/restore/stored.ts'
import type { Decision } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import type { Extent } from '../../model/contents.ts'
import type { Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { formatBytes } from '../../units.ts'

export interface Chosen {
  readonly name: string
  /** Full backup first: which archives, by the digest of their manifests. */
  readonly archives: readonly { readonly name: string; readonly sha256: string }[]
  readonly status: 'complete' | 'incomplete'
  readonly incomplete: readonly string[]
  readonly lossy: string | null
  readonly date: string
}

export interface Restoring {
  readonly options: RestoreOptions
  readonly open: (world: Pick<ReadWorld, 'clock' | 'tell'>, signal: AbortSignal) => Promise<Chain>
  readonly chosen: Decision<Chosen>
  readonly plan: Decision<TargetPlan>
}

/** Opened when first asked for, every byte of it read then; an error is not remembered. */
export const openedOnce = (source: ArchiveSource): ((name: string) => Restoring['open']) => {
  const opened = new Map<string, Promise<Chain>>()
  return (name) => (world, signal) => {
    const before = opened.get(name)
    if (before !== undefined) return before
    const since = world.clock.monotonic()
    const progress = (done: number, total: number): void => {
      const rate = (done * 1000) / Math.max(1, world.clock.monotonic() - since)
      world.tell({ detail: `${formatBytes(rate)}/s`, measure: { done: Math.floor(done / 1e6), total: Math.ceil(total / 1e6), unit: 'MB' } })
    }
    const opening = source.open(name, progress, signal).catch((thrown) => {
      opened.delete(name)
      throw thrown
    })
    opened.set(name, opening)
    return opening
  }
}

/** The chain that was decided on; throws where it is another one by now. */
export const chainOf = async ({ open, chosen }: Restoring, world: Pick<ReadWorld, 'clock' | 'tell'>, signal: AbortSignal): Promise<Chain> => {
  const chain = await open(world, signal)
  const { archives } = chosen.value()
  const same = chain.archives.length === archives.length && chain.archives.every(({ sidecar }, at) => sidecar.manifest.sha256 === archives[at]?.sha256)
  if (same) return chain
  throw new KdrError(`${chosen.value().name} is not the backup any more that this run began with`, { code: 'archive-changed', exit: 'refused' })
}

export const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string => JSON.stringify([topic, partition])

/** By source topic and partition; one without records in the archive stands for itself. */
export const storedIn = (chain: Chain, topics: readonly string[]): ReadonlyMap<string, StoredPartition> =>
  new Map(storedPartitions(chain.archives, topics).map((stored) => [keyOf(stored), stored]))

export const nothingStored = (topic: string, partition: number): StoredPartition => ({
  topic,
  partition,
  segments: [],
  records: 0,
  bytes: 0,
  largestBatch: 0,
  maxTimestamp: -1,
  first: 0n,
  dense: true,
  end: 0n,
  gaps: [],
})

export const extentOf = (now: Survey, { target, partition }: Pick<PartitionPlan, 'target' | 'partition'>): Extent | null => {
  const seen = now.contents.known ? now.contents.value.topics.get(target)?.partitions[partition] : undefined
  return seen?.known === true ? seen.value : null
}

export const endOf = ({ base, records }: Pick<PartitionPlan, 'base' | 'records'>): bigint => base + BigInt(records)

export const overridesOf = (now: Survey, topic: string): ReadonlyMap<string, string | null> | null => {
  const there = now.contents.known ? now.contents.value.topics.get(topic) : undefined
  return there?.overrides.known === true ? there.overrides.value : null
}

export const withDataOf = ({ options }: Pick<Restoring, 'options'>): boolean => options.what !== 'metadata'
export const withMetadataOf = ({ options }: Pick<Restoring, 'options'>): boolean => options.what !== 'data'

/** Settings that loading sets, whichever of them a topic keeps. */
export const removableOf = ({ load }: Pick<TopicPlan, 'load'>): readonly string[] => [
  ...Object.keys(load),
  'leader.replication.throttled.replicas',
  'follower.replication.throttled.replicas',
]

export const NOT_SEEN = 'what the cluster holds was not seen'
