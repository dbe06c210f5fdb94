// DescribeLogDirs v4 (KIP-113, KIP-827): a broker's log directories, their state and room.
import type { Message } from '../message.ts'
import type { WireReader } from '../wire.ts'

export interface LogDirAnswer {
  readonly error: number
  readonly path: string
  readonly topics: readonly string[]
  /** -1 where the broker does not know. */
  readonly totalBytes: bigint
  readonly usableBytes: bigint
}

const readTopic = (reader: WireReader): { readonly name: string; readonly partitions: number } => {
  const name = reader.string()
  const partitions = reader.array((row) => {
    row.i32()
    row.i64()
    row.i64()
    row.bool()
    row.tags()
  })
  reader.tags()
  return { name, partitions: partitions.length }
}

const readDir = (reader: WireReader): LogDirAnswer => {
  const error = reader.i16()
  const path = reader.string()
  // 3.5 lists topics it was not asked for, with no partitions.
  const topics = reader.array(readTopic).filter((topic) => topic.partitions > 0)
  const dir = { error, path, topics: topics.map((topic) => topic.name), totalBytes: reader.i64(), usableBytes: reader.i64() }
  reader.tags()
  return dir
}

/** `all` lists every topic that has a replica there; `none` only the directories. Without DESCRIBE on the cluster: error 31. */
export const DescribeLogDirs: Message<'all' | 'none', { readonly error: number; readonly dirs: readonly LogDirAnswer[] }> = {
  name: 'DescribeLogDirs',
  key: 35,
  version: 4,
  flexible: true,
  encode: (writer, topics) => {
    writer.array(topics === 'all' ? null : [], () => {}).tags()
  },
  decode: (reader) => {
    reader.i32() // throttle time
    return { error: reader.i16(), dirs: reader.array(readDir) }
  },
}
