// Is the whole cluster well? Each check is PASS, FAIL or UNKNOWN, and UNKNOWN never becomes PASS.
// The bars are judgement, not Kafka's (kafka-operations.md §3), so they are configurable.
import type { PartitionRow, PartitionTable } from '../model/partitions.ts'
import { partitionName } from '../model/partitions.ts'
import type { Survey } from '../model/survey.ts'
import type { Millis } from '../units.ts'
import { formatDuration, seconds } from '../units.ts'
import { few } from './evidence.ts'
import { leaderSkew } from './leaders.ts'
import { brokerStatus } from './status.ts'

export type Result = 'PASS' | 'FAIL' | 'UNKNOWN'

export interface Check {
  /** Stable, kebab-case. */
  readonly id: string
  readonly title: string
  readonly result: Result
  readonly detail: string
  readonly source: string
}

export interface Thresholds {
  /** Used share of any log directory must stay below this, 0 to 1. */
  readonly diskUsed: number
  /** Share of partitions not led by their preferred leader, at most, 0 to 1. */
  readonly leaderImbalance: number
  /** 99th percentile of the canary's round trips must stay below this. */
  readonly roundTripP99: Millis
}

export const DEFAULT_THRESHOLDS: Thresholds = { diskUsed: 0.8, leaderImbalance: 0.1, roundTripP99: seconds(2) }

type Finding = Omit<Check, 'id' | 'title'>

const found = (passed: boolean, detail: string, source: string): Finding => ({ result: passed ? 'PASS' : 'FAIL', detail, source })
const unseen = (why: string, source: string): Finding => ({ result: 'UNKNOWN', detail: `not seen: ${why}`, source })

const brokersUp = (survey: Survey): Finding => {
  if (!survey.brokers.known) return unseen(survey.brokers.why, survey.brokers.by)
  const ids = survey.brokers.value.map((broker) => broker.id)
  if (ids.length === 0) return unseen('no broker was seen', survey.brokers.by)
  const not = ids.map((id) => brokerStatus(survey, id)).filter((seen) => seen.status !== 'up')
  if (not.length === 0) return membersMatched(survey, ids.length)
  const blind = not.every((seen) => seen.status === 'unknown')
  const detail = few(
    not.map((seen) => seen.because),
    3,
  )
  return blind ? unseen(detail, survey.brokers.by) : found(false, detail, survey.brokers.by)
}

/** A member that runs a broker of unknown id may be a broker that is missing. */
const membersMatched = (survey: Survey, count: number): Finding => {
  if (!survey.members.known) return unseen(survey.members.why, survey.members.by)
  const matched = new Set(survey.brokers.known ? survey.brokers.value.flatMap((broker) => (broker.member.known ? [broker.member.value] : [])) : [])
  const loose = survey.members.value.filter((member) => member.roles.includes('broker') && !matched.has(member.name)).map((member) => member.name)
  return loose.length > 0
    ? unseen(`which broker ${few(loose)} runs`, survey.members.by)
    : found(true, `${count} of ${count} registered and answering`, survey.brokers.by)
}

/** ZooKeeper's and Metadata's agree. A broker whose disk belongs to another cluster does not come up (InconsistentClusterIdException). */
const oneClusterId = (survey: Survey): Finding =>
  survey.clusterId.known ? found(true, survey.clusterId.value, survey.clusterId.by) : unseen(survey.clusterId.why, survey.clusterId.by)

const quorumAndController = (survey: Survey): Finding => {
  if (!survey.coordination.known) return unseen(survey.coordination.why, survey.coordination.by)
  const view = survey.coordination.value
  if (!view.quorum.known) return unseen(view.quorum.why, view.quorum.by)
  if (!view.quorum.value) return found(false, 'the quorum is lost', view.quorum.by)
  const controller = view.kind === 'zookeeper' ? view.controller : view.leaderId
  if (!controller.known) return unseen(`the controller: ${controller.why}`, controller.by)
  return controller.value === null
    ? found(false, 'there is no controller', controller.by)
    : found(true, `quorum held, controller ${controller.value}`, controller.by)
}

/** No partition may be `bad`; null where that cannot be told of a row. */
const noPartition = (survey: Survey, what: string, bad: (row: PartitionRow, table: PartitionTable) => boolean | null): Finding => {
  if (!survey.partitions.known) return unseen(survey.partitions.why, survey.partitions.by)
  const table = survey.partitions.value
  const wrong: string[] = []
  const blind: string[] = []
  for (const row of table.rows()) {
    const judged = bad(row, table)
    if (judged === true) wrong.push(partitionName(row))
    if (judged === null) blind.push(partitionName(row))
  }
  if (wrong.length > 0) return found(false, `${wrong.length} ${what}: ${few(wrong)}`, survey.partitions.by)
  if (blind.length > 0) return unseen(`min.insync.replicas of ${few(blind)}`, survey.partitions.by)
  return found(true, `0 of ${table.size} ${what}`, survey.partitions.by)
}

const short = (row: PartitionRow): boolean => row.replicas.some((id) => !row.isr.includes(id))

const belowMinIsr = (row: PartitionRow, table: PartitionTable): boolean | null => {
  const minIsr = table.topic(row.topic)?.minIsr
  return minIsr?.known === true ? row.isr.length < minIsr.value : null
}

const INTERNAL = new Set(['__consumer_offsets', '__transaction_state', '_schemas'])
const isInternal = (row: PartitionRow, table: PartitionTable): boolean => INTERNAL.has(row.topic) || table.topic(row.topic)?.internal === true

const balance = (survey: Survey, thresholds: Thresholds): Finding => {
  if (!survey.partitions.known) return unseen(survey.partitions.why, survey.partitions.by)
  const skew = leaderSkew(survey.partitions.value.rows())
  return found(skew <= thresholds.leaderImbalance, `${Math.round(skew * 100)} % not led by their preferred leader`, survey.partitions.by)
}

interface Directory {
  readonly name: string
  readonly error: string | null
  readonly used: number | null
}

const directories = (survey: Survey): { readonly seen: readonly Directory[]; readonly blind: readonly string[] } => {
  const seen: Directory[] = []
  const blind: string[] = []
  for (const broker of survey.brokers.known ? survey.brokers.value : []) {
    if (!broker.logDirs.known || broker.logDirs.value.length === 0) {
      blind.push(`broker ${broker.id}${broker.logDirs.known ? '' : ` (${broker.logDirs.why})`}`)
      continue
    }
    for (const { path, error, usableBytes, totalBytes } of broker.logDirs.value) {
      const used = usableBytes === null || totalBytes === null || totalBytes <= 0 ? null : 1 - usableBytes / totalBytes
      seen.push({ name: `broker ${broker.id} ${path}`, error, used })
    }
  }
  return { seen, blind: survey.brokers.known && survey.brokers.value.length > 0 ? blind : ['any broker'] }
}

const DIRS = 'DescribeLogDirs'

const disk = (survey: Survey, thresholds: Thresholds): Finding => {
  const { seen, blind } = directories(survey)
  const full = seen.filter((dir) => dir.used !== null && dir.used >= thresholds.diskUsed)
  if (full.length > 0) return found(false, few(full.map((dir) => `${dir.name} is ${Math.round((dir.used ?? 0) * 100)} % full`)), DIRS)
  const sizeless = seen.filter((dir) => dir.used === null && dir.error === null).map((dir) => dir.name)
  if (blind.length + sizeless.length > 0) return unseen(`disk usage of ${few([...blind, ...sizeless])}`, DIRS)
  const most = Math.max(0, ...seen.map((dir) => dir.used ?? 0))
  return found(true, `at most ${Math.round(most * 100)} % used`, DIRS)
}

const offlineDirs = (survey: Survey): Finding => {
  const { seen, blind } = directories(survey)
  const failed = seen.filter((dir) => dir.error !== null)
  if (failed.length > 0) return found(false, few(failed.map((dir) => `${dir.name}: ${dir.error}`)), DIRS)
  return blind.length > 0 ? unseen(`log directories of ${few(blind)}`, DIRS) : found(true, `${seen.length} online`, DIRS)
}

const canary = (survey: Survey, thresholds: Thresholds): Finding => {
  if (!survey.canary.known) return unseen(survey.canary.why, survey.canary.by)
  const { sent, received, lost, p99, problem, ledBy } = survey.canary.value
  if (problem !== null) return found(false, problem, survey.canary.by)
  const whole = sent > 0 && received >= sent && lost === 0 && ledBy.length > 0
  return found(
    whole && p99 < thresholds.roundTripP99,
    `${received} of ${sent} came back through broker ${few(ledBy)}, p99 ${formatDuration(p99)}`,
    survey.canary.by,
  )
}

const CHECKS: readonly (readonly [id: string, title: string, check: (survey: Survey, thresholds: Thresholds) => Finding])[] = [
  ['brokers-registered', 'Every expected broker is registered and answers', brokersUp],
  ['cluster-id', 'One cluster id', oneClusterId],
  ['quorum', 'Quorum held, one controller', quorumAndController],
  ['leaderless', 'No partition without a leader', (survey) => noPartition(survey, 'without a leader', (row) => row.leader < 0)],
  ['under-min-isr', 'No partition under min ISR', (survey) => noPartition(survey, 'under min ISR', belowMinIsr)],
  ['under-replicated', 'No under-replicated partition', (survey) => noPartition(survey, 'under-replicated', short)],
  [
    'internal-topics',
    'Internal topics at full ISR',
    (survey) => noPartition(survey, 'internal and under-replicated', (row, table) => isInternal(row, table) && short(row)),
  ],
  ['leader-balance', 'Leaders balanced', balance],
  ['disk', 'Disks not filling up', disk],
  ['log-dirs', 'No offline log directory', offlineDirs],
  ['canary', 'Round trip of a canary record', canary],
]

export const checkHealth = (survey: Survey, thresholds: Thresholds = DEFAULT_THRESHOLDS): readonly Check[] =>
  CHECKS.map(([id, title, check]) => ({ id, title, ...check(survey, thresholds) }))

/** PASS only if every check passed, and there was one. */
export const verdictOf = (checks: readonly Check[]): Result => {
  if (checks.some((check) => check.result === 'FAIL')) return 'FAIL'
  return checks.length > 0 && checks.every((check) => check.result === 'PASS') ? 'PASS' : 'UNKNOWN'
}
