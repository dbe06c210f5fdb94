// What must never be done to a member of the metadata quorum: stop a second one, start empty disks together, go on
// in a cluster that has become another one. Not knowing refuses, and none of these can be forced.
import type { Guard, Refusal } from '../engine/step.ts'
import { isKnownTrue } from '../model/known.ts'
import { memberOf, type Survey } from '../model/survey.ts'
import { few } from './evidence.ts'
import { ableToReturn, notManaged, withinBudget } from './platform-guards.ts'
import { identityProblem, nameOfQuorum, type Quorum, type QuorumMember, quorumOf } from './quorum.ts'

export interface QuorumTarget {
  /** Name of the member. */
  readonly member: string
  /** cluster.id when the run began; null where it was not seen. */
  readonly clusterId: string | null
}

const refusal = (guard: string, because: string, protects: readonly string[], instead?: string): Refusal => ({
  guard,
  because,
  protects,
  force: null,
  ...(instead === undefined ? {} : { instead }),
})
const blind = (guard: string, because: string, protects: readonly string[]): Refusal => ({ ...refusal(guard, because, protects), blind: true })
const names = (members: readonly QuorumMember[]): readonly string[] => members.map(({ name }) => name)

const ordinalOf = (name: string): number => Number(/-(\d+)$/.exec(name)?.[1] ?? Number.NaN)

/** Members of a set that was scaled down start with every later one: an ordinal is wanted only together with those below it. */
export const startsWith = (now: Survey, name: string): readonly string[] => {
  const own = memberOf(now, name)
  if (!own?.workload.known || own.workload.value === null || !own.waiting.known || own.waiting.value?.reason !== 'ScaledDown') return []
  const set = own.workload.value.name
  return (now.members.known ? now.members.value : [])
    .filter(({ workload }) => workload.known && workload.value?.name === set)
    .filter((other) => ordinalOf(other.name) < ordinalOf(name) && other.state.known && other.state.value === 'stopped')
    .map((other) => other.name)
}

/** Against a majority of disks without data: together they would elect one of their own (ZooKeeper: db.autocreate, ZOOKEEPER-3781; KRaft: apache/kafka#12597). */
const checkWithoutQuorum = (quorum: Quorum, starting: readonly QuorumMember[]): Refusal | null => {
  const { members, majority, kind } = quorum
  const full = starting.filter(({ disk }) => disk === 'intact')
  const doubtful = starting.filter(({ disk }) => disk !== 'intact')
  const up = members.filter(({ state, name }) => state !== 'stopped' && !starting.some((each) => each.name === name))
  if (doubtful.length === 0) return null
  const empties = [...doubtful, ...up.filter(({ disk }) => disk !== 'intact')]
  if (empties.length >= majority) {
    const because = `${few(names(empties))} would run together without data, a majority of ${members.length}: they could elect each other, and the others would follow them to emptiness`
    const instead = doubtful.length > 1 ? 'a set starts its lower ordinals first: give their claims back their volumes before' : undefined
    // Of one that runs it may be seen a moment later that it has data.
    const unseen = empties.filter(({ disk, state }) => disk === 'unknown' && state === 'running')
    return { ...refusal('G2', because, names(members), instead), ...(empties.length - unseen.length < majority ? { blind: true as const } : {}) }
  }
  if (!doubtful.some(({ disk }) => disk === 'blank')) return null
  if (kind === 'kraft')
    return refusal('G2', `${few(names(doubtful))} has an empty disk, and no majority holds the committed log yet (apache/kafka#12597)`, names(members))
  const left = members.filter(({ disk, state, name }) => disk === 'intact' && state !== 'running' && !full.some((each) => each.name === name))
  if (left.length > 0) return refusal('G2', `${few(names(left))} has data and does not run: whoever has data is started first`, names(left))
  const survivors = [...full, ...up.filter(({ disk }) => disk === 'intact')]
  if (survivors.length > 0) return null
  return refusal('G2', `no member with data runs that ${few(names(doubtful))} could follow`, names(members))
}

/** Empty members that run and are a majority may elect one of their own at any moment: whoever joins them then follows it to emptiness. */
const checkBesideEmpties = ({ held, members, majority }: Quorum, name: string): Refusal | null => {
  const empties = members.filter(({ disk, state }) => disk === 'blank' && state !== 'stopped')
  if (held === true || empties.length < majority) return null
  const because = `${few(names(empties))} run without data and are a majority: they could elect each other, and ${name} would follow them to emptiness`
  return refusal('G2', because, [name], `stop ${few(names(empties))} first`)
}

const checkStart = (now: Survey, target: QuorumTarget): Refusal | null => {
  const seen = quorumOf(now)
  if (!seen.known) return blind('G2', `the quorum was not seen: ${seen.why}`, [target.member])
  const quorum = seen.value
  const starting = quorum.members.filter(({ name }) => name === target.member || startsWith(now, target.member).includes(name))
  if (starting.length === 0) return blind('G2', `${target.member} was not seen`, [target.member])
  if (starting.every(({ disk }) => disk === 'intact')) return checkBesideEmpties(quorum, target.member)
  if (quorum.held === null) return blind('G2', `whether the ${nameOfQuorum(quorum)} is held was not seen`, [target.member])
  if (!quorum.held) return checkWithoutQuorum(quorum, starting)
  const syncing = quorum.members.filter(({ state, serves, name }) => state === 'running' && serves !== true && !names(starting).includes(name))
  if (syncing.length === 0 && quorum.synced) return null
  return { ...refusal('G2', `${few(names(syncing)) || 'a follower'} is not yet in sync: one empty disk at a time`, [target.member]), blind: true }
}

/** G2 of a quorum: an empty disk is started only beside data it can follow, and one at a time. Cannot be forced. */
const dataFirst = <T extends QuorumTarget>(): Guard<T> => ({ name: 'G2', check: checkStart })

const checkStop = (now: Survey, { member: name }: QuorumTarget): Refusal | null => {
  const seen = quorumOf(now)
  if (!seen.known) return blind('G5', `the quorum was not seen: ${seen.why}`, [name])
  const { members, majority } = seen.value
  const own = members.find((member) => member.name === name)
  if (own === undefined) return blind('G5', `${name} was not seen`, [name])
  if (own.state === 'paused') return null
  if (own.serves === null) return blind('G5', `whether ${name} serves was not seen`, [name])
  if (!own.serves) return null
  const others = members.filter((member) => member.name !== name)
  const out = others.filter(({ serves }) => serves !== true)
  if (out.length > 0) return refusal('G5', `${few(names(out))} does not serve: a second member is never stopped`, names(members))
  return others.length >= majority
    ? null
    : refusal('G5', `without ${name} ${others.length} of ${members.length} would be left, a majority is ${majority}`, [name])
}

/** G5 of a quorum: no stop that breaks it, and never of a second member. Cannot be forced. */
const quorumMembersKept = <T extends QuorumTarget>(): Guard<T> => ({ name: 'G5', check: checkStop })

/** CLUSTER: the quorum still is the one that the brokers' disks belong to. Cannot be forced. */
const sameCluster = <T extends QuorumTarget>(): Guard<T> => ({
  name: 'CLUSTER',
  check: (now, { clusterId, member }) => {
    const problem = identityProblem(now, clusterId)
    if (problem !== null) return refusal('CLUSTER', problem, [member], 'stop here: restore the metadata first')
    const view = now.coordination.known ? now.coordination.value : null
    if (view?.kind !== 'zookeeper' || !isKnownTrue(view.quorum) || view.clusterId.known) return null
    // An ensemble that was made anew serves too: whoever joins it takes its emptiness over.
    return blind('CLUSTER', `whether the ensemble that serves is still this cluster's was not seen: ${view.clusterId.why}`, [member])
  },
})

export const memberStartGuards = <T extends QuorumTarget>(): readonly Guard<T>[] => [notManaged(), sameCluster(), dataFirst()]
export const memberStopGuards = <T extends QuorumTarget>(): readonly Guard<T>[] => [
  notManaged(),
  withinBudget(),
  ableToReturn(),
  sameCluster(),
  quorumMembersKept(),
]
