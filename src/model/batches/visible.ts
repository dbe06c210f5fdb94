// What a read_committed reader sees of what was fetched: no markers of transactions, nothing of aborted ones.
import { KdrError, wordsOf } from '../../errors.ts'
import { type BatchView, hasHoles, walkBatches } from './batch.ts'
import { decodeRecords } from './records.ts'

/** As the answer to a fetch names it: from its first offset up to its marker. */
interface Aborted {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

const ABORT = 0

const abortsWith = (marker: BatchView): boolean => {
  const key = decodeRecords(marker)[0]?.key
  return key != null && key.length >= 4 && key.readInt16BE(2) === ABORT
}

/** Keeps account of aborted transactions, as Kafka's consumer does: from an aborted one's first offset to its abort marker. */
export const abortedFilter = (aborted: readonly Aborted[]): ((batch: BatchView) => boolean) => {
  const waiting = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const open = new Set<bigint>()
  let at = 0
  return (batch) => {
    for (let next = waiting[at]; next !== undefined && next.firstOffset <= batch.lastOffset; next = waiting[at]) {
      open.add(next.producerId)
      at += 1
    }
    if (batch.control) {
      if (open.has(batch.producerId) && abortsWith(batch)) open.delete(batch.producerId)
      return false
    }
    return !batch.transactional || !open.has(batch.producerId)
  }
}

export interface Committed {
  readonly batches: BatchView[]
  readonly next: bigint
  readonly holed: boolean
  /** A marker at `next` that nobody can read: what follows it can be told only by asking from there on. */
  readonly unreadable: { readonly next: bigint; readonly why: string } | null
}

/**
 * Batches with records at `from` or behind it, without control, aborted and empty ones; the first may begin before `from`.
 * `next` is past everything that was whole, seen or not; `holed`: there are offsets before it that no batch has a record for,
 * committed or not, because compaction took it. Ends before a marker that
 * cannot be read. Errors: `corrupt-batch`, `old-message-format`.
 */
export const committed = (bytes: Buffer, aborted: readonly Aborted[], from: bigint): Committed => {
  const visible = abortedFilter(aborted)
  const batches: BatchView[] = []
  let next = from
  let holed = false
  for (const batch of walkBatches(bytes)) {
    let kept: boolean
    try {
      kept = visible(batch)
    } catch (thrown) {
      if (!(thrown instanceof KdrError)) throw thrown
      return { batches, next, holed, unreadable: { next: batch.lastOffset + 1n, why: wordsOf(thrown) } }
    }
    if (batch.baseOffset > next || hasHoles(batch)) holed = true
    if (kept && batch.lastOffset >= from && batch.count > 0) batches.push(batch)
    if (batch.lastOffset >= next) next = batch.lastOffset + 1n
  }
  return { batches, next, holed, unreadable: null }
}
