// A log that lost its end to an unclean election and grew again while it was read looks whole: what was read before
// and after are of two histories. The leader knows where the old one ended, and is asked once all is read.
import { wordsOf } from '../../errors.ts'
import { type Known, unknown } from '../../model/known.ts'
import { seconds } from '../../units.ts'
import type { PartitionBackup } from '../manifest.ts'
import { placeOf } from './ends.ts'
import type { CreatePorts } from './types.ts'

/** Of a topic that was deleted there is nobody to ask, and what was read of it before was itself. */
const GONE = 'UNKNOWN_TOPIC_OR_PARTITION'

const BY = 'OffsetForLeaderEpoch'
/** For a leader that has just died: another is found within a session's length. */
const PATIENCE = seconds(30)
const PAUSE = seconds(1)

type Ports = Pick<CreatePorts, 'clock'> & { readonly kafka: Pick<CreatePorts['kafka'], 'endOfEpoch'> }
type Ends = ReadonlyMap<string, Known<bigint>>

const askOnce = async ({ kafka }: Ports, read: readonly PartitionBackup[], signal: AbortSignal): Promise<Ends> => {
  const rows = read.map(({ topic, partition, leaderEpoch }) => ({ topic, partition, epoch: leaderEpoch }))
  try {
    return new Map((await kafka.endOfEpoch(rows, signal)).map((answer) => [placeOf(answer), answer.endOffset]))
  } catch (thrown) {
    signal.throwIfAborted()
    const why = unknown(wordsOf(thrown), BY)
    return new Map(rows.map((row) => [placeOf(row), why]))
  }
}

const isTold = (end: Known<bigint> | undefined): boolean => end !== undefined && (end.known || end.why === GONE)

const epochEnds = async (ports: Ports, read: readonly PartitionBackup[], signal: AbortSignal): Promise<Ends> => {
  const { clock } = ports
  const until = clock.monotonic() + PATIENCE
  const ends = new Map<string, Known<bigint>>()
  for (let left = read; ; ) {
    for (const [place, end] of await askOnce(ports, left, signal)) ends.set(place, end)
    left = left.filter((one) => !isTold(ends.get(placeOf(one))))
    if (left.length === 0 || clock.monotonic() >= until) return ends
    await clock.sleep(PAUSE, signal)
  }
}

const judged = (one: PartitionBackup, epochEnd: Known<bigint>): PartitionBackup => {
  if (epochEnd.known ? epochEnd.value >= BigInt(one.end) : epochEnd.why === GONE) return one
  const gap = epochEnd.known
    ? {
        from: String(epochEnd.value),
        to: one.end,
        why: `leader epoch ${one.leaderEpoch} ends at offset ${epochEnd.value} by now: the log was cut short while it was read`,
      }
    : { from: one.end, to: one.end, why: `whether the log was cut short while it was read could not be told: ${epochEnd.why}` }
  return { ...one, gaps: [...one.gaps, gap] }
}

/** With a gap where the log was cut short, or where that cannot be told. */
export const sayCutShort = async (ports: Ports, partitions: readonly PartitionBackup[], signal: AbortSignal): Promise<readonly PartitionBackup[]> => {
  const read = partitions.filter(({ records }) => records > 0)
  if (read.length === 0) return partitions
  const ends = await epochEnds(ports, read, signal)
  return partitions.map((one) => (one.records > 0 ? judged(one, ends.get(placeOf(one)) ?? unknown('no answer', BY)) : one))
}
