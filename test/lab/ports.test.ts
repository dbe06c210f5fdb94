import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { claimPorts, releasePorts } from '../../src/lab/ports.ts'

let temporary: string
const before = process.env.TMPDIR
beforeEach(() => {
  // Claims live in the system's temporary folder: one of its own keeps this test from other labs' claims.
  temporary = mkdtempSync(join(tmpdir(), 'kdr-ports-test-'))
  process.env.TMPDIR = temporary
})
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  rmSync(temporary, { recursive: true })
})

const lab = (name: string) => {
  mkdirSync(join(temporary, name), { recursive: true })
  return join(temporary, name)
}

it('gives labs that come up at once different blocks, and a block back when it is released', async () => {
  const bases = await Promise.all(['a', 'b', 'c'].map((name) => claimPorts(lab(name), [1, 2])))
  expect(new Set(bases).size).toBe(3)
  for (const base of bases) expect((base - 19_000) % 50).toBe(0)
  releasePorts(lab('a'))
  expect(await claimPorts(lab('d'), [1, 2])).toBe(bases[0])
  for (const name of ['b', 'c', 'd']) releasePorts(lab(name))
  expect(existsSync(join(temporary, `kdr-ports-${process.getuid?.()}`))).toBe(false)
})

it('goes past a block in which somebody listens', async () => {
  const first = await claimPorts(lab('a'), [3])
  releasePorts(lab('a'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(first + 3, '127.0.0.1', resolve))
  try {
    expect(await claimPorts(lab('b'), [1, 3])).toBeGreaterThan(first)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})
