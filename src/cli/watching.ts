// Looking again and again: a screen that is redrawn in place, and the key that ends it.
import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from './terminal.ts'

/** Rows that a text takes on this terminal, long lines wrapped by it. */
const rowsOf = (text: string, columns: number): number =>
  text.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil([...stripVTControlCharacters(line)].length / columns)), 0)

export interface Screen {
  /** In place of what it showed before; the last picture stays. */
  draw(lines: readonly string[]): void
}

/** `host.stdout` gives the real size: a terminal's own may be narrower or wider than what kdr wraps at. */
export const openScreen = (terminal: Terminal, host: Pick<NodeJS.Process, 'stdout'>): Screen => {
  let rows = 0
  return {
    draw: (lines) => {
      // A terminal that was never told its size says 0.
      const columns = host.stdout.columns || terminal.columns
      const room = (host.stdout.rows || 24) - 1
      const shown: string[] = []
      let used = 0
      for (const line of lines) {
        const more = rowsOf(line, columns)
        if (used + more > room) break
        shown.push(line)
        used += more
      }
      const up = rows === 0 ? '' : `\u001b[${rows}A\r`
      terminal.out(`${up}\u001b[J${shown.join('\n')}`)
      rows = used
    },
  }
}

/** q, Ctrl-C, Ctrl-D: with the keyboard in raw mode the terminal makes no signals of them. */
const ENDING = ['q', 'Q', '\u0003', '\u0004']

/** Calls `end` when q or Ctrl-C is pressed; returns what gives the keyboard back. Nothing where there is no keyboard. */
export const endOnKey = ({ stdin }: Pick<NodeJS.Process, 'stdin'>, end: () => void): (() => void) => {
  if (stdin.isTTY !== true) return () => {}
  const onData = (keys: Buffer | string): void => {
    if (ENDING.some((key) => keys.includes(key))) end()
  }
  stdin.setRawMode(true)
  stdin.on('data', onData)
  stdin.resume()
  return () => {
    stdin.off('data', onData)
    stdin.pause()
    stdin.setRawMode(false)
  }
}
