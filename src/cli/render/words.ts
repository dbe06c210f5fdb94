// Sentences that every renderer says the same way: where a run stands against its target, how it ended,
// what stands at a gate.
import type { Gate, Outcome, RunEvent } from '../../engine/events.ts'
import { formatDuration, type Millis } from '../../units.ts'

type Of<T extends RunEvent['type']> = Extract<RunEvent, { readonly type: T }>

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  recovered: 'RECOVERED and verified',
  unverified: 'NOT VERIFIED',
  declined: 'DECLINED, nothing changed',
  refused: 'REFUSED, nothing changed',
  stopped: 'STOPPED part-way',
  failed: 'FAILED',
  unknown: 'UNKNOWN: look before doing anything else',
}

export const duration = (seconds: number): string => formatDuration(seconds * 1000)

/** `RTO 42.0 s of 10 min 00 s`, and a word when it is over. */
export const clockWords = (elapsed: Millis, targetSeconds: number): string =>
  `RTO ${formatDuration(elapsed)} of ${duration(targetSeconds)}${elapsed > targetSeconds * 1000 ? ', OVER' : ''}`

const minutesAndSeconds = (length: Millis): string => `${Math.floor(length / 60_000)}:${String(Math.floor(length / 1000) % 60).padStart(2, '0')}`

/** `RTO 0:42/10:00`, for a line that is short of room. */
export const shortClock = (elapsed: Millis, targetSeconds: number): string =>
  `RTO ${minutesAndSeconds(elapsed)}/${minutesAndSeconds(targetSeconds * 1000)}${elapsed > targetSeconds * 1000 ? ' OVER' : ''}`

const pastWords = (past: readonly number[]): string | null => (past.length === 0 ? null : `past runs took ${past.slice(0, 5).map(duration).join(', ')}`)

export const objectiveWords = ({ rtoTargetSeconds, rpoTargetRecords, pastRunsSeconds }: Of<'run.started'>): string => {
  const past = pastWords(pastRunsSeconds)
  return `Target: recovered within ${duration(rtoTargetSeconds)}, ${rpoTargetRecords} records lost${past === null ? '' : `; ${past}`}`
}

/** Of a run that is about a store: there is nothing to resume, for what is to be deleted is judged by what is there. */
export const planAnew = (store: string): string => `kdr backup prune --store ${store} plans anew`

const outcomeWords = (finished: Of<'run.finished'>, dryRun: boolean, ofStore: boolean): string => {
  if (ofStore && finished.outcome === 'recovered') return 'DONE'
  if (dryRun && finished.exitCode === 0) return 'DRY RUN complete: nothing was changed, verification was not evaluated'
  if (dryRun) return `DRY RUN: ${finished.outcome === 'unknown' ? 'what matters is unknown' : 'it would be refused'}`
  if (finished.exitCode === 130 || finished.exitCode === 143) return 'INTERRUPTED before anything changed'
  if (finished.exitCode === 4) return 'APPROVAL MISSING, nothing changed'
  return finished.outcome === 'recovered' && finished.exitCode === 9 ? 'RECOVERED and verified, but a target was missed' : OUTCOMES[finished.outcome]
}

const rtoWords = (finished: Of<'run.finished'>, started: Of<'run.started'> | null): readonly string[] => {
  const lines: string[] = []
  if (finished.rtoSeconds !== null) {
    const target = started?.rtoTargetSeconds
    const verdict = target === undefined ? '' : ` of ${duration(target)}: ${finished.rtoSeconds <= target ? 'target met' : 'TARGET MISSED'}`
    const past = pastWords(started?.pastRunsSeconds ?? [])
    lines.push(`RTO ${duration(finished.rtoSeconds)}${verdict}${past === null ? '' : ` (${past})`}`)
  }
  if (finished.rpoRecords !== null) lines.push(`Acknowledged records lost: ${finished.rpoRecords}`)
  return lines
}

/** How the run ended, a line each: the result a person reads. */
export const endingLines = (finished: Of<'run.finished'>, started: Of<'run.started'> | null): readonly string[] => {
  const dryRun = started?.mode === 'dry-run'
  const head = outcomeWords(finished, dryRun, started?.platform === 'store')
  const said = head.startsWith('INTERRUPTED') || head.toLowerCase().includes(finished.why.toLowerCase()) || finished.why.startsWith('dry run:')
  return [
    said ? head : `${head}: ${finished.why.replace(/^(declined|stopped by the operator): /, '')}`,
    ...rtoWords(finished, started),
    ...(finished.hint === null ? [] : [`Next: ${finished.hint}`]),
    ...(dryRun || finished.run === '' ? [] : [`Record: kdr runs show ${finished.run}`]),
  ]
}

/** `asks y/N`, `asks to type "kafka2"`, with the flags that would grant it. */
export const gateWords = (gate: Gate): string => `${gate.ask === 'yes' ? 'asks y/N' : `asks to type "${gate.challenge}"`}; unattended: ${gate.flags.join(' ')}`

export const progressWords = (event: Of<'step.progress'>): string => {
  const parts = [event.detail]
  if (event.done !== null && event.total !== null) parts.push(`${event.done}/${event.total}${event.unit === null ? '' : ` ${event.unit}`}`)
  if (event.remainingSeconds !== null) parts.push(`about ${duration(event.remainingSeconds)} left`)
  parts.push(`${duration(event.elapsedSeconds)} of at most ${duration(event.deadlineSeconds)}`)
  return parts.filter((part) => part !== '').join(', ')
}
