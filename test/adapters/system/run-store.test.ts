// Beyond the contract: what only files can do wrong.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { fileRunStore } from '../../../src/adapters/system/run-store.ts'

let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'kdr-store-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(root, { recursive: true })
})

const mode = (path: string): string => (fs.statSync(path).mode & 0o777).toString(8)

it('lets nobody else read a run', () => {
  const run = fileRunStore(root).create('one')
  const file = run.evidence('logs/kafka1.log', 'x')
  for (const folder of [run.path, join(run.path, 'evidence'), join(run.path, 'evidence/logs')]) expect(mode(folder)).toBe('700')
  for (const path of ['journal.ndjson', file]) expect(mode(join(run.path, path))).toBe('600')
})

it('cuts a torn line off before anything is appended', () => {
  const run = fileRunStore(root).create('one')
  const first = run.open()
  first.append('{"a":1}')
  first.close()
  fs.appendFileSync(join(run.path, 'journal.ndjson'), '{"b":')
  expect(run.read()).toEqual({ lines: ['{"a":1}'], torn: true })
  const again = run.open()
  again.append('{"c":3}')
  again.close()
  expect(run.read()).toEqual({ lines: ['{"a":1}', '{"c":3}'], torn: false })
})

it('takes half a line back when the disk is full, so that the next attempt does not continue it', () => {
  const run = fileRunStore(root).create('one')
  const journal = run.open()
  journal.append('first')
  const write = fs.writeSync
  vi.spyOn(fs, 'writeSync')
    .mockImplementationOnce(((handle: number, bytes: Buffer, offset: number, _length: number, position: number) =>
      write(handle, bytes, offset, 3, position)) as never)
    .mockImplementationOnce(() => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    })
  expect(() => journal.append('second')).toThrow('ENOSPC')
  expect(run.read()).toEqual({ lines: ['first'], torn: false })
  journal.append('third')
  journal.close()
  expect(run.read().lines).toEqual(['first', 'third'])
})

it('has flushed a line before append returns', () => {
  const run = fileRunStore(root).create('one')
  const journal = run.open()
  const write = vi.spyOn(fs, 'writeSync')
  const sync = vi.spyOn(fs, 'fsyncSync')
  journal.append('line')
  journal.close()
  expect([write, sync].map((spy) => spy.mock.calls.length)).toEqual([1, 1])
  expect(write.mock.invocationCallOrder[0]).toBeLessThan(sync.mock.invocationCallOrder[0] ?? 0)
})

it('never overwrites evidence, and keeps it inside the run', () => {
  const run = fileRunStore(root).create('one')
  expect([run.evidence('a.log', '1'), run.evidence('a.log', '2'), run.evidence('a.log', '3')]).toEqual([
    'evidence/a.log',
    'evidence/a-2.log',
    'evidence/a-3.log',
  ])
  expect(() => run.evidence('../../x', '')).toThrow('leave')
  expect(() => run.evidence('/etc/x', '')).toThrow('leave')
})

it('finds no run by a path', () => {
  const store = fileRunStore(root)
  store.create('one')
  for (const id of ['../runs/one', '.', '', 'two']) expect(() => store.find(id)).toThrow('there is no run')
  expect(() => store.create('../x')).toThrow('not a name')
  expect(() => store.create('one')).toThrow('cannot keep a journal')
})
