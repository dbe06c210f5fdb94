// Judging 50,000 partitions must stay well under a second: against the time it takes merely to build the table.
import { bench, describe } from 'vitest'
import { diagnose } from '../src/judgement/diagnose.ts'
import { restartSafe } from '../src/judgement/guards.ts'
import { checkHealth } from '../src/judgement/health.ts'
import { lossBound } from '../src/judgement/objectives.ts'
import { PartitionTable } from '../src/model/partitions.ts'
import type { Survey } from '../src/model/survey.ts'
import { healthy, seen, spread, topic } from '../test/helpers/survey.ts'

const names = Array.from({ length: 500 }, (_, at) => `topic-${at}`)
const topics = names.map((name) => topic(name))
const rows = names.flatMap((name) => spread(name, 100, 12))
const survey: Survey = { ...healthy('zookeeper', 12), partitions: seen(PartitionTable.of(topics, rows)) }
const guard = restartSafe()

describe('50,000 partitions on 12 brokers', () => {
  bench('build the table', () => {
    PartitionTable.of(topics, rows)
  })
  bench('diagnose', () => {
    diagnose(survey)
  })
  bench('G1', () => {
    guard.check(survey, { broker: 1 })
  })
  bench('check health', () => {
    checkHealth(survey)
  })
  bench('bound the loss', () => {
    lossBound(survey, survey)
  })
})
