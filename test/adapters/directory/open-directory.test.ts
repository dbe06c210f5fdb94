// What a folder has of its own: it may be made, its objects are its owner's, and a lock outlives no process.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openDirectory } from '../../../src/adapters/directory/open-directory.ts'
import type { BackupStore } from '../../../src/ports/backup-store.ts'
import { contentOf, namesOf, of } from '../../contract/backup-store.contract.ts'

const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-directory-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const signal = new AbortController().signal
let folder: string
let store: BackupStore
beforeEach(() => {
  folder = mkdtempSync(path.join(scratch, 'store-'))
  store = openDirectory({ path: folder })
})

describe('openDirectory', () => {
  it('makes its folder when something is written, not before', async () => {
    const later = path.join(folder, 'a', 'b')
    const made = openDirectory({ path: later, create: true })
    expect(await namesOf(made)).toEqual([])
    expect(await made.head('x', signal)).toBeNull()
    expect(readdirSync(folder)).toEqual([])
    await made.put('x', of('x'), signal)
    expect(await namesOf(openDirectory({ path: later }))).toEqual(['x'])
  })

  it('keeps what it writes to its owner', async () => {
    await store.put('x', of('x'), signal)
    expect(statSync(path.join(folder, 'x')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['x'])
  })

  it('is no store where a file is in the place of its folder', async () => {
    const file = path.join(folder, 'file')
    writeFileSync(file, '')
    for (const at of [file, path.join(file, 'below')]) {
      const attempts = [() => namesOf(openDirectory({ path: at })), () => openDirectory({ path: at, create: true }).put('x', of('x'), signal)]
      for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'no-such-store', exit: 'noSuchStore' })
    }
  })

  it('takes neither a folder nor a pipe nor a link to nowhere for an object', async () => {
    mkdirSync(path.join(folder, 'folder'))
    spawnSync('mkfifo', [path.join(folder, 'pipe')])
    symlinkSync('nowhere', path.join(folder, 'link'))
    expect(await namesOf(store)).toEqual([])
    for (const name of ['folder', 'pipe', 'link']) await expect(contentOf(store, name)).rejects.toMatchObject({ code: 'no-such-object' })
    await expect(store.put('link', of('x'), signal)).rejects.toMatchObject({ code: 'object-exists' })
  })
})

describe('its lock', () => {
  const file = () => path.join(folder, '.kdr-chain.lock')
  const rewritten = async (change: object) => {
    await store.lock('chain', 'ann', signal)
    writeFileSync(file(), JSON.stringify({ ...JSON.parse(readFileSync(file(), 'utf8')), ...change }))
  }
  const attempt = () =>
    store.lock('chain', 'bob', signal).then(
      () => 'taken',
      (thrown) => thrown.code,
    )

  it('is taken over once its process is gone from this machine', async () => {
    await rewritten({ processStart: 'long ago' })
    expect(await attempt()).toBe('taken')
    expect(readdirSync(folder)).toEqual(['.kdr-chain.lock'])
  })

  it.each([
    ['of another host', { host: 'elsewhere', processStart: 'long ago' }],
    ['of another machine of the same name', { machine: 'another', processStart: 'long ago' }],
    ['of another container', { namespace: 'pid:[1]', processStart: 'long ago' }],
    ['of a process that runs', { since: 0 }],
  ])('is never taken over from a process %s', async (_, change) => {
    await rewritten(change)
    expect(await attempt()).toBe('store-locked')
  })

  it('holds where it cannot be read', async () => {
    writeFileSync(file(), '{')
    await expect(store.lock('chain', 'bob', signal)).rejects.toMatchObject({ code: 'store-locked', exit: 'locked', hint: expect.stringContaining('remove') })
  })

  it('is not given back by who no longer has it', async () => {
    const lost = await store.lock('chain', 'ann', signal)
    rmSync(file())
    await store.lock('chain', 'bob', signal)
    await lost.release()
    expect(await attempt()).toBe('store-locked')
  })
})
