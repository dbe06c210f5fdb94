// The rows of the diagnosis table (kafka-operations.md §1), each a pure question to a survey: does it hold,
// does it not, or was too little seen to tell? `diagnose.ts` asks them in order.
import type { Source } from '../model/known.ts'
import { isUnlooked, type Member, type Role } from '../model/member.ts'
import type { PartitionRow } from '../model/partitions.ts'
import { partitionName } from '../model/partitions.ts'
import { type Survey, unmatchedBrokers, type Verdict } from '../model/survey.ts'
import { absentOf, namelessOf } from './absent.ts'
import type { Evidence } from './evidence.ts'
import { few, speaksAgainst, speaksFor } from './evidence.ts'
import type { BrokerStatus } from './status.ts'
import { brokerStatus } from './status.ts'

/** `holds`: null when too little was seen; then `because` names what was not. */
export interface Answer {
  readonly holds: boolean | null
  readonly because: string
  readonly evidence: readonly Evidence[]
  /** Brokers it is about. */
  readonly brokers: readonly number[]
  /** What is lost cannot be run back: nothing to run next. */
  readonly final?: boolean
}

export interface Row {
  readonly verdict: Verdict
  /** The scenario that repairs it, where that is not named as the verdict is. */
  readonly scenario?: Scenario
  readonly ask: (facts: Facts) => Answer
}

/** What `kdr recover` has for a verdict; complete loss has none yet. */
export type Scenario = 'single-broker' | 'multi-broker' | 'zookeeper' | 'schema-registry'

export interface Context {
  /** cluster.id of the last snapshot or of the configuration; null or absent when there is none. */
  readonly expectedClusterId?: string | null
}

/** What several rows need, worked out once. */
export interface Facts {
  readonly survey: Survey
  readonly context: Context
  readonly ids: readonly number[]
  readonly status: ReadonlyMap<number, BrokerStatus>
  /** Members that run a broker whose id was not seen: each may be a broker missing from `ids`. */
  readonly unmatched: readonly string[]
  /** Members that run a broker, do not run, and whose disks nobody looked at: whose broker each is cannot be told. */
  readonly absent: readonly string[]
}

export const factsOf = (survey: Survey, context: Context): Facts => {
  const brokers = survey.brokers.known ? survey.brokers.value : []
  return {
    survey,
    context,
    ids: brokers.map((broker) => broker.id),
    status: new Map(brokers.map((broker) => [broker.id, brokerStatus(survey, broker.id)])),
    unmatched: unmatchedBrokers(survey),
    absent: absentOf(membersWith(survey, 'broker') ?? []),
  }
}

export const membersWith = (survey: Survey, role: Role): readonly Member[] | null =>
  survey.members.known ? survey.members.value.filter((member) => member.roles.includes(role)) : null

export const holds = (verdict: Verdict, because: string, source: Source, brokers: readonly number[] = []): Answer => ({
  holds: true,
  because,
  evidence: [speaksFor(verdict, because, source)],
  brokers,
})
export const fails = (verdict: Verdict, because: string, source: Source): Answer => ({
  holds: false,
  because,
  evidence: [speaksAgainst(verdict, because, source)],
  brokers: [],
})
export const unseen = (because: string): Answer => ({ holds: null, because, evidence: [], brokers: [] })

/** Another row has the word: this one says nothing either way. */
export const beside: Answer = { holds: false, because: '', evidence: [], brokers: [] }

/** All broker volumes proven gone or blank: one intact volume, or one broker that serves, denies it. */
export const completeLoss: Row = {
  verdict: 'complete-loss',
  ask: ({ survey, status }) => {
    const members = membersWith(survey, 'broker')
    if (members === null || !survey.members.known) return unseen(`the brokers' volumes: ${survey.members.known ? '' : survey.members.why}`)
    const serving = [...status].filter(([, seen]) => seen.status === 'up').map(([id]) => id)
    if (serving.length > 0) return fails('complete-loss', `${serving.length} brokers serve (${few(serving)})`, survey.members.by)
    const volumes = members.flatMap((member) => member.volumes.map((volume) => ({ ...volume, member: member.name })))
    const intact = volumes.filter((volume) => volume.state.known && volume.state.value === 'intact')
    if (intact.length > 0) return fails('complete-loss', `${few(intact.map((volume) => volume.member))} kept its data`, intact[0]?.state.by ?? '')
    const unlooked = members.filter(isUnlooked).map(({ name }) => name)
    if (unlooked.length > 0)
      return fails('complete-loss', `the claims of ${few(unlooked)} are Bound; what is on them is looked at before anything is started`, survey.members.by)
    const lost = (member: Member) => member.volumes.length > 0 && member.volumes.every((volume) => volume.state.known)
    if (members.length === 0 || !members.every(lost)) return unseen('whether the volumes of the brokers still hold their data')
    return holds('complete-loss', 'the volumes of all brokers are gone or blank', survey.members.by, [...status.keys()])
  },
}

const countNotUp = ({ status, unmatched }: Facts) => {
  const by = (wanted: (seen: BrokerStatus) => boolean) => [...status].filter(([, seen]) => wanted(seen)).map(([id]) => id)
  return { down: by((seen) => seen.status !== 'up' && seen.status !== 'unknown'), unknown: by((seen) => seen.status === 'unknown'), unmatched }
}

const notSeen = (facts: Facts): string => {
  const { unknown, unmatched } = countNotUp(facts)
  const words = unknown.map((id) => facts.status.get(id)?.because ?? `broker ${id}`)
  return few([...words, ...unmatched.map((name) => `${name} is a broker whose id was not seen`)], 3)
}

const statusEvidence = (facts: Facts, verdict: Verdict, brokers: readonly number[]): readonly Evidence[] =>
  brokers.flatMap((id) => {
    const seen = facts.status.get(id)
    if (seen === undefined) return []
    return [
      speaksFor(verdict, seen.because, 'two-witness rule'),
      ...seen.evidence.map((item) => ('for' in item ? speaksAgainst(verdict, item.what, item.source) : speaksFor(verdict, item.what, item.source))),
    ]
  })

/** More than one broker is down: at most a minority may be left, and G1 forbids treating them one at a time. */
export const severalDown: Row = {
  verdict: 'multi-broker',
  ask: (facts) => {
    const { down, unknown, unmatched } = countNotUp(facts)
    const total = facts.ids.length
    const nameless = namelessOf(facts, down)
    if (nameless.length > 0 && down.length + nameless.length >= 2) {
      const words = `${[...down.map((id) => `broker ${id}`), ...nameless].join(', ')} do not run, and nobody is left to say whose disks ${few(nameless)} have`
      return { holds: true, because: words, evidence: [speaksFor('multi-broker', words, facts.survey.members.by)], brokers: down }
    }
    if (down.length >= 2) {
      const left = total - down.length
      const majority = left > total / 2 ? 'a majority is left' : 'the majority is lost'
      const because = `${down.length} of ${total} brokers are not up (${few(down)}): ${majority}`
      return { holds: true, because, evidence: statusEvidence(facts, 'multi-broker', down), brokers: down }
    }
    if (down.length + unknown.length + unmatched.length >= 2 || (down.length === 0 && unknown.length + unmatched.length > 0)) return unseen(notSeen(facts))
    return fails('multi-broker', `${total - down.length} of ${total} brokers are up`, facts.survey.brokers.by)
  },
}

const leaderlessOf = (survey: Survey): readonly PartitionRow[] | null =>
  survey.partitions.known ? Array.from(survey.partitions.value.rows()).filter((row) => row.leader < 0) : null

/** Exactly one is not up, also while it is still registered, or hung by the platform's word. */
export const oneDown: Row = {
  verdict: 'single-broker',
  ask: (facts) => {
    const { down, unknown, unmatched } = countNotUp(facts)
    const [broker] = down
    if (unknown.length + unmatched.length > 0) return unseen(notSeen(facts))
    if (broker === undefined) return fails('single-broker', 'every broker is up', facts.survey.brokers.by)
    if (down.length > 1) return fails('single-broker', `${down.length} brokers are not up`, facts.survey.brokers.by)
    const leaderless = leaderlessOf(facts.survey)
    const escalated = leaderless !== null && leaderless.length > 0
    const names = escalated ? `. ${leaderless.length} partitions have no leader (${few(leaderless.map(partitionName))}): it holds their last ISR` : ''
    const because = `${facts.status.get(broker)?.because ?? `broker ${broker} is not up`}${names}`
    const more = escalated ? [speaksFor('single-broker', names.slice(2), facts.survey.partitions.by)] : []
    return { holds: true, because, evidence: [...statusEvidence(facts, 'single-broker', [broker]), ...more], brokers: [broker] }
  },
}

/** All brokers are up, and yet replicas lag or have no leader: lag or a failed log directory; a restart is not the answer. */
export const replicasBehind: Row = {
  verdict: 'at-risk',
  ask: ({ survey, status }) => {
    // While a broker is missing, that is why: its own row speaks of it.
    if ([...status.values()].some((seen) => seen.status !== 'up')) return beside
    if (!survey.partitions.known) return unseen(`the partitions: ${survey.partitions.why}`)
    const behind = new Set<number>()
    const names: string[] = []
    let leaderless = 0
    for (const row of survey.partitions.value.rows()) {
      const out = row.replicas.filter((id) => !row.isr.includes(id))
      if (out.length === 0 && row.leader >= 0) continue
      if (row.leader < 0) leaderless += 1
      for (const id of out) behind.add(id)
      names.push(partitionName(row))
    }
    if (names.length === 0) return fails('at-risk', `all ${survey.partitions.value.size} partitions have a leader and their full ISR`, survey.partitions.by)
    const failed = (survey.brokers.known ? survey.brokers.value : []).filter(
      (broker) => broker.logDirs.known && broker.logDirs.value.some((dir) => dir.error !== null),
    )
    const cause = failed.length > 0 ? `broker ${few(failed.map((broker) => broker.id))} has a failed log directory` : 'lag, or a failed log directory'
    const because = `every broker is up, but ${names.length} partitions are under-replicated${leaderless > 0 ? `, ${leaderless} of them leaderless` : ''} (${few(names)}): ${cause}`
    return holds(
      'at-risk',
      because,
      survey.partitions.by,
      [...behind].sort((a, b) => a - b),
    )
  },
}
