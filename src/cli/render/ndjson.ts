// Every event as a line of JSON on standard output, as docs/json.md has it.
import type { Terminal } from '../terminal.ts'
import type { Renderer } from './renderer.ts'

export const ndjsonRenderer = (terminal: Terminal): Renderer => {
  let first = true
  return {
    sink: (event) => {
      // A resumed run begins with another event than a new one; the schema stands on the first line all the same.
      terminal.json(first && !('schema' in event) ? { schema: 'kdr/events/1', ...event } : event)
      first = false
    },
    yield: () => {},
    tell: () => {},
    close: () => {},
  }
}
