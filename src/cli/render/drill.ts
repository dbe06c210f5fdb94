// A drill's score, for a person.
import type { DrillReport } from '../../drill/drill.ts'
import { type Style, table, wrap } from './text.ts'
import { duration } from './words.ts'

export const drillLines = (report: DrillReport, style: Style, columns: number): readonly string[] => {
  const { ledger, diagnosis, problems } = report
  const passed = problems.length === 0
  const head = passed ? style.green(`${style.ok} DRILL PASSED`) : style.red(`${style.bad} DRILL FAILED`)
  const rows = [
    ['Broken', `${report.broken.join(', ')} (${report.fault}), Kafka ${report.kafka}, ${report.platform}`],
    [
      'Diagnosis',
      diagnosis.right
        ? `right: ${diagnosis.got}${diagnosis.first === diagnosis.got ? '' : ` (at first ${diagnosis.first})`}`
        : `WRONG: ${diagnosis.got}, expected ${diagnosis.expected}`,
    ],
    [
      'Recovery',
      `${report.outcome}${report.expectedOutcome === 'recovered' ? '' : `, as expected of ${report.fault}`}${report.rtoSeconds === null ? '' : `, RTO ${duration(report.rtoSeconds)}`}`,
    ],
    ['Ledger', `${ledger.acknowledged} acknowledged, ${ledger.lost} lost, ${ledger.duplicated} duplicated`],
    ...(report.lossAccepted.length === 0 ? [] : [['Given up', `${report.lossAccepted.length} partitions, by name at the gate`]]),
    ['Record', `kdr runs show ${report.run}`],
  ]
  const phases = table(report.phases.map(({ name, seconds }) => [`  ${name}`, duration(seconds)]))
  return [
    '',
    `${head}: ${report.scenario}`,
    ...table(rows),
    'Phases',
    ...phases,
    ...problems.map((problem) => wrap(`${style.bad} ${problem}`, columns, '', '  ')),
  ]
}
