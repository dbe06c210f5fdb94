// Reads a broker's log directory by its files, while it runs or not: where each partition ends, which epoch and which
// topic it is of. Formats of kafka.log.LogManager, LeaderEpochCheckpointFile, PartitionMetadataFile, DefaultRecordBatch.
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReplicaOnDisk } from '../../model/replicas.ts'
import { batchAt, type End, HEADER, partitionOf } from './batches.ts'

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

/** Walks the last segment from batch to batch; one that was cut short, or is being written, does not count. */
const endOf = async (path: string, base: number): Promise<End> => {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const header = Buffer.alloc(HEADER)
    let end = base
    let producerId = -1n
    for (let at = 0; ; ) {
      if (at + HEADER <= size) await file.read(header, 0, HEADER, at)
      const batch = batchAt(header, size - at, path)
      if (batch === null) break
      end = batch.end
      if (batch.producerId > producerId) producerId = batch.producerId
      at += batch.bytes
    }
    return { end, producerId: producerId < 0n ? null : producerId }
  } finally {
    await file.close()
  }
}

const replicaIn = async (folder: string, name: string, watermarks: ReadonlyMap<string, number>): Promise<ReplicaOnDisk | null> => {
  const named = partitionOf(name)
  if (named === null) return null
  const own = join(folder, name)
  const [names, epochs, metadata] = await Promise.all([readdir(own), textOf(join(own, 'leader-epoch-checkpoint')), textOf(join(own, 'partition.metadata'))])
  const last = names
    .filter((each) => /^\d{20}\.log$/.test(each))
    .sort()
    .at(-1)
  if (last === undefined) return null
  const epoch = linesOf(epochs).at(-1)?.split(' ')[0]
  return {
    ...named,
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
  const names = (await readdir(folder)).filter((name) => partitionOf(name) !== null)
  const found: ReplicaOnDisk[] = []
  for (let at = 0; at < names.length; at += WIDTH) {
    const part = await Promise.all(names.slice(at, at + WIDTH).map((name) => replicaIn(folder, name, watermarks)))
    found.push(...part.filter((replica) => replica !== null))
  }
  return found
}
