// What a person reads, at 80 columns and without colour.
import { describe, expect, it } from 'vitest'
import { junitReport } from '../../src/cli/render/junit.ts'
import { liveRenderer } from '../../src/cli/render/live.ts'
import { plainRenderer } from '../../src/cli/render/plain.ts'
import { planRenderer } from '../../src/cli/render/plan.ts'
import { clip, styleFor, table, widthOf, wrap } from '../../src/cli/render/text.ts'
import { endingLines } from '../../src/cli/render/words.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { Gate, RunEvent } from '../../src/engine/events.ts'
import type { Preview } from '../../src/engine/step.ts'

interface Screen extends Terminal {
  readonly text: () => string
}

const screen = (given: Partial<Terminal> = {}): Screen => {
  let text = ''
  const write = (line: string): void => {
    text += line
  }
  const base = { format: 'text', interactive: true, live: true, colour: false, unicode: true, columns: 80, quiet: false, verbose: false } as const
  return {
    ...base,
    out: (line) => write(`${line}\n`),
    err: (line) => write(`${line}\n`),
    raw: write,
    json: () => {},
    redact: (line) => line,
    learn: () => {},
    ...given,
    text: () => text,
  }
}

const at = (seconds: number) => ({ at: new Date(Date.UTC(2026, 10, 22, 3, 0, seconds)).toISOString() })
const preview: Preview = {
  sentence: 'start kafka2, broker 2, on its own disk',
  changes: ['broker 2 registers again and catches up'],
  commands: ['nohup sh /srv/labs/lab/kafka2/start.sh > /dev/null 2>&1 &'],
}
const gate: Gate = { effect: 'restart', ask: 'yes', challenge: 'y', text: ['start kafka2 (restart, on prod)'], flags: ['--allow restart'] }
const key = { step: 'start-broker', key: 'start-broker' }

const started: RunEvent = {
  ...at(0),
  type: 'run.started',
  schema: 'kdr/events/1',
  run: '20261122-030000-single-broker-ab12',
  scenario: 'single-broker',
  title: 'Single broker failure',
  cluster: 'prod',
  platform: 'process',
  identity: 'x',
  options: null,
  mode: 'interactive',
  actor: { user: 'ann', host: 'box', pid: 1 },
  rtoTargetSeconds: 600,
  rpoTargetRecords: 0,
  pastRunsSeconds: [48.2, 52],
  fence: 1,
  planDigest: '',
}

const RUN: readonly RunEvent[] = [
  started,
  { ...at(1), type: 'phase.started', phase: 'look', title: 'Look before touching anything' },
  { ...at(1), type: 'step.started', step: 'check', key: 'check', title: 'Check cluster status', why: '', effect: 'read' },
  {
    ...at(2),
    type: 'step.settled',
    step: 'check',
    key: 'check',
    effect: 'read',
    target: null,
    detail: 'broker 2 (kafka2) is stopped, seen by the platform, by the controller and by a refused connection',
    seconds: 1.2,
    proves: null,
  },
  { ...at(2), type: 'phase.started', phase: 'restore', title: 'Bring the broker back' },
  { ...at(3), type: 'step.started', ...key, title: 'Start the failed broker', why: '', effect: 'restart' },
  { ...at(3), type: 'step.preview', ...key, preview, effect: 'restart', projected: false },
  { ...at(3), type: 'gate.asked', ...key, gate },
  { ...at(9), type: 'gate.answered', ...key, approved: true, by: 'operator', answer: 'y' },
  { ...at(9), type: 'step.intent', ...key, effect: 'restart', target: null, preview },
  { ...at(10), type: 'step.acted', ...key },
  {
    ...at(11),
    type: 'step.progress',
    ...key,
    detail: 'not registered yet',
    done: 3,
    total: 12,
    unit: 'replicas',
    elapsedSeconds: 1,
    remainingSeconds: 20,
    deadlineSeconds: 180,
  },
  { ...at(30), type: 'step.settled', ...key, effect: 'restart', target: null, detail: 'broker 2 is registered again', seconds: 19, proves: null },
  { ...at(31), type: 'step.started', step: 'skew', key: 'skew[2]', title: 'Give it back its leaders', why: '', effect: 'change' },
  { ...at(31), type: 'step.nothing', step: 'skew', key: 'skew[2]', why: 'every partition that prefers it is led by it' },
  {
    ...at(32),
    type: 'run.finished',
    run: '20261122-030000-single-broker-ab12',
    outcome: 'recovered',
    exitCode: 0,
    rtoSeconds: 32,
    rpoRecords: 0,
    why: 'recovered and verified',
    hint: null,
  },
]

const REFUSED: readonly RunEvent[] = [
  { ...at(3), type: 'step.started', ...key, title: 'Start the failed broker', why: '', effect: 'restart' },
  {
    ...at(3),
    type: 'guard.refused',
    ...key,
    guard: 'G1',
    because: 'broker 3 is down too',
    protects: Array.from({ length: 30 }, (_, index) => `orders-${index}`),
    forced: false,
  },
  { ...at(3), type: 'step.failed', ...key, why: 'G1 refuses: broker 3 is down too', hint: 'bring broker 3 back first', kind: 'refused' },
]

const style = await styleFor({ colour: false, unicode: true })

/** The lines a terminal would still show: what was rewritten is gone. */
const remains = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1).replace('\u001b[2K', ''))
    .join('\n')

describe('on a terminal', () => {
  const play = (events: readonly RunEvent[], given: Partial<Terminal> = {}) => {
    const terminal = screen(given)
    let now = Date.UTC(2026, 10, 22, 3, 0, 0)
    const renderer = liveRenderer(terminal, { style, now: () => now, asks: true })
    for (const event of events) {
      now = Date.parse(event.at)
      renderer.sink(event)
    }
    renderer.close()
    return terminal.text()
  }

  it('leaves a checklist', () => {
    expect(remains(play(RUN))).toMatchInlineSnapshot(`
      "Single broker failure
      Cluster prod (process)
      Target: recovered within 10 min 00 s, 0 records lost; past runs took 48.2 s,
        52.0 s
      Run 20261122-030000-single-broker-ab12

      Look before touching anything
        ✔ Check cluster status  1.2 s  broker 2 (kafka2) is stopped, seen by the
            platform, by the controller and by a refused connection

      Bring the broker back
        … Start the failed broker
              $ nohup sh /srv/labs/lab/kafka2/start.sh > /dev/null 2>&1 &
        ✔ Start the failed broker  19.0 s  broker 2 is registered again
        – Give it back its leaders [2]  nothing to do: every partition that prefers it
            is led by it
      "
    `)
  })

  it('stays within 80 columns, but for commands, which stay whole', () => {
    for (const line of play([...RUN, ...REFUSED]).split(/[\n\r]/)) if (!line.includes('$ ')) expect(widthOf(line)).toBeLessThanOrEqual(80)
  })

  it('has nothing to rewrite while a question is open', () => {
    const until = (type: RunEvent['type']) => RUN.slice(0, RUN.findIndex((event) => event.type === type) + 1)
    expect(
      remains(play(until('gate.asked')))
        .split('\n')
        .at(-1),
    ).toBe('')
    expect(
      remains(play(until('step.progress')))
        .split('\n')
        .at(-1),
    ).toBe('')
  })

  it('shows the clock, how far it is and what is left while it waits', () => {
    const text = play(RUN.slice(0, 12))
    expect(text.split('\r').at(-2)).toBe('\u001b[2K  … RTO 0:11/10:00  not registered yet, 3/12 replicas, about 20.0 s left, 1.0 …')
  })

  it('says what is wrong in words, with what to do', () => {
    expect(remains(play(REFUSED))).toMatchInlineSnapshot(`
      "      G1 refuses: broker 3 is down too
            protects 30 items: orders-0, orders-1, orders-2, orders-3, orders-4,
            orders-5, orders-6, orders-7, orders-8, orders-9, orders-10, orders-11 and
            18 more
        ✘ Start the failed broker  refused: G1 refuses: broker 3 is down too
            next: bring broker 3 back first
      "
    `)
  })

  it('has ASCII for terminals without more', async () => {
    const ascii = await styleFor({ colour: false, unicode: false })
    expect(
      Object.values(ascii)
        .filter((value) => typeof value === 'string')
        .join(''),
    ).toMatch(/^[ -~]+$/)
  })
})

it('without a terminal is one line per transition, with its time', () => {
  const terminal = screen({ live: false })
  const { sink } = plainRenderer(terminal, style)
  for (const event of RUN) sink(event)
  expect(terminal.text()).toMatchInlineSnapshot(`
    "03:00:00 Single broker failure
    03:00:00 Cluster prod (process)
    03:00:00 Target: recovered within 10 min 00 s, 0 records lost; past runs took 48.2 s, 52.0 s
    03:00:00 Run 20261122-030000-single-broker-ab12
    03:00:01 Look before touching anything
    03:00:02   ✔ Check cluster status  1.2 s  broker 2 (kafka2) is stopped, seen by the platform, by the controller and by a refused connection
    03:00:02 Bring the broker back
    03:00:03   … Start the failed broker
    03:00:03       start kafka2, broker 2, on its own disk
    03:00:03       • broker 2 registers again and catches up
    03:00:03         $ nohup sh /srv/labs/lab/kafka2/start.sh > /dev/null 2>&1 &
    03:00:09       doing it now: start kafka2, broker 2, on its own disk
    03:00:11   … Start the failed broker: not registered yet, 3/12 replicas, about 20.0 s left, 1.0 s of at most 3 min 00 s (RTO 11.0 s of 10 min 00 s)
    03:00:30   ✔ Start the failed broker  19.0 s  broker 2 is registered again
    03:00:31   – Give it back its leaders [2]  nothing to do: every partition that prefers it is led by it
    "
  `)
  for (const control of ['\u001b', '\r']) expect(terminal.text()).not.toContain(control)
})

it('a plan is numbered and shows gates, commands and refusals', () => {
  const terminal = screen()
  const { sink } = planRenderer(terminal, style)
  const dry: readonly RunEvent[] = [
    { ...started, mode: 'dry-run' },
    ...RUN.slice(1, 4),
    RUN[5] as RunEvent,
    { ...at(3), type: 'step.preview', ...key, preview, effect: 'restart', projected: true },
    { ...at(3), type: 'step.withheld', ...key, gate, evaluated: true, why: 'withheld' },
    { ...at(4), type: 'choice.previewed', choose: 'skew', title: 'Are leaders skewed?', branch: 'yes', when: 'it leads fewer than it should' },
    { ...at(4), type: 'step.started', step: 'verify', key: 'verify', title: 'Verify', why: '', effect: 'read' },
    { ...at(4), type: 'step.withheld', step: 'verify', key: 'verify', gate: null, evaluated: false, why: 'not evaluated: a plan cannot verify' },
  ]
  for (const event of dry) sink(event)
  expect(terminal.text()).toMatchInlineSnapshot(`
    "Single broker failure (dry run: nothing is changed)
    Cluster prod (process)
    Target: recovered within 10 min 00 s, 0 records lost; past runs took 48.2 s,
      52.0 s

    Look before touching anything
       1. Check cluster status (read)
          now: broker 2 (kafka2) is stopped, seen by the platform, by the controller
          and by a refused connection
       2. Start the failed broker (restart)
          start kafka2, broker 2, on its own disk (projected)
          • broker 2 registers again and catches up
            $ nohup sh /srv/labs/lab/kafka2/start.sh > /dev/null 2>&1 &
          gate: asks y/N; unattended: --allow restart
          withheld: not done in a dry run
      Are leaders skewed?: if it leads fewer than it should
       3. Verify (read)
          NOT EVALUATED: a plan cannot verify
    "
  `)
})

describe('the ending', () => {
  const finished = {
    ...at(32),
    type: 'run.finished',
    run: 'r1',
    outcome: 'recovered',
    exitCode: 0,
    rtoSeconds: 32,
    rpoRecords: 0,
    why: 'recovered and verified',
    hint: null,
  } as const
  const begun = started as Extract<RunEvent, { type: 'run.started' }>
  it.each([
    [finished, 'RECOVERED and verified'],
    [{ ...finished, exitCode: 9, rtoSeconds: 700 }, 'RECOVERED and verified, but a target was missed'],
    [{ ...finished, outcome: 'declined', exitCode: 3, why: 'declined: Start', rtoSeconds: null }, 'DECLINED, nothing changed: Start'],
    [{ ...finished, outcome: 'refused', exitCode: 4, why: 'approval is missing', rtoSeconds: null }, 'APPROVAL MISSING, nothing changed: approval is missing'],
    [{ ...finished, outcome: 'stopped', exitCode: 130, why: 'stopped by SIGINT', rtoSeconds: null }, 'INTERRUPTED before anything changed'],
    [
      { ...finished, outcome: 'unknown', exitCode: 7, why: 'it cannot be seen', rtoSeconds: null },
      'UNKNOWN: look before doing anything else: it cannot be seen',
    ],
  ] as const)('%#', (event, first) => {
    expect(endingLines(event, begun)[0]).toBe(first)
  })

  it('compares with the target and with past runs', () => {
    expect(endingLines(finished, begun)).toContain('RTO 32.0 s of 10 min 00 s: target met (past runs took 48.2 s, 52.0 s)')
    expect(endingLines({ ...finished, rtoSeconds: 700 }, begun)[1]).toContain('TARGET MISSED')
  })
})

it('JUnit has a case per step, guard and run', () => {
  const report = junitReport()
  for (const event of [...RUN.slice(0, 4), ...REFUSED, { ...(RUN.at(-1) as RunEvent), exitCode: 5, why: '<refused> & "over"' } as RunEvent]) report.sink(event)
  expect(report.text()).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="kdr" tests="4" failures="3" errors="0" skipped="0">
      <testsuite name="single-broker" tests="4" failures="3" errors="0" skipped="0">
        <testcase classname="single-broker.look" name="Check cluster status" time="1.200"/>
        <testcase classname="single-broker.look" name="Start the failed broker" time="0.000"><failure message="G1 refuses: broker 3 is down too"/></testcase>
        <testcase classname="single-broker.guards" name="G1 before start-broker" time="0.000"><failure message="broker 3 is down too"/></testcase>
        <testcase classname="single-broker.look" name="run" time="32.000"><failure message="&lt;refused&gt; &amp; &quot;over&quot;"/></testcase>
      </testsuite>
    </testsuites>
    "
  `)
})

describe('text', () => {
  it('wraps at blanks and keeps long words whole', () => {
    expect(wrap('one two three-is-a-long-word four', 12, '> ', '  ')).toBe('> one two\n  three-is-a-long-word\n  four')
  })
  it('clips to one line', () => {
    expect(clip('one\ntwo three', 8)).toBe('one two…')
    expect(clip('short', 8)).toBe('short')
  })
  it('lines columns up whatever their colour', () => {
    expect(
      table([
        ['a', 'bbb', 'c'],
        ['\u001b[31maa\u001b[39m', 'b', 'c'],
      ]),
    ).toEqual(['a   bbb  c', '\u001b[31maa\u001b[39m  b    c'])
  })
})
