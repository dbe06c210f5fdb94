// The real binary, in a home of its own, with nothing of this machine's environment but its PATH.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BINARY = fileURLToPath(new URL('../../bin/kdr.js', import.meta.url))

interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Kdr {
  readonly home: string
  (args: readonly string[], env?: Readonly<Record<string, string>>, input?: string): Promise<Said>
  remove(): void
}

export const kdrIn = (home = mkdtempSync(join(tmpdir(), 'kdr-cli-'))): Kdr => {
  if (!existsSync(fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)))) throw new Error('dist is missing: npm run build')
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ''): Promise<Said> =>
    new Promise((done) => {
      const child = spawn(process.execPath, [BINARY, ...args], {
        cwd: home,
        env: { PATH: process.env['PATH'] ?? '', HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CONFIG_HOME: join(home, 'config'), ...env },
      })
      let out = ''
      let err = ''
      child.stdout.on('data', (bytes) => (out += String(bytes)))
      child.stderr.on('data', (bytes) => (err += String(bytes)))
      child.on('close', (code) => done({ code, out, err }))
      child.stdin.end(input)
    })
  return Object.assign(run, { home, remove: () => rmSync(home, { recursive: true, force: true }) })
}
