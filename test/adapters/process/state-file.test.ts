import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openProcess } from '../../../src/adapters/process/open-process.ts'
import { type ProcessState, readState, writeState } from '../../../src/adapters/process/state-file.ts'
import { type Fixture, fixture } from './fixture.ts'

let one: Fixture
beforeAll(() => {
  one = fixture()
})
afterAll(() => one.remove())

const node = () => one.state.nodes[0] as ProcessState['nodes'][number]
const INVALID: readonly (readonly [string, (state: ProcessState) => unknown, RegExp])[] = [
  ['another schema', (state) => ({ ...state, schema: 'kdr/process/2' }), /schema/],
  ['no nodes', (state) => ({ ...state, nodes: [] }), /nodes/],
  ['a relative home', (state) => ({ ...state, nodes: [{ ...node(), home: 'home' }] }), /nodes\.0\.home: must be an absolute path/],
  ['an argv without the file', (state) => ({ ...state, nodes: [{ ...node(), argv: ['java', 'a', 'b'] }] }), /argv must hold the properties file/],
  ['two nodes of one name', (state) => ({ ...state, nodes: [node(), node()] }), /two nodes have the same name/],
  ['a listener without a port', (state) => ({ ...state, nodes: [{ ...node(), listeners: ['localhost'] }] }), /listeners\.0: must be host:port/],
]

describe('the state file', () => {
  it('reads what it wrote, and leaves no temporary file', () => {
    const file = join(one.folder, 'again.json')
    writeState(file, one.state)
    expect(readState(file)).toEqual(one.state)
    expect(readdirSync(one.folder).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it.each(INVALID)('refuses %s, naming the field', (_, change, words) => {
    const file = join(one.folder, 'bad.json')
    writeFileSync(file, JSON.stringify(change(one.state)))
    expect(() => readState(file)).toThrow(words)
    expect(() => readState(file)).toThrow(expect.objectContaining({ code: 'state-file-invalid', exit: 'usage' }))
  })

  it('refuses half a file and a missing one', () => {
    const file = join(one.folder, 'half.json')
    writeFileSync(file, readFileSync(one.stateFile, 'utf8').slice(0, 100))
    expect(() => readState(file)).toThrow(expect.objectContaining({ code: 'state-file-invalid' }))
    expect(() => readState(join(one.folder, 'none.json'))).toThrow(expect.objectContaining({ code: 'state-file-unreadable', exit: 'usage' }))
  })

  it('is no cluster to work on while it is being brought up', () => {
    const file = join(one.folder, 'half-up.json')
    writeState(file, { ...one.state, settingUp: { pid: 1, start: '1' } })
    expect(() => openProcess(file)).toThrow(expect.objectContaining({ code: 'lab-incomplete', exit: 'usage' }))
  })
})

describe('the platform', () => {
  it('names its target by folder and id, and knows only its members', async () => {
    const platform = openProcess(one.stateFile)
    const signal = new AbortController().signal
    expect(await platform.identity(signal)).toEqual({ platform: 'process', cluster: 'toy', identity: `${one.stateFile}#abc-1` })
    await expect(platform.logs('kafka9', { tail: 1, previous: false }, signal)).rejects.toMatchObject({ code: 'no-such-member' })
    await expect(platform.members(AbortSignal.abort())).rejects.toThrow()
    expect(await platform.events(0, signal)).toEqual([])
  })

  it.each([1, 99999])('dials without throwing: port %i fails on the stream', async (port) => {
    const socket = openProcess(one.stateFile).dial('127.0.0.1', port)
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
    expect(error.message).toMatch(/ECONNREFUSED|port/i)
  })
})
