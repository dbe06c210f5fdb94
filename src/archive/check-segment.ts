// The batches of a segment against what the manifest says of it: each under its own checksum, in order, within
// the segment, and as many as there should be.
import { KdrError } from '../errors.ts'
import { checksumHolds, walkBatches } from '../model/batches/batch.ts'
import type { Segment } from './manifest.ts'

interface Seen {
  bytes: number
  batches: number
  records: number
  last: bigint
}

const batchProblems = (bytes: Buffer, segment: Segment, seen: Seen): string[] => {
  const problems: string[] = []
  for (const batch of walkBatches(bytes)) {
    const at = `the batch at offset ${batch.baseOffset}`
    if (!checksumHolds(batch.bytes)) problems.push(`${at} does not have the CRC-32C that stands in it`)
    if (batch.control) problems.push(`${at} is a control batch`)
    if (batch.baseOffset <= seen.last) problems.push(`${at} is out of order`)
    if (batch.baseOffset < BigInt(segment.baseOffset) || batch.lastOffset > BigInt(segment.lastOffset)) problems.push(`${at} lies outside the segment`)
    seen.bytes += batch.bytes.length
    seen.batches += 1
    seen.records += batch.count
    seen.last = batch.lastOffset
  }
  return problems
}

/** What is wrong, a line each; nothing when all of it is as it should be. */
export const segmentProblems = (bytes: Buffer, segment: Segment): readonly string[] => {
  const seen: Seen = { bytes: 0, batches: 0, records: 0, last: -1n }
  try {
    const problems = batchProblems(bytes, segment, seen)
    if (seen.bytes !== bytes.length) problems.push(`its last batch is cut off after ${bytes.length - seen.bytes} bytes`)
    if (seen.batches !== segment.batches) problems.push(`${seen.batches} batches lie in it, and the manifest says ${segment.batches}`)
    if (seen.records !== segment.records) problems.push(`${seen.records} records lie in it, and the manifest says ${segment.records}`)
    return problems
  } catch (thrown) {
    if (thrown instanceof KdrError) return [thrown.message]
    throw thrown
  }
}
