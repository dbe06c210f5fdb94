// What an event looks like as lines of the checklist: the same on a terminal and in a log file, where only
// the lines in between differ.
import type { RunEvent } from '../../engine/events.ts'
import { plural } from '../../units.ts'
import { type Style, some, wrap } from './text.ts'
import { duration, gateWords, objectiveWords } from './words.ts'

export interface Titles {
  readonly of: (key: string) => string
  readonly note: (event: RunEvent) => void
}

/** Step titles by key: most events carry only the key. */
export const titleBook = (): Titles => {
  const titles = new Map<string, string>()
  return {
    of: (key) => titles.get(key) ?? key,
    note: (event) => {
      if (event.type === 'step.started') titles.set(event.key, suffix(event.title, event.key, event.step))
    },
  }
}

/** A forEach item's key tells its steps apart. */
const suffix = (title: string, key: string, step: string): string => (key === step ? title : `${title} ${key.slice(step.length)}`)

export interface Checklist {
  readonly columns: () => number
  readonly style: Style
  readonly titles: Titles
  readonly verbose: boolean
  /** Somebody is asked, and the question says what would be done: a preview then shows the commands only. */
  readonly asks: boolean
}

const body = (list: Checklist, text: string, indent = '      '): string => wrap(text, list.columns(), indent)

const entry = (list: Checklist, mark: string, title: string, rest: string): string =>
  wrap(`${mark} ${title}${rest === '' ? '' : `  ${rest}`}`, list.columns(), '  ', '      ')

const UNASKED = new Set(['read', 'notify', 'probe'])

const previewLines = (list: Checklist, event: Extract<RunEvent, { type: 'step.preview' }>): readonly string[] => {
  const { sentence, changes, commands } = event.preview
  const shell = commands.map((command) => list.style.dim(`        $ ${command}`))
  if (list.asks && !UNASKED.has(event.effect)) return shell
  return [
    body(list, `${sentence}${event.projected ? ' (projected)' : ''}`),
    ...changes.map((change) => wrap(`${list.style.bullet} ${change}`, list.columns(), '      ', '        ')),
    // Commands are never broken: they are there to be copied.
    ...shell,
  ]
}

const guardLines = (list: Checklist, event: Extract<RunEvent, { type: 'guard.refused' }>): readonly string[] => [
  body(list, `${list.style.red(event.forced ? `${event.guard} is forced` : `${event.guard} refuses`)}: ${event.because}`),
  ...(event.protects.length === 0 ? [] : [body(list, `protects ${plural(event.protects.length, 'item')}: ${some(event.protects)}`)]),
]

/** Stands over a preview: the step it belongs to, before anything is known of its end. */
export const headingOf = (list: Checklist, key: string): string => entry(list, list.style.busy, list.style.bold(list.titles.of(key)), '')

const SEVERE = new Set(['failed', 'deadline'])

const failureLines = (list: Checklist, event: Extract<RunEvent, { type: 'step.failed' }>): readonly string[] => {
  const { red, bad } = list.style
  const word = SEVERE.has(event.kind) ? '' : `${event.kind}: `
  return [entry(list, red(bad), list.titles.of(event.key), `${word}${event.why}`), ...(event.hint === null ? [] : [body(list, `next: ${event.hint}`)])]
}

const headLines = (list: Checklist, event: Extract<RunEvent, { type: 'run.started' }>): readonly string[] => [
  list.style.bold(`${event.title}${event.mode === 'dry-run' ? ' (dry run: nothing is changed)' : ''}`),
  wrap(`Cluster ${event.cluster} (${event.platform})`, list.columns(), '', '  '),
  wrap(objectiveWords(event), list.columns(), '', '  '),
  ...(event.mode === 'dry-run' ? [] : [`Run ${event.run}`]),
]

/** Permanent lines of this event; none for what is only shown while it lasts. */
export const linesOf = (list: Checklist, event: RunEvent): readonly string[] => {
  const { style, titles } = list
  switch (event.type) {
    case 'run.started':
      return headLines(list, event)
    case 'run.resumed':
      return [style.bold('Resumed'), ...(event.reason === null ? [] : [`Reason: ${event.reason}`])]
    case 'phase.started':
      return ['', style.bold(event.title)]
    case 'choice.made':
      return [entry(list, style.none, event.branch, event.because)]
    case 'choice.previewed':
      return [wrap(`${event.title}: if ${event.when}`, list.columns(), '  ', '      ')]
    case 'step.preview':
      return event.effect === 'read' && !list.verbose ? [] : previewLines(list, event)
    case 'guard.refused':
      return guardLines(list, event)
    case 'gate.answered':
      return event.by === 'grant' ? [body(list, `granted by ${event.answer}`)] : event.approved ? [] : [body(list, `declined: ${titles.of(event.key)}`)]
    case 'step.settled':
      return [entry(list, style.green(style.ok), titles.of(event.key), `${style.dim(duration(event.seconds))}  ${event.detail}`)]
    case 'step.nothing':
      return [entry(list, style.none, titles.of(event.key), `nothing to do: ${event.why}`)]
    case 'step.failed':
      return failureLines(list, event)
    case 'step.skipped':
      return [entry(list, style.yellow(style.warn), titles.of(event.key), `skipped: ${event.reason}`)]
    case 'step.withheld':
      return withheldLines(list, event)
    case 'evidence.kept':
      return list.verbose ? [body(list, `kept ${event.file}`)] : []
    case 'note':
      return [wrap(`${style.yellow('note:')} ${event.text}`, list.columns(), '  ', '      ')]
    default:
      return []
  }
}

const withheldLines = (list: Checklist, event: Extract<RunEvent, { type: 'step.withheld' }>): readonly string[] => [
  ...(event.gate === null ? [] : [body(list, `gate: ${gateWords(event.gate)}`)]),
  body(list, event.evaluated ? event.why : `NOT EVALUATED: ${event.why.replace(/^not evaluated: /, '')}`),
]
