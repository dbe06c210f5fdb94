// What all renderers have in common: they listen to a run, step aside for a question, and end.
import type { EventSink, RunEvent } from '../../engine/events.ts'

export interface Renderer {
  readonly sink: EventSink
  /** Before a question: nothing may be rewritten until the next event. */
  yield(): void
  /** A fact about the run that is no event of it. */
  tell(text: string): void
  close(): void
}

/** One sink for several. */
export const fanOut =
  (...sinks: readonly EventSink[]): EventSink =>
  (event: RunEvent) => {
    for (const sink of sinks) sink(event)
  }

export const silent: Renderer = { sink: () => {}, yield: () => {}, tell: () => {}, close: () => {} }
