// At a real terminal: Enter, n and Ctrl-D decline, Ctrl-C stops, only y goes on; a pipe or CI never asks.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bringUp, type Stand, type Truth, takeDown } from './harness.ts'

const BIN = path.join(import.meta.dirname, '..', '..', 'bin', 'kdr.js')

describe('the interactive flow at a terminal', () => {
  const name = 'tty'
  let here: Stand
  let truth: Truth

  beforeAll(async () => {
    ;({ here, truth } = await bringUp(name, '3.9'))
    await here.kdr(['lab', 'break', 'kill-broker', '--broker', '2', '--name', name])
  })
  afterAll(() => takeDown({ here, name, truth }))

  const environment = () => ({ ...process.env, HOME: here.home, XDG_STATE_HOME: here.home, TERM: 'xterm', COLUMNS: '80', LANG: 'C.UTF-8', NO_COLOR: '1' })

  /** Runs a command in a pseudo-terminal (exec: a shell in between would answer Ctrl-C with an exit code of its own); `keys` are typed one after another, each when its words are on the screen. */
  const atTerminal = (
    line: string,
    keys: readonly (readonly [when: string, typed: string])[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number | null; screen: string }> =>
    new Promise((resolve) => {
      const full: NodeJS.ProcessEnv = { ...environment(), ...env }
      if (env['CI'] === undefined) delete full['CI']
      const child = spawn('script', ['-qefc', `exec ${line}`, '/dev/null'], { env: full })
      const left = [...keys]
      let screen = ''
      let read = 0
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        screen += text
        const [next] = left
        if (next !== undefined && screen.slice(read).includes(next[0])) {
          left.shift()
          read = screen.length
          setTimeout(() => child.stdin.write(next[1]), 300)
        }
      })
      child.on('close', (code) => resolve({ code, screen }))
    })

  const recover = `${process.execPath} ${BIN} recover single-broker --cluster ${name}`
  const QUESTION = '(y/N)'

  it.each([
    ['Enter', '\r'],
    ['n', 'n\r'],
    ['Ctrl-D', '\u0004'],
  ])('%s declines: exit 3, nothing changed', async (_, typed) => {
    const before = await truth.uids()
    const { code, screen } = await atTerminal(recover, [[QUESTION, typed]])
    expect(code, screen).toBe(3)
    expect(await truth.uids()).toEqual(before)
  })

  it('takes no other word for yes', async () => {
    const before = await truth.uids()
    const { code, screen } = await atTerminal(recover, [
      [QUESTION, 'maybe\r'],
      ['must answer', '\u0004'],
    ])
    expect(code, screen).toBe(3)
    expect(await truth.uids()).toEqual(before)
  })

  it('drops what was typed before the question was on the screen', async () => {
    const before = await truth.uids()
    const { code, screen } = await atTerminal(recover, [
      ['Look before', 'y\r'],
      [QUESTION, 'n\r'],
    ])
    expect(code, screen).toBe(3)
    expect(await truth.uids()).toEqual(before)
  })

  it.each([
    ['| cat', `bash -c 'set -o pipefail; ${recover} | cat'`, {}],
    ['CI=1', recover, { CI: '1' }],
    ['closed standard input', `bash -c '${recover} < /dev/null'`, {}],
  ])('%s never asks and never means yes: exit 4', async (_, line, env) => {
    const before = await truth.uids()
    const { code, screen } = await atTerminal(line, [], env)
    expect(code, screen).toBe(4)
    expect(screen).not.toContain(QUESTION)
    expect(await truth.uids()).toEqual(before)
  })

  it('Ctrl-C at the question: 130, nothing changed', async () => {
    const before = await truth.uids()
    const { code, screen } = await atTerminal(recover, [[QUESTION, '\u0003']])
    expect(code, screen).toBe(130)
    expect(await truth.uids()).toEqual(before)
  })

  it('y goes on; Ctrl-C in the wait says how to resume: exit 6; resumed, it recovers', async () => {
    const { code, screen } = await atTerminal(recover, [
      [QUESTION, 'y\r'],
      ['rejoined', '\u0003'],
    ])
    expect(code, screen).toBe(6)
    expect(screen).toContain('kdr runs resume')
    const resumed = await atTerminal(`${process.execPath} ${BIN} runs resume`, [
      [QUESTION, 'y\r'],
      [QUESTION, 'y\r'],
    ])
    expect(resumed.code, resumed.screen).toBe(0)
  })
})
