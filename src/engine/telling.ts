// What something long says of itself while it goes on, with an estimate, no more often than a person can read.
import type { Clock } from '../ports/clock.ts'
import type { Told } from '../ports/world.ts'
import type { Millis } from '../units.ts'
import type { TransientEntry } from './events.ts'
import type { Progress, Step } from './step.ts'
import { paceOf } from './wait.ts'

const TELLING: Millis = 1000

type Show = (entry: TransientEntry) => void

export const showProgress = (
  show: Show,
  { id, budget }: Step,
  key: string,
  { detail, measure }: Pick<Progress, 'detail' | 'measure'>,
  elapsed: Millis,
  remaining: Millis | null,
): void =>
  show({
    type: 'step.progress',
    step: id,
    key,
    detail,
    done: measure?.done ?? null,
    total: measure?.total ?? null,
    unit: measure?.unit ?? null,
    elapsedSeconds: elapsed / 1000,
    remainingSeconds: remaining === null ? null : remaining / 1000,
    deadlineSeconds: budget.deadline / 1000,
  })

export const teller = (clock: Clock, show: Show, step: Step, key: string): ((told: Told) => void) => {
  const since = clock.monotonic()
  const pace = paceOf(since)
  let shown = Number.NEGATIVE_INFINITY
  return (told) => {
    const now = clock.monotonic()
    const remaining = pace({ state: 'under-way', ...told }, now)
    // What is not counted is news.
    if (told.measure !== undefined && now - shown < TELLING) return
    shown = now
    showProgress(show, step, key, told, now - since, remaining)
  }
}
