// A broker will not come back: its replicas are moved to others (KIP-455), under a throttle.
import { act, type Decision, decide, type Guard, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { governed } from '../../judgement/guards.ts'
import { type Move, moveWords, reassignmentPlan } from '../../judgement/reassignment.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import { isProjected, withReassigned } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import type { Outage } from './outage.ts'
import { type ToThrottle, toThrottle } from './throttle.ts'

export interface Moves {
  readonly moves: readonly Move[]
  /** Brokers and topics the throttle is laid on, and what was set there before. */
  readonly throttled: readonly ToThrottle[]
}

const LOOKS = ['members', 'brokers', 'coordination', 'partitions', 'reassigning', 'throttles'] as const

export const planMoves = (outage: Decision<Outage>): Decision<Moves> =>
  decide<Moves>({
    id: 'plan-moves',
    title: 'Plan where the replicas of what will not come back go',
    why: 'Each partition is shown before and after: racks are kept apart, and no partition gets fewer replicas than min.insync.replicas needs.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(3), deadline: minutes(1) },
    resolve: async (world) => {
      const { gone } = outage.value()
      if (gone.length === 0) return { nothing: 'every broker is to come back' }
      const now = await world.survey(LOOKS)
      if (!now.partitions.known) return { unknown: `the partitions were not seen: ${now.partitions.why}` }
      if (!now.throttles.known) return { unknown: `what is throttled already was not seen: ${now.throttles.why}` }
      const { moves, stuck } = reassignmentPlan(now, gone)
      // Who leads by then is a guess in a dry run, and has been asked for before.
      if (stuck.length > 0 && !isProjected(now))
        return {
          blocked: `${stuck.length} partitions cannot be moved: ${few(
            stuck.map(({ name, because }) => `${name}: ${because}`),
            3,
          )}`,
          hint: 'add a broker or bring one back, then resume',
        }
      return { target: { moves, throttled: toThrottle(now, [...new Set(moves.map(({ topic }) => topic))]) } }
    },
    preview: ({ moves }) => ({ sentence: `move ${moves.length} partitions`, changes: moves.slice(0, 50).map(moveWords), commands: [] }),
    expect: (now) => now,
    done: (_, { moves }) => ({ state: 'done', detail: moves.length === 0 ? 'nothing is hosted there any more' : few(moves.map(moveWords), 20) }),
  })

const sameIds = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((id, at) => b[at] === id)

/** Moved: exactly the replicas wanted, all of them in sync, and nothing under way. */
const movedSoFar = (now: Survey, { moves }: Moves) => {
  if (!now.partitions.known) return null
  const rows = new Map([...now.partitions.value.rows()].map((row) => [partitionName(row), row]))
  const under = new Set(now.reassigning.known ? now.reassigning.value : [])
  const moving = moves.filter((move) => under.has(partitionName(move))).length
  // Neither moving nor moved: its reassignment was never taken, or was cancelled.
  const untouched = moves
    .filter((move) => !under.has(partitionName(move)) && !sameIds(rows.get(partitionName(move))?.replicas ?? [], move.after))
    .map(partitionName)
  const done = moves.filter((move) => {
    const row = rows.get(partitionName(move))
    return row !== undefined && !under.has(partitionName(move)) && sameIds(row.replicas, move.after) && move.after.every((id) => row.isr.includes(id))
  }).length
  return { moving, untouched, done }
}

/** A new reassignment of a partition takes the place of the one under way (KIP-455): somebody else's is not overridden. */
export const nobodyMoves = <T>(namesOf: (target: T) => readonly string[]): Guard<T> => ({
  name: 'MOVING',
  check: (now, target) => {
    const refuse = (because: string, protects: readonly string[]) => ({ guard: 'MOVING', because, protects, force: null })
    const names = namesOf(target)
    if (names.length === 0) return null
    if (!now.reassigning.known) return { ...refuse(`what is being reassigned was not seen: ${now.reassigning.why}`, names), blind: true }
    const under = new Set(now.reassigning.value)
    const moving = names.filter((name) => under.has(name))
    return moving.length === 0 ? null : refuse('they are being reassigned already', moving)
  },
})

export const moveReplicas = (plan: Decision<Moves>): Step => {
  /** By partition, as the controller answered this process: nothing will ever move them. */
  let refused: ReadonlyMap<string, string> = new Map()
  return act<Moves>({
    id: 'move-replicas',
    title: 'Move the replicas',
    why: 'Until every partition has all its copies again, the next failure takes one too many.',
    effect: 'change',
    aspects: ['partitions', 'reassigning'],
    budget: { expected: minutes(10), deadline: minutes(600) },
    guards: [governed(), nobodyMoves(({ moves }) => moves.map(partitionName))],
    resolve: async (world) => {
      const now = await world.survey(LOOKS)
      const progress = movedSoFar(now, plan.value())
      if (plan.value().moves.length === 0 || progress?.done === plan.value().moves.length) return { nothing: 'everything is where it should be' }
      return { target: plan.value() }
    },
    preview: ({ moves }, commands) => ({
      sentence: `reassign ${moves.length} partitions`,
      changes: moves.slice(0, 50).map(moveWords),
      commands: [commands.kafka('kafka-reassign-partitions', ['--execute', '--reassignment-json-file', 'moves.json'])],
    }),
    act: async (world, { moves }, signal) => {
      refused = await world.change.kafka.reassign(
        moves.map(({ topic, partition, after }) => ({ topic, partition, replicas: after })),
        signal,
      )
      if (refused.size > 0) throw new KdrError(refusedWords(refused), { code: 'reassignment-refused' })
      return undefined
    },
    expect: (now, { moves }) => withReassigned(now, moves),
    done: (now, target) => {
      const progress = movedSoFar(now, target)
      if (progress === null || !now.reassigning.known) return { state: 'unknown', detail: 'the partitions or their reassignments were not seen' }
      const measure = { done: progress.done, total: target.moves.length, unit: 'partitions moved' }
      if (progress.done === target.moves.length) return { state: 'done', detail: `${progress.done} partitions moved`, measure }
      const left = progress.moving === 0 && progress.untouched.length > 0
      const detail = `${progress.done} of ${target.moves.length} partitions moved${left ? `, ${progress.untouched.length} are not being moved` : ''}`
      const never = left && progress.untouched.every((name) => refused.has(name)) ? { hopeless: `${detail}; ${refusedWords(refused)}` } : {}
      return { state: left ? 'not-started' : 'under-way', detail, measure, ...never }
    },
  })
}

const refusedWords = (refused: ReadonlyMap<string, string>): string =>
  `${refused.size} partitions were not taken: ${few([...refused].map(([name, error]) => `${name}: ${error}`))}`

/** What is left of the picture without the brokers that were given up: it is what has to be well. */
export const withoutGone =
  (outage: Decision<Outage>) =>
  (now: Survey): Survey => {
    const gone = outage.taken()?.gone ?? []
    if (gone.length === 0) return now
    const brokers = now.brokers.known ? now.brokers.value : []
    const names = new Set(brokers.flatMap(({ id, member }) => (gone.includes(id) && member.known ? [member.value] : [])))
    return {
      ...now,
      brokers: now.brokers.known ? { ...now.brokers, value: brokers.filter(({ id }) => !gone.includes(id)) } : now.brokers,
      members: now.members.known ? { ...now.members, value: now.members.value.filter(({ name }) => !names.has(name)) } : now.members,
    }
  }
