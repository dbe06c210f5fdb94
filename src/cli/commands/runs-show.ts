// kdr runs show [run]: the timeline, straight from the journal.
import type { JournalLine } from '../../engine/journal.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { formatDuration } from '../../units.ts'
import { openKeeping } from '../compose.ts'
import { type RunSummary, summarise } from '../history.ts'
import type { Invocation } from '../invocation.ts'
import { type Style, some, styleFor, wrap } from '../render/text.ts'
import { duration, endingLines, gateWords, planAnew } from '../render/words.ts'
import type { Terminal } from '../terminal.ts'
import { rowOf } from './runs-list.ts'

/** What a journal line says to somebody who was not there; null where the lines around it say it. */
const words = (line: JournalLine): string | null => {
  switch (line.type) {
    case 'run.started':
      return `${line.title} begun on ${line.cluster} by ${line.actor.user}@${line.actor.host} (${line.mode})`
    case 'run.resumed':
      return `resumed by ${line.actor.user}@${line.actor.host} (${line.mode})${line.reason === null ? '' : `: ${line.reason}`}`
    case 'phase.started':
      return `-- ${line.title}`
    case 'phase.finished':
      return null
    case 'choice.made':
      return `${line.choose}: ${line.branch}, because ${line.because}`
    case 'gate.asked':
      return `${line.key} ${gateWords(line.gate)}`
    case 'gate.answered':
      return `${line.key} ${line.approved ? 'approved' : 'declined'} by ${line.by}: ${line.answer}`
    case 'guard.refused':
      return `${line.key} ${line.guard} ${line.forced ? 'was forced' : 'refused'}: ${line.because}${line.protects.length === 0 ? '' : ` (${some(line.protects)})`}`
    case 'step.intent':
      return `${line.key} intent: ${line.preview.sentence}`
    case 'step.acted':
      return `${line.key} issued`
    case 'step.settled':
      return `${line.key} done in ${duration(line.seconds)}: ${line.detail}${line.proves === null ? '' : ` [proves ${line.proves}]`}`
    case 'step.nothing':
      return `${line.key} nothing to do: ${line.why}`
    case 'step.failed':
      return `${line.key} ${line.kind}: ${line.why}`
    case 'step.skipped':
      return `${line.key} skipped: ${line.reason}`
    case 'failure.answered':
      return `${line.key} ${line.by} chose: ${line.choice}`
    case 'evidence.kept':
      return `kept ${line.file}`
    case 'note':
      return `note: ${line.text}`
    case 'run.finished':
      return `finished: ${line.outcome}, exit ${line.exitCode}`
  }
}

const timeline = (terminal: Terminal, lines: readonly JournalLine[]): void => {
  const start = Date.parse(lines[0]?.at ?? '')
  for (const line of lines) {
    const text = words(line)
    if (text === null) continue
    const stamp = `${line.at.slice(11, 19)} +${formatDuration(Date.parse(line.at) - start).padStart(11)}  `
    terminal.out(wrap(text, terminal.columns, stamp, ' '.repeat(stamp.length)))
  }
}

const show = (terminal: Terminal, style: Style, summary: RunSummary): void => {
  const { started, finished, torn, broken } = summary
  terminal.out(style.bold(`${summary.run}${started === null ? '' : `: ${started.title} on ${started.cluster}`}`))
  terminal.out(`${started?.at.slice(0, 10) ?? ''} (times are UTC); journal and evidence: ${summary.path}`)
  timeline(terminal, summary.lines)
  if (torn) terminal.out(style.yellow('The last line was torn by a crash: what it announced did not happen.'))
  if (broken !== null) terminal.out(style.red(`The journal cannot be trusted from here on: ${broken}.`))
  if (finished !== null) for (const line of ['', ...endingLines(finished, started)]) terminal.out(line)
  else if (broken === null) terminal.out(`Unfinished: ${started?.platform === 'store' ? planAnew(started.cluster) : `kdr runs resume ${summary.run}`}`)
}

export const run = async ({ args, env, terminal }: Invocation): Promise<Exit> => {
  const { store } = await openKeeping(env)
  const id = args[0] ?? store.list()[0]
  if (id === undefined) throw new KdrError('there are no runs yet', { code: 'run-not-found', exit: 'usage', hint: 'kdr diagnose, then kdr recover' })
  const summary = summarise(store, id)
  if (terminal.format === 'ndjson') for (const line of summary.lines) terminal.json(line)
  else if (terminal.format === 'json')
    terminal.json({ schema: 'kdr/runs/1', ...rowOf(summary), torn: summary.torn, broken: summary.broken, timeline: summary.lines })
  else show(terminal, await styleFor(terminal), summary)
  return summary.broken === null ? 'ok' : 'corrupt'
}
