// Reads a broker's log directory by its files, while it runs or not: where each partition ends, which epoch and which
// topic it is of. Formats of kafka.log.LogManager, LeaderEpochCheckpointFile, PartitionMetadataFile, DefaultRecordBatch.
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KdrError } from '../../errors.ts'
import type { ReplicaOnDisk } from '../../model/replicas.ts'

/** `topic-3`; directories of what is being deleted or moved end otherwise (LocalLog). */
const PARTITION = /^(.+)-(\d+)$/
const isMissing = (thrown: unknown): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'

const textOf = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    if (isMissing(thrown)) return null
    throw thrown
  }
}

/** CheckpointFile: a version, a count, then a line each. */
const linesOf = (text: string | null): readonly string[] => (text ?? '').split('\n').slice(2).filter(Boolean)

/** `topic partition offset`. */
const highWatermarks = async (folder: string): Promise<ReadonlyMap<string, number>> =>
  new Map(
    linesOf(await textOf(join(folder, 'replication-offset-checkpoint'))).map((line) => {
      const [topic, partition, offset] = line.split(' ')
      return [`${topic}-${partition}`, Number(offset)]
    }),
  )

/** Up to the last offset's delta and the producer's id, as every batch of format 2 begins (KIP-98). */
const HEADER = 61
const AT = { length: 8, magic: 16, lastOffsetDelta: 23, producerId: 43 } as const

interface End {
  readonly end: number
  readonly producerId: bigint | null
}

/** Walks the last segment from batch to batch; one that was cut short, or is being written, does not count. */
const endOf = async (path: string, base: number): Promise<End> => {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const header = Buffer.alloc(HEADER)
    let end = base
    let producerId = -1n
    for (let at = 0; at + HEADER <= size; ) {
      await file.read(header, 0, HEADER, at)
      const length = header.readInt32BE(AT.length)
      // Preallocated segments end with zeros (log.preallocate).
      if (length <= 0 || at + 12 + length > size) break
      if (header[AT.magic] !== 2) throw new KdrError(`${path} is in a record format older than KIP-98`, { code: 'data-unreachable' })
      end = Number(header.readBigInt64BE(0)) + header.readInt32BE(AT.lastOffsetDelta) + 1
      const producer = header.readBigInt64BE(AT.producerId)
      if (producer > producerId) producerId = producer
      at += 12 + length
    }
    return { end, producerId: producerId < 0n ? null : producerId }
  } finally {
    await file.close()
  }
}

const replicaIn = async (folder: string, name: string, watermarks: ReadonlyMap<string, number>): Promise<ReplicaOnDisk | null> => {
  const [, topic, index] = PARTITION.exec(name) ?? []
  if (topic === undefined || index === undefined) return null
  const own = join(folder, name)
  const [names, epochs, metadata] = await Promise.all([readdir(own), textOf(join(own, 'leader-epoch-checkpoint')), textOf(join(own, 'partition.metadata'))])
  const last = names
    .filter((each) => /^\d{20}\.log$/.test(each))
    .sort()
    .at(-1)
  if (last === undefined) return null
  const epoch = linesOf(epochs).at(-1)?.split(' ')[0]
  return {
    topic,
    partition: Number(index),
    topicId: /^topic_id:\s*(\S+)/m.exec(metadata ?? '')?.[1] ?? null,
    ...(await endOf(join(own, last), Number(last.slice(0, 20)))),
    highWatermark: watermarks.get(name) ?? null,
    epoch: epoch === undefined ? null : Number(epoch),
  }
}

/** Partitions at a time: a broker may hold thousands. */
const WIDTH = 32

/** Of one log directory. Throws what the file system says, and `data-unreachable` for formats it does not know. */
export const replicasIn = async (folder: string): Promise<readonly ReplicaOnDisk[]> => {
  const watermarks = await highWatermarks(folder)
  const names = (await readdir(folder)).filter((name) => PARTITION.test(name) && !name.startsWith('__cluster_metadata-'))
  const found: ReplicaOnDisk[] = []
  for (let at = 0; at < names.length; at += WIDTH) {
    const part = await Promise.all(names.slice(at, at + WIDTH).map((name) => replicaIn(folder, name, watermarks)))
    found.push(...part.filter((replica) => replica !== null))
  }
  return found
}
