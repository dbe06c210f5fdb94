// What has to stand still while the tree is replaced, whoever runs it, and what tells that it may be stopped at all.
import type { Guard } from '../../engine/step.ts'
import { quorumOf } from '../../judgement/quorum.ts'
import type { Member, Workload } from '../../model/member.ts'
import { memberOf, type Survey } from '../../model/survey.ts'
import { seconds } from '../../units.ts'

/**
 * A broker that is asked to stop asks ZooKeeper first who the controller is, and waits for that for ever (KafkaServer.shutdown,
 * controlledShutdown): it is killed in the end, and its log recovered. Meanwhile those that still run write down their high watermarks.
 */
export const HOPELESS_STOP = seconds(6)

export const quorumLost = <T>(): Guard<T> => ({
  name: 'G5',
  check: (now) => {
    const quorum = quorumOf(now)
    if (quorum.known && quorum.value.held === false) return null
    const because = quorum.known && quorum.value.held === true ? 'the quorum is held: no broker has to be stopped' : 'whether the quorum is lost was not seen'
    return { guard: 'G5', because, protects: [], force: null, ...(quorum.known && quorum.value.held === true ? {} : { blind: true as const }) }
  },
})

export const seenRunning = (now: Survey, name: string) => {
  const member = memberOf(now, name)
  return member?.state.known === true && member.uid.known ? { state: member.state.value, uid: member.uid.value } : null
}

/** A resumed run passes here again, and by then what was stopped may have been started on purpose. */
export const dataBack = (now: Survey): string | null => {
  const quorum = quorumOf(now)
  const whole = quorum.known ? quorum.value.members.find(({ disk }) => disk === 'intact') : undefined
  return whole === undefined ? null : `${whole.name} has data: the snapshot is in place`
}

/** As it was when it was found: its members are started again by name, so that it is scaled back to what it had. */
export interface FoundSet {
  readonly kind: string
  readonly name: string
  readonly replicas: number
  readonly members: readonly string[]
}

const setOf = (member: Member | undefined): Workload | null =>
  member?.workload.known === true && member.workload.value?.kind === 'StatefulSet' ? member.workload.value : null

export const isOfSet = (member: Member | undefined): boolean => setOf(member) !== null

const isKeeper = ({ roles }: Member): boolean => roles.includes('broker') || roles.includes('zookeeper')

/** Whoever would be back at once, and not because of a set that can be scaled to 0; null: nobody. */
export const revivedOf = (members: readonly Member[]): string | null =>
  members.find((member) => isKeeper(member) && member.revives === 'always' && setOf(member) === null)?.name ?? null

export const membersOfSet = ({ members }: Survey, name: string): readonly Member[] =>
  members.known ? members.value.filter((member) => setOf(member)?.name === name) : []

export const setNamed = (now: Survey, name: string): Workload | null => setOf(membersOfSet(now, name)[0])

/** Sets that make brokers and ZooKeepers, those of the brokers first. */
export const setsOf = (members: readonly Member[]): readonly FoundSet[] => {
  const keepers = members.filter(isKeeper).sort((a, b) => Number(a.roles.includes('zookeeper')) - Number(b.roles.includes('zookeeper')))
  const found = new Map<string, FoundSet>()
  for (const member of keepers) {
    const set = setOf(member)
    if (set === null) continue
    const { kind, name, replicas } = set
    found.set(name, { kind, name, replicas, members: [...(found.get(name)?.members ?? []), member.name] })
  }
  return [...found.values()]
}
