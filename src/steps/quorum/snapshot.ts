// The copy a lost ensemble is restored from: read and judged against the brokers' disks, once while they still serve
// and again when they are stopped, since only then nothing moves any more.
import { readTree } from '../../archive/zookeeper-tree.ts'
import { type Decision, decide, type Resolution } from '../../engine/step.ts'
import { within } from '../../engine/within.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { besideTheirs } from '../../judgement/ordinals.ts'
import { identityProblem } from '../../judgement/quorum.ts'
import { type Disks, type JudgedRestore, judgeRestore, type KafkaRecord, type MayFollow, recordOf } from '../../judgement/restore.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import type { CopiedFile } from '../../ports/files.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { formatInstant, type Instant, minutes, seconds } from '../../units.ts'
import type { From } from './failed-quorum.ts'

/** A copy of a ZooKeeper's data directory as the operator named it; the digest is what a resumed run compares. */
export interface SnapshotFiles {
  readonly paths: readonly string[]
  /** Lower-case hexadecimal SHA-256 of names and contents. */
  readonly sha256: string
}

interface ReadSnapshot {
  readonly clusterId: string
  readonly zxid: string
  readonly at: Instant | null
  readonly topics: number
}

/** Reads it again and refuses another one. Throws `file-unreadable`, `bad-snapshot`. */
export const loadSnapshot = async (world: Pick<ReadWorld, 'files'>, { paths, sha256 }: SnapshotFiles): Promise<readonly CopiedFile[]> => {
  const { files, sha256: now } = await world.files.copy(paths)
  if (now === sha256) return files
  throw new KdrError(`${paths.join(', ')} is not the copy any more that this run began with`, { code: 'bad-snapshot', exit: 'refused' })
}

const recordIn = async (world: ReadWorld, snapshot: SnapshotFiles) => {
  const tree = readTree(await loadSnapshot(world, snapshot))
  return { tree, record: recordOf(tree.data) }
}

/** A dry run that does not know which case it is goes through this one, too. */
export const NONE_NAMED = { blocked: 'no copy was named to restore from', hint: 'name a copy of one member: --snapshot <file or folder>' } as const

const said = ({ zxid, at, topics }: ReadSnapshot): string =>
  `${topics} topics, as of zxid ${zxid}${at === null ? '' : `, ${formatInstant(at)}`}; configurations, ACLs, quotas and SCRAM users changed since are lost`

export const readSnapshot = (snapshot: SnapshotFiles | null, { from }: From): Decision<ReadSnapshot> =>
  decide<ReadSnapshot>({
    id: 'read-snapshot',
    title: 'Read the snapshot',
    why: 'What it does not know is forgotten: another cluster’s tree, or one without topics, would do more harm than none.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(5) },
    resolve: async (world) => {
      if (snapshot === null) return NONE_NAMED
      const { tree, record } = await recordIn(world, snapshot)
      if (record.clusterId === null) return { blocked: 'the snapshot has no cluster.id: it is of no Kafka cluster, or of one that was never started' }
      const own = from.value().clusterId ?? record.clusterId
      const problem =
        record.clusterId === own ? identityProblem(await world.survey(), own) : `the snapshot is of cluster ${record.clusterId}, and this one is ${own}`
      if (problem !== null) return { blocked: problem, hint: 'look for a copy of this very cluster; never edit meta.properties' }
      return { target: { clusterId: record.clusterId, zxid: `0x${tree.zxid.toString(16)}`, at: tree.at, topics: record.topics.size } }
    },
    preview: (target) => ({ sentence: `use ${snapshot?.paths.join(', ')}: ${said(target)}`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, target) => ({ state: 'done', detail: said(target) }),
  })

interface Compared {
  readonly order: readonly number[]
  readonly late: readonly number[]
  readonly revived: readonly string[]
  readonly committed: Readonly<Record<string, number>>
  readonly file: string
}

const READ = minutes(5)

interface OnDisk {
  readonly disks: Disks
  readonly lines: readonly string[]
  readonly mayFollow: MayFollow
}

const lineOf = (broker: number, { topic, partition, end, highWatermark, epoch, topicId }: ReplicaOnDisk): string =>
  [`${topic}-${partition}`, broker, end, highWatermark ?? '-', epoch ?? '-', topicId ?? '-'].join('\t')

/** Of every broker there should be. */
const readDisks = async (world: ReadWorld, expected: readonly number[]): Promise<OnDisk | { readonly unknown: string }> => {
  const now = await world.survey()
  const { brokers } = now
  if (!brokers.known) return { unknown: `the brokers were not seen: ${brokers.why}` }
  const missing = expected.filter((id) => !brokers.value.some((broker) => broker.id === id))
  if (missing.length > 0) return { unknown: `whose disk is that of broker ${few(missing)} was not seen` }
  const disks = new Map<number, readonly ReplicaOnDisk[]>()
  const lines: string[] = []
  for (const { id, member } of brokers.value) {
    if (!member.known) return { unknown: `which member runs broker ${id} was not seen: ${member.why}` }
    const limit = world.clock.deadline(READ)
    const found = await within(world.platform.replicas(member.value, limit), limit)
    disks.set(id, found)
    lines.push(...found.map((replica) => lineOf(id, replica)))
  }
  return { disks, lines: lines.sort(), mayFollow: besideTheirs(now) }
}

const HEAD = '# partition\tbroker\tlog end\thigh watermark\tleader epoch\ttopic id'

const compare = async (world: ReadWorld, record: KafkaRecord, expected: readonly number[], file: string): Promise<Resolution<Compared>> => {
  const read = await readDisks(world, expected).catch((thrown: unknown) => {
    if (thrown instanceof KdrError && thrown.code === 'data-unreachable') return thrown
    throw thrown
  })
  if (read instanceof KdrError)
    return {
      blocked: `the brokers' disks cannot be compared with the snapshot: ${wordsOf(read)}`,
      hint: 'an older record elects whom it knew to be in sync: without the comparison acknowledged records could be cut off',
    }
  if ('unknown' in read) return read
  const { problems, ...judged }: JudgedRestore = judgeRestore(record, read.disks, read.mayFollow)
  const kept = world.evidence(file, `${[HEAD, ...read.lines].join('\n')}\n`)
  if (problems.length > 0)
    return { blocked: `the snapshot is older than the disks: ${problems.join('; ')}`, hint: `${kept} has every log's end; look for a later copy` }
  return { target: { ...judged, file: kept } }
}

const words = ({ order, late, revived, file }: Compared): string =>
  [
    `the snapshot is as new as the disks (${file})`,
    `brokers start in the order ${order.join(', ')}`,
    ...(late.length > 0 ? [`${few(late)} is behind on something and comes after those that have it`] : []),
    ...(revived.length > 0 ? [`no disk has anything of ${few(revived)}, deleted since or never written: it comes back empty`] : []),
  ].join('; ')

/** `before`: while they still serve, so that what cannot work is known before anything is stopped. */
export const compareDisks = (id: 'compare-disks' | 'compare-stopped', snapshot: SnapshotFiles | null, { from }: From): Decision<Compared> =>
  decide<Compared>({
    id,
    title:
      id === 'compare-disks' ? "Compare it with the brokers' disks, before anything is stopped" : "Compare it with the brokers' disks, now that nothing moves",
    why: 'An older record carries an older ISR: whoever it lets be elected decides what is kept, and starting the brokers elects.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(10), deadline: minutes(30) },
    resolve: async (world) => {
      if (snapshot === null) return NONE_NAMED
      const { record } = await recordIn(world, snapshot)
      return compare(world, record, from.value().brokers, `${id === 'compare-disks' ? 'log-ends-before' : 'log-ends'}.tsv`)
    },
    preview: (target) => ({ sentence: words(target), changes: [], commands: [] }),
    expect: (now) => now,
    done: (_, target) => ({ state: 'done', detail: words(target) }),
  })
