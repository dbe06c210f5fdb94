// A dry run is a result: the whole plan on standard output, to be read, kept and compared.
import type { RunEvent } from '../../engine/events.ts'
import type { Terminal } from '../terminal.ts'
import { type Checklist, headingOf, linesOf, titleBook } from './checklist.ts'
import type { Renderer } from './renderer.ts'
import type { Style } from './text.ts'

const HEADED = new Set<RunEvent['type']>(['step.preview', 'step.withheld', 'guard.refused'])

export const planRenderer = (terminal: Terminal, style: Style, clusterId: () => string | null): Renderer => {
  // Previews of steps that only look are part of a plan too, so it is as verbose as it can be.
  const list: Checklist = { columns: () => terminal.columns, style, titles: titleBook(), verbose: true }
  let headed: string | null = null
  const sink = (event: RunEvent): void => {
    list.titles.note(event)
    if (HEADED.has(event.type) && 'key' in event && headed !== event.key) {
      headed = event.key
      terminal.out(headingOf(list, event.key))
    }
    for (const line of linesOf(list, event, clusterId())) terminal.out(line)
  }
  return { sink, yield: () => {}, close: () => {} }
}
