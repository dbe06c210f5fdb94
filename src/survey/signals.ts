// What the logs of brokers that are not plainly up say.
import { type Known, known, mapKnown } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import type { Survey } from '../model/survey.ts'
import { recognise } from './log-signals.ts'
import type { Looking } from './looking.ts'
import { each, reading } from './reading.ts'

/** Lines of a log that are read for signals. */
const TAIL = 200

/** Brokers that are not plainly up have something to say in their logs; those of the others are spared. */
export const readSignals = async (look: Looking, members: Known<readonly Member[]>, brokers: Survey['brokers']): Promise<Known<readonly Member[]>> => {
  if (!members.known) return members
  const before = look.base?.members.known ? look.base.members.value : []
  const carried = (member: Member) => before.find((old) => old.name === member.name && old.uid.known && member.uid.known && old.uid.value === member.uid.value)
  if (!look.asked('signals')) return mapKnown(members, (all) => all.map((member) => ({ ...member, signals: carried(member)?.signals ?? member.signals })))
  const up = new Set(
    (brokers.known ? brokers.value : []).flatMap((broker) =>
      broker.member.known && broker.registered.known && broker.registered.value && broker.reachable.known && broker.reachable.value
        ? [broker.member.value]
        : [],
    ),
  )
  const plainlyUp = (member: Member) => up.has(member.name) && member.state.known && member.state.value === 'running'
  const read = await each(members.value, 8, async (member) =>
    !member.roles.includes('broker') || plainlyUp(member) ? member : { ...member, signals: await signalsOf(look, member) },
  )
  return known(read, members.by)
}

/** The latest incarnation's last lines; the one before when that has none yet. */
const signalsOf = async (look: Looking, member: Member): Promise<Member['signals']> => {
  const { platform } = look.ports
  const lines = await reading(look, look.left('last'), `log of ${member.name}`, async (signal) => {
    const current = await platform.logs(member.name, { tail: TAIL, previous: false }, signal)
    return current.length > 0 ? current : platform.logs(member.name, { tail: TAIL, previous: true }, signal)
  })
  return mapKnown(lines, recognise)
}
