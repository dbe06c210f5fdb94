// Partitions that nobody is left to lead cleanly: judged one by one, and only then, one by one and typed,
// given to whoever has the most (KIP-460 one-shot elections, never a switched-on setting).
import { act, type Decision, decide, type ForEach, forEach, type Guard, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { governed } from '../../judgement/guards.ts'
import type { Check } from '../../judgement/health.ts'
import { firstLive, judgeLeaderless, type Leaderless, provenGone, rangeWords, type UncleanElection } from '../../judgement/unclean.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import { isrOnRecord, type PartitionRow } from '../../model/partitions.ts'
import type { Aspect, Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { isProjected, withElected } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import type { Snapshot } from './snapshot.ts'

export interface Judged {
  readonly elections: readonly UncleanElection[]
}

const LOOKS: readonly Aspect[] = ['members', 'brokers', 'coordination', 'partitions', 'logs']

const judgeNow = (now: Survey, snapshot: Decision<Snapshot>): readonly Leaderless[] => judgeLeaderless(now, (name) => snapshot.value().ends[name])

/** A broker that has just come back is asked again until it knows its partitions. */
const seenLogs = async (world: ReadWorld, snapshot: Decision<Snapshot>): Promise<Survey> => {
  for (let tries = 0; ; tries += 1) {
    const now = await world.survey(LOOKS)
    if (tries >= MANY || isProjected(now) || judgeNow(now, snapshot).every(({ can }) => can !== 'nobody')) return now
    await world.clock.sleep(seconds(1))
  }
}

const MANY = 20

export const judgeLost = (snapshot: Decision<Snapshot>): Decision<Judged> =>
  decide<Judged>({
    id: 'judge-leaderless',
    title: 'Judge every partition that still has no leader',
    why: 'Who may lead it cleanly is on record; only where all of them have provably lost their disks is there anything to decide.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(1) },
    resolve: async (world) => {
      const now = await seenLogs(world, snapshot)
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const all = judgeNow(now, snapshot)
      const stuck = all.flatMap((each) => (each.can === 'unclean' ? [] : [`${each.name}: ${each.because}`]))
      if (stuck.length > 0)
        return {
          blocked: `${stuck.length} partitions have no leader: ${few(stuck, 3)}`,
          hint: 'bring back who is named, disk included, then resume; nobody else may be elected',
        }
      return { target: { elections: all.flatMap((each) => (each.can === 'unclean' ? [each.election] : [])) } }
    },
    preview: ({ elections }) => ({
      sentence:
        elections.length === 0
          ? 'every partition has a leader'
          : `${elections.length} partitions can only be led at the price of records: ${few(elections.map(({ name }) => name))}`,
      changes: [],
      commands: [],
    }),
    expect: (now) => now,
    done: (_, { elections }) => ({
      state: 'done',
      detail: elections.length === 0 ? 'every partition has a leader' : elections.map(words).join('; '),
    }),
  })

const end = ({ candidate }: UncleanElection): string =>
  candidate.end === null ? 'where its log ends is seen once it is back' : `its log ends at ${candidate.end}`

const words = (election: UncleanElection): string =>
  `${election.name}: all on record (${election.record.join(', ')}) lost their disks; broker ${election.candidate.broker} has the most (${end(election)})`

const rowOf = (now: Survey, { topic, partition }: { readonly topic: string; readonly partition: number }): PartitionRow | undefined =>
  now.partitions.known ? [...now.partitions.value.rows()].find((row) => row.topic === topic && row.partition === partition) : undefined

/** What was judged still holds: nobody leads it, nobody on record may have its data, and the controller would take the same one. Cannot be forced. */
const stillLost: Guard<UncleanElection> = {
  name: 'G2',
  check: (now, target) => {
    const refuse = (because: string) => ({ guard: 'G2', because, protects: [target.name], force: null })
    const row = rowOf(now, target)
    if (row === undefined) return { ...refuse('the partition was not seen'), blind: true }
    if (row.leader >= 0) return refuse('it has a leader')
    const record = isrOnRecord(row)
    if (record === null) return { ...refuse('its ISR on record was not seen'), blind: true }
    const back = record.filter((id) => !provenGone(now, id))
    if (back.length > 0) return refuse(`broker ${few(back)} is on record, and its disk is not proven gone`)
    const first = firstLive(now, row)
    return first === target.candidate.broker ? null : refuse(`the controller would take broker ${first ?? 'nobody'} now, not ${target.candidate.broker}`)
  },
}

const electLost = (election: () => UncleanElection, snapshot: Decision<Snapshot>): Step =>
  act<UncleanElection>({
    id: 'elect-unclean',
    title: 'Elect a leader that is not on record, and lose what it lacks',
    why: 'Every member of the ISR on record has lost its disk: without this the partition stays without a leader for ever.',
    effect: 'lose-data',
    aspects: ['partitions'],
    budget: { expected: seconds(5), deadline: minutes(2) },
    guards: [governed(), stillLost],
    losses: ({ name, acknowledged, unacknowledged, candidate }) => ({
      partitions: [name],
      statement: [
        `${name}: records acknowledged with acks=all that are lost: ${rangeWords(acknowledged)}`,
        `${name}: records of any other kind that are lost: ${rangeWords(unacknowledged)}; transaction markers may be among them`,
        `${name}: ${candidate.end === null ? 'counted once broker' : 'counted from the end of the log of broker'} ${candidate.broker}${candidate.end === null ? ' is back' : `: ${candidate.end}`}; if no replica lost what it had not flushed, and min.insync.replicas was never lower`,
      ],
      figure: acknowledged.atMost === null ? 'unknown' : `${acknowledged.atMost}`,
    }),
    resolve: async (world) => {
      const wanted = election()
      const now = await world.survey(LOOKS)
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const found = judgeNow(now, snapshot).find((each) => (each.can === 'unclean' ? each.election.name : each.name) === wanted.name)
      if (found === undefined) return { nothing: `${wanted.name} has a leader` }
      if (found.can !== 'unclean') return { blocked: `${found.name}: ${found.because}`, hint: 'kdr diagnose' }
      return { target: found.election }
    },
    preview: (target, commands) => ({
      sentence: `elect broker ${target.candidate.broker} as leader of ${target.name}, which is not on record as in sync`,
      changes: [words(target), ...target.others.map(({ broker, end: last }) => `broker ${broker} (end ${last ?? 'not seen'}) follows it`)],
      commands: [commands.kafka('kafka-leader-election', ['--election-type', 'unclean', '--topic', target.topic, '--partition', `${target.partition}`])],
    }),
    act: async (world, { topic, partition, name }, signal) => {
      const refused = await world.change.kafka.electLeaders('unclean', [{ topic, partition }], signal)
      const error = refused.get(name)
      if (error !== undefined) throw new KdrError(`${name} was not elected a leader for: ${error}`, { code: 'not-elected' })
      return undefined
    },
    expect: (now, target) => withElected(now, target, target.candidate.broker),
    done: (now, target) => {
      if (!now.partitions.known) return { state: 'unknown', detail: `the partitions were not seen: ${now.partitions.why}` }
      const row = rowOf(now, target)
      if (row === undefined) return { state: 'unknown', detail: `${target.name} was not seen` }
      if (row.leader < 0 || row.leaderEpoch <= target.leaderEpoch) return { state: 'not-started', detail: `${target.name} has no leader` }
      return { state: 'done', detail: `broker ${row.leader} leads ${target.name}; acknowledged records lost: ${rangeWords(target.acknowledged)}` }
    },
  })

export const electEachLost = (judged: Decision<Judged>, snapshot: Decision<Snapshot>): ForEach =>
  forEach({
    id: 'lost',
    title: 'For each partition that nobody on record can lead any more',
    items: () =>
      (judged.taken()?.elections ?? []).map((election) => ({
        key: election.name,
        title: election.name,
        parts: [electLost(() => election, snapshot)],
      })),
  })

const exists = ({ partitions }: Survey, name: string): boolean => partitions.known && partitions.value.topic(name.slice(0, name.lastIndexOf('-'))) !== undefined

/** The ends that were seen before are still there, as far as they compare: no committed offset went backwards but by a typed loss. */
export const keptEnds =
  (snapshot: Decision<Snapshot>, judged: Decision<Judged>) =>
  (now: Survey): readonly Check[] => {
    const check = { id: 'log-ends', title: 'No log ends before what was committed' }
    if (!now.logs.known) return [{ ...check, result: 'UNKNOWN', detail: `not seen: ${now.logs.why}`, source: now.logs.by }]
    const typed = new Map((judged.taken()?.elections ?? []).map((election) => [election.name, election]))
    const wrong: string[] = []
    const blind: string[] = []
    let compared = 0
    for (const [name, before] of Object.entries(snapshot.taken()?.ends ?? {})) {
      // A canary that a killed run left is removed meanwhile: what no longer exists cannot be compared.
      if (!exists(now, name)) continue
      const floor = typed.get(name)?.candidate.end ?? before.highWatermark
      if (floor === null || floor === undefined) continue
      const after = now.logs.value.get(name)?.highWatermark ?? null
      if (after === null) blind.push(name)
      else if (after < floor) wrong.push(`${name} (${floor} before, ${after} now)`)
      else compared += 1
    }
    if (wrong.length > 0) return [{ ...check, result: 'FAIL', detail: few(wrong), source: now.logs.by }]
    if (blind.length > 0) return [{ ...check, result: 'UNKNOWN', detail: `not seen: ${few(blind)}`, source: now.logs.by }]
    return [{ ...check, result: 'PASS', detail: `${compared} compared with the snapshot`, source: now.logs.by }]
  }

/**
 * What was typed is what was lost, at most. Everywhere else only members of an ISR on record can have been elected, unless
 * unclean election was ever seen to be on.
 */
export const typedLoss =
  (judged: Decision<Judged>, inDoubt: () => readonly string[]) =>
  (now: Survey): Known<number> => {
    const elections = judged.taken()?.elections ?? []
    const by = 'journal and survey'
    const open = elections.filter(({ acknowledged }) => acknowledged.atMost === null)
    if (open.length > 0) {
      const least = elections.reduce((sum, { acknowledged }) => sum + acknowledged.atLeast, 0)
      return unknown(`at least ${least} acknowledged records, and an unknown number more, of ${few(open.map(({ name }) => name))}: as was typed`, by)
    }
    const doubts = inDoubt().filter((name) => !elections.some((election) => election.name === name))
    if (doubts.length > 0) return unknown(`a stale leader could not be ruled out for ${few([...new Set(doubts)], 3)}`, by)
    if (!now.partitions.known) return unknown(now.partitions.why, now.partitions.by)
    const unclean = now.partitions.value.topics.find(({ uncleanElection }) => !uncleanElection.known || uncleanElection.value)
    if (unclean !== undefined) return unknown(`unclean election is not known to be off for ${unclean.name}`, by)
    const lost = elections.reduce((sum, { acknowledged }) => sum + (acknowledged.atMost ?? 0), 0)
    return known(lost, by)
  }
