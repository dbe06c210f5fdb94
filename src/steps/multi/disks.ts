// Brokers that were scaled away: whose disk each claim is, and whether it still holds its data, is looked at
// before anything is decided. Nothing is started on a disk that nobody has seen (G2).
import { act, type Step } from '../../engine/step.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import { diagnose } from '../../judgement/diagnose.ts'
import { few } from '../../judgement/evidence.ts'
import { brokerStatus } from '../../judgement/status.ts'
import { isUnlooked, type Member } from '../../model/member.ts'
import { type Aspect, memberOf, type Survey, unmatchedBrokers } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { withDisksSeen } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { EVERYTHING } from './outage.ts'

interface Unlooked {
  readonly members: readonly string[]
}

const LOOKS: readonly Aspect[] = ['members', 'brokers', 'coordination', 'partitions']

/** Somebody is down whose member, or whose disk, is not known. */
const isMissed = (now: Survey): boolean =>
  !now.brokers.known ||
  now.brokers.value.length === 0 ||
  unmatchedBrokers(now).length > 0 ||
  now.brokers.value.some(({ id, member }) => {
    if (brokerStatus(now, id).status === 'up') return false
    const own = member.known ? memberOf(now, member.value) : undefined
    return own === undefined || isUnlooked(own)
  })

const unlookedOf = ({ members }: Survey): readonly Member[] =>
  members.known ? members.value.filter((member) => member.roles.includes('broker') && isUnlooked(member)) : []

const words = (member: Member | undefined, missed: string | undefined): string => {
  if (member === undefined) return 'not listed'
  const [volume] = member.volumes
  const state = volume === undefined ? 'no volume' : volume.state.known ? volume.state.value : `NOT SEEN (${missed ?? volume.state.why})`
  return `${member.name}: ${state}${member.id.known ? `, broker ${member.id.value}` : ''}`
}

const LOOKS_AGAIN = 5

/** One slow look must not be what decides; a dry run has only one picture. */
const clearPicture = async (world: ReadWorld): Promise<Survey> => {
  let before: Survey | null = null
  for (let looks = 1; ; looks += 1) {
    const now = await world.survey(EVERYTHING)
    if (looks > LOOKS_AGAIN || now === before || diagnose(now).verdict !== 'unknown') return now
    before = now
    await world.clock.sleep(seconds(2))
  }
}

export const lookAtDisks = (): Step => {
  const missed = new Map<string, string>()
  return act<Unlooked>({
    id: 'look-at-disks',
    title: 'Look at the disks of brokers that have no pod',
    why: 'What is on a claim that nobody mounts is seen by mounting it, read-only; only then is it known which broker it is, and that it has its data.',
    effect: 'probe',
    aspects: LOOKS,
    budget: { expected: seconds(15), deadline: minutes(8) },
    guards: [],
    resolve: async (world) => {
      const now = await clearPicture(world)
      if (!now.members.known) return { unknown: `the platform was not seen: ${now.members.why}`, hint: 'kdr doctor' }
      const { verdict } = diagnose(now)
      if (verdict !== 'multi-broker' && verdict !== 'single-broker') return { nothing: `nothing is to be started while it is ${verdict}` }
      const members = isMissed(now) ? unlookedOf(now).map(({ name }) => name) : []
      return members.length === 0 ? { nothing: 'every disk that matters is seen without that' } : { target: { members } }
    },
    preview: ({ members }) => ({
      sentence: `look at the disks of ${few(members)} in a pod of kdr's own each, which mounts their claims read-only and is removed again`,
      changes: members.map((name) => `pod kdr-look-${name}, for some seconds`),
      commands: [],
    }),
    // One that cannot be seen keeps nobody from looking at the others: what is not seen is refused where it would be started.
    act: async (world, { members }, signal) => {
      for (const name of members) {
        try {
          await world.change.platform.inspect({ name, uid: null }, { replicas: false }, signal)
        } catch (thrown) {
          signal.throwIfAborted()
          // Somebody has it by now: that is seen without us.
          if (thrown instanceof KdrError && thrown.code === 'member-changed') continue
          missed.set(name, wordsOf(thrown))
        }
      }
      if (missed.size === members.length) throw new Error([...missed.values()][0])
      return undefined
    },
    expect: (now, { members }) => withDisksSeen(now, members),
    done: (now, { members }) => {
      if (!now.members.known) return { state: 'unknown', detail: `the platform was not seen: ${now.members.why}` }
      const left = members.filter((name) => {
        const member = memberOf(now, name)
        return member !== undefined && isUnlooked(member) && !missed.has(name)
      })
      const detail = members.map((name) => words(memberOf(now, name), missed.get(name))).join('; ')
      return { state: left.length === 0 && missed.size < members.length ? 'done' : 'not-started', detail }
    },
  })
}
