// What to run, what to do where there is nothing to run, and what to leave alone, for every verdict.
import type { Survey, Verdict } from '../model/survey.ts'
import type { Answer, Row, Scenario } from './rows.ts'

export interface Advice {
  /** Arguments after `kdr`; empty when there is nothing to run. */
  readonly next: readonly string[]
  /** What to do where kdr has nothing to run for it; null where it has. */
  readonly instead: string | null
}

const DO_NOT: Readonly<Record<Verdict, readonly string[]>> = {
  'single-broker': [
    'do not restart any other broker while this one is missing',
    'do not delete its volume or start it on an empty one: it may hold the last in-sync replica',
  ],
  'multi-broker': [
    'do not stop the surviving brokers: they may hold the last in-sync replicas',
    'do not allow unclean leader election: a stale replica would win',
  ],
  'complete-loss': ['do not mix old broker disks with a new metadata quorum', 'do not re-create topics before the backup is chosen and checked'],
  zookeeper: [
    'do not stop or restart brokers: they serve from their caches, and none could come back without the quorum',
    'do not start blank quorum members together: two of them elect each other and the data is gone',
    'do not trust Metadata: it is a frozen cache',
  ],
  'schema-registry': ['do not restart the registry before its topic is healthy: reads from its memory still work'],
  connect: ['do not restart Connect before Kafka and the schema registry are well: every restart moves all of its tasks'],
  applications: ['do not restart applications before what they depend on is well'],
  'at-risk': ['do not restart a broker: the cluster has no redundancy to spare'],
  healthy: [],
  unknown: ['do not restart, stop or delete anything on the strength of this: look again from a second vantage point'],
}

const NOT_FINAL = 'do not edit meta.properties and do not start brokers: stop here and restore the metadata first'

/** While this holds, these are to be left alone. */
export const warningsFor = (verdict: Verdict, final: boolean): readonly string[] => (final ? [NOT_FINAL, ...DO_NOT[verdict]] : DO_NOT[verdict])

const SCENARIOS: readonly Verdict[] = ['single-broker', 'multi-broker', 'zookeeper', 'schema-registry'] satisfies readonly Scenario[]

/** Where nothing is left to bring back. */
export const BUILD_ANEW = 'fence clients, then rebuild quorum, brokers, users and topics, and restore from a backup, in that order'

const INSTEAD: Readonly<Partial<Record<Verdict, string>>> = {
  'complete-loss': `kdr has no scenario for it yet: look for released volumes that can be given back first; else ${BUILD_ANEW}`,
  connect: 'restart what failed once everything below it is well: POST /connectors/<name>/restart?includeTasks=true&onlyFailed=true (KIP-745)',
  applications: 'restart them, or let their platform do it, once everything below them is well',
  'at-risk': 'find out why replicas lag (disk, network, a failed log directory), and let them catch up: a restart is not the answer',
}

const FINAL =
  'restore the metadata, before any broker is touched: its disks or, where every ZooKeeper disk is empty, a copy of one (kdr recover zookeeper --snapshot <copy>); where there is none, it is a complete loss'

/** For one row that holds. Pure. */
export const adviceFor = (row: Row, answer: Answer, survey: Survey): Advice => {
  if (answer.final === true) return { next: [], instead: FINAL }
  const scenario = row.scenario ?? SCENARIOS.find((each) => each === row.verdict)
  if (scenario === undefined) return { next: [], instead: INSTEAD[row.verdict] ?? null }
  const brokers = scenario === 'single-broker' ? answer.brokers.flatMap((id) => ['--broker', String(id)]) : []
  const cluster = survey.target.cluster === '' ? [] : ['--cluster', survey.target.cluster]
  return { next: ['recover', scenario, ...brokers, ...cluster], instead: null }
}
