// Which runbook fits: the first-match table of kafka-operations.md over one survey. A row that cannot be
// told stops the match with `unknown`, naming what was not seen; `healthy` needs every row known false.
import type { Known } from '../model/known.ts'
import type { Survey, Verdict } from '../model/survey.ts'
import type { Evidence } from './evidence.ts'
import { speaksAgainst, speaksFor } from './evidence.ts'
import type { Answer, Context, Facts, Row } from './rows.ts'
import { completeLoss, factsOf, metadataLost, oneDown, quorumLost, quorumMemberDown, registryFails, replicasBehind, severalDown } from './rows.ts'

export interface Diagnosis {
  readonly verdict: Verdict
  /** Brokers it is about, ascending. */
  readonly brokers: readonly number[]
  readonly because: string
  readonly evidence: readonly Evidence[]
  /** Every verdict that holds at once, in the order to repair them: quorum, brokers, registry. */
  readonly compound: readonly Verdict[]
  readonly doNot: readonly string[]
  /** Arguments after `kdr`; empty when there is nothing to run. */
  readonly next: readonly string[]
}

/** First match wins. */
const TABLE: readonly Row[] = [completeLoss, metadataLost, quorumLost, severalDown, oneDown, replicasBehind, quorumMemberDown, registryFails]

const DO_NOT: Record<Verdict, readonly string[]> = {
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
  'at-risk': ['do not restart a broker: the cluster has no redundancy to spare'],
  healthy: [],
  unknown: ['do not restart, stop or delete anything on the strength of this: look again from a second vantage point'],
}

const MIGRATION = ['do not restart, stop or reconfigure anything: a ZooKeeper-to-KRaft migration is under way, finish or roll back by its own procedure first']

const nextFor = (verdict: Verdict, brokers: readonly number[], survey: Survey, gone: boolean): readonly string[] => {
  const cluster = survey.target.cluster === '' ? [] : ['--cluster', survey.target.cluster]
  if (verdict === 'single-broker') return ['recover', 'single-broker', ...brokers.flatMap((id) => ['--broker', String(id)]), ...cluster]
  if (verdict === 'multi-broker' || verdict === 'complete-loss' || verdict === 'schema-registry') return ['recover', verdict, ...cluster]
  return verdict === 'zookeeper' && !gone ? ['recover', 'zookeeper', ...cluster] : []
}

const unknownBecause = (because: string, facts: Facts, evidence: readonly Evidence[], doNot = DO_NOT.unknown): Diagnosis => ({
  verdict: 'unknown',
  brokers: [...facts.status].filter(([, seen]) => seen.status !== 'up').map(([id]) => id),
  because,
  evidence,
  compound: [],
  doNot,
  next: [],
})

/** Why nothing can be judged at all; null when something can. */
const blindness = (facts: Facts): string | null => {
  const { survey } = facts
  if (!survey.brokers.known) return `no vantage point: the brokers were not seen (${survey.brokers.why})`
  if (facts.ids.length === 0) return 'no vantage point: no broker was seen'
  return survey.members.known ? null : `the platform was not seen: ${survey.members.why}`
}

const migrationOf = (survey: Survey): Known<boolean> | null =>
  survey.coordination.known && survey.coordination.value.kind === 'zookeeper' ? survey.coordination.value.migrating : null

/** Layers in order of dependency; within one, the first row that holds speaks for it. */
const LAYERS: readonly (readonly Row[])[] = [[metadataLost, quorumLost, quorumMemberDown], [completeLoss, severalDown, oneDown], [registryFails]]

/** What else holds besides the first match. Rows that cannot be told are left out. */
const compoundOf = (facts: Facts): readonly Verdict[] =>
  LAYERS.flatMap((rows) => {
    const first = rows.find((row) => row.ask(facts).holds === true)
    return first === undefined ? [] : [first.verdict]
  })

const found = (row: Row, answer: Answer, facts: Facts, denied: readonly Evidence[]): Diagnosis => {
  const { survey } = facts
  const brokers = [...answer.brokers].sort((a, b) => a - b)
  const gone = answer.final === true
  const compound = compoundOf(facts)
  return {
    verdict: row.verdict,
    brokers,
    because: answer.because,
    evidence: [...answer.evidence, ...denied],
    compound: compound.includes(row.verdict) ? compound : [row.verdict, ...compound],
    doNot: gone ? ['do not edit meta.properties and do not start brokers: stop here and restore the metadata first', ...DO_NOT.zookeeper] : DO_NOT[row.verdict],
    next: nextFor(row.verdict, brokers, survey, gone),
  }
}

/** Pure; errors: none. Source of the table: kafka-operations.md §1. */
export const diagnose = (survey: Survey, context: Context = {}): Diagnosis => {
  const facts = factsOf(survey, context)
  const blind = blindness(facts)
  if (blind !== null) return unknownBecause(blind, facts, [])
  const migrating = migrationOf(survey)
  if (migrating?.known === true && migrating.value) {
    const why = 'a ZooKeeper-to-KRaft migration is under way (KIP-866): kdr refuses such clusters'
    return unknownBecause(why, facts, [speaksFor('unknown', why, migrating.by)], MIGRATION)
  }
  const denied: Evidence[] = []
  for (const row of TABLE) {
    const answer = row.ask(facts)
    if (answer.holds === true) return found(row, answer, facts, denied)
    if (answer.holds === null)
      return unknownBecause(`not seen: ${answer.because}`, facts, [...denied, speaksAgainst('healthy', `not seen: ${answer.because}`, row.verdict)])
    denied.push(...answer.evidence)
    if (row === quorumLost && migrating !== null && !migrating.known)
      return unknownBecause(`not seen: whether a migration to KRaft is under way (${migrating.why})`, facts, denied)
  }
  const because = `every one of ${facts.ids.length} brokers is up, the quorum is held, every partition has its full ISR`
  return {
    verdict: 'healthy',
    brokers: [],
    because,
    evidence: denied.map((item) => speaksFor('healthy', item.what, item.source)),
    compound: [],
    doNot: [],
    next: [],
  }
}
