// Beyond the contract: processes that are really gone, races, and files that outlive them.
import { execFile, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fileLock } from '../../../src/adapters/system/lock.ts'
import type { TargetIdentity } from '../../../src/model/member.ts'

const TARGET: TargetIdentity = { platform: 'process', cluster: 'lab', identity: '/labs/lab#1' }
const SOURCE = new URL('../../../dist/adapters/system/lock.js', import.meta.url).href
const TAKE = `import(process.argv[1]).then(async ({ fileLock }) => {
  try { console.log((await fileLock(process.argv[2]).acquire(${JSON.stringify(TARGET)}, process.argv[3], null)).holder.fence) }
  catch (error) { console.log(error.code) }
})`

let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'kdr-lock-'))
})
afterEach(() => fs.rmSync(root, { recursive: true }))

/** Takes the lock in a process of its own, which then ends without releasing it. */
const crashWith = (run: string): string => spawnSync(process.execPath, ['-e', TAKE, SOURCE, root, run], { encoding: 'utf8' }).stdout.trim()

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work()
    return 'none'
  } catch (error) {
    return (error as { code: string }).code
  }
}

it('says that a holder is gone, and gives its lock back to its own run only', async () => {
  expect(crashWith('one')).toBe('1')
  const lock = fileLock(root)
  expect(await lock.inspect(TARGET)).toMatchObject({ alive: false, holder: { run: 'one', fence: 1 } })
  expect(await codeOf(() => lock.acquire(TARGET, 'two', null))).toBe('locked')
  expect(await codeOf(() => lock.acquire(TARGET, 'two', 'other'))).toBe('locked')
  expect((await lock.acquire(TARGET, 'one', null)).holder.fence).toBe(2)
})

it('is taken over knowingly, and the one it was taken from is told', async () => {
  const lock = fileLock(root)
  const first = await lock.acquire(TARGET, 'one', null)
  expect(await codeOf(() => lock.acquire(TARGET, 'one', null))).toBe('locked')
  const second = await lock.acquire(TARGET, 'two', 'one')
  expect(await codeOf(() => first.check())).toBe('lock-lost')
  await first.release()
  second.check()
  await second.release()
  expect(await lock.inspect(TARGET)).toBeNull()
})

it('counts up across releases', async () => {
  const lock = fileLock(root)
  const fences: number[] = []
  for (const run of ['one', 'two', 'three']) {
    const held = await lock.acquire(TARGET, run, null)
    await held.release()
    fences.push(held.holder.fence)
  }
  expect(fences).toEqual([1, 2, 3])
})

it('is per target', async () => {
  const lock = fileLock(root)
  await lock.acquire(TARGET, 'one', null)
  expect((await lock.acquire({ ...TARGET, identity: 'other' }, 'two', null)).holder.fence).toBe(1)
})

it('lets exactly one of many in', async () => {
  const attempts = Array.from({ length: 6 }, (_, index) => promisify(execFile)(process.execPath, ['-e', TAKE, SOURCE, root, `run-${index}`]))
  const said = (await Promise.all(attempts)).map(({ stdout }) => stdout.trim()).sort()
  expect(said).toEqual(['1', 'locked', 'locked', 'locked', 'locked', 'locked'])
  expect(fs.readdirSync(join(root, 'locks')).filter((name) => !/\.(lock|fence)$/.test(name))).toEqual([])
})

it('does not take a file it cannot read for a free lock', async () => {
  const lock = fileLock(root)
  await lock.acquire(TARGET, 'one', null)
  const [name = ''] = fs.readdirSync(join(root, 'locks')).filter((each) => each.endsWith('.lock'))
  fs.writeFileSync(join(root, 'locks', name), '{')
  expect(await codeOf(() => lock.acquire(TARGET, 'two', null))).toBe('lock-unreadable')
})
