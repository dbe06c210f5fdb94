// What a manifest must be true to itself in, before anything is believed of it: every byte of every part belongs
// to one entry, every segment to one partition and in its order, and the sidecar follows from it.
import type { Problem } from './damage.ts'
import { storedMember } from './gzip-member.ts'
import { IDENTITY, partName, segmentName } from './layout.ts'
import type { Manifest, ManifestEntry, PartitionBackup, Sidecar } from './manifest.ts'
import { sidecarOf, sidecarText } from './manifest-text.ts'
import { tarEnd } from './tar-head.ts'

/** Nobody is made to hold more of an entry in memory. */
export const LARGEST_ENTRY = 512 << 20

/** The last member of every part. */
export const END = Buffer.concat([...storedMember([tarEnd()])])

/** The place of one member, whoever names it. */
interface Span {
  readonly path: string
  readonly offset: number
  readonly length: number
}

/** Spans of a part in the order of its bytes, after its provisional manifest. */
export const spansOf = (sidecar: Sidecar, manifest: Manifest, part: number): readonly Span[] => [
  ...manifest.entries.filter((entry) => entry.part === part),
  ...(part === sidecar.parts.length ? [{ path: 'the manifest', ...sidecar.manifest }] : []),
]

const placeProblems = (sidecar: Sidecar, manifest: Manifest): string[] =>
  sidecar.parts.flatMap(({ name, bytes }, index) => {
    const spans = spansOf(sidecar, manifest, index + 1)
    const first = spans[0]
    if (first === undefined) return [`nothing lies in ${name}`]
    const problems = first.offset === 0 ? [`${name} does not begin with its provisional manifest`] : []
    let at = first.offset
    for (const { path, offset, length } of spans) {
      if (offset !== at) problems.push(`${path} is said to begin at byte ${offset} of ${name}, where byte ${at} comes next`)
      at = offset + length
    }
    if (at + END.length !== bytes) problems.push(`${name} is said to have ${bytes} bytes, and its entries end at byte ${at}`)
    return problems
  })

const sumOf = <T>(items: readonly T[], value: (item: T) => number): number => items.reduce((sum, item) => sum + value(item), 0)

const partitionProblems = (partition: PartitionBackup, entries: ReadonlyMap<string, ManifestEntry>): string[] => {
  const name = `${partition.topic}-${partition.partition}`
  const problems: string[] = []
  if (BigInt(partition.start) > BigInt(partition.end)) problems.push(`${name} is said to end before it starts`)
  if (sumOf(partition.segments, ({ records }) => records) !== partition.records)
    problems.push(`the segments of ${name} have another number of records than the partition`)
  if (sumOf(partition.segments, ({ bytes }) => bytes) !== partition.bytes)
    problems.push(`the segments of ${name} have another number of bytes than the partition`)
  let after = -1n
  for (const { path, baseOffset, lastOffset, bytes } of partition.segments) {
    const entry = entries.get(path)
    const named = segmentName(path)
    if (entry === undefined) problems.push(`${path} is no entry of the archive`)
    if (named?.topic !== partition.topic || named.partition !== partition.partition || String(named.baseOffset) !== baseOffset) {
      problems.push(`${path} is said to be the segment of ${name} from offset ${baseOffset}`)
    }
    if (named?.codec === null && entry !== undefined && !entry.encrypted && entry.bytes !== bytes) problems.push(`${path} has two sizes in the manifest`)
    if (bytes > LARGEST_ENTRY) problems.push(`${path} is said to have ${bytes} bytes`)
    if (BigInt(baseOffset) <= after || BigInt(lastOffset) < BigInt(baseOffset)) problems.push(`${path} is out of order`)
    if (BigInt(lastOffset) >= BigInt(partition.end)) problems.push(`${path} ends after the end of ${name}`)
    after = BigInt(lastOffset)
  }
  return problems
}

const contentProblems = (manifest: Manifest, parts: number): string[] => {
  const entries = new Map(manifest.entries.map((entry) => [entry.path, entry]))
  const names = new Set(manifest.partitions.map(({ topic, partition }) => `${topic}/${partition}`))
  const held = new Set(manifest.partitions.flatMap(({ segments }) => segments.map(({ path }) => path)))
  // Of a topic that turned out to have been created again while it was read: written, and then not kept.
  const dropped = new Set(
    manifest.partitions
      .filter(({ segments, gaps, start, end }) => segments.length === 0 && gaps.some(({ from, to }) => from === start && to === end))
      .map(({ topic, partition }) => `${topic}/${partition}`),
  )
  const problems = manifest.partitions.flatMap((partition) => partitionProblems(partition, entries))
  if (entries.size < manifest.entries.length) problems.push('two entries have one path')
  if (names.size < manifest.partitions.length) problems.push('a partition stands in it twice')
  if (manifest.topics_count !== manifest.topics.length) problems.push('it counts its topics wrongly')
  if (manifest.consumer_groups_count !== manifest.consumer_groups.length) problems.push('it counts its groups wrongly')
  for (const { path, part, bytes, encrypted } of manifest.entries) {
    if (part > parts) problems.push(`${path} is said to lie in part ${part} of ${parts}`)
    if (bytes > LARGEST_ENTRY) problems.push(`${path} is said to have ${bytes} bytes`)
    const named = segmentName(path)
    if (named !== null && !held.has(path) && !dropped.has(`${named.topic}/${named.partition}`)) problems.push(`${path} belongs to no partition`)
    if (encrypted !== (manifest.encryption !== null && path !== IDENTITY)) problems.push(`${path} is said to be ${encrypted ? '' : 'not '}encrypted`)
  }
  return problems
}

/** In which fields `sidecar` is not what follows from the manifest, or that its text is not as kdr writes it. */
const sidecarProblems = (text: string, sidecar: Sidecar, manifest: Manifest): string[] => {
  const follows: Readonly<Record<string, unknown>> = { ...sidecarOf(manifest, sidecar.parts, sidecar.manifest) }
  const differing = Object.entries(sidecar).flatMap(([key, value]) => (JSON.stringify(value) === JSON.stringify(follows[key]) ? [] : [key]))
  if (differing.length > 0) return [`it does not agree with the manifest of the archive in ${differing.join(', ')}`]
  return text === sidecarText(sidecar) ? [] : ['it is not as kdr wrote it']
}

/** Before the manifest can be read: names of the parts. */
export const nameProblems = (sidecar: Sidecar, name: string): readonly string[] => [
  ...(sidecar.name === name ? [] : [`it is of ${sidecar.name}`]),
  ...sidecar.parts.flatMap((part, index) => (part.name === partName(name, index + 1) ? [] : [`${part.name} is no part of ${name}`])),
]

export const manifestProblems = (
  text: string,
  sidecar: Sidecar,
  manifest: Manifest,
  where: { readonly sidecar: string; readonly manifest: string },
): readonly Problem[] => [
  ...sidecarProblems(text, sidecar, manifest).map((what) => ({ what, where: where.sidecar })),
  ...(manifest.status === 'in-progress' ? [{ what: 'it is the manifest of an archive that nobody finished', where: where.manifest }] : []),
  ...[...placeProblems(sidecar, manifest), ...contentProblems(manifest, sidecar.parts.length)].map((what) => ({ what, where: where.manifest })),
]
