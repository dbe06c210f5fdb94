// What one kind of request is: key, version and layout. Every version used here is accepted by 3.5, 3.9
// and 4.x (KIP-896 removed older ones); a broker that does not offer it is told apart before sending.
import type { WireReader, WireWriter } from './wire.ts'

export interface Message<Question, Answer> {
  readonly name: string
  readonly key: number
  readonly version: number
  /** Flexible versions (KIP-482) carry tagged fields, in the header too. */
  readonly flexible: boolean
  readonly encode: (writer: WireWriter, question: Question) => void
  readonly decode: (reader: WireReader) => Answer
}

/** Groups rows of topic and partition the way Kafka's requests want them. */
export const byTopic = <T extends { readonly topic: string }>(rows: readonly T[]): { readonly topic: string; readonly partitions: readonly T[] }[] => {
  const topics = new Map<string, T[]>()
  for (const row of rows) {
    const list = topics.get(row.topic)
    if (list === undefined) topics.set(row.topic, [row])
    else list.push(row)
  }
  return Array.from(topics, ([topic, partitions]) => ({ topic, partitions }))
}
