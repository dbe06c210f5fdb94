// Where a segment ends, by the headers of its batches (DefaultRecordBatch), and the small files beside it: what is read
// the same of a folder here and of one that only a pod sees.
import { KdrError } from '../../errors.ts'

/** `topic-3`; directories of what is being deleted or moved end otherwise (LocalLog). */
const PARTITION = /^(.+)-(\d+)$/

/** Of a directory of a log directory; null: it holds no partition of a topic. */
export const partitionOf = (name: string): { readonly topic: string; readonly partition: number } | null => {
  const [, topic, index] = PARTITION.exec(name) ?? []
  return topic === undefined || index === undefined || topic === '__cluster_metadata' ? null : { topic, partition: Number(index) }
}

/** Up to the last offset's delta and the producer's id, as every batch of format 2 begins (KIP-98). */
export const HEADER = 61
const AT = { length: 8, magic: 16, lastOffsetDelta: 23, producerId: 43 } as const

interface Batch {
  readonly bytes: number
  /** The offset after its last record. */
  readonly end: number
  /** Below 0: none. */
  readonly producerId: bigint
}

/** null: it was cut short, is being written, or is the zeros of a preallocated segment (log.preallocate). Throws `data-unreachable`. */
export const batchAt = (header: Buffer, left: number, path: string): Batch | null => {
  if (left < HEADER) return null
  const bytes = header.readInt32BE(AT.length) + 12
  if (bytes <= 12 || bytes > left) return null
  if (header[AT.magic] !== 2) throw new KdrError(`${path} is in a record format older than KIP-98`, { code: 'data-unreachable' })
  const end = Number(header.readBigInt64BE(0)) + header.readInt32BE(AT.lastOffsetDelta) + 1
  return { bytes, end, producerId: header.readBigInt64BE(AT.producerId) }
}

export interface End {
  readonly end: number
  readonly producerId: bigint | null
}

/** Of what a segment holds from a batch on; `end` is null where there is no whole batch. Throws `data-unreachable`. */
export const endIn = (content: Buffer, path: string): { readonly end: number | null; readonly producerId: bigint | null } => {
  let end: number | null = null
  let producerId = -1n
  for (let at = 0; ; ) {
    const batch = batchAt(content.subarray(at), content.length - at, path)
    if (batch === null) return { end, producerId: producerId < 0n ? null : producerId }
    end = batch.end
    if (batch.producerId > producerId) producerId = batch.producerId
    at += batch.bytes
  }
}
