// A dry run is a result: the whole plan on standard output, numbered, to be read, kept and compared.
import type { RunEvent } from '../../engine/events.ts'
import type { Terminal } from '../terminal.ts'
import { type Checklist, linesOf, titleBook } from './checklist.ts'
import type { Renderer } from './renderer.ts'
import { type Style, wrap } from './text.ts'

export const planRenderer = (terminal: Terminal, style: Style): Renderer => {
  // Previews of steps that only look are part of a plan too, so it is as verbose as it can be.
  const list: Checklist = { columns: () => terminal.columns, style, titles: titleBook(), verbose: true, asks: false }
  let count = 0
  const result = (text: string): readonly string[] => [wrap(text, terminal.columns, '      ')]
  const lines = (event: RunEvent): readonly string[] => {
    switch (event.type) {
      case 'step.started':
        count += 1
        return [wrap(`${count}. ${style.bold(list.titles.of(event.key))} (${event.effect})`, terminal.columns, count < 10 ? '   ' : '  ', '      ')]
      case 'step.settled':
        return result(`${style.green('now:')} ${event.detail}`)
      case 'step.nothing':
        return result(`nothing to do: ${event.why}`)
      case 'step.withheld':
        return event.why === 'withheld' ? [...linesOf(list, { ...event, why: 'withheld: not done in a dry run' })] : linesOf(list, event)
      case 'step.failed':
        return [...result(`${style.red(style.bad)} ${event.kind}: ${event.why}`), ...(event.hint === null ? [] : result(`next: ${event.hint}`))]
      default:
        return linesOf(list, event)
    }
  }
  const sink = (event: RunEvent): void => {
    list.titles.note(event)
    for (const line of lines(event)) terminal.out(line)
  }
  return { sink, yield: () => {}, tell: (text) => terminal.out(`      ${text}`), close: () => {} }
}
