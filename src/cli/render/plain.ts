// Without a terminal: one line per transition with its time, and the engine's heartbeat on long waits.
import type { RunEvent } from '../../engine/events.ts'
import type { Millis } from '../../units.ts'
import type { Terminal } from '../terminal.ts'
import { type Checklist, headingOf, linesOf, titleBook } from './checklist.ts'
import type { Renderer } from './renderer.ts'
import type { Style } from './text.ts'
import { clockWords, progressWords } from './words.ts'

/** Wide enough that a log line stays one line, which is what grep wants. */
const UNWRAPPED = 10_000

const COUNTED: Millis = 10_000

/** `quiet` keeps results and questions only. */
export const plainRenderer = (terminal: Terminal, style: Style, asks = false): Renderer => {
  const list: Checklist = { columns: () => UNWRAPPED, style, titles: titleBook(), verbose: terminal.verbose, asks }
  let started: { readonly at: number; readonly target: number } | null = null
  let counted: { readonly key: string; readonly at: number } | null = null
  /** What is counted moves with every look: a log wants to know now and then. */
  const tooSoon = ({ key, at, done }: Extract<RunEvent, { readonly type: 'step.progress' }>): boolean => {
    const now = Date.parse(at)
    if (done === null || (counted?.key === key && now - counted.at >= COUNTED) || counted?.key !== key) {
      counted = { key, at: now }
      return false
    }
    return true
  }
  const transient = (event: RunEvent): readonly string[] => {
    if (event.type === 'step.progress') {
      if (tooSoon(event)) return []
      const clock = started === null ? '' : ` (${clockWords(Date.parse(event.at) - started.at, started.target)})`
      return [`  ${style.busy} ${list.titles.of(event.key)}: ${progressWords(event)}${clock}`]
    }
    if (event.type === 'step.preview' && event.effect !== 'read') return [headingOf(list, event.key)]
    if (event.type === 'step.intent' && event.effect !== 'probe') return [`      doing it now: ${event.preview.sentence}`]
    return []
  }
  const sink = (event: RunEvent): void => {
    list.titles.note(event)
    if (event.type === 'run.started') started = { at: Date.parse(event.at), target: event.rtoTargetSeconds }
    if (terminal.quiet && event.type !== 'guard.refused' && event.type !== 'step.failed') return
    const time = event.at.slice(11, 19)
    for (const text of [...transient(event), ...linesOf(list, event)]) if (text !== '') terminal.err(`${time} ${text}`)
  }
  const tell = (text: string): void => {
    if (!terminal.quiet) terminal.err(`         ${text}`)
  }
  return { sink, yield: () => {}, tell, close: () => {} }
}
