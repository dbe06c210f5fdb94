// The snapshot put on one member, which is then started like any other that has its data; what was on its disk is kept.
import { act, type Decision, type Guard, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { notManaged } from '../../judgement/platform-guards.ts'
import { quorumOf } from '../../judgement/quorum.ts'
import { known } from '../../model/known.ts'
import { memberOf, type Survey } from '../../model/survey.ts'
import { withMember } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { type From, lookUntilTold } from './failed-quorum.ts'
import { loadSnapshot, NONE_NAMED, type SnapshotFiles } from './snapshot.ts'

interface Placing {
  readonly member: string
  readonly files: SnapshotFiles
}

const standing = (now: Survey, roles: readonly string[]): readonly string[] | null => {
  if (!now.members.known) return null
  const own = now.members.value.filter((member) => member.roles.some((role) => roles.includes(role)))
  return own.filter(({ state }) => !state.known || state.value !== 'stopped').map(({ name }) => name)
}

/** Whoever runs meanwhile would answer, elect or register by the tree that is being replaced. */
const nothingRuns = <T>(): Guard<T> => ({
  name: 'G5',
  check: (now) => {
    const running = standing(now, ['broker', 'zookeeper'])
    if (running === null) return { guard: 'G5', because: 'the members were not seen', protects: [], force: null, blind: true }
    if (running.length === 0) return null
    return { guard: 'G5', because: `${few(running)} is not known to be stopped: the tree must not change under it`, protects: running, force: null }
  },
})

/** The last copy of anything is never put aside for an older one. */
const nothingLeft = <T>(): Guard<T> => ({
  name: 'G2',
  check: (now) => {
    const quorum = quorumOf(now)
    if (!quorum.known) return { guard: 'G2', because: `the quorum was not seen: ${quorum.why}`, protects: [], force: null, blind: true }
    const left = quorum.value.members.filter(({ disk }) => disk !== 'blank').map(({ name }) => name)
    if (left.length === 0) return null
    return { guard: 'G2', because: `${few(left)} may have data of its own: that comes before any copy`, protects: left, force: null }
  },
})

const placed = (now: Survey, name: string): 'intact' | 'blank' | 'unknown' => {
  const volumes = memberOf(now, name)?.volumes ?? []
  const states = volumes.map(({ state }) => (state.known ? state.value : 'unknown'))
  if (states.length === 0 || states.includes('unknown')) return 'unknown'
  return states.every((state) => state === 'intact') ? 'intact' : 'blank'
}

/** The one that gets it: the first, by name. */
export const chosenFor = ({ from }: From): string | null => [...(from.taken()?.broken ?? [])].map(({ name }) => name).sort()[0] ?? null

export const placeSnapshot = (of: From, snapshot: SnapshotFiles | null, compared: Decision<unknown>): Step =>
  act<Placing>({
    id: 'place-snapshot',
    title: 'Put the snapshot on one member',
    why: 'One member has it, and the others copy it from there, one at a time: an empty majority would elect its own emptiness.',
    effect: 'change',
    aspects: ['members', 'coordination'],
    budget: { expected: seconds(10), deadline: minutes(10) },
    guards: [notManaged(), nothingRuns(), nothingLeft()],
    resolve: (world) =>
      lookUntilTold(world, (now) => {
        if (snapshot === null) return NONE_NAMED
        const member = chosenFor(of)
        if (member === null) return { unknown: 'which member it is to be put on was not decided' }
        compared.value()
        const state = placed(now, member)
        if (state === 'intact') return { nothing: `${member} has data on its disk` }
        return state === 'unknown' ? { unknown: `what is on the disk of ${member} was not seen` } : { target: { member, files: snapshot } }
      }),
    preview: ({ member, files }) => ({
      sentence: `put ${files.paths.join(', ')} on the disk of ${member}`,
      changes: [`${member} has what the snapshot has`, 'what was in its version-2 is kept beside it, as version-2.kept-1'],
      commands: [],
    }),
    act: async (world, { member, files }, signal) => {
      await world.change.platform.place({ name: member, uid: null }, await loadSnapshot(world, files), signal)
      return undefined
    },
    expect: (now, { member }) => {
      const before = memberOf(now, member)?.volumes ?? []
      return withMember(now, member, { volumes: before.map((volume) => ({ ...volume, state: known('intact' as const, 'projected') })) })
    },
    done: (now, { member }) => {
      const state = placed(now, member)
      if (state === 'unknown') return { state: 'unknown', detail: `the disk of ${member} was not seen` }
      return state === 'intact' ? { state: 'done', detail: `${member} has the snapshot` } : { state: 'not-started', detail: `the disk of ${member} is blank` }
    },
  })
