// Waiting, once for all steps: polls what the step looks at, says how far it is, gives up at the deadline
// and at once where waiting cannot help. A time-out is not a failure of what goes on: the words say so.
import type { Survey } from '../model/survey.ts'
import type { Clock } from '../ports/clock.ts'
import { formatDuration, type Millis } from '../units.ts'
import type { Progress } from './step.ts'

export interface WaitRequest {
  readonly clock: Clock
  readonly deadline: Millis
  readonly poll: Millis
  readonly heartbeat: Millis
  readonly look: () => Promise<Survey>
  readonly done: (now: Survey) => Progress
  readonly show: (progress: Progress, elapsed: Millis, remaining: Millis | null) => void
  /** Aborted by the first Ctrl-C: the wait is abandoned. */
  readonly signal: AbortSignal
}

export type WaitResult =
  | { readonly result: 'done'; readonly detail: string; readonly survey: Survey }
  | { readonly result: 'failed' | 'deadline' | 'unknown'; readonly why: string }

/** Throws the signal's reason when it is aborted. */
export const waitUntil = async (request: WaitRequest): Promise<WaitResult> => {
  const { clock, deadline, poll, signal } = request
  const start = clock.monotonic()
  const pace = paceOf(start)
  let shown = { detail: '', at: Number.NEGATIVE_INFINITY }
  for (;;) {
    signal.throwIfAborted()
    const survey = await request.look()
    const progress = request.done(survey)
    const elapsed = clock.monotonic() - start
    if (progress.state === 'done') return { result: 'done', detail: progress.detail, survey }
    if (progress.hopeless !== undefined) return { result: 'failed', why: progress.hopeless }
    if (progress.detail !== shown.detail || elapsed - shown.at >= request.heartbeat) {
      request.show(progress, elapsed, pace(progress, clock.monotonic()))
      shown = { detail: progress.detail, at: elapsed }
    }
    if (elapsed >= deadline) return gaveUp(progress, deadline)
    await clock.sleep(Math.min(poll, Math.max(1, deadline - elapsed)), signal)
  }
}

const gaveUp = (progress: Progress, deadline: Millis): WaitResult => {
  const why = `not seen done within ${formatDuration(deadline)}, it may still go on: ${progress.detail}`
  return { result: progress.state === 'unknown' ? 'unknown' : 'deadline', why }
}

/** Estimates what is left from the rate since counting began; null until something moved. */
export const paceOf = (start: Millis) => {
  let first: { readonly done: number; readonly at: Millis } | null = null
  return ({ measure }: Progress, now: Millis): Millis | null => {
    if (measure === undefined) return null
    if (first === null || measure.done < first.done) first = { done: measure.done, at: now }
    const moved = measure.done - first.done
    const took = now - first.at
    return moved > 0 && took > 0 && now > start ? Math.round(((measure.total - measure.done) * took) / moved) : null
  }
}
