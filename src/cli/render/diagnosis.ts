// A diagnosis for a person, as lines, and for a machine, as docs/json.md has it.
import type { Diagnosis } from '../../judgement/diagnose.ts'
import type { Survey } from '../../model/survey.ts'
import { formatInstant } from '../../units.ts'
import { type Style, table, wrap } from './text.ts'

export interface DiagnosisView {
  readonly cluster: string
  /** Named in every command, where one was named to kdr. */
  readonly config: string | undefined
  readonly survey: Survey
  readonly diagnosis: Diagnosis
}

const quoted = (word: string): string => (/^[\w./:@=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

const withConfig = (next: readonly string[], config: string | undefined): readonly string[] =>
  next.length === 0 || config === undefined ? next : [...next, '--config', config]

const commandOf = (next: readonly string[], { config }: DiagnosisView): string => `kdr ${withConfig(next, config).map(quoted).join(' ')}`

const clusterWords = ({ cluster, survey: { target, clusterId } }: DiagnosisView): string =>
  `${cluster} (${target.platform}${clusterId.known ? `, cluster id ${clusterId.value}` : `, cluster id unknown: ${clusterId.why}`})`

const named = ({ verdict, brokers }: Pick<Diagnosis, 'verdict' | 'brokers'>): string =>
  `${verdict}${brokers.length === 0 ? '' : `, broker ${brokers.join(', ')}`}`

const evidenceLines = ({ diagnosis }: DiagnosisView, side: 'for' | 'against', columns: number): readonly string[] => {
  const items = diagnosis.evidence.flatMap((item) => (side in item ? [{ word: Object.values(item)[0] as string, what: item.what, source: item.source }] : []))
  if (items.length === 0) return []
  const head = side === 'for' ? 'For:' : 'Against:'
  return [head, ...items.map(({ word, what, source }) => wrap(`${word === diagnosis.verdict ? '' : `${word}: `}${what} [${source}]`, columns, '  - ', '    '))]
}

/** Several at once, in the order of what depends on what: a repair out of that order does not hold. */
const incidentLines = (view: DiagnosisView, columns: number): readonly string[] => {
  const { incidents } = view.diagnosis
  if (incidents.length < 2) return []
  return [
    'Several at once; repair them in this order:',
    ...incidents.flatMap((incident, at) => [
      wrap(`${at + 1}. ${incident.layer}: ${named(incident)}: ${incident.because}`, columns, '  ', '     '),
      // Commands are never broken: they are there to be copied.
      ...(incident.next.length === 0 ? [] : [`     ${commandOf(incident.next, view)}`]),
      ...(incident.instead === null ? [] : [wrap(incident.instead, columns, '     ')]),
    ]),
  ]
}

const colourOf = (verdict: Diagnosis['verdict'], style: Style) => (verdict === 'healthy' ? style.green : verdict === 'unknown' ? style.yellow : style.red)

const headLines = (view: DiagnosisView, style: Style, columns: number): readonly string[] => {
  const { diagnosis } = view
  const rows = table([
    ['Cluster:', clusterWords(view)],
    ['Verdict:', colourOf(diagnosis.verdict, style)(named(diagnosis))],
  ])
  return [...rows.map((line) => wrap(line, columns, '', '         ')), wrap(diagnosis.because, columns, '         '), ...incidentLines(view, columns)]
}

const listed = (head: string, items: readonly string[], columns: number): readonly string[] =>
  items.length === 0 ? [] : [head, ...items.map((text) => wrap(text, columns, '  - ', '    '))]

const nextLines = (view: DiagnosisView, style: Style, columns: number): readonly string[] => {
  const { next, instead } = view.diagnosis
  if (next.length > 0) return [`Next:    ${style.bold(commandOf(next, view))}`]
  return instead === null ? [] : [wrap(`Next:    ${instead}`, columns, '', '         ')]
}

/** `screen`: what to do comes first, as a screen may be too short for all the evidence; else last, next to the prompt. */
export const diagnosisLines = (view: DiagnosisView, style: Style, columns: number, screen = false): readonly string[] => {
  const { verdict, notSeen, doNot } = view.diagnosis
  const evidence = [
    ...evidenceLines(view, 'for', columns),
    ...evidenceLines(view, 'against', columns),
    ...listed('Not seen:', verdict === 'unknown' ? [] : notSeen, columns),
  ]
  const warnings = listed(
    'Do not:',
    doNot.map((text) => text.replace(/^do not /, '')),
    columns,
  )
  const next = nextLines(view, style, columns)
  const head = headLines(view, style, columns)
  return screen ? [...head, ...next, ...warnings, ...evidence] : [...head, ...evidence, ...warnings, ...next]
}

/** What changes when the verdict does: a picture taken twice is no news. */
export const diagnosisKey = ({ diagnosis: { verdict, brokers, incidents } }: DiagnosisView): string =>
  JSON.stringify([verdict, brokers, incidents.map((incident) => [incident.layer, incident.verdict, incident.brokers])])

/** One line: what a log keeps of it. */
export const diagnosisLine = (view: DiagnosisView): string => {
  const { diagnosis, survey } = view
  const next = diagnosis.next.length === 0 ? '' : `; next: ${commandOf(diagnosis.next, view)}`
  return `${formatInstant(survey.takenAt)} ${named(diagnosis)}: ${diagnosis.because}${next}`
}

export const diagnosisJson = ({ cluster, config, survey, diagnosis }: DiagnosisView): unknown => {
  const { verdict, brokers, because, evidence, compound, incidents, notSeen, doNot, next, instead } = diagnosis
  return {
    schema: 'kdr/diagnosis/1',
    takenAt: formatInstant(survey.takenAt),
    cluster,
    clusterId: survey.clusterId.known ? survey.clusterId.value : null,
    platform: survey.target.platform,
    verdict,
    brokers,
    because,
    evidence,
    compound,
    incidents: incidents.map((incident) => ({ ...incident, next: withConfig(incident.next, config) })),
    notSeen,
    doNot,
    next: withConfig(next, config),
    instead,
  }
}
