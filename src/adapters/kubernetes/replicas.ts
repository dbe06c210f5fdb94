// What a broker's disks hold of each partition, read by commands in a pod that has them mounted: its own while it runs,
// one of kdr's own else. First what there is, then the ends of the last segments, a few at a time.
import { KdrError } from '../../errors.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import { endIn, partitionOf } from '../log-dir/batches.ts'
import type { Run } from './visit.ts'

/** Segments up to this are read whole; of longer ones what follows the last entry of their offset index, which is a batch's place. */
const WHOLE = 1 << 20
/** An exec hands over 64 MiB at most, and base64 makes four of three. */
const MOST = 32 << 20
const AT_ONCE = { bytes: 8 << 20, files: 50 }

/**
 * Lines: @log directory, h<topic-partition> <high watermark>, p<directory> <last segment> <bytes> <leader epoch> <topic id> <index>. The
 * index is the last 16 bytes of it that are not zero: it is preallocated while it is written to (OffsetIndex).
 */
const LIST = `
for d in "$@"; do
  for l in "$d" "$d"/*; do
    [ -f "$l/meta.properties" ] || continue
    echo "@$l"
    c=$l/replication-offset-checkpoint
    [ -f "$c" ] && while read -r t p o || [ -n "$t" ]; do [ -n "$o" ] && echo "h$t-$p $o"; done < "$c"
    for p in "$l"/*-*; do
      [ -d "$p" ] || continue
      s=; e=-; t=-; i=-
      for f in "$p"/*.log; do s=$f; done
      [ -f "$s" ] || continue
      [ -f "$p/leader-epoch-checkpoint" ] && while read -r a b || [ -n "$a" ]; do [ -n "$b" ] && e=$a; done < "$p/leader-epoch-checkpoint"
      [ -f "$p/partition.metadata" ] && while read -r k v || [ -n "$k" ]; do [ "$k" = topic_id: ] && t=$v; done < "$p/partition.metadata"
      z=$(wc -c < "$s") || continue
      [ "$z" -gt ${WHOLE} ] && [ -f "\${s%.log}.index" ] &&
        i=$(od -An -tx1 "\${s%.log}.index" | grep -v -e '^\\( 00\\)*$' -e '^\\*' | tail -n 1 | tr -d ' ')
      echo "p\${p##*/} \${s##*/} $((z)) $e $t \${i:--}"
    done
  done
done
echo end
`

/** Pairs of a file and the byte to begin with, counted from 1: a line of base64 each. */
const TAILS = 'while [ "$#" -gt 1 ]; do tail -c "+$2" "$1" | base64 | tr -d "\\n"; echo; shift 2; done; echo end'

interface Found extends Omit<ReplicaOnDisk, 'end' | 'producerId'> {
  readonly path: string
  readonly base: number
  readonly bytes: number
  /** Where to begin reading it. */
  readonly from: number
}

const unreachable = (words: string): KdrError => new KdrError(words, { code: 'data-unreachable' })

/** Position in the segment of the last entry: relative offset and position, four bytes each. */
const lastPlace = (hex: string): number => {
  const bytes = Buffer.from(hex, 'hex')
  for (let at = bytes.length - (bytes.length % 8) - 8; at >= 0; at -= 8) if (bytes.readUInt32BE(at) > 0) return bytes.readUInt32BE(at + 4)
  return 0
}

const orNull = <T>(word: string | undefined, convert: (word: string) => T): T | null => (word === undefined || word === '-' ? null : convert(word))

const inFolder = (text: string): readonly Found[] => {
  const [folder = '', ...lines] = text.split('\n')
  const watermarks = new Map(lines.filter((line) => line.startsWith('h')).map((line) => line.slice(1).split(' ') as [string, string]))
  return lines
    .filter((line) => line.startsWith('p'))
    .flatMap((line) => {
      const [name = '', segment = '', size, epoch, topicId, index] = line.slice(1).split(' ')
      const named = partitionOf(name)
      if (named === null || !/^\d{20}\.log$/.test(segment)) return []
      const bytes = Number(size)
      const found = { highWatermark: orNull(watermarks.get(name), Number), epoch: orNull(epoch, Number), topicId: orNull(topicId, (word) => word) }
      const from = bytes <= WHOLE ? 0 : (orNull(index, lastPlace) ?? 0)
      return [{ ...named, ...found, path: `${folder}/${name}/${segment}`, base: Number(segment.slice(0, 20)), bytes, from }]
    })
}

/** Some at a time, so that no answer is too long. */
const inParts = (all: readonly Found[]): readonly (readonly Found[])[] => {
  const parts: Found[][] = []
  let bytes = 0
  for (const found of all) {
    const part = parts.at(-1)
    const length = found.bytes - found.from
    if (part === undefined || part.length >= AT_ONCE.files || bytes + length > AT_ONCE.bytes) {
      parts.push([found])
      bytes = length
    } else {
      part.push(found)
      bytes += length
    }
  }
  return parts
}

const withEnds = async (run: Run, part: readonly Found[]): Promise<readonly ReplicaOnDisk[]> => {
  const long = part.find(({ bytes, from }) => bytes - from > MOST)
  if (long !== undefined) throw unreachable(`${long.path} has no index that says where its last ${MOST >> 20} MiB begin`)
  const { stdout, stderr } = await run(['sh', '-c', TAILS, 'kdr', ...part.flatMap(({ path, from }) => [path, String(from + 1)])])
  const lines = stdout.split('\n')
  if (lines[part.length] !== 'end') throw unreachable(`the ends of ${part.length} segments were not read: ${stderr.trim()}`)
  return part.map(({ path, base, bytes: _, from, ...replica }, at) => {
    const { end, producerId } = endIn(Buffer.from(lines[at] ?? '', 'base64'), path)
    if (end === null && from > 0) throw unreachable(`${path} has no batch where its index says`)
    return { ...replica, end: end ?? base, producerId }
  })
}

/** Of the log directories at or right below these paths. Throws `data-unreachable`, and what `run` throws. */
export const replicasAt = async (run: Run, paths: readonly string[]): Promise<readonly ReplicaOnDisk[]> => {
  const { stdout, stderr } = await run(['sh', '-c', LIST, 'kdr', ...paths])
  const text = stdout.trimEnd()
  if (!text.startsWith('@') || !text.endsWith('\nend')) throw unreachable(`no log directory was read at ${paths.join(', ')}: ${stderr.trim()}`)
  const found = text
    .split(/^@/m)
    .slice(1)
    .flatMap((part) => inFolder(part))
  const replicas: ReplicaOnDisk[] = []
  for (const part of inParts(found)) replicas.push(...(await withEnds(run, part)))
  return replicas
}
