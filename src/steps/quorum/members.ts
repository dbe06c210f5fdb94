// Steps that bring one member of the quorum back, each about the member as it is now: a write is refused when it is
// another by then. Brokers are not touched here.
import { act, look, type Part, type Progress, type Step } from '../../engine/step.ts'
import { nameOfQuorum, quorumOf, stands } from '../../judgement/quorum.ts'
import { memberStartGuards, memberStopGuards, type QuorumTarget, startsWith } from '../../judgement/quorum-guards.ts'
import { START_UP } from '../../judgement/status.ts'
import { known } from '../../model/known.ts'
import type { Member } from '../../model/member.ts'
import { type Aspect, memberOf, type Survey } from '../../model/survey.ts'
import { GRACEFUL_STOP } from '../../ports/platform.ts'
import { withMember, withQuorumMember } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import { comesByItself } from '../brokers.ts'
import { type From, lookUntilTold } from './failed-quorum.ts'

/** Of one member of the broken quorum. */
type Of = From & { readonly member: string }

interface MemberNow extends QuorumTarget {
  readonly uid: string | null
  readonly disk: 'intact' | 'unknown' | 'blank'
  /** Others that its platform cannot but start before it. */
  readonly besides: readonly string[]
}

const ASPECTS: readonly Aspect[] = ['members', 'brokers', 'coordination']

/** Empty, and nobody has said yet for which cluster: a controller exits on such a disk (kafka.server.KafkaRaftServer). */
const isUnformatted = ({ volumes }: Member): boolean => !volumes.some(({ clusterId }) => clusterId.known && clusterId.value !== null)

const targetOf = (now: Survey, { from, member }: Of, uid: string | null): MemberNow => {
  const quorum = quorumOf(now)
  const disk = quorum.known ? (quorum.value.members.find(({ name }) => name === member)?.disk ?? 'unknown') : 'unknown'
  return { member, clusterId: from.value().clusterId, uid, disk, besides: startsWith(now, member) }
}

interface Seen {
  readonly member: Member
  readonly state: string
  readonly uid: string | null
}

const seen = (now: Survey, name: string): Seen | null => {
  const member = memberOf(now, name)
  return member?.state.known === true && member.uid.known ? { member, state: member.state.value, uid: member.uid.value } : null
}

const unseen = (name: string) => ({ unknown: `whether ${name} runs was not seen` })

/** Docker containers can lose their network. */
const reconnectMember = (of: Of): Step =>
  act<MemberNow>({
    id: 'reconnect-member',
    title: 'Put it back on its network',
    why: 'A member that was cut off is whole: a restart would only add to the outage.',
    effect: 'change',
    aspects: ASPECTS,
    budget: { expected: seconds(20), deadline: minutes(3) },
    guards: memberStartGuards(),
    resolve: (world) =>
      lookUntilTold(world, (now) => {
        const it = seen(now, of.member)
        if (it === null || !it.member.waiting.known) return unseen(of.member)
        return it.member.waiting.value?.reason === 'NoNetwork' ? { target: targetOf(now, of, it.uid) } : { nothing: `${of.member} is not cut off` }
      }),
    preview: ({ member }, commands) => ({
      sentence: `connect ${member} to the network of its peers`,
      changes: [`${member} finds its peers again`],
      commands: [commands.reconnect(member)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.reconnect({ name: member, uid }, signal)
      return undefined
    },
    expect: (now, { member }) => withQuorumMember(now, member),
    done: (now, { member }) => {
      const waiting = memberOf(now, member)?.waiting
      if (waiting?.known !== true) return { state: 'unknown', detail: `${member} was not seen` }
      return waiting.value?.reason === 'NoNetwork' ? { state: 'not-started', detail: waiting.value.message } : standing(now, member)
    },
  })

/** Frozen, or left behind by a quorum that is held: it runs and takes no part. */
const isStuck = (now: Survey, { member, state }: Seen): boolean => {
  if (state === 'paused') return true
  const quorum = quorumOf(now)
  if (!quorum.known || quorum.value.held !== true || state !== 'running') return false
  const young = !member.startedAt.known || member.startedAt.value === null || now.takenAt - member.startedAt.value < START_UP
  return !young && quorum.value.members.some(({ name, serves }) => name === member.name && serves === false)
}

const stopStuck = (of: Of): Step =>
  act<MemberNow>({
    id: 'stop-member',
    title: 'Stop what is left of it',
    why: 'A frozen or half-dead member must be gone before its successor starts on the same disk.',
    effect: 'stop',
    aspects: ASPECTS,
    budget: { expected: seconds(15), deadline: minutes(5) },
    guards: memberStopGuards(),
    challenge: ({ member }) => member,
    resolve: (world) =>
      lookUntilTold(world, (now) => {
        const it = seen(now, of.member)
        if (it === null) return unseen(of.member)
        return isStuck(now, it) ? { target: targetOf(now, of, it.uid) } : { nothing: `${of.member} is ${it.state}: nothing has to be stopped` }
      }),
    preview: ({ member }, commands) => ({
      sentence: `stop ${member}, which takes no part in the quorum`,
      changes: [`${member} does not run until it is started again`],
      commands: [commands.stop(member, GRACEFUL_STOP)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.stop({ name: member, uid }, { grace: GRACEFUL_STOP }, signal)
      return undefined
    },
    expect: (now, { member }) => withMember(now, member, { state: known('stopped', 'projected'), uid: known(null, 'projected') }),
    done: (now, { member, uid }) => {
      const it = seen(now, member)
      if (it === null) return { state: 'unknown', detail: `${member} was not seen` }
      return it.uid === uid ? { state: 'not-started', detail: `${member} is ${it.state}` } : { state: 'done', detail: `${member} no longer runs as it did` }
    },
  })

const DISK: Readonly<Record<MemberNow['disk'], string>> = { intact: 'its own disk', unknown: 'a disk that was not seen', blank: 'an EMPTY disk' }

const startMember = (of: Of): Step =>
  act<MemberNow>({
    id: 'start-member',
    title: 'Start it and wait until it takes part',
    why: 'What the cluster knows is on the disks of its members: each comes back on its own, and an empty one follows the others.',
    effect: 'restart',
    aspects: ASPECTS,
    budget: { expected: seconds(30), deadline: minutes(6) },
    guards: memberStartGuards(),
    lasting: true,
    raise: ({ disk }) => (disk === 'blank' ? 'change' : 'restart'),
    resolve: (world) =>
      lookUntilTold(world, (now) => {
        const it = seen(now, of.member)
        if (it === null) return unseen(of.member)
        if (it.state !== 'stopped') return { nothing: `${of.member} is ${it.state}` }
        if (comesByItself(it.member)) return { nothing: `${of.member} is being started by its platform` }
        const target = targetOf(now, of, null)
        const { kind } = of.from.value()
        const bare = kind === 'kraft' && target.disk === 'blank' && isUnformatted(it.member)
        const format = bare ? world.platform.commands.format(of.member, target.clusterId ?? '<cluster.id>') : null
        if (format === null) return { target }
        const quorum = quorumOf(now)
        const refused = memberStartGuards<MemberNow>()
          .map((guard) => guard.check(now, target))
          .find((refusal) => refusal !== null)
        if (!quorum.known || quorum.value.held !== true || refused != null)
          return { blocked: refused?.because ?? `${of.member} has an empty disk, and no majority holds the committed log yet: it must not be formatted` }
        return {
          blocked: `${of.member} has an empty disk, which has to be formatted first; a majority holds the committed log, so that is safe now`,
          hint: `${format}; then run this again`,
        }
      }),
    preview: ({ member, disk, besides }, commands) => ({
      sentence: `start ${member} on ${DISK[disk]}`,
      changes: [
        disk === 'blank' ? `${member} has nothing and copies everything from its peers` : `${member} brings what it knew, and finds its peers`,
        ...(besides.length > 0 ? [`${besides.join(', ')} is started with it: its set starts lower ordinals first`] : []),
      ],
      commands: [commands.start(member)],
    }),
    act: async (world, { member, uid }, signal) => {
      await world.change.platform.start({ name: member, uid }, signal)
      return undefined
    },
    expect: (now, { member, besides }) => [...besides, member].reduce(withQuorumMember, now),
    done: (now, { member }) => standing(now, member),
  })

const standing = (now: Survey, name: string): Progress => {
  const it = seen(now, name)
  const quorum = quorumOf(now)
  if (it === null || !quorum.known) return { state: 'unknown', detail: quorum.known ? `${name} was not seen` : quorum.why }
  if (it.state === 'stopped' && !comesByItself(it.member)) {
    const words = `${name} does not run${it.member.lastExit.known && it.member.lastExit.value !== null ? ` (exit ${it.member.lastExit.value.code})` : ''}`
    return { state: 'not-started', detail: words, hopeless: words }
  }
  if (stands(quorum.value, name)) {
    const { held, members, majority } = quorum.value
    const running = members.filter(({ state }) => state === 'running').length
    return {
      state: 'done',
      detail: held === true ? `${name} takes part` : `${name} runs and waits for its peers: ${running} of ${members.length} run, a majority is ${majority}`,
    }
  }
  const own = quorum.value.members.find((member) => member.name === name)
  return { state: 'under-way', detail: own?.serves === true ? `${name} takes part, and is not in sync yet` : `${name} is ${it.state} and does not serve yet` }
}

const awaitMember = ({ member }: Of): Step =>
  look<{ readonly member: string }>({
    id: 'await-member',
    title: 'Wait until it takes part',
    why: 'The next one is touched only when this one is seen to serve, in sync with its leader.',
    effect: 'read',
    aspects: ASPECTS,
    budget: { expected: seconds(20), deadline: minutes(6) },
    resolve: async (world) => (standing(await world.survey(), member).state === 'done' ? { nothing: `${member} takes part` } : { target: { member } }),
    preview: (_, commands) => ({ sentence: `wait until ${member} serves, or waits for its peers`, changes: [], commands: [commands.list()] }),
    expect: (now) => withQuorumMember(now, member),
    done: (now) => standing(now, member),
  })

/** Everything that one member may need, in order. */
export const repairMember = (of: Of): readonly Part[] => [reconnectMember(of), stopStuck(of), startMember(of), awaitMember(of)]

/** Once every member is back: a majority that leads, whatever each of them says alone. */
export const awaitQuorum = ({ from }: From): Step =>
  look<{ readonly kind: 'zookeeper' | 'kraft' }>({
    id: 'await-quorum',
    title: 'Wait until the quorum is held',
    why: 'A process that answers proves nothing: one has to lead, and a majority to follow it.',
    effect: 'read',
    aspects: ASPECTS,
    budget: { expected: seconds(10), deadline: minutes(5) },
    resolve: async () => ({ target: { kind: from.value().kind } }),
    preview: (quorum, commands) => ({
      sentence: `wait until the ${nameOfQuorum(quorum)} has a leader and a majority that follows it`,
      changes: [],
      commands: quorum.kind === 'kraft' ? [commands.kafka('kafka-metadata-quorum', ['describe', '--status'])] : [],
    }),
    expect: (now) => now,
    done: (now) => {
      const quorum = quorumOf(now)
      if (!quorum.known) return { state: 'unknown', detail: quorum.why }
      const out = quorum.value.members.filter(({ serves }) => serves !== true).map(({ name }) => name)
      if (quorum.value.held !== true) return { state: 'under-way', detail: 'no majority has a leader yet' }
      return out.length > 0 || !quorum.value.synced
        ? { state: 'under-way', detail: `held; ${out.join(', ') || 'a follower'} is not in sync yet` }
        : { state: 'done', detail: `the ${nameOfQuorum(quorum.value)} is held, and every member serves` }
    },
  })
