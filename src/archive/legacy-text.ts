// Text that Kafka's own tools printed for the old script: descriptions of topics, tables of groups, and records as
// the console consumer shows them. What a line cannot be read as is told, never guessed.
import type { GroupBackup, TopicBackup } from './manifest.ts'

export interface LegacyRecord {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** No line of a record is longer: what is, counts as one that cannot be read. */
const LONGEST_LINE = 32 << 20
const NEWLINE = 0x0a
const TAB = 0x09

/** Lines without their ends; null for one that is too long. */
export async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer | null> {
  let parts: Buffer[] = []
  let length = 0
  const take = (): Buffer | null => {
    const line = length > LONGEST_LINE ? null : Buffer.concat(parts)
    parts = []
    length = 0
    return line
  }
  const hold = (part: Buffer): void => {
    length += part.length
    if (length > LONGEST_LINE) parts = []
    else parts.push(part)
  }
  for await (const chunk of source) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      hold(chunk.subarray(from, end))
      from = end + 1
      yield take()
    }
    hold(chunk.subarray(from))
  }
  if (length > 0) yield take()
}

const HEAD = /^(?:CreateTime|LogAppendTime):(\d{1,16})\tPartition:(\d{1,9})\tOffset:(\d{1,18})\t/
const LONGEST_HEAD = 96

/** The console consumer prints null so, and a text `null` alike. */
const shown = (bytes: Buffer): Buffer | null => (bytes.toString('latin1') === 'null' ? null : Buffer.from(bytes))

/** null for a line that is no record: the rest of a value with a line end in it, or damage. */
export const recordOf = (line: Buffer): LegacyRecord | null => {
  const head = HEAD.exec(line.toString('latin1', 0, LONGEST_HEAD))
  if (head === null) return null
  const body = line.subarray(head[0].length)
  const tab = body.indexOf(TAB)
  if (tab < 0) return null
  return {
    partition: Number(head[2]),
    offset: BigInt(head[3] ?? '0'),
    timestamp: Number(head[1]),
    key: shown(body.subarray(0, tab)),
    value: shown(body.subarray(tab + 1)),
  }
}

/** `kafka-topics --describe` and, where it was asked for, `kafka-configs --describe`; null when the first cannot be read. */
export const topicOf = (name: string, description: string, configs: string | null): TopicBackup | null => {
  const field = (label: string): string | undefined => new RegExp(`(?:^|\\s)${label}:\\s*(\\S+)`).exec(description)?.[1]
  const partitions = Number(field('PartitionCount'))
  const replicationFactor = Number(field('ReplicationFactor'))
  if (!Number.isInteger(partitions) || !Number.isInteger(replicationFactor)) return null
  const set = configs === null ? null : [...configs.matchAll(/^\s+([a-z][a-z.]*)=(.*?)\s+sensitive=/gm)].map(([, key = '', value = '']) => [key, value])
  return { name, id: field('TopicId') ?? null, internal: name.startsWith('__'), partitions, replicationFactor, configs: set && Object.fromEntries(set) }
}

/** The table of `kafka-consumer-groups --describe`. */
export const groupOf = (group: string, table: string): GroupBackup => ({
  group,
  state: 'Unknown',
  protocolType: 'consumer',
  offsets: table.split('\n').flatMap((line) => {
    const [name, topic, partition, offset] = line.trim().split(/\s+/)
    if (name !== group || topic === undefined || !/^\d+$/.test(partition ?? '') || !/^\d+$/.test(offset ?? '')) return []
    return [{ topic, partition: Number(partition), offset: offset ?? '0', leaderEpoch: -1, metadata: null, archivedIndex: null }]
  }),
})
