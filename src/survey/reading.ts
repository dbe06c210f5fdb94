// One reading of one port: its own deadline, and unknown with the reason instead of an error. A port that
// ignores its signal cannot hold a survey up either.
import { wordsOf } from '../errors.ts'
import type { Known, Source } from '../model/known.ts'
import { known, unknown } from '../model/known.ts'
import type { Clock } from '../ports/clock.ts'
import type { Millis } from '../units.ts'
import { formatDuration } from '../units.ts'

export interface Stage {
  readonly clock: Clock
  /** The survey's own: once it is aborted the survey itself is given up. */
  readonly outer: AbortSignal
}

/** `late` rejects once the signal is aborted, unless that was forgotten before. */
const lateness = (signal: AbortSignal) => {
  let forget = () => {}
  const late = new Promise<never>((_, reject) => {
    const give = () => reject(signal.reason)
    forget = () => signal.removeEventListener('abort', give)
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
  })
  late.catch(() => undefined)
  return { late, forget }
}

/** Throws only the outer signal's reason. */
export const reading = async <T>(stage: Stage, length: Millis, by: Source, read: (signal: AbortSignal) => Promise<T>): Promise<Known<T>> => {
  stage.outer.throwIfAborted()
  const signal = stage.clock.deadline(Math.max(1, length), stage.outer)
  const { late, forget } = lateness(signal)
  try {
    return known(await Promise.race([read(signal), late]), by)
  } catch (thrown) {
    stage.outer.throwIfAborted()
    return unknown(signal.aborted ? `no answer within ${formatDuration(length)}` : wordsOf(thrown), by)
  } finally {
    forget()
  }
}

/** At most `width` at once: one survey must not open a thousand requests. */
export const each = async <T, U>(items: readonly T[], width: number, work: (item: T) => Promise<U>): Promise<readonly U[]> => {
  const results = new Array<U>(items.length)
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next
      next += 1
      results[at] = await work(items[at] as T)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
  return results
}
