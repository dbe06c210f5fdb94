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

interface Refused {
  /** 0: it was not. */
  readonly error: number
  readonly message: string | null
}

/** What most answers begin with: how long to wait, which the link heeds where it matters, and whether all of it was refused. */
export const answerHead = (reader: WireReader): Refused => {
  reader.i32() // throttle time
  return { error: reader.i16(), message: reader.nullableString() }
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
