// kdr diagnose: looks once, judges, and says what to run and what to leave alone.

import type { Exit } from '../../errors.ts'
import type { Diagnosis } from '../../judgement/diagnose.ts'
import type { Survey } from '../../model/survey.ts'
import { openWorld, surveyOnce, type World } from '../compose.ts'
import type { Invocation } from '../invocation.ts'
import { type Style, styleFor, table, wrap } from '../render/text.ts'
import type { Terminal } from '../terminal.ts'

/** Arguments of `next` as they have to be typed, the configuration named where one was. */
const nextArguments = (diagnosis: Diagnosis, { globals }: Invocation): readonly string[] =>
  diagnosis.next.length === 0 || globals.config === undefined ? diagnosis.next : [...diagnosis.next, '--config', globals.config]

const quoted = (word: string): string => (/^[\w./:@=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

const clusterWords = (world: World, survey: Survey): string =>
  `${world.name} (${survey.target.platform}${survey.clusterId.known ? `, cluster id ${survey.clusterId.value}` : `, cluster id unknown: ${survey.clusterId.why}`})`

const evidenceLines = (diagnosis: Diagnosis, side: 'for' | 'against', columns: number): readonly string[] => {
  const items = diagnosis.evidence.flatMap((item) => (side in item ? [{ word: Object.values(item)[0] as string, what: item.what, source: item.source }] : []))
  if (items.length === 0) return []
  const head = side === 'for' ? 'For:' : 'Against:'
  return [head, ...items.map(({ word, what, source }) => wrap(`${word === diagnosis.verdict ? '' : `${word}: `}${what} [${source}]`, columns, '  - ', '    '))]
}

const print = (terminal: Terminal, style: Style, world: World, survey: Survey, diagnosis: Diagnosis, next: readonly string[]): void => {
  const { columns } = terminal
  const colour = diagnosis.verdict === 'healthy' ? style.green : diagnosis.verdict === 'unknown' ? style.yellow : style.red
  const brokers = diagnosis.brokers.length === 0 ? '' : `, broker ${diagnosis.brokers.join(', ')}`
  const lines = [
    ...table([
      ['Cluster:', clusterWords(world, survey)],
      ['Verdict:', colour(`${diagnosis.verdict}${brokers}`)],
    ]),
    wrap(diagnosis.because, columns, '         ', '         '),
    ...(diagnosis.compound.length > 1 ? [wrap(`Several at once; repair in this order: ${diagnosis.compound.join(', ')}`, columns)] : []),
    ...evidenceLines(diagnosis, 'for', columns),
    ...evidenceLines(diagnosis, 'against', columns),
    ...(diagnosis.doNot.length === 0 ? [] : ['Do not:', ...diagnosis.doNot.map((text) => wrap(text.replace(/^do not /, ''), columns, '  - ', '    '))]),
    ...(next.length === 0 ? [] : [`Next:    ${style.bold(`kdr ${next.map(quoted).join(' ')}`)}`]),
  ]
  for (const line of lines) terminal.out(line)
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const world = await openWorld(invocation, 'read')
  try {
    const { diagnose } = await import('../../judgement/diagnose.ts')
    const survey = await surveyOnce(world, interruption.signal)
    const diagnosis = diagnose(survey)
    const next = nextArguments(diagnosis, invocation)
    const { verdict, brokers, because, evidence, compound, doNot } = diagnosis
    const clusterId = survey.clusterId.known ? survey.clusterId.value : null
    if (terminal.format === 'json')
      terminal.json({
        schema: 'kdr/diagnosis/1',
        cluster: world.name,
        clusterId,
        platform: survey.target.platform,
        verdict,
        brokers,
        because,
        evidence,
        compound,
        doNot,
        next,
      })
    else print(terminal, await styleFor(terminal), world, survey, diagnosis, next)
    return verdict === 'unknown' ? 'unknown' : 'ok'
  } finally {
    await world.close()
  }
}
