// Which runbook fits: the first-match table of kafka-operations.md over one survey. A row that cannot be
// told stops the match with `unknown`, naming what was not seen; `healthy` needs every row known false.
import type { Known } from '../model/known.ts'
import type { Survey, Verdict } from '../model/survey.ts'
import { type Advice, adviceFor, warningsFor } from './advice.ts'
import type { Evidence } from './evidence.ts'
import { speaksAgainst, speaksFor } from './evidence.ts'
import { metadataLost, quorumLost, quorumMemberDown } from './quorum-rows.ts'
import { registryFails } from './registry-row.ts'
import type { Answer, Context, Facts, Row } from './rows.ts'
import { completeLoss, factsOf, oneDown, replicasBehind, severalDown } from './rows.ts'
import { applicationsFail, connectFails } from './service-rows.ts'

/** In order of dependency: nothing of a later one can be well before the earlier ones are. */
const LAYERS = ['quorum', 'brokers', 'schema-registry', 'connect', 'applications'] as const
type Layer = (typeof LAYERS)[number]

/** One thing that is wrong, of however many there are at once. */
interface Incident extends Advice {
  readonly layer: Layer
  readonly verdict: Verdict
  readonly brokers: readonly number[]
  readonly because: string
}

export interface Diagnosis extends Advice {
  readonly verdict: Verdict
  /** Brokers it is about, ascending. */
  readonly brokers: readonly number[]
  readonly because: string
  readonly evidence: readonly Evidence[]
  /** Every verdict that holds at once, in the order to repair them: quorum, brokers, registry, Connect, applications. */
  readonly compound: readonly Verdict[]
  /** The same, each with what to do about it. */
  readonly incidents: readonly Incident[]
  /** What could not be told besides. */
  readonly notSeen: readonly string[]
  readonly doNot: readonly string[]
}

/** First match wins. */
const TABLE: readonly (readonly [Layer, Row])[] = [
  ['brokers', completeLoss],
  ['quorum', metadataLost],
  ['quorum', quorumLost],
  ['brokers', severalDown],
  ['brokers', oneDown],
  ['brokers', replicasBehind],
  ['quorum', quorumMemberDown],
  ['schema-registry', registryFails],
  ['connect', connectFails],
  ['applications', applicationsFail],
]

interface Asked {
  readonly layer: Layer
  readonly row: Row
  readonly answer: Answer
}

const MIGRATION = ['do not restart, stop or reconfigure anything: a ZooKeeper-to-KRaft migration is under way, finish or roll back by its own procedure first']

const unknownBecause = (because: string, facts: Facts, evidence: readonly Evidence[], doNot = warningsFor('unknown', false)): Diagnosis => ({
  verdict: 'unknown',
  brokers: [...facts.status].filter(([, seen]) => seen.status !== 'up').map(([id]) => id),
  because,
  evidence,
  compound: [],
  incidents: [],
  notSeen: [because],
  doNot,
  next: [],
  instead: null,
})

/** Why nothing can be judged at all; null when something can. */
const blindness = (facts: Facts): string | null => {
  const { survey } = facts
  if (!survey.brokers.known) return `no vantage point: the brokers were not seen (${survey.brokers.why})`
  if (facts.ids.length === 0 && facts.absent.length === 0) return 'no vantage point: no broker was seen'
  return survey.members.known ? null : `the platform was not seen: ${survey.members.why}`
}

const migrationOf = (survey: Survey): Known<boolean> | null =>
  survey.coordination.known && survey.coordination.value.kind === 'zookeeper' ? survey.coordination.value.migrating : null

const ascending = (brokers: readonly number[]): readonly number[] => [...brokers].sort((a, b) => a - b)

const incidentOf = ({ layer, row, answer }: Asked, survey: Survey): Incident => ({
  layer,
  verdict: row.verdict,
  brokers: ascending(answer.brokers),
  because: answer.because,
  ...adviceFor(row, answer, survey),
})

/** In order of dependency; within one layer, the first row that holds speaks for it. */
const compoundOf = (asked: readonly Asked[], match: Asked): readonly Asked[] =>
  LAYERS.flatMap((layer) => {
    const speaker = match.layer === layer ? match : asked.find((each) => each.layer === layer && each.answer.holds === true)
    return speaker === undefined ? [] : [speaker]
  })

/** What it rests on: the match first, then what speaks for and against every other candidate. */
const evidenceOf = (asked: readonly Asked[], match: Asked): readonly Evidence[] => {
  const all = [match, ...asked.filter((each) => each !== match)].flatMap(({ answer }) => answer.evidence)
  return all.filter((item, at) => all.findIndex((other) => JSON.stringify(other) === JSON.stringify(item)) === at)
}

const found = (match: Asked, asked: readonly Asked[], survey: Survey): Diagnosis => {
  const together = compoundOf(asked, match)
  const incidents = together.map((each) => incidentOf(each, survey))
  // What everything else depends on comes first, whichever row matched first.
  const first = incidents.find(({ next }) => next.length > 0)
  const own = incidentOf(match, survey)
  return {
    ...own,
    evidence: evidenceOf(asked, match),
    compound: together.map(({ row }) => row.verdict),
    incidents,
    notSeen: [...new Set(asked.flatMap(({ answer }) => (answer.holds === null ? [answer.because] : [])))],
    doNot: [...new Set([match, ...together].flatMap(({ row, answer }) => warningsFor(row.verdict, answer.final === true)))],
    next: own.instead !== null && (match.answer.final === true || match.row === completeLoss) ? [] : (first?.next ?? []),
    instead: own.instead,
  }
}

const healthyOf = (facts: Facts, denied: readonly Evidence[]): Diagnosis => ({
  verdict: 'healthy',
  brokers: [],
  because: `every one of ${facts.ids.length} brokers is up, the quorum is held, every partition has its full ISR`,
  evidence: denied.map((item) => speaksFor('healthy', item.what, item.source)),
  compound: [],
  incidents: [],
  notSeen: [],
  doNot: [],
  next: [],
  instead: null,
})

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
  const asked = TABLE.map(([layer, row]): Asked => ({ layer, row, answer: row.ask(facts) }))
  const denied: Evidence[] = []
  for (const each of asked) {
    const { row, answer } = each
    if (answer.holds === true) return found(each, asked, survey)
    if (answer.holds === null)
      return unknownBecause(`not seen: ${answer.because}`, facts, [...denied, speaksAgainst('healthy', `not seen: ${answer.because}`, row.verdict)])
    denied.push(...answer.evidence)
    if (row === quorumLost && migrating !== null && !migrating.known)
      return unknownBecause(`not seen: whether a migration to KRaft is under way (${migrating.why})`, facts, denied)
  }
  return healthyOf(facts, denied)
}
