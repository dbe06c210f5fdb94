// kdr at a pseudo-terminal, with somebody who reads the screen and types.
import { spawn } from 'node:child_process'
import path from 'node:path'

const BIN = path.join(import.meta.dirname, '..', '..', 'bin', 'kdr.js')

/** kdr's own command line, for a shell. */
export const KDR = `${process.execPath} ${BIN}`

const shows = (screen: string, when: string | RegExp): boolean => (typeof when === 'string' ? screen.includes(when) : when.test(screen))

/**
 * Runs a command in a pseudo-terminal (exec: a shell in between would answer Ctrl-C with an exit code of its own);
 * `keys` are typed one after another, each when its words are on the screen after the last one's.
 */
export const atTerminal = (
  home: string,
  line: string,
  keys: readonly (readonly [when: string | RegExp, typed: string])[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly screen: string }> =>
  new Promise((resolve) => {
    const full: NodeJS.ProcessEnv = {
      ...process.env,
      HOME: home,
      XDG_STATE_HOME: home,
      TERM: 'xterm',
      COLUMNS: '80',
      LANG: 'C.UTF-8',
      NO_COLOR: '1',
      ...env,
    }
    if (env['CI'] === undefined) delete full['CI']
    const child = spawn('script', ['-qefc', `exec ${line}`, '/dev/null'], { env: full, timeout: 280_000 })
    const left = [...keys]
    let screen = ''
    let read = 0
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text
      const [next] = left
      if (next !== undefined && shows(screen.slice(read), next[0])) {
        left.shift()
        read = screen.length
        setTimeout(() => child.stdin.write(next[1]), 300)
      }
    })
    // `script` ends well also when it is told to end: that is no answer of kdr's.
    child.on('close', (code) => resolve({ code: child.killed ? null : code, screen }))
  })
