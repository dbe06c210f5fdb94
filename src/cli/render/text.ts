// Words on a terminal: wrapping, tables, symbols with an ASCII fallback. Status is always a word or a
// symbol; colour only repeats it.
import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from '../terminal.ts'

type Paint = (text: string) => string

export interface Style {
  readonly ok: string
  readonly bad: string
  readonly warn: string
  readonly none: string
  readonly busy: string
  readonly bullet: string
  readonly rule: string
  readonly green: Paint
  readonly red: Paint
  readonly yellow: Paint
  readonly dim: Paint
  readonly bold: Paint
}

const plain: Paint = (text) => text

/** Colours are loaded only where they are wanted. */
export const styleFor = async (terminal: Pick<Terminal, 'colour' | 'unicode'>): Promise<Style> => {
  const symbols = terminal.unicode
    ? { ok: '✔', bad: '✘', warn: '!', none: '–', busy: '…', bullet: '•', rule: '─' }
    : { ok: 'ok', bad: 'FAILED', warn: '!', none: '-', busy: '...', bullet: '*', rule: '-' }
  if (!terminal.colour) return { ...symbols, green: plain, red: plain, yellow: plain, dim: plain, bold: plain }
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  return { ...symbols, green: chalk.green, red: chalk.red, yellow: chalk.yellow, dim: chalk.dim, bold: chalk.bold }
}

export const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length

/** Breaks at blanks; a word longer than the line stays whole, so that it can still be copied. `hang` indents every line after the first. */
export const wrap = (text: string, width: number, indent = '', hang = indent): string => {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = lines.length === 0 ? indent : hang
    let empty = true
    for (const word of paragraph.split(' ')) {
      if (!empty && widthOf(line) + 1 + widthOf(word) > width) {
        lines.push(line)
        line = hang
        empty = true
      }
      line += empty ? word : ` ${word}`
      empty = false
    }
    lines.push(line)
  }
  return lines.join('\n')
}

/** Cuts to one line of at most `width`. */
export const clip = (text: string, width: number, ellipsis = '…'): string => {
  const flat = text.replace(/\s*\n\s*/g, ' ')
  return widthOf(flat) <= width ? flat : `${[...flat].slice(0, Math.max(0, width - ellipsis.length)).join('')}${ellipsis}`
}

/** Columns as wide as their widest cell; the last one is not padded. */
export const table = (rows: readonly (readonly string[])[], gap = '  '): readonly string[] => {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell))))
      .join(gap)
      .trimEnd(),
  )
}

/** `a, b and 12 more`: whole lists are in the journal. */
export const some = (items: readonly string[], limit = 12): string =>
  items.length <= limit ? items.join(', ') : `${items.slice(0, limit).join(', ')} and ${items.length - limit} more`
