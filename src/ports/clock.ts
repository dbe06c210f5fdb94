// Time and chance come through this port, so that a simulated run repeats to the byte.
import type { Instant, Millis } from '../units.ts'

export interface Clock {
  /** Wall clock, for records people read. */
  now(): Instant
  /** Never goes back; its zero means nothing. For measuring. */
  monotonic(): Millis
  /** Rejects with the signal's reason as soon as it is aborted. */
  sleep(length: Millis, signal?: AbortSignal): Promise<void>
  /** Lower-case hexadecimal, two characters per byte. */
  randomHex(bytes: number): string
  /** A signal aborted after `length`, or as soon as `parent` is. */
  deadline(length: Millis, parent?: AbortSignal): AbortSignal
}
