// A broker will not come back: its replicas are moved to others, throttled, and the throttle is taken off
// again, also after a crash (KIP-455, KIP-73).
import { act, type Decision, decide, type Guard, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { governed } from '../../judgement/guards.ts'
import { type Move, moveWords, reassignmentPlan } from '../../judgement/reassignment.ts'
import { isKnownTrue } from '../../model/known.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey, Throttled } from '../../model/survey.ts'
import { THROTTLE } from '../../survey/closer.ts'
import { isProjected, withReassigned } from '../../survey/project.ts'
import { formatBytes, minutes, seconds } from '../../units.ts'
import type { Outage } from './outage.ts'

export interface Moves {
  readonly moves: readonly Move[]
  /** Brokers and topics the throttle is laid on. */
  readonly throttled: readonly Throttled[]
}

/** Bytes a second and broker: enough for 3 TB a day, little enough for a gigabit link to serve clients beside it. */
const RATE = 40_000_000
const LOOKS = ['members', 'brokers', 'coordination', 'partitions', 'reassigning', 'throttles'] as const

const liveBrokers = (now: Survey): readonly Throttled[] =>
  (now.brokers.known ? now.brokers.value : []).filter(({ registered }) => isKnownTrue(registered)).map(({ id }) => ({ type: 'broker', name: String(id) }))

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
      const topics = [...new Set(moves.map(({ topic }) => topic))].map((name): Throttled => ({ type: 'topic', name }))
      return { target: { moves, throttled: [...liveBrokers(now), ...topics] } }
    },
    preview: ({ moves }) => ({ sentence: `move ${moves.length} partitions`, changes: moves.slice(0, 50).map(moveWords), commands: [] }),
    expect: (now) => now,
    done: (_, { moves }) => ({ state: 'done', detail: moves.length === 0 ? 'nothing is hosted there any more' : few(moves.map(moveWords), 20) }),
  })

const same = (a: Throttled, b: Throttled): boolean => a.type === b.type && a.name === b.name

const laid = (now: Survey, wanted: readonly Throttled[]): readonly Throttled[] | null =>
  now.throttles.known ? now.throttles.value.filter((each) => wanted.some((one) => same(one, each))) : null

const valuesFor = ({ type }: Throttled, value: string | null): Readonly<Record<string, string | null>> =>
  Object.fromEntries(THROTTLE[type].map((key) => [key, value]))

const command = ({ type, name }: Throttled, how: string): readonly string[] => ['--alter', '--entity-type', `${type}s`, '--entity-name', name, how]

export const layThrottle = (plan: Decision<Moves>): Step =>
  act<Moves>({
    id: 'lay-throttle',
    title: 'Throttle replication before anything is moved',
    why: 'Unthrottled, the copies would take the disks and the network that clients need.',
    effect: 'change',
    aspects: ['brokers', 'throttles'],
    budget: { expected: seconds(10), deadline: minutes(2) },
    guards: [governed()],
    resolve: async () => (plan.value().moves.length === 0 ? { nothing: 'nothing is moved' } : { target: plan.value() }),
    preview: ({ throttled }, commands) => ({
      sentence: `throttle replication to ${formatBytes(RATE)}/s on ${throttled.filter(({ type }) => type === 'broker').length} brokers`,
      changes: [`on ${few(throttled.map(({ type, name }) => `${type} ${name}`))}; taken off again when everything is moved`],
      commands: throttled
        .slice(0, 4)
        .map((each) =>
          commands.kafka(
            'kafka-configs',
            command(each, `--add-config ${THROTTLE[each.type].map((key) => `${key}=${each.type === 'broker' ? RATE : '*'}`).join(',')}`),
          ),
        ),
    }),
    act: async (world, { throttled }, signal) => {
      for (const each of throttled) await world.change.kafka.alterConfigs(each, valuesFor(each, each.type === 'broker' ? `${RATE}` : '*'), signal)
      return undefined
    },
    expect: (now) => now,
    done: (now, { throttled }) => {
      const on = laid(now, throttled)
      if (on === null) return { state: 'unknown', detail: 'the throttles were not seen' }
      const measure = { done: on.length, total: throttled.length, unit: 'throttles' }
      if (on.length === throttled.length) return { state: 'done', detail: `${on.length} throttles are laid`, measure }
      // Nobody goes on with half of them but us: the rest has to be offered again.
      return { state: 'not-started', detail: `${on.length} of ${throttled.length} throttles are laid`, measure }
    },
  })

const sameIds = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((id, at) => b[at] === id)

/** Moved: exactly the replicas wanted, all of them in sync, and nothing under way. */
const movedSoFar = (now: Survey, { moves }: Moves) => {
  if (!now.partitions.known) return null
  const rows = new Map([...now.partitions.value.rows()].map((row) => [partitionName(row), row]))
  const under = new Set(now.reassigning.known ? now.reassigning.value : [])
  const moving = moves.filter((move) => under.has(partitionName(move))).length
  // Neither moving nor moved: its reassignment was never taken, or was cancelled.
  const untouched = moves.filter((move) => !under.has(partitionName(move)) && !sameIds(rows.get(partitionName(move))?.replicas ?? [], move.after)).length
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

export const moveReplicas = (plan: Decision<Moves>): Step =>
  act<Moves>({
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
      const refused = await world.change.kafka.reassign(
        moves.map(({ topic, partition, after }) => ({ topic, partition, replicas: after })),
        signal,
      )
      if (refused.size > 0) {
        const errors = [...refused].map(([name, error]) => `${name}: ${error}`)
        throw new KdrError(`${refused.size} partitions were not taken: ${few(errors)}`, { code: 'reassignment-refused' })
      }
      return undefined
    },
    expect: (now, { moves }) => withReassigned(now, moves),
    done: (now, target) => {
      const progress = movedSoFar(now, target)
      if (progress === null || !now.reassigning.known) return { state: 'unknown', detail: 'the partitions or their reassignments were not seen' }
      const measure = { done: progress.done, total: target.moves.length, unit: 'partitions moved' }
      if (progress.done === target.moves.length) return { state: 'done', detail: `${progress.done} partitions moved`, measure }
      const left = progress.moving === 0 && progress.untouched > 0
      const detail = `${progress.done} of ${target.moves.length} partitions moved${left ? `, ${progress.untouched} are not being moved` : ''}`
      return { state: left ? 'not-started' : 'under-way', detail, measure }
    },
  })

interface Leftover {
  readonly throttled: readonly Throttled[]
}

/** Comes whatever happened before: a throttle that is left behind starves the cluster for ever. */
export const liftThrottle = (plan: Decision<Moves>): Step =>
  act<Leftover>({
    id: 'lift-throttle',
    title: 'Take the throttle off again',
    why: 'A throttle that stays starves replication from then on: followers fall out of sync under ordinary load.',
    effect: 'change',
    aspects: ['brokers', 'throttles'],
    budget: { expected: seconds(10), deadline: minutes(2) },
    guards: [governed()],
    resolve: async (world) => {
      const wanted = plan.taken()?.throttled ?? []
      if (wanted.length === 0) return { nothing: 'this run laid none' }
      const now = await world.survey(['brokers', 'partitions', 'throttles'])
      const left = laid(now, wanted)
      if (left === null) return { unknown: `whether a throttle is left was not seen: ${now.throttles.known ? '' : now.throttles.why}` }
      return left.length === 0 ? { nothing: 'none is left' } : { target: { throttled: left } }
    },
    preview: ({ throttled }, commands) => ({
      sentence: `take the replication throttle off ${few(throttled.map(({ type, name }) => `${type} ${name}`))}`,
      changes: [],
      commands: throttled.slice(0, 4).map((each) => commands.kafka('kafka-configs', command(each, `--delete-config ${THROTTLE[each.type].join(',')}`))),
    }),
    act: async (world, { throttled }, signal) => {
      for (const each of throttled) await world.change.kafka.alterConfigs(each, valuesFor(each, null), signal)
      return undefined
    },
    expect: (now) => now,
    done: (now, { throttled }) => {
      const left = laid(now, throttled)
      if (left === null) return { state: 'unknown', detail: 'the throttles were not seen' }
      if (left.length === 0) return { state: 'done', detail: 'no throttle of this run is left' }
      // Nobody takes the rest off but us: after a crash half-way it has to be offered again.
      return { state: 'not-started', detail: `${left.length} throttles are left` }
    },
  })

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
