// A copy put where a ZooKeeper keeps its files, and read again as an operator's copy.
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileReader } from '../../../src/adapters/system/files.ts'
import { placeFiles } from '../../../src/adapters/zookeeper/place.ts'

let root: string
const folder = (name: string) => path.join(root, name)
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'kdr-place-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const file = (name: string, content: string) => ({ name, content: Buffer.from(content) })
const FILES = [file('acceptedEpoch', '3'), file('currentEpoch', '3'), file('log.300000001', 'logged'), file('snapshot.200000009', 'snapped')]

describe('a copy put on a member', () => {
  it('is there whole, beside what was there before and beside myid', async () => {
    mkdirSync(path.join(folder('data'), 'version-2'), { recursive: true })
    writeFileSync(path.join(folder('data'), 'version-2', 'snapshot.0'), 'begun')
    writeFileSync(path.join(folder('data'), 'myid'), '1')
    // What an interrupted attempt left.
    mkdirSync(path.join(folder('data'), 'version-2.kdr-new'))
    const kept = await placeFiles({ data: folder('data'), log: folder('data') }, FILES)
    expect(kept).toBe(path.join(folder('data'), 'version-2.kept-1'))
    expect(readdirSync(folder('data')).sort()).toEqual(['myid', 'version-2', 'version-2.kept-1'])
    expect(readFileSync(path.join(folder('data'), 'version-2.kept-1', 'snapshot.0'), 'utf8')).toBe('begun')
    expect(readdirSync(path.join(folder('data'), 'version-2')).sort()).toEqual(FILES.map(({ name }) => name))
    expect(await placeFiles({ data: folder('data'), log: folder('data') }, FILES)).toBe(path.join(folder('data'), 'version-2.kept-2'))
  })

  it('has its logs where logs are kept apart', async () => {
    expect(await placeFiles({ data: folder('data'), log: folder('log') }, FILES)).toBeNull()
    expect(readdirSync(path.join(folder('log'), 'version-2'))).toEqual(['log.300000001'])
    expect(existsSync(path.join(folder('data'), 'version-2', 'log.300000001'))).toBe(false)
  })

  it('is owned by whoever writes there: an image runs as its own user on volumes of root', async () => {
    const id = process.getuid?.() === 0 ? 1000 : (process.getuid?.() ?? 0)
    for (const name of ['data', 'log']) mkdirSync(folder(name), { mode: 0o777 })
    writeFileSync(path.join(folder('data'), 'myid'), '1')
    chownSync(path.join(folder('data'), 'myid'), id, process.getgid?.() ?? 0)
    await placeFiles({ data: folder('data'), log: folder('log') }, FILES)
    const placed = ['data', 'log'].flatMap((name) =>
      ['', ...readdirSync(path.join(folder(name), 'version-2'))].map((file) => path.join(folder(name), 'version-2', file)),
    )
    expect(placed).toHaveLength(6)
    expect(placed.map((file) => statSync(file).uid)).toEqual(placed.map(() => id))
  })
})

describe('a copy that an operator names', () => {
  const { copy } = fileReader()

  it('is the same as a data directory, as its version-2, and as a tar of it; data and logs from two', async () => {
    await placeFiles({ data: folder('data'), log: folder('data') }, FILES)
    writeFileSync(path.join(folder('data'), 'version-2', 'log.300000001'), Buffer.concat([Buffer.from('logged'), Buffer.alloc(1 << 20)]))
    writeFileSync(path.join(folder('data'), 'version-2', '.snapshot.ignore'), '')
    execFileSync('tar', ['-czf', folder('zk.tar.gz'), '-C', root, 'data'])
    const whole = await copy([folder('data')])
    expect(whole.files).toEqual(FILES)
    expect(await copy([path.join(folder('data'), 'version-2')])).toEqual(whole)
    expect(await copy([folder('zk.tar.gz')])).toEqual(whole)
    await placeFiles({ data: folder('two'), log: folder('logs') }, FILES)
    expect(await copy([folder('two'), folder('logs')])).toEqual(whole)
  })

  it('is refused where it is of two members, cannot be read, or is no tar', async () => {
    await placeFiles({ data: folder('data'), log: folder('data') }, FILES)
    await expect(copy([folder('data'), path.join(folder('data'), 'version-2')])).rejects.toMatchObject({ code: 'bad-snapshot' })
    await expect(copy([folder('nowhere')])).rejects.toMatchObject({ code: 'file-unreadable' })
    writeFileSync(folder('plain.tar.gz'), 'not gzip')
    await expect(copy([folder('plain.tar.gz')])).rejects.toMatchObject({ code: 'file-unreadable' })
  })
})
