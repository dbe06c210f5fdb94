// A JUnit report of a run: a case per step, per guard that refused and per verification, so that a pipeline
// shows what it knows how to show.
import type { RunEvent } from '../../engine/events.ts'

interface Case {
  readonly name: string
  readonly group: string
  seconds: number
  result: 'passed' | 'failure' | 'error' | 'skipped'
  says: string
}

export interface JunitReport {
  readonly sink: (event: RunEvent) => void
  /** The document, as far as the run came. */
  readonly text: () => string
}

const xml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    // Control characters are not XML at all.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '?')

const caseText = ({ name, group, seconds, result, says }: Case): string => {
  const open = `    <testcase classname="${xml(group)}" name="${xml(name)}" time="${seconds.toFixed(3)}"`
  if (result === 'passed') return `${open}/>`
  return `${open}><${result} message="${xml(says)}"/></testcase>`
}

export const junitReport = (): JunitReport => {
  const cases = new Map<string, Case>()
  let suite = 'kdr'
  let phase = 'run'
  const at = (key: string): Case => {
    const found = cases.get(key) ?? { name: key, group: `${suite}.${phase}`, seconds: 0, result: 'error', says: 'did not finish' }
    cases.set(key, found)
    return found
  }
  const settle = (key: string, result: Case['result'], says: string, seconds = 0): void => {
    Object.assign(at(key), { result, says, seconds })
  }
  const sink = (event: RunEvent): void => {
    if (event.type === 'run.started') suite = event.scenario
    else if (event.type === 'phase.started') phase = event.phase
    else if (event.type === 'step.started') cases.set(event.key, { ...at(event.key), name: event.title, result: 'error', says: 'did not finish' })
    else if (event.type === 'step.settled') settle(event.key, 'passed', '', event.seconds)
    else if (event.type === 'step.nothing') settle(event.key, 'skipped', event.why)
    else if (event.type === 'step.skipped') settle(event.key, 'skipped', event.reason)
    else if (event.type === 'step.withheld') settle(event.key, 'skipped', event.why)
    else if (event.type === 'step.failed') settle(event.key, event.kind === 'failed' || event.kind === 'refused' ? 'failure' : 'error', event.why)
    else if (event.type === 'guard.refused') guard(event)
    else if (event.type === 'run.finished') settle('run', event.exitCode === 0 ? 'passed' : 'failure', event.why, event.rtoSeconds ?? 0)
  }
  const guard = (event: Extract<RunEvent, { type: 'guard.refused' }>): void => {
    const key = `${event.key} ${event.guard}`
    settle(key, event.forced ? 'skipped' : 'failure', `${event.forced ? 'forced: ' : ''}${event.because}`)
    cases.set(key, { ...at(key), name: `${event.guard} before ${event.key}`, group: `${suite}.guards` })
  }
  const count = (result: Case['result']): number => [...cases.values()].filter((each) => each.result === result).length
  const text = (): string => {
    const totals = `tests="${cases.size}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`
    const body = [...cases.values()].map(caseText).join('\n')
    return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="kdr" ${totals}>\n  <testsuite name="${xml(suite)}" ${totals}>\n${body}\n  </testsuite>\n</testsuites>\n`
  }
  return { sink, text }
}
