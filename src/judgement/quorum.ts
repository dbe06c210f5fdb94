// The metadata quorum's members, ZooKeeper's or KRaft's, and which recovery they need. What decides is whose disks
// still hold what the cluster knew: a majority of empty ones elects one of its own, and all of it is gone.
import type { Resolution } from '../engine/step.ts'
import { isKnownFalse, isKnownTrue, type Known, known, unknown } from '../model/known.ts'
import type { Member, MemberState } from '../model/member.ts'
import type { QuorumView, Survey, ZooKeeperView } from '../model/survey.ts'
import { BUILD_ANEW } from './advice.ts'
import { few } from './evidence.ts'
import { VOTER_SILENCE } from './guards.ts'
import type { Check } from './health.ts'

/** `unknown`: nobody could look, which is not the same as empty. */
type DiskOf = 'intact' | 'unknown' | 'blank'

export interface QuorumMember {
  readonly name: string
  readonly disk: DiskOf
  readonly state: MemberState | 'unknown'
  /** Leads or follows; null where that was not seen. */
  readonly serves: boolean | null
  /** ZooKeeper: its disk reaches at least this transaction; null where nothing says. */
  readonly zxid: bigint | null
}

export interface Quorum {
  readonly kind: 'zookeeper' | 'kraft'
  /** null: not seen. */
  readonly held: boolean | null
  /** Every one there should be, by name. */
  readonly members: readonly QuorumMember[]
  readonly majority: number
  /** Every member that serves has all that the leader has. */
  readonly synced: boolean
}

export type QuorumCase = 'held' | '4a' | '4b' | '4c' | 'kraft' | 'kraft-lost'

export interface JudgedQuorum {
  readonly kind: Quorum['kind']
  readonly case: QuorumCase
  readonly because: string
  /** Members to repair, in the order it is safe in: those with their data first. */
  readonly broken: readonly QuorumMember[]
}

export const roleOf = ({ kind }: Pick<Quorum, 'kind'>): 'zookeeper' | 'controller' => (kind === 'zookeeper' ? 'zookeeper' : 'controller')
export const nameOfQuorum = ({ kind }: Pick<Quorum, 'kind'>): string => (kind === 'zookeeper' ? 'ZooKeeper ensemble' : 'KRaft controller quorum')

const diskOf = ({ volumes }: Member): DiskOf => {
  const states = volumes.map(({ state }) => (state.known ? state.value : 'unknown'))
  if (states.length === 0 || states.includes('unknown')) return 'unknown'
  if (states.every((state) => state === 'intact')) return 'intact'
  // One of several disks is gone: what is left is neither whole nor empty.
  return states.some((state) => state === 'intact') ? 'unknown' : 'blank'
}

/** Snapshots and logs may be on disks of their own: either names one. */
const zxidOf = ({ volumes }: Member): bigint | null =>
  volumes.reduce<bigint | null>((last, { zxid }) => (zxid !== undefined && zxid > (last ?? -1n) ? zxid : last), null)

const servesZooKeeper = (view: ZooKeeperView, { name, state }: Member): boolean | null => {
  const mode = view.servers.find(({ member }) => member === name)?.mode
  if (mode?.known) return mode.value !== 'not-serving'
  return state.known && state.value !== 'running' ? false : null
}

const servesKraft = (view: QuorumView, { id, state }: Member): boolean | null => {
  if (state.known && state.value !== 'running') return false
  if (isKnownFalse(view.quorum)) return false
  if (!view.voters.known || !id.known) return null
  const voter = view.voters.value.find((each) => each.id === id.value)
  if (view.leaderId.known && view.leaderId.value === id.value) return true
  return voter === undefined ? null : voter.lastFetchAgo === null || voter.lastFetchAgo <= VOTER_SILENCE
}

const syncedFollowers = (view: ZooKeeperView): boolean => {
  const of = (mode: string) => view.servers.filter((server) => server.mode.known && server.mode.value === mode)
  const [leader] = [...of('leader'), ...of('standalone')]
  if (leader === undefined) return false
  const { syncedFollowers: synced } = leader
  return of('follower').length === 0 || (synced.known && synced.value !== null && synced.value >= of('follower').length)
}

/** Every member of the quorum by the platform's word, and what it and its peers say. */
export const quorumOf = (now: Survey): Known<Quorum> => {
  if (!now.members.known) return now.members
  if (!now.coordination.known) return now.coordination
  const view = now.coordination.value
  const role = roleOf({ kind: view.kind })
  const own = now.members.value.filter(({ roles }) => roles.includes(role))
  if (own.length === 0) return unknown(`no ${role} is among its members`, now.members.by)
  const members = own
    .map((member): QuorumMember => {
      const serves = view.kind === 'zookeeper' ? servesZooKeeper(view, member) : servesKraft(view, member)
      // What serves has what the quorum has, wherever it keeps it.
      return { name: member.name, disk: diskOf(member), state: member.state.known ? member.state.value : 'unknown', serves, zxid: zxidOf(member) }
    })
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  const voters = view.kind === 'kraft' && view.voters.known ? view.voters.value.length : view.kind === 'zookeeper' ? view.servers.length : 0
  return known(
    {
      kind: view.kind,
      held: view.quorum.known ? view.quorum.value : null,
      members,
      majority: Math.floor(Math.max(members.length, voters) / 2) + 1,
      synced: view.kind === 'zookeeper' ? syncedFollowers(view) : members.every(({ serves }) => serves !== null),
    },
    `${now.coordination.by}, ${now.members.by}`,
  )
}

const RANK: readonly DiskOf[] = ['intact', 'unknown', 'blank']

/** Later data first, as an election would have it (FastLeaderElection.totalOrderPredicate); 0 where nothing tells them apart. */
const byReach = (a: QuorumMember, b: QuorumMember): number => Number((b.zxid ?? -1n) - (a.zxid ?? -1n))

/** Whoever has data before whoever may have, and the empty ones last. */
const inOrder = (members: readonly QuorumMember[]): readonly QuorumMember[] =>
  [...members].sort((a, b) => RANK.indexOf(a.disk) - RANK.indexOf(b.disk) || Number(b.state === 'running') - Number(a.state === 'running') || byReach(a, b))

/** How far the disks of those with data are known to reach. */
const reachOf = (members: readonly QuorumMember[]): string => {
  const told = members.flatMap(({ name, zxid }) => (zxid === null ? [] : [`${name} to zxid 0x${zxid.toString(16)}`]))
  return told.length === 0 ? '' : ` (at least ${told.join(', ')})`
}

const namesOf = (members: readonly QuorumMember[]): string => few(members.map(({ name }) => name))

const lost = ({ kind, members, majority }: Quorum): Omit<JudgedQuorum, 'kind' | 'broken'> => {
  const of = (disk: DiskOf) => members.filter((member) => member.disk === disk)
  const [intact, blank] = [of('intact'), of('blank')]
  const counts = `${intact.length} of ${members.length} have their data${reachOf(intact)}${blank.length > 0 ? `, ${namesOf(blank)} is blank` : ''}`
  if (kind === 'kraft') {
    const enough = members.length - blank.length >= majority
    return { case: enough ? 'kraft' : 'kraft-lost', because: `the controller quorum is lost; ${counts}` }
  }
  if (blank.length === members.length) return { case: '4c', because: 'the ZooKeeper quorum is lost, and no member has its data' }
  return { case: blank.length >= majority ? '4b' : '4a', because: `the ZooKeeper quorum is lost; ${counts}` }
}

/** Which recovery it is, or why none can be begun. Source of the cases: kafka-operations.md §1.4. */
export const judgeQuorum = (now: Survey): Resolution<JudgedQuorum> => {
  const seen = quorumOf(now)
  if (!seen.known) return { unknown: `the quorum was not seen: ${seen.why}`, hint: 'kdr doctor' }
  const quorum = seen.value
  const view = now.coordination.known ? now.coordination.value : null
  if (view?.kind === 'zookeeper' && isKnownTrue(view.migrating))
    return { blocked: 'the cluster is being migrated from ZooKeeper to KRaft', hint: 'finish or roll back the migration first' }
  const alien = identityProblem(now, null)
  if (alien !== null) return { blocked: `${alien}: nothing is touched`, hint: ALIEN_HINT }
  const combined = now.members.known ? now.members.value.filter(({ roles }) => roles.includes('controller') && roles.includes('broker')) : []
  if (combined.length > 0)
    return { blocked: `${few(combined.map(({ name }) => name))} is broker and controller at once: it is recovered as a broker`, hint: 'kdr diagnose' }
  if (quorum.held === null) return { unknown: `whether the quorum is held was not seen: ${view === null || view.quorum.known ? '' : view.quorum.why}` }
  const blind = quorum.members.filter(({ serves, state }) => serves === null && state !== 'running')
  if (blind.length > 0) return { unknown: `whether ${namesOf(blind)} runs was not seen`, hint: 'look again in some seconds' }
  const broken = inOrder(quorum.members.filter(({ serves }) => serves !== true))
  if (!quorum.held) return { target: { kind: quorum.kind, ...lost(quorum), broken } }
  if (broken.length === 0) return { blocked: `the ${nameOfQuorum(quorum)} is held and every member serves: there is nothing to recover`, hint: 'kdr diagnose' }
  if (broken.every(({ serves }) => serves === null)) return { unknown: `whether ${namesOf(broken)} serves was not seen`, hint: 'look again in some seconds' }
  return { target: { kind: quorum.kind, case: 'held', because: `the quorum is held, but ${namesOf(broken)} does not serve`, broken } }
}

export const ALIEN_HINT = `do not edit meta.properties and do not restart brokers: restore the metadata; where there is none it is a complete loss, which kdr has no scenario for yet: ${BUILD_ANEW}`

/** Why the quorum is not the one the brokers' disks belong to, in words; null where nothing says so. `expected`: as it was when the run began. */
export const identityProblem = (now: Survey, expected: string | null): string | null => {
  const members = now.members.known ? now.members.value.filter(({ roles }) => !roles.includes('zookeeper')) : []
  const onDisk = members.flatMap(({ name, volumes }) =>
    volumes.flatMap(({ clusterId }) => (clusterId.known && clusterId.value !== null ? [{ name, id: clusterId.value }] : [])),
  )
  const own = expected ?? onDisk[0]?.id ?? (now.clusterId.known ? now.clusterId.value : null)
  if (own === null) return null
  const view = now.coordination.known ? now.coordination.value : null
  if (view?.kind === 'zookeeper' && view.clusterId.known && view.clusterId.value !== own) {
    const has = view.clusterId.value === null ? 'has no cluster.id: its tree is empty' : `has cluster.id ${view.clusterId.value}`
    return `ZooKeeper ${has}, and the cluster is ${own}`
  }
  const other = onDisk.find(({ id }) => id !== own)
  if (other !== undefined) return `the disk of ${other.name} belongs to cluster ${other.id}, and the cluster is ${own}`
  return now.clusterId.known && now.clusterId.value !== own ? `the cluster.id in force is ${now.clusterId.value}, and the cluster is ${own}` : null
}

/** What a member has done once it is back: serves, or waits for peers that are not there yet. */
export const stands = (quorum: Quorum, name: string): boolean => {
  const member = quorum.members.find((each) => each.name === name)
  if (member === undefined || member.state !== 'running') return false
  if (member.serves === true) return quorum.kind === 'kraft' || (quorum.synced && member.disk !== 'blank')
  const running = quorum.members.filter(({ state }) => state === 'running').length
  return running < quorum.majority && member.serves === false
}

/** Each member serves, one leads, and the others have all that it has: `imok` from each of them would prove none of it. */
export const quorumChecks = (now: Survey): readonly Check[] => {
  const title = 'Every member of the quorum serves, in sync with one leader'
  const seen = quorumOf(now)
  if (!seen.known) return [{ id: 'quorum-members', title, result: 'UNKNOWN', detail: `not seen: ${seen.why}`, source: seen.by }]
  const { members, held, synced } = seen.value
  const blind = members.filter(({ serves }) => serves === null)
  const out = members.filter(({ serves }) => serves === false)
  const result = held === false || out.length > 0 ? 'FAIL' : held === null || blind.length > 0 || !synced ? 'UNKNOWN' : 'PASS'
  const words =
    held === false
      ? 'no majority has a leader'
      : out.length > 0
        ? `${namesOf(out)} does not serve`
        : blind.length > 0
          ? `not seen: ${namesOf(blind)}`
          : synced
            ? `${members.length} of ${members.length}`
            : 'not every follower is known to be in sync'
  return [{ id: 'quorum-members', title, result, detail: words, source: seen.by }]
}
