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
    ['Diagnosis', diagnosis.right ? `right: ${diagnosis.got}` : `WRONG: ${diagnosis.got}, expected ${diagnosis.expected}`],
    ['Recovery', `${report.outcome}${report.rtoSeconds === null ? '' : `, RTO ${duration(report.rtoSeconds)}`}`],
    ['Ledger', `${ledger.acknowledged} acknowledged, ${ledger.lost} lost, ${ledger.duplicated} duplicated`],
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
