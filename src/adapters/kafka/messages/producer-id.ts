// InitProducerId v4: who an idempotent producer is. One identity does for every partition.
import type { Message } from '../message.ts'

interface ProducerIdAnswer {
  readonly error: number
  readonly id: bigint
  readonly epoch: number
}

/** Without a transactional id nothing times out. */
const NO_TIMEOUT = 0x7fffffff

export const InitProducerId: Message<null, ProducerIdAnswer> = {
  name: 'InitProducerId',
  key: 22,
  version: 4,
  flexible: true,
  encode: (writer) => writer.string(null).i32(NO_TIMEOUT).i64(-1n).i16(-1).tags(),
  decode: (reader) => {
    reader.i32() // throttle time
    return { error: reader.i16(), id: reader.i64(), epoch: reader.i16() }
  },
}
