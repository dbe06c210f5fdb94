// Metadata v12, read without judging it: a leaderless partition is data (error 5, leader -1), where
// kafkajs throws after retrying for seconds (kafkajs#1460).
import type { Message } from '../message.ts'
import type { WireReader, WireWriter } from '../wire.ts'

export interface BrokerAnswer {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface PartitionAnswer {
  readonly error: number
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicAnswer {
  readonly error: number
  readonly name: string
  readonly id: string | null
  readonly internal: boolean
  readonly partitions: readonly PartitionAnswer[]
}

export interface MetadataAnswer {
  readonly brokers: readonly BrokerAnswer[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly TopicAnswer[]
}

const readBroker = (reader: WireReader): BrokerAnswer => {
  const broker = { id: reader.i32(), host: reader.string(), port: reader.i32(), rack: reader.nullableString() }
  reader.tags()
  return broker
}

const readPartition = (reader: WireReader): PartitionAnswer => {
  const row = {
    error: reader.i16(),
    partition: reader.i32(),
    leader: reader.i32(),
    leaderEpoch: reader.i32(),
    replicas: reader.i32s(),
    isr: reader.i32s(),
  }
  reader.i32s() // offline replicas: the survey tells by brokers
  reader.tags()
  return row
}

const readTopic = (reader: WireReader): readonly [TopicAnswer, operations: number] => {
  const topic = { error: reader.i16(), name: reader.string(), id: reader.uuid(), internal: reader.bool(), partitions: reader.array(readPartition) }
  const operations = reader.i32()
  reader.tags()
  return [topic, operations]
}

const write = (writer: WireWriter, topics: readonly string[] | null, withRights: boolean): void => {
  writer.array(topics, (each, name) => each.uuid(null).string(name).tags())
  writer.bool(false).bool(withRights).tags()
}

/** null asks for all topics; a named topic that does not exist answers error 3. Never creates a topic. */
export const Metadata: Message<readonly string[] | null, MetadataAnswer> = {
  name: 'Metadata',
  key: 3,
  version: 12,
  flexible: true,
  encode: (writer, topics) => write(writer, topics, false),
  decode: (reader) => {
    reader.i32() // throttle time
    const brokers = reader.array(readBroker)
    return { brokers, clusterId: reader.nullableString(), controllerId: reader.i32(), topics: reader.array((each) => readTopic(each)[0]) }
  },
}

/** What this principal may do with each topic (KIP-430), a bit for each operation, whether or not the topic is there. */
export const TopicRights: Message<readonly string[], readonly { readonly name: string; readonly error: number; readonly operations: number }[]> = {
  name: 'Metadata',
  key: 3,
  version: 12,
  flexible: true,
  encode: (writer, topics) => write(writer, topics, true),
  decode: (reader) => {
    reader.i32() // throttle time
    reader.array(readBroker)
    reader.nullableString() // cluster id
    reader.i32() // controller
    return reader.array(readTopic).map(([{ name, error }, operations]) => ({ name, error, operations }))
  },
}
