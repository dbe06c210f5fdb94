// A limit on bytes per second that holds. What a fetch brought is known only afterwards, so it is paid for then,
// and nobody fetches while anything is owed; fetches are small enough that what is ahead of the limit is little.
import type { Clock } from '../../ports/clock.ts'
import type { Millis } from '../../units.ts'

/** What may be caught up on after everybody was busy elsewhere. */
const BURST: Millis = 100
const SMALLEST = 64 * 1024

export interface Throttle {
  /** Of one fetch. */
  readonly maxBytes: number
  /** Resolves when nothing is owed. */
  wait(signal: AbortSignal): Promise<void>
  pay(bytes: number): void
}

/** `parallel` fetches may be under way at once: an eighth of a second's bytes together, or the smallest there are. */
export const openThrottle = (
  bytesPerSecond: number | null,
  { fetchBytes, parallel }: { readonly fetchBytes: number; readonly parallel: number },
  clock: Clock,
): Throttle => {
  if (bytesPerSecond === null) return { maxBytes: fetchBytes, wait: async () => undefined, pay: () => undefined }
  /** When all that was fetched so far will have been paid for. */
  let paid = clock.monotonic()
  return {
    maxBytes: Math.min(fetchBytes, Math.max(SMALLEST, Math.floor(bytesPerSecond / 8 / parallel))),
    wait: async (signal) => {
      for (let owed = paid - clock.monotonic(); owed > 0; owed = paid - clock.monotonic()) await clock.sleep(Math.ceil(owed), signal)
    },
    pay: (bytes) => {
      paid = Math.max(paid, clock.monotonic() - BURST) + (bytes / bytesPerSecond) * 1000
    },
  }
}
