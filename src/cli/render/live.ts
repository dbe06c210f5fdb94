// The checklist on a terminal: lines are appended and stay; only the last one is rewritten, and only while
// a step looks or waits. It is gone before a question is asked, so a question is never overwritten.
import type { RunEvent } from '../../engine/events.ts'
import type { Instant, Millis } from '../../units.ts'
import type { Terminal } from '../terminal.ts'
import { type Checklist, headingOf, linesOf, titleBook } from './checklist.ts'
import type { Renderer } from './renderer.ts'
import { clip, type Style } from './text.ts'
import { progressWords, shortClock } from './words.ts'

const ERASE = '\r\u001b[2K'
const TICK: Millis = 1000

interface Waiting {
  readonly key: string
  detail: string
}

/** The last line, rewritten once a second until it is erased. */
export class LiveLine {
  readonly #terminal: Terminal
  readonly #text: () => string
  readonly #timer: NodeJS.Timeout
  #shown = false
  #wanted = false

  constructor(terminal: Terminal, text: () => string) {
    this.#terminal = terminal
    this.#text = text
    this.#timer = setInterval(() => this.#wanted && this.draw(), TICK)
    this.#timer.unref()
  }

  draw(): void {
    this.#wanted = true
    this.#shown = true
    // One column short, so that no terminal wraps the line and leaves half of it behind.
    this.#terminal.raw(`${ERASE}${clip(this.#text(), this.#terminal.columns - 1, this.#terminal.unicode ? '…' : '...')}`)
  }

  erase(): void {
    if (this.#shown) this.#terminal.raw(ERASE)
    this.#shown = false
    this.#wanted = false
  }

  end(): void {
    this.erase()
    clearInterval(this.#timer)
  }
}

export interface LiveOptions {
  readonly style: Style
  readonly now: () => Instant
  readonly asks: boolean
}

export const liveRenderer = (terminal: Terminal, { style, now, asks }: LiveOptions): Renderer => {
  const list: Checklist = { columns: () => terminal.columns, style, titles: titleBook(), verbose: terminal.verbose, asks }
  let began = now()
  let target: number | null = null
  let waiting: Waiting | null = null
  let headed: string | null = null
  const line = new LiveLine(terminal, () => {
    if (waiting === null) return ''
    const clock = target === null ? '' : `${shortClock(now() - began, target)}  `
    const title = headed === waiting.key ? '' : list.titles.of(waiting.key)
    return `  ${style.busy} ${clock}${[title, waiting.detail].filter((text) => text !== '').join(': ')}`
  })
  const say = (lines: readonly string[]): void => {
    if (lines.length === 0) return
    line.erase()
    for (const text of lines) terminal.err(text)
  }
  const head = (event: RunEvent): void => {
    if (event.type !== 'step.preview' || event.effect === 'read' || headed === event.key) return
    headed = event.key
    say([headingOf(list, event.key)])
  }
  const wait = (event: RunEvent): void => {
    if (event.type === 'step.started') waiting = { key: event.key, detail: '' }
    else if (event.type === 'step.progress') waiting = { key: waiting?.key ?? event.key, detail: progressWords(event) }
    else if (event.type === 'step.intent' && waiting !== null) waiting.detail = 'acting'
    else if (event.type === 'step.acted' && waiting !== null) waiting.detail = 'issued, waiting to see it'
    else if (
      event.type === 'step.settled' ||
      event.type === 'step.nothing' ||
      event.type === 'step.skipped' ||
      event.type === 'step.failed' ||
      event.type === 'run.finished'
    )
      waiting = null
  }
  const sink = (event: RunEvent): void => {
    list.titles.note(event)
    if (event.type === 'run.started') {
      began = Date.parse(event.at)
      target = event.rtoTargetSeconds
    }
    if (event.type === 'run.finished' || event.type === 'gate.asked') line.erase()
    head(event)
    say(linesOf(list, event))
    wait(event)
    if (waiting !== null && event.type !== 'gate.asked') line.draw()
  }
  const tell = (text: string): void => {
    say([`  ${text}`])
    if (waiting !== null) line.draw()
  }
  return { sink, yield: () => line.erase(), tell, close: () => line.end() }
}
