// At a real terminal: Enter, n and Ctrl-D decline, Ctrl-C stops, only y goes on; a pipe or CI never asks.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atTerminal, KDR } from './at-terminal.ts'
import { bringUp, type Stand, type Truth, takeDown } from './harness.ts'

describe('the interactive flow at a terminal', () => {
  const name = 'tty'
  let here: Stand
  let truth: Truth

  beforeAll(async () => {
    ;({ here, truth } = await bringUp(name, '3.9'))
    await here.kdr(['lab', 'break', 'kill-broker', '--broker', '2', '--name', name])
  })
  afterAll(() => takeDown({ here, name, truth }))

  const typing = (line: string, keys: Parameters<typeof atTerminal>[2], env: Readonly<Record<string, string>> = {}) => atTerminal(here.home, line, keys, env)

  const recover = `${KDR} recover single-broker --cluster ${name}`
  const QUESTION = '(y/N)'

  it.each([
    ['Enter', '\r'],
    ['n', 'n\r'],
    ['Ctrl-D', '\u0004'],
  ])('%s declines: exit 3, nothing changed', async (_, typed) => {
    const before = await truth.uids()
    const { code, screen } = await typing(recover, [[QUESTION, typed]])
    expect(code, screen).toBe(3)
    expect(await truth.uids()).toEqual(before)
  })

  it('takes no other word for yes', async () => {
    const before = await truth.uids()
    const { code, screen } = await typing(recover, [
      [QUESTION, 'maybe\r'],
      ['must answer', '\u0004'],
    ])
    expect(code, screen).toBe(3)
    expect(await truth.uids()).toEqual(before)
  })

  it('drops what was typed before the question was on the screen', async () => {
    const before = await truth.uids()
    const { code, screen } = await typing(recover, [
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
    const { code, screen } = await typing(line, [], env)
    expect(code, screen).toBe(4)
    expect(screen).not.toContain(QUESTION)
    expect(await truth.uids()).toEqual(before)
  })

  it('Ctrl-C at the question: 130, nothing changed', async () => {
    const before = await truth.uids()
    const { code, screen } = await typing(recover, [[QUESTION, '\u0003']])
    expect(code, screen).toBe(130)
    expect(await truth.uids()).toEqual(before)
  })

  it('y goes on; Ctrl-C in the wait says how to resume: exit 6; resumed, it recovers', async () => {
    const { code, screen } = await typing(recover, [
      [QUESTION, 'y\r'],
      ['rejoined', '\u0003'],
    ])
    expect(code, screen).toBe(6)
    expect(screen).toContain('kdr runs resume')
    const resumed = await typing(`${KDR} runs resume`, [
      [QUESTION, 'y\r'],
      [QUESTION, 'y\r'],
    ])
    expect(resumed.code, resumed.screen).toBe(0)
  })
})
