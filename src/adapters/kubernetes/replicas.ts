// What a broker's disks hold of each partition, read by commands in a pod that has them mounted: its own while it runs,
// one of kdr's own else. First what there is, then the ends of the last segments, a few at a time.
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { KdrError, wordsOf } from '../../errors.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import { endIn, partitionOf } from '../log-dir/batches.ts'
import type { Run } from './visit.ts'

const inflate = promisify(gunzip)

/** Segments up to this are read whole; of longer ones what follows the last entry of their offset index, which is a batch's place. */
const WHOLE = 1 << 20
/** An exec hands over 64 MiB at most, and what is read is held in memory. */
const MOST = 32 << 20
const AT_ONCE = { bytes: 16 << 20, files: 50 }

/** Lines: @log directory, h<topic-partition> <high watermark>, p<directory> <last segment> <bytes> <leader epoch> <topic id> <bytes of its index>. */
const LIST = `
for d in "$@"; do
  for l in "$d" "$d"/*; do
    [ -f "$l/meta.properties" ] || continue
    echo "@$l"
    c=$l/replication-offset-checkpoint
    [ -f "$c" ] && while read -r t p o || [ -n "$t" ]; do [ -n "$o" ] && echo "h$t-$p $o"; done < "$c"
    for p in "$l"/*-*; do
      [ -d "$p" ] || continue
      s=; e=-; t=-; i=0
      for f in "$p"/*.log; do s=$f; done
      [ -f "$s" ] || continue
      [ -f "$p/leader-epoch-checkpoint" ] && while read -r a b || [ -n "$a" ]; do [ -n "$b" ] && e=$a; done < "$p/leader-epoch-checkpoint"
      [ -f "$p/partition.metadata" ] && while read -r k v || [ -n "$k" ]; do [ "$k" = topic_id: ] && t=$v; done < "$p/partition.metadata"
      z=$(wc -c < "$s") || continue
      [ "$z" -gt ${WHOLE} ] && [ -f "\${s%.log}.index" ] && i=$(wc -c < "\${s%.log}.index")
      echo "p\${p##*/} \${s##*/} $((z)) $e $t $((i))"
    done
  done
done
echo end
`

/** Each a file, the byte to begin with, counted from 1, and how many. Compressed: an index is mostly zeros, and what is cut short is noticed. */
const READ = 'while [ "$#" -gt 2 ]; do tail -c "+$2" "$1" | head -c "$3"; shift 3; done | gzip -c'

interface Found extends Omit<ReplicaOnDisk, 'end' | 'producerId'> {
  readonly path: string
  readonly base: number
  readonly bytes: number
  /** 0: it is short, or there is none. */
  readonly indexBytes: number
}

const unreachable = (words: string): KdrError => new KdrError(words, { code: 'data-unreachable' })

const orNull = <T>(word: string | undefined, convert: (word: string) => T): T | null => (word === undefined || word === '-' ? null : convert(word))

const inFolder = (text: string): readonly Found[] => {
  const [folder = '', ...lines] = text.split('\n')
  const watermarks = new Map(lines.filter((line) => line.startsWith('h')).map((line) => line.slice(1).split(' ') as [string, string]))
  return lines
    .filter((line) => line.startsWith('p'))
    .flatMap((line) => {
      const [name = '', segment = '', bytes, epoch, topicId, index] = line.slice(1).split(' ')
      const named = partitionOf(name)
      if (named === null || !/^\d{20}\.log$/.test(segment)) return []
      const found = { highWatermark: orNull(watermarks.get(name), Number), epoch: orNull(epoch, Number), topicId: orNull(topicId, (word) => word) }
      const path = `${folder}/${name}/${segment}`
      return [{ ...named, ...found, path, base: Number(segment.slice(0, 20)), bytes: Number(bytes), indexBytes: Number(index) }]
    })
}

interface Piece {
  readonly path: string
  readonly from: number
  readonly bytes: number
}

/** Some at a time, so that no answer is too long. */
const inParts = (pieces: readonly Piece[]): readonly (readonly Piece[])[] => {
  const parts: Piece[][] = []
  let bytes = 0
  for (const piece of pieces) {
    const part = parts.at(-1)
    bytes += piece.bytes
    if (part !== undefined && part.length < AT_ONCE.files && bytes <= AT_ONCE.bytes) part.push(piece)
    else {
      parts.push([piece])
      bytes = piece.bytes
    }
  }
  return parts
}

/** What came has to be just as long as what was listed: a broker that runs goes on writing, and begins new segments. */
const readPart = async (run: Run, part: readonly Piece[]): Promise<readonly Buffer[]> => {
  const { stdout, stderr } = await run(['sh', '-c', READ, 'kdr', ...part.flatMap(({ path, from, bytes }) => [path, String(from + 1), String(bytes)])])
  const total = part.reduce((sum, { bytes }) => sum + bytes, 0)
  const content = await inflate(stdout, { maxOutputLength: total + 1 }).catch((cause: unknown) => {
    throw unreachable(`${part.length} files were not read to their end: ${stderr.trim() || wordsOf(cause)}`)
  })
  if (content.length !== total) throw unreachable(`${part[0]?.path} or another file changed while it was read`)
  let at = 0
  return part.map(({ bytes }) => {
    at += bytes
    return content.subarray(at - bytes, at)
  })
}

/** What is made of each, so that no more than a part is held. */
const read = async <T>(run: Run, pieces: readonly Piece[], convert: (content: Buffer, path: string) => T): Promise<readonly T[]> => {
  const long = pieces.find(({ bytes }) => bytes > MOST)
  if (long !== undefined) throw unreachable(`nothing says where the last ${MOST >> 20} MiB of ${long.path} begin`)
  const made: T[] = []
  for (const part of inParts(pieces)) {
    const contents = await readPart(run, part)
    made.push(...part.map(({ path }, at) => convert(contents[at] ?? Buffer.alloc(0), path)))
  }
  return made
}

/** Position in the segment of the last entry: relative offset and position, four bytes each, and zeros up to what is preallocated (OffsetIndex). */
const lastPlace = (index: Buffer): number => {
  for (let at = index.length - (index.length % 8) - 8; at >= 0; at -= 8) if (index.readUInt32BE(at) > 0) return index.readUInt32BE(at + 4)
  return 0
}

const withEnds = async (run: Run, found: readonly Found[]): Promise<readonly ReplicaOnDisk[]> => {
  const indexed = found.filter(({ indexBytes }) => indexBytes > 0)
  const indices = indexed.map(({ path, indexBytes }): Piece => ({ path: path.replace(/log$/, 'index'), from: 0, bytes: indexBytes }))
  const last = await read(run, indices, lastPlace)
  const places = new Map(indexed.map(({ path }, at) => [path, last[at] ?? 0]))
  const pieces = found.map(({ path, bytes }): Piece => ({ path, from: places.get(path) ?? 0, bytes: bytes - (places.get(path) ?? 0) }))
  const ends = await read(run, pieces, endIn)
  return found.map(({ path, base, bytes: _, indexBytes: __, ...replica }, at) => {
    const { end = null, producerId = null } = ends[at] ?? {}
    if (end === null && (places.get(path) ?? 0) > 0) throw unreachable(`${path} has no batch where its index says`)
    return { ...replica, end: end ?? base, producerId }
  })
}

const list = async (run: Run, paths: readonly string[]): Promise<readonly Found[]> => {
  const { stdout, stderr } = await run(['sh', '-c', LIST, 'kdr', ...paths])
  const text = stdout.toString('utf8').trimEnd()
  if (!text.startsWith('@') || !text.endsWith('\nend')) throw unreachable(`no log directory was read at ${paths.join(', ')}: ${stderr.trim()}`)
  return text
    .split(/^@/m)
    .slice(1)
    .flatMap((part) => inFolder(part))
}

const TRIES = 3

/** Of the log directories at or right below these paths. Throws `data-unreachable`, and what `run` throws. */
export const replicasAt = async (run: Run, paths: readonly string[]): Promise<readonly ReplicaOnDisk[]> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await withEnds(run, await list(run, paths))
    } catch (thrown) {
      if (tries === TRIES || !(thrown instanceof KdrError && thrown.code === 'data-unreachable')) throw thrown
    }
  }
}
