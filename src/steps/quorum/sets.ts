// Where sets make the brokers and the ZooKeepers, whatever is stopped comes back: the sets are scaled to 0, and their
// disks, which nobody mounts then, are looked at. Each is scaled up again by the start of its members, one by one.
import { act, type Decision, type Guard, type Resolution, type Step } from '../../engine/step.ts'
import { KdrError } from '../../errors.ts'
import { few } from '../../judgement/evidence.ts'
import { claimsStay, nobodyElses } from '../../judgement/platform-guards.ts'
import { quorumOf } from '../../judgement/quorum.ts'
import { known, unknown } from '../../model/known.ts'
import { isUnlooked, type Member } from '../../model/member.ts'
import { memberOf, type Survey } from '../../model/survey.ts'
import { withBrokerOut, withMember } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { comesByItself } from '../brokers.ts'
import { lookUntilTold } from './failed-quorum.ts'
import type { ToStop } from './outage.ts'
import { dataBack, HOPELESS_STOP, membersOfSet, quorumLost, seenRunning, setNamed } from './standstill.ts'

interface Scaling {
  readonly sets: readonly { readonly kind: string; readonly name: string; readonly version: string; readonly replicas: number }[]
  /** Everybody the sets make, whether they run or not. */
  readonly members: readonly string[]
  readonly running: readonly { readonly name: string; readonly uid: string }[]
}

const GUARDS: readonly Guard<Scaling>[] = [nobodyElses(), claimsStay(), quorumLost()]

/** A ZooKeeper that runs and whose disk was not seen may be the one that has the snapshot by now. */
const unseenDisk = (now: Survey): string | null => {
  const quorum = quorumOf(now)
  if (!quorum.known) return quorum.why
  const doubtful = quorum.value.members.find(({ disk, state }) => disk === 'unknown' && state !== 'stopped')
  return doubtful === undefined ? null : `what is on the disk of ${doubtful.name} was not seen`
}

const resolveScaling = (now: Survey, { sets: found }: ToStop): Resolution<Scaling> => {
  if (found.length === 0) return { nothing: 'no set makes any of them' }
  if (!now.members.known) return { unknown: `the platform was not seen: ${now.members.why}` }
  const members = found.flatMap(({ name }) => membersOfSet(now, name)).map(({ name }) => name)
  const seen = members.map((name) => ({ name, it: seenRunning(now, name) }))
  const blind = seen.find(({ it }) => it === null)
  if (blind !== undefined) return { unknown: `whether ${blind.name} runs was not seen` }
  const running = seen.flatMap(({ name, it }) => (it === null || it.uid === null ? [] : [{ name, uid: it.uid }]))
  const sets = found.flatMap(({ name }) => {
    const set = setNamed(now, name)
    return set === null || set.replicas === 0 ? [] : [{ kind: set.kind, name, version: set.version, replicas: set.replicas }]
  })
  if (sets.length === 0 && running.length === 0) return { nothing: `${few(found.map(({ name }) => name))} makes nobody` }
  const back = dataBack(now)
  if (back !== null) return { nothing: back }
  const doubt = unseenDisk(now)
  return doubt === null ? { target: { sets, members, running } } : { unknown: doubt }
}

/** Its set may have been faster: what became of it is seen. */
const unlessChanged = async (change: Promise<void>): Promise<void> => {
  try {
    await change
  } catch (thrown) {
    if (!(thrown instanceof KdrError && thrown.code === 'member-changed')) throw thrown
  }
}

const stood = (member: Member): Partial<Member> => ({
  state: known('stopped', 'projected'),
  uid: known(null, 'projected'),
  waiting: known({ reason: 'ScaledDown', message: 'its set has 0 replicas' }, 'projected'),
  revives: 'never',
  workload: member.workload.known && member.workload.value !== null ? known({ ...member.workload.value, replicas: 0 }, 'projected') : member.workload,
  volumes: member.volumes.map((volume) => (volume.backing?.phase === 'Bound' ? { ...volume, state: unknown('nobody mounts it', 'projected') } : volume)),
})

const withChanged = (now: Survey, names: readonly string[], change: (member: Member) => Partial<Member>): Survey =>
  names.reduce((after, name) => {
    const member = memberOf(after, name)
    return member === undefined ? after : withMember(after, name, change(member))
  }, now)

/** The brokers first: an empty ZooKeeper that runs alone harms nobody, and it tells a resumed run that nothing is in place yet. */
export const stopSets = (found: Decision<ToStop>): Step =>
  act<Scaling>({
    id: 'stop-sets',
    title: 'Scale the sets of the brokers and of ZooKeeper to 0',
    why: 'A set starts again whatever is stopped: while the tree is replaced nobody may elect, register or follow by it.',
    effect: 'stop',
    aspects: ['members', 'coordination'],
    budget: { expected: minutes(1), deadline: minutes(30) },
    guards: GUARDS,
    challenge: ({ sets, running }) => (sets.length > 0 ? sets : running).map(({ name }) => name).join(','),
    resolve: (world) => lookUntilTold(world, (now) => resolveScaling(now, found.value())),
    preview: ({ sets, running }) => ({
      sentence: `scale ${sets.map(({ kind, name, replicas }) => `${kind} ${name} from ${replicas} to 0`).join(' and ') || 'nothing any more'}, and stop ${few(running.map(({ name }) => name)) || 'nobody'}`,
      changes: [
        'what the brokers lead is not served until they are started again; they cannot shut down in order without ZooKeeper and recover their logs when they start',
        'claims stay; each set has as many as before once its members are started again, one by one',
      ],
      commands: sets.map(({ name }) => `kubectl scale statefulset ${name} --replicas=0`),
    }),
    act: async (world, { sets, running }, signal) => {
      const { platform } = world.change
      if (platform.workloads === null) throw new Error('this platform has no sets')
      for (const set of sets) await platform.workloads.scale(set, 0, signal)
      for (const ref of running) await unlessChanged(platform.stop(ref, { grace: HOPELESS_STOP, hopeless: true }, signal))
      return undefined
    },
    expect: (now, { members }) => {
      const brokers = now.brokers.known ? now.brokers.value.flatMap(({ id, member }) => (member.known && members.includes(member.value) ? [id] : [])) : []
      return brokers.reduce(withBrokerOut, withChanged(now, members, stood))
    },
    done: (now, { sets, members }) => {
      if (!now.members.known) return { state: 'unknown', detail: `the platform was not seen: ${now.members.why}` }
      const wanting = sets.filter(({ name }) => setNamed(now, name)?.replicas !== 0).map(({ name }) => name)
      if (wanting.length > 0) return { state: 'not-started', detail: `${few(wanting)} is not scaled to 0` }
      const left = members.filter((name) => seenRunning(now, name)?.state !== 'stopped')
      return left.length === 0
        ? { state: 'done', detail: `${few(members)} no longer runs` }
        : { state: 'under-way', detail: `${few(left)} is still there`, measure: { done: members.length - left.length, total: members.length, unit: 'members' } }
    },
  })

interface Unlooked {
  readonly members: readonly string[]
}

/** What its set is about to make is left alone: it would find its disk in use. */
const isMissed = (member: Member | undefined): member is Member =>
  member !== undefined && isUnlooked(member) && !comesByItself(member) && (roleIs('broker')(member) || roleIs('zookeeper')(member))

const roleIs = (role: 'broker' | 'zookeeper') => (member: Member) => member.roles.includes(role)

const seenOnDisk = (member: Member): Partial<Member> => ({
  volumes: member.volumes.map((volume) => ({ ...volume, state: known(roleIs('broker')(member) ? ('intact' as const) : ('blank' as const), 'projected') })),
})

/** A probe, so that a resumed run looks again: what was seen died with the process that saw it. */
export const lookAtStopped = (found: Decision<ToStop>): Step =>
  act<Unlooked>({
    id: 'look-at-stopped',
    title: 'Look at the disks that nobody mounts now',
    why: 'Whose disk each claim is, where its logs end, and that no ZooKeeper has data of its own, is seen by mounting it, read-only.',
    effect: 'probe',
    aspects: ['members', 'brokers', 'coordination'],
    budget: { expected: seconds(30), deadline: minutes(30) },
    guards: [],
    resolve: async (world) => {
      if (found.value().sets.length === 0) return { nothing: 'every disk is seen without that' }
      const { members } = await world.survey()
      if (!members.known) return { unknown: `the platform was not seen: ${members.why}` }
      const names = members.value.filter(isMissed).map(({ name }) => name)
      return names.length === 0 ? { nothing: 'every disk that is there is seen' } : { target: { members: names } }
    },
    preview: ({ members }) => ({
      sentence: `look at the disks of ${few(members)} in a pod of kdr's own each, which mounts their claims read-only and is removed again`,
      changes: members.map((name) => `pod kdr-look-${name}, for some seconds`),
      commands: [],
    }),
    act: async (world, { members }, signal) => {
      const now = await world.survey(['members'])
      for (const name of members) {
        const member = memberOf(now, name)
        if (isMissed(member)) await unlessChanged(world.change.platform.inspect({ name, uid: null }, { replicas: roleIs('broker')(member) }, signal))
      }
      return undefined
    },
    expect: (now, { members }) => withChanged(now, members, seenOnDisk),
    done: (now, { members }) => {
      if (!now.members.known) return { state: 'unknown', detail: `the platform was not seen: ${now.members.why}` }
      const left = members.filter((name) => isMissed(memberOf(now, name)))
      return left.length === 0
        ? { state: 'done', detail: `the disks of ${few(members)} are seen` }
        : { state: 'not-started', detail: `the disks of ${few(left)} were not looked at` }
    },
  })
