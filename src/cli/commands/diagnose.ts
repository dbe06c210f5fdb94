// kdr diagnose: looks, judges, and says what to run and what to leave alone; once, or again and again.
import process from 'node:process'
import { type Exit, KdrError } from '../../errors.ts'
import { type Millis, seconds } from '../../units.ts'
import { openWorld, surveyOnce, type World } from '../compose.ts'
import type { Invocation } from '../invocation.ts'
import { type DiagnosisView, diagnosisJson, diagnosisKey, diagnosisLine, diagnosisLines } from '../render/diagnosis.ts'
import { styleFor } from '../render/text.ts'
import { endOnKey, openScreen } from '../watching.ts'

/** An answer within ten seconds whatever hangs: what the process took to start, long on a busy machine, is taken off what may be waited for. */
const ANSWER: Millis = seconds(9)
const MOST: Millis = seconds(8)
const LEAST: Millis = seconds(5)
const within = (): Millis => Math.max(LEAST, Math.min(MOST, ANSWER - performance.now()))
const AGAIN: Millis = seconds(5)

/** null: look once. */
const intervalOf = ({ options, terminal }: Invocation): Millis | null => {
  const given = options['watch']
  if (given === undefined) return null
  if (terminal.format === 'json')
    throw new KdrError('--watch has no end, and --output json is one document', {
      code: 'usage',
      exit: 'usage',
      hint: 'give --output ndjson: a line per change',
    })
  return typeof given === 'number' ? seconds(given) : AGAIN
}

const lookOnce = async (world: World, { globals }: Invocation, signal: AbortSignal): Promise<DiagnosisView> => {
  const { diagnose } = await import('../../judgement/diagnose.ts')
  const survey = await surveyOnce(world, signal)
  return { cluster: world.name, config: globals.config, survey, diagnosis: diagnose(survey) }
}

const exitOf = ({ diagnosis: { verdict } }: DiagnosisView): Exit => (verdict === 'unknown' ? 'unknown' : 'ok')

/** Shows a picture: on a screen every one, in a log only what is new. */
const shower = async (invocation: Invocation, interval: Millis): Promise<(view: DiagnosisView) => void> => {
  const { terminal } = invocation
  if (terminal.format === 'text' && terminal.interactive && terminal.live) {
    const [style, screen] = [await styleFor(terminal), openScreen(terminal, process)]
    return (view) => {
      const head = style.dim(`${new Date(view.survey.takenAt).toLocaleTimeString('en-GB')}, every ${interval / 1000} s; q ends it`)
      screen.draw([head, ...diagnosisLines(view, style, terminal.columns, true)])
    }
  }
  let before: string | null = null
  return (view) => {
    const key = diagnosisKey(view)
    if (key === before) return
    before = key
    if (terminal.format === 'ndjson') terminal.json(diagnosisJson(view))
    else terminal.out(diagnosisLine(view))
  }
}

/** Until q, Ctrl-C or SIGTERM; the last verdict decides how it ends. Throws the interruption where there was none yet. */
const watch = async (invocation: Invocation, world: World, interval: Millis): Promise<Exit> => {
  const { interruption } = invocation
  const ended = new AbortController()
  const show = await shower(invocation, interval)
  const giveBack = invocation.terminal.interactive ? endOnKey(process, () => ended.abort()) : () => {}
  const signal = AbortSignal.any([ended.signal, interruption.signal])
  let last: DiagnosisView | null = null
  try {
    for (;;) {
      last = await lookOnce(world, invocation, signal)
      show(last)
      await world.ports.clock.sleep(interval, signal)
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown
    if (last === null) {
      if (!interruption.signal.aborted) interruption.raise('SIGINT')
      throw thrown
    }
    return exitOf(last)
  } finally {
    giveBack()
  }
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const interval = intervalOf(invocation)
  const world = await openWorld(invocation, 'read', within)
  try {
    if (interval !== null) return await watch(invocation, world, interval)
    const view = await lookOnce(world, invocation, interruption.signal)
    if (terminal.format === 'text') for (const line of diagnosisLines(view, await styleFor(terminal), terminal.columns)) terminal.out(line)
    else terminal.json(diagnosisJson(view))
    return exitOf(view)
  } finally {
    await world.close()
  }
}
