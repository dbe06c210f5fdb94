// The rows of the diagnosis table (kafka-operations.md §1), each a pure question to a survey: does it hold,
// does it not, or was too little seen to tell? `diagnose.ts` asks them in order.
import type { Known, Source } from '../model/known.ts'
import { isKnownFalse, isKnownTrue } from '../model/known.ts'
import { isUnlooked, type Member, type Role } from '../model/member.ts'
import type { PartitionRow } from '../model/partitions.ts'
import { partitionName } from '../model/partitions.ts'
import { type Survey, unmatchedBrokers, type Verdict } from '../model/survey.ts'
import { absentOf, namelessOf, nobodyLooked } from './absent.ts'
import type { Evidence } from './evidence.ts'
import { few, speaksAgainst, speaksFor } from './evidence.ts'
import { VOTER_SILENCE } from './guards.ts'
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

/** Another row has the word: this one says nothing either way. */
const beside: Answer = { holds: false, because: '', evidence: [], brokers: [] }

const seenClusterId = (survey: Survey): Known<string | null> =>
  survey.coordination.known && survey.coordination.value.kind === 'zookeeper' && survey.coordination.value.clusterId.known
    ? survey.coordination.value.clusterId
    : survey.clusterId

/** The cluster.id in force is not the one on the brokers' disks or of the last snapshot: the metadata was lost and made anew (4c). */
export const metadataLost: Row = {
  verdict: 'zookeeper',
  ask: ({ survey, context, status }) => {
    const word = 'zookeeper'
    if (survey.coordination.known && isKnownFalse(survey.coordination.value.quorum))
      return fails(word, 'no quorum serves another cluster.id', survey.coordination.by)
    const current = seenClusterId(survey)
    const anyUp = [...status.values()].some((seen) => seen.status === 'up')
    // No broker runs, and nobody mounts their disks: they are compared when a recovery has looked at them.
    if (!anyUp && nobodyLooked(membersWith(survey, 'broker') ?? []))
      return fails(word, 'no broker is up, and their disks were not looked at', survey.members.by)
    const volumes = (membersWith(survey, 'broker') ?? []).flatMap((member) => member.volumes)
    const stored = volumes.flatMap((volume) => (volume.clusterId.known && volume.clusterId.value !== null ? [volume.clusterId] : []))
    if (!current.known) {
      // Nobody is left to say which cluster.id is in force, so none contradicts the disks.
      if (!anyUp && stored.length > 0 && allDown(status)) return fails(word, 'no broker is up to contradict the disks', survey.members.by)
      return unseen(`the cluster.id in force: ${current.why}`)
    }
    const { value } = current
    if (value === null) {
      const [own] = stored
      return own === undefined
        ? unseen("the cluster.id on the brokers' disks: ZooKeeper has none")
        : { ...holds(word, `ZooKeeper has no cluster.id, the brokers' disks belong to ${own.value}: the tree is empty`, current.by), final: true }
    }
    const expected = context.expectedClusterId ?? null
    if (expected !== null && expected !== current.value)
      return { ...holds(word, `cluster.id is ${current.value}, it was ${expected}`, current.by), final: true }
    if (stored.some((id) => id.value === current.value)) return fails(word, `cluster.id ${current.value} is the one on the brokers' disks`, current.by)
    if (anyUp && survey.clusterId.known) return fails(word, `brokers serve under cluster.id ${current.value}, and the quorum does not contradict`, current.by)
    const other = stored[0]
    if (other !== undefined) return { ...holds(word, `cluster.id is ${current.value}, the brokers' disks belong to ${other.value}`, other.by), final: true }
    return unseen("the cluster.id on the brokers' disks")
  },
}

const allDown = (status: Facts['status']): boolean => status.size > 0 && [...status.values()].every((seen) => seen.status === 'down' || seen.status === 'hung')

const runs = (member: Member): boolean | null => (member.state.known ? member.state.value === 'running' : null)

/** The metadata quorum, ZooKeeper's or KRaft's, whatever the brokers say: they answer from a frozen cache without it. */
export const quorumLost: Row = {
  verdict: 'zookeeper',
  ask: ({ survey, status, absent }) => {
    if (!survey.coordination.known) return unseen(`the metadata quorum: ${survey.coordination.why}`)
    const view = survey.coordination.value
    const what = view.kind === 'zookeeper' ? 'ZooKeeper quorum' : 'controller quorum'
    if (isKnownTrue(view.quorum)) return fails('zookeeper', `the ${what} is held`, view.quorum.by)
    if (view.quorum.known) {
      const members = membersWith(survey, view.kind === 'zookeeper' ? 'zookeeper' : 'controller') ?? []
      const intact = members.filter(({ volumes }) => volumes.some(({ state }) => state.known && state.value === 'intact')).map(({ name }) => name)
      const blank =
        members.length > 0 &&
        members.every((member) => member.volumes.length > 0 && member.volumes.every(({ state }) => state.known && state.value !== 'intact'))
      const data = blank ? ', and all its data is gone' : intact.length > 0 ? `; the data of ${few(intact)} is intact` : ''
      return { ...holds('zookeeper', `the ${what} is lost${data}`, view.quorum.by), final: blank }
    }
    // Nobody is left to ask for KRaft's quorum when every broker is down: its processes then speak for it.
    const controllers = membersWith(survey, 'controller') ?? []
    const running = controllers.filter((member) => runs(member) === true).length
    if (view.kind === 'kraft' && (allDown(status) || (status.size === 0 && absent.length > 0)) && running > controllers.length / 2)
      return fails('zookeeper', `${running} of ${controllers.length} controllers run; no broker is up to ask for their quorum`, survey.members.by)
    return unseen(`the ${what}: ${view.quorum.why}`)
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

/** The quorum is held, but one of its members is not there: repair it before anything else is restarted. */
export const quorumMemberDown: Row = {
  verdict: 'at-risk',
  scenario: 'zookeeper',
  ask: ({ survey }) => {
    if (!survey.coordination.known) return unseen(`the metadata quorum: ${survey.coordination.why}`)
    const view = survey.coordination.value
    if (isKnownFalse(view.quorum)) return beside
    if (view.kind === 'zookeeper') {
      const blind = view.servers.filter((server) => !server.mode.known)
      const down = view.servers.filter((server) => server.mode.known && server.mode.value === 'not-serving')
      if (down.length > 0) return holds('at-risk', `the quorum is held, but ${few(down.map((server) => server.member))} does not serve`, survey.coordination.by)
      if (blind.length > 0 || view.servers.length === 0)
        return unseen(`whether ${few(blind.map((server) => server.member)) || 'every ZooKeeper server'} serves`)
      return fails('at-risk', `all ${view.servers.length} ZooKeeper servers serve`, survey.coordination.by)
    }
    const all = membersWith(survey, 'controller')
    if (all === null) return unseen('whether every controller runs')
    // A combined node is a broker as well: the brokers' rows speak of it.
    const controllers = all.filter((member) => !member.roles.includes('broker'))
    const down = controllers.filter((member) => runs(member) === false)
    if (down.length > 0) return holds('at-risk', `the controller quorum is held, but ${few(down.map((member) => member.name))} does not run`, survey.members.by)
    const blind = controllers.filter((member) => runs(member) === null)
    if (blind.length > 0) return unseen(`whether ${few(blind.map((member) => member.name))} runs`)
    if (!view.voters.known) return unseen(`the voters: ${view.voters.why}`)
    const silent = view.voters.value.filter(
      (voter) => voter.id !== (view.leaderId.known ? view.leaderId.value : null) && (voter.lastFetchAgo ?? 0) > VOTER_SILENCE,
    )
    if (silent.length > 0)
      return holds('at-risk', `the controller quorum is held, but voter ${few(silent.map((voter) => voter.id))} no longer fetches`, view.voters.by)
    return fails('at-risk', `all ${view.voters.value.length} voters take part`, view.voters.by)
  },
}
