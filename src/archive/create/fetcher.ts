// Fetches of one partition: within the memory and the rate that all partitions share, and patient for a while
// with a partition that nobody leads.
import { KdrError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { KafkaBackupReader, RawFetch } from '../../ports/kafka-backup.ts'
import type { Millis } from '../../units.ts'
import type { Memory } from './memory.ts'
import type { FetchRoom } from './room.ts'
import type { Held } from './segments.ts'
import type { Throttle } from './throttle.ts'

const PAUSE: Millis = 1000

/** Waiting mends no batch. */
export const DAMAGED = 'corrupt-batch'

/** `wait`: how long the broker may look for something, where it had nothing at once. `rack` null: only the leader is asked. */
interface From {
  readonly at: TopicPartition
  readonly offset: bigint
  readonly wait?: Millis
  readonly rack?: null
}

export interface Fetched extends Held {
  readonly fetch: RawFetch
}

/** Shared by all partitions, so that a broker that stays away does not hold up thousands of them one after the other. */
interface Patience {
  left: Millis
}

export interface FetchContext {
  readonly backup: Pick<KafkaBackupReader, 'fetchRaw'>
  readonly clock: Clock
  readonly throttle: Throttle
  readonly memory: Memory
  readonly room: FetchRoom
  readonly patience: Patience
  readonly rack: string | null
}

/** `taken` bytes of memory are taken already, and given back where this throws. */
const fetchOnce = async (context: FetchContext, from: From, taken: number, signal: AbortSignal): Promise<Fetched> => {
  const { backup, throttle, memory, room, rack } = context
  const { maxBytes } = throttle
  const { at, offset, ...patience } = from
  try {
    await throttle.wait(signal)
    const fetch = await backup.fetchRaw(at, offset, { maxBytes, rack, ...patience }, signal)
    const bytes = fetch.batches.length
    throttle.pay(bytes)
    room.came(at.topic, bytes)
    memory.adjust(bytes - taken)
    let held = true
    const release = (): void => {
      if (!held) return
      held = false
      fetch.release()
      memory.give(bytes)
    }
    return { fetch, bytes, release }
  } catch (thrown) {
    memory.give(taken)
    throw thrown
  }
}

const roomFor = ({ room, throttle }: FetchContext, { at }: From): number => room.of(at.topic, throttle.maxBytes)

/** The caller must hold no memory. Throws the last KdrError once patience is over. */
export const fetchNow = async (context: FetchContext, from: From, signal: AbortSignal): Promise<Fetched> => {
  for (;;) {
    const bytes = roomFor(context, from)
    await context.memory.take(bytes, signal)
    try {
      return await fetchOnce(context, from, bytes, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof KdrError) || thrown.code === DAMAGED || context.patience.left <= 0) throw thrown
    }
    context.patience.left -= PAUSE
    await context.clock.sleep(PAUSE, signal)
  }
}

/** While the one before is worked on; null where memory is short. Its failure is met when it is awaited. */
export const fetchAhead = (context: FetchContext, from: From, signal: AbortSignal): Promise<Fetched> | null => {
  const bytes = roomFor(context, from)
  if (!context.memory.tryTake(bytes)) return null
  const fetched = fetchOnce(context, from, bytes, signal)
  fetched.catch(() => undefined)
  return fetched
}
