// The real prompts, typed at through streams.
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { listenForSignals } from '../../src/cli/interruption.ts'
import { prompter } from '../../src/cli/prompter.ts'
import { styleFor } from '../../src/cli/render/text.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { Gate } from '../../src/engine/events.ts'

const style = await styleFor({ colour: false, unicode: true })
const yes: Gate = { effect: 'restart', ask: 'yes', challenge: 'y', text: ['start kafka2 (restart, on prod)'], flags: ['--allow restart'] }
const type: Gate = { effect: 'stop', ask: 'type', challenge: 'kafka2', text: ['stop kafka2 (stop, on prod)'], flags: ['--allow stop', '--confirm prod'] }
const [ENTER, CTRL_C, CTRL_D] = ['\r', '\u0003', '\u0004']

/** Answers each question once it stands on the screen. */
const atTerminal = (answers: readonly string[]) => {
  const stdin = new PassThrough()
  const stderr = new PassThrough()
  let shown = ''
  let asked = 0
  const left = [...answers]
  stderr.on('data', (bytes) => {
    shown += String(bytes)
    const questions = shown.split('? ').length - 1
    if (questions <= asked || left.length === 0) return
    asked = questions
    const next = left.shift() ?? ''
    setTimeout(() => (next === 'END' ? stdin.end() : stdin.write(next)), 30)
  })
  const exits: number[] = []
  const host = { stdin, stderr, on: () => {}, exit: (code: number) => exits.push(code) } as unknown as NodeJS.Process
  const said: string[] = []
  const terminal = { columns: 80, err: (text: string) => said.push(text) } as unknown as Terminal
  const interruption = listenForSignals(host, (text) => said.push(text))
  return { ...prompter({ terminal, style, interruption, stepAside: () => {}, host }), interruption, said, shown: () => shown }
}

describe('y/N', () => {
  it.each([
    ['y', `y${ENTER}`, true],
    ['yes', `yes${ENTER}`, true],
    ['Enter', ENTER, false],
    ['n', `n${ENTER}`, false],
    ['Ctrl-D', CTRL_D, false],
    ['end of input', 'END', false],
  ] as const)('%s', async (_, typed, approved) => {
    const { approver, interruption, said } = atTerminal([typed])
    expect(await approver.ask(yes, interruption.signal)).toMatchObject({ approved, by: 'operator' })
    expect(said[0]).toContain('start kafka2 (restart, on prod)')
  })

  it('Ctrl-C is an interrupt, never an answer', async () => {
    const { approver, interruption } = atTerminal([CTRL_C])
    await expect(approver.ask(yes, interruption.signal)).rejects.toMatchObject({ code: 'interrupted', exit: 'interrupted' })
    expect(interruption.cause()).toBe('SIGINT')
  })

  it('a signal takes the question away', async () => {
    const { approver, interruption } = atTerminal([])
    setTimeout(() => interruption.raise('SIGTERM'), 100)
    await expect(approver.ask(yes, interruption.signal)).rejects.toMatchObject({ exit: 'terminated' })
  })
})

describe('a typed challenge', () => {
  it.each([
    ['the word', [`kafka2${ENTER}`], true],
    ['the word with blanks around it', [`  kafka2 ${ENTER}`], true],
    ['another word, then the word', [`kafka3${ENTER}`, `kafka2${ENTER}`], true],
    ['other words three times', [`kafka${ENTER}`, `KAFKA2${ENTER}`, `kafka22${ENTER}`, `kafka2${ENTER}`], false],
    ['y', [`y${ENTER}`, ENTER], false],
    ['Enter', [ENTER], false],
    ['no', [`no${ENTER}`], false],
    ['Ctrl-D', [CTRL_D], false],
  ] as const)('%s', async (_, typed, approved) => {
    const { approver, interruption } = atTerminal(typed)
    expect((await approver.ask(type, interruption.signal)).approved).toBe(approved)
  })
})

describe('after a failure', () => {
  const failure = { key: 'k', title: 'Start the failed broker', why: 'it exited', hint: null, choices: ['retry', 'look', 'skip', 'stop'] } as const
  const [DOWN, UP] = ['\u001b[B', '\u001b[A']
  it.each([
    ['Enter alone stops', [ENTER], { choice: 'stop' }],
    ['Ctrl-D stops', [CTRL_D], { choice: 'stop' }],
    ['the first choice', [`${DOWN}${ENTER}`], { choice: 'retry' }],
    ['skip wants a reason', [`${UP}${ENTER}`, `known flake${ENTER}`], { choice: 'skip', reason: 'known flake' }],
    ['skip without a reason goes back', [`${UP}${ENTER}`, ENTER, ENTER], { choice: 'stop' }],
  ] as const)('%s', async (_, typed, choice) => {
    const { desk, interruption } = atTerminal(typed)
    expect(await desk.choose(failure, interruption.signal)).toEqual(choice)
  })
})

it('the second signal leaves at once, with what is still going on', () => {
  const exits: number[] = []
  const said: string[] = []
  const interruption = listenForSignals({ on: () => {}, exit: (code: number) => exits.push(code) } as unknown as NodeJS.Process, (text) => said.push(text))
  const at = { at: '', step: 's', key: 's' }
  interruption.watch({ at: '', type: 'step.started', step: 's', key: 's', title: 'Start it', why: '', effect: 'restart' })
  interruption.raise('SIGINT')
  expect(exits).toEqual([])
  interruption.watch({ ...at, type: 'step.intent', effect: 'restart', target: null, preview: { sentence: 'start kafka2', changes: [], commands: [] } })
  interruption.raise('SIGTERM')
  expect(exits).toEqual([6])
  expect(said.join('\n')).toContain('start kafka2')
})
