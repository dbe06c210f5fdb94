// The contracts of clock, run folders and lock on this machine's own. The second holder of a lock is a
// second process, so that it can really die.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { fileLock } from '../../src/adapters/system/lock.ts'
import { fileRunStore } from '../../src/adapters/system/run-store.ts'
import { clockContract } from './clock.contract.ts'
import { LOCK_TARGET, lockContract, runStoreContract } from './run-store.contract.ts'

const scratch = mkdtempSync(path.join(tmpdir(), 'kdr-system-'))
const compiled = path.join(scratch, 'compiled')
const freshRoot = (): string => mkdtempSync(path.join(scratch, 'state-'))

/** Node 20 cannot run TypeScript: the second process gets the compiler's output of this very tree. */
beforeAll(() => {
  const root = path.join(import.meta.dirname, '..', '..')
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  spawnSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.build.json'), '--outDir', compiled], { stdio: 'ignore' })
  writeFileSync(path.join(compiled, 'package.json'), '{"type":"module"}')
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

clockContract('system', systemClock)

runStoreContract('system', () => {
  const root = freshRoot()
  return {
    store: fileRunStore(root),
    later: () => fileRunStore(root),
    crashWhileAppending: (run, lines, torn) => {
      const folder = fileRunStore(root).create(run)
      const journal = folder.open()
      for (const line of lines) journal.append(line)
      journal.close()
      appendFileSync(path.join(folder.path, 'journal.ndjson'), torn.slice(0, torn.length / 2))
      return fileRunStore(root)
    },
    modeOf: (run, file) => statSync(path.join(fileRunStore(root).find(run).path, file)).mode & 0o777,
  }
})

const holding = (root: string, run: string): string => `
  const { fileLock } = await import(${JSON.stringify(path.join(compiled, 'adapters', 'system', 'lock.js'))})
  fileLock(${JSON.stringify(root)}).acquire(${JSON.stringify(LOCK_TARGET)}, ${JSON.stringify(run)}, null)
  console.log('held')
  setInterval(() => {}, 60_000)
`

lockContract('system', () => {
  const root = freshRoot()
  return {
    lock: fileLock(root),
    elsewhere: async (run) => {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', holding(root, run)], { stdio: ['ignore', 'pipe', 'inherit'] })
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`the other process ended with ${code}`)))])
      const die = async () => {
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }
      return { die }
    },
  }
})
