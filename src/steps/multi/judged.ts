// Who may lead what has no leader any more: judged once everybody has come back who can, and looked at again
// when the rest is back, so that nothing is left without a leader unsaid.
import { type Decision, decide, look, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { judgeLeaderless, type Leaderless, type UncleanElection } from '../../judgement/unclean.ts'
import type { Aspect, Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { isProjected } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import type { Outage } from './outage.ts'
import type { Snapshot } from './snapshot.ts'

export interface Judged {
  readonly elections: readonly UncleanElection[]
  /** Partitions that nobody may be elected for: why, each. */
  readonly stuck: readonly string[]
}

/** What a judgement goes by: how it was when the run began, and who was given up. */
export interface Grounds {
  readonly snapshot: Decision<Snapshot>
  readonly outage: Decision<Outage>
}

export const LOOKS: readonly Aspect[] = ['members', 'brokers', 'coordination', 'partitions', 'logs']

export const judgeNow = (now: Survey, { snapshot, outage }: Grounds): readonly Leaderless[] =>
  judgeLeaderless(now, (name) => snapshot.value().ends[name], outage.value().gone)

/** A broker that has just come back is asked again until it knows its partitions. */
const seenLogs = async (world: ReadWorld, grounds: Grounds): Promise<Survey> => {
  for (let tries = 0; ; tries += 1) {
    const now = await world.survey(LOOKS)
    if (tries >= MANY || isProjected(now) || judgeNow(now, grounds).every(({ can }) => can !== 'nobody')) return now
    await world.clock.sleep(seconds(1))
  }
}

const MANY = 20

export const judgeLost = (grounds: Grounds): Decision<Judged> =>
  decide<Judged>({
    id: 'judge-leaderless',
    title: 'Judge every partition that still has no leader',
    why: 'Who may lead it cleanly is on record; only where all of them have provably lost their disks is there anything to decide.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(1) },
    resolve: async (world) => {
      const now = await seenLogs(world, grounds)
      if (!now.partitions.known && isProjected(now)) return { target: { elections: [], stuck: [] } }
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const all = judgeNow(now, grounds)
      return { target: { elections: all.flatMap((each) => (each.can === 'unclean' ? [each.election] : [])), stuck: stuckOf(all) } }
    },
    preview: ({ elections, stuck }) => ({
      sentence:
        elections.length + stuck.length === 0
          ? 'every partition has a leader'
          : elections.length === 0
            ? 'nobody may be elected'
            : `${elections.length} partitions can only be led at the price of records: ${few(elections.map(({ name }) => name))}`,
      changes: stuck.map((each) => `not to be elected: ${each}`),
      commands: [],
    }),
    expect: (now) => now,
    done: (_, { elections, stuck }) => {
      const all = [...elections.map(words), ...stuck.map((each) => `nobody may be elected for ${each}`)]
      return { state: 'done', detail: all.length === 0 ? 'every partition has a leader' : all.join('; ') }
    },
  })

const stuckOf = (all: readonly Leaderless[]): readonly string[] => all.flatMap((each) => (each.can === 'unclean' ? [] : [`${each.name}: ${each.because}`]))

const end = ({ candidate }: UncleanElection): string =>
  candidate.end === null ? 'where its log ends is seen once it is back' : `its log ends at ${candidate.end}`

export const words = (election: UncleanElection): string =>
  `${election.name}: all on record (${election.record.join(', ')}) lost their disks; broker ${election.candidate.broker} has the most (${end(election)})`

/** Who could not be elected for is looked at once everybody who may come back is back: a recovery does not end without them. */
export const demandLed = (judged: Decision<Judged>, grounds: Grounds): Step =>
  look<{ readonly stuck: readonly string[] }>({
    id: 'demand-led',
    title: 'See that no partition is left without a leader',
    why: 'What nobody may be elected for is named here; everything else is led by now.',
    effect: 'read',
    aspects: LOOKS,
    budget: { expected: seconds(2), deadline: minutes(1) },
    resolve: async (world) => {
      if (judged.value().stuck.length === 0) return { nothing: 'every partition could be led' }
      const now = await world.survey(LOOKS)
      if (!now.partitions.known && isProjected(now)) return { nothing: 'who leads what is seen once brokers answer' }
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      const all = judgeNow(now, grounds)
      const stuck = stuckOf(all)
      const open = all.flatMap((each) => (each.can === 'unclean' ? [each.election.name] : []))
      if (stuck.length === 0 && open.length === 0) return { nothing: 'all of them are led by now' }
      if (isProjected(now)) return { target: { stuck } }
      if (stuck.length === 0)
        return { blocked: `${few(open)} can only be led at the price of records: that is decided in a run of its own`, hint: 'kdr recover multi-broker' }
      return {
        blocked: `${stuck.length} partitions have no leader: ${few(stuck, 3)}`,
        hint: 'bring back who is named, disk included, then resume; nobody else may be elected',
      }
    },
    preview: ({ stuck }) => ({ sentence: `see first to ${few(stuck, 3)}`, changes: [], commands: [] }),
    expect: (now) => now,
    done: (now) => {
      const left = now.partitions.known ? [...now.partitions.value.rows()].filter(({ leader }) => leader < 0).length : null
      return { state: left === 0 ? 'done' : 'under-way', detail: left === null ? 'the partitions were not seen' : `${left} without a leader` }
    },
  })
