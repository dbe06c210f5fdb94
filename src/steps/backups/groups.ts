// Consumer groups go on at the record they would have read next. A group that runs, or that has been further
// since, is left alone and said.

import type { GroupBackup } from '../../archive/manifest.ts'
import { type Committed, committedIn } from '../../archive/restore/group-offsets.ts'
import type { NotRestored } from '../../archive/restore/options.ts'
import { act, type Decision, decide, type Resolution, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import type { GroupContents } from '../../model/contents.ts'
import { SHARE } from '../../model/groups.ts'
import { known } from '../../model/known.ts'
import { partitionName } from '../../model/partitions.ts'
import type { Survey } from '../../model/survey.ts'
import type { GroupOffset } from '../../ports/kafka-backup.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { withRights } from '../../survey/project.ts'
import { each } from '../../survey/reading.ts'
import { hours, minutes, plural, seconds } from '../../units.ts'
import { chainOf, keyOf, nothingStored, type Restoring, storedIn, withDataOf } from './restoring.ts'

export interface GroupPlan {
  readonly groups: readonly { readonly group: string; readonly offsets: readonly GroupOffset[] }[]
  readonly notRestored: readonly NotRestored[]
  /** Of those left alone: which are not where they were, nor further. */
  readonly behind: readonly string[]
}

interface Wanted extends GroupOffset {
  readonly behind: Committed['behind']
}

const WIDTH = 4
const FREE: ReadonlySet<string> = new Set(['Empty', 'Dead'])

interface InTheWay {
  readonly why: string
  /** It is not at its position, nor past it. */
  readonly behind: boolean
}

const STOP = 'stop its members and run the same restore again'

/** Why this group is not touched; null: nothing stands in the way. */
const inTheWay = (there: GroupContents | undefined, wanted: readonly Wanted[], made: ReadonlySet<string>): InTheWay | null => {
  if (there === undefined) return null
  const has = (offset: Wanted) => there.offsets.get(partitionName(offset))?.offset
  const misplaced = wanted.filter((offset) => has(offset) !== offset.offset)
  if (misplaced.length === 0) return null
  // What it committed to a topic that this run made can only be of the one before it.
  const further = (offset: Wanted) => !made.has(offset.topic) && (has(offset) ?? -1n) > offset.offset
  const behind = misplaced.some((offset) => !further(offset))
  const [first] = misplaced
  if (!FREE.has(there.state)) {
    const where = first === undefined ? '' : `, and it is at ${has(first) ?? 'no offset'} of ${partitionName(first)}, in the backup at ${first.offset}`
    return { why: `it is ${there.state}: Kafka takes offsets only of a group that nobody is a member of${where}${behind ? `: ${STOP}` : ''}`, behind }
  }
  const other = misplaced.find((offset) => has(offset) !== undefined && has(offset) !== offset.behind && !made.has(offset.topic))
  if (other === undefined) return null
  const why = `it has committed ${has(other)} for ${partitionName(other)} here, the backup says ${other.offset}`
  return { why: behind ? `${why}: kafka-consumer-groups --reset-offsets sets it, where the backup's is the right one` : why, behind }
}

const pastWhatIsGone = (group: string, { topic, partition, offset, behind }: Wanted): readonly NotRestored[] =>
  behind === null
    ? []
    : [{ what: `group ${group}: ${partitionName({ topic, partition })} ${behind} to ${offset}`, why: `these records are gone since: it goes on at ${offset}` }]

const resolveGroups = async (from: Restoring, world: ReadWorld, signal: AbortSignal): Promise<Resolution<GroupPlan>> => {
  if (!withDataOf(from) || !from.options.groups) return { target: { groups: [], notRestored: [], behind: [] } }
  const now = await world.survey()
  const there = now.rights.known ? now.rights.value.groups : now.rights
  if (!there.known) return { unknown: `consumer groups were not seen: ${there.why}` }
  const { archives } = await chainOf(from, world, signal)
  const named = archives.at(-1)
  if (named === undefined) return { blocked: 'the chain is empty' }
  const { groups } = await named.metadata(signal)
  const { topics, partitions } = from.plan.value()
  const stored = storedIn(
    { archives, lossy: null },
    topics.map(({ topic }) => topic),
  )
  const plans = new Map(partitions.map((plan) => [keyOf(plan), plan]))
  const offsetsOf = ({ offsets }: GroupBackup) =>
    each(
      offsets.filter((position) => plans.has(keyOf(position))),
      WIDTH,
      async (position): Promise<Wanted> => {
        const plan = plans.get(keyOf(position))
        if (plan === undefined) throw new Error('it was there a moment ago')
        const held = stored.get(keyOf(position)) ?? nothingStored(position.topic, position.partition)
        const committed = await committedIn(plan, held, named, position, from.options.toTime, signal)
        return { topic: plan.target, partition: plan.partition, ...committed, leaderEpoch: -1, metadata: position.metadata }
      },
    )
  const made = new Set(topics.filter(({ was }) => was !== 'there').map(({ target }) => target))
  const restored: GroupPlan['groups'][number][] = []
  const notRestored: NotRestored[] = []
  const behind: string[] = []
  for (const group of groups) {
    if (group.protocolType === SHARE)
      notRestored.push({
        what: `group ${group.group}`,
        why: 'it is a share group: brokers keep where those are, and let nobody set it but by time or to an end',
      })
    const offsets = await offsetsOf(group)
    if (offsets.length === 0) continue
    const held = inTheWay(there.value.get(group.group), offsets, made)
    if (held !== null) {
      notRestored.push({ what: `group ${group.group}`, why: held.why })
      if (held.behind) behind.push(group.group)
      continue
    }
    restored.push({ group: group.group, offsets: offsets.map(({ behind: _, ...offset }) => offset) })
    notRestored.push(...offsets.flatMap((offset) => pastWhatIsGone(group.group, offset)))
  }
  return { target: { groups: restored, notRestored, behind } }
}

export const mapGroups = (from: Restoring): Decision<GroupPlan> =>
  decide<GroupPlan>({
    id: 'map-groups',
    title: 'Find where each consumer group goes on',
    why: 'At the record it would have read next, however the offsets have changed.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(10), deadline: hours(12) },
    resolve: async (world) => resolveGroups(from, world, world.clock.deadline(hours(12))),
    preview: ({ groups }, commands) => ({
      sentence: `let ${plural(groups.length, 'group')} go on at the next unread record`,
      changes: [],
      commands: [commands.kafka('kafka-consumer-groups', ['--describe', '--all-groups'])],
    }),
    expect: (now) => now,
    done: (_, { groups, notRestored }) => ({
      state: 'done',
      detail: `${plural(groups.length, 'group')}${
        notRestored.length === 0
          ? ''
          : `; not as in the backup: ${few(
              notRestored.map(({ what, why }) => `${what}, ${why}`),
              3,
            )}`
      }`,
    }),
  })

interface Groups {
  readonly groups: readonly string[]
}

const missingIn = (now: Survey, { groups }: GroupPlan): readonly string[] | null => {
  const there = now.rights.known ? now.rights.value.groups : now.rights
  if (!there.known) return null
  const lacks = ({ group, offsets }: GroupPlan['groups'][number]) =>
    offsets.some((offset) => there.value.get(group)?.offsets.get(partitionName(offset))?.offset !== offset.offset)
  return groups.filter(lacks).map(({ group }) => group)
}

const NOT_SEEN = 'consumer groups were not seen'

export const commitGroups = (mapped: Decision<GroupPlan>): Step =>
  act<Groups>({
    id: 'commit-groups',
    title: 'Commit the offsets of the consumer groups',
    why: 'Consumers then go on by themselves; what Kafka Streams keeps beside an offset comes with it.',
    effect: 'change',
    aspects: ['rights'],
    guards: [],
    budget: { expected: minutes(1), deadline: minutes(30) },
    resolve: async (world) => {
      if (mapped.value().groups.length === 0) return { nothing: 'there is no group to restore' }
      const missing = missingIn(await world.survey(), mapped.value())
      if (missing === null) return { unknown: NOT_SEEN }
      return missing.length === 0 ? { nothing: 'every group is where it was' } : { target: { groups: missing } }
    },
    preview: ({ groups }, commands) => ({
      sentence: `commit offsets of ${plural(groups.length, 'group')}: ${few(groups, 10)}`,
      changes: ['their consumers go on at the next unread record'],
      commands: groups
        .slice(0, 5)
        .map((group) => commands.kafka('kafka-consumer-groups', ['--reset-offsets', '--group', group, '--from-file', 'offsets.csv', '--execute'])),
    }),
    act: async (world, { groups }, signal) => {
      const wanted = new Set(groups)
      await each(
        mapped.value().groups.filter(({ group }) => wanted.has(group)),
        WIDTH,
        ({ group, offsets }) => world.change.restore.commitOffsets(group, offsets, signal),
      )
      return undefined
    },
    expect: (now) =>
      withRights(now, (rights) => {
        if (!rights.groups.known) return rights
        const all = new Map(rights.groups.value)
        for (const { group, offsets } of mapped.value().groups) {
          const before = all.get(group)
          const laid = offsets.map((offset): [string, GroupContents['offsets'] extends ReadonlyMap<string, infer V> ? V : never] => [
            partitionName(offset),
            { offset: offset.offset, metadata: offset.metadata },
          ])
          all.set(group, { state: before?.state ?? 'Empty', offsets: new Map([...(before?.offsets ?? []), ...laid]) })
        }
        return { ...rights, groups: known(all, 'projected') }
      }),
    done: (now) => {
      const missing = missingIn(now, mapped.value())
      if (missing === null) return { state: 'unknown', detail: NOT_SEEN }
      return missing.length === 0
        ? { state: 'done', detail: `${plural(mapped.value().groups.length, 'group')} at the next unread record` }
        : { state: 'not-started', detail: `${few(missing, 3)} are not where they were` }
    },
  })
