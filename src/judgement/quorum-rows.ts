// The rows of the diagnosis table that the metadata quorum answers: ZooKeeper's ensemble or KRaft's controllers, lost, made
// anew, or held by fewer than it should be.
import { isKnownFalse, isKnownTrue, type Known } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import type { Survey } from '../model/survey.ts'
import { nobodyLooked } from './absent.ts'
import { few } from './evidence.ts'
import { VOTER_SILENCE } from './guards.ts'
import { beside, type Facts, fails, holds, membersWith, type Row, unseen } from './rows.ts'

const seenClusterId = (survey: Survey): Known<string | null> =>
  survey.coordination.known && survey.coordination.value.kind === 'zookeeper' && survey.coordination.value.clusterId.known
    ? survey.coordination.value.clusterId
    : survey.clusterId

/** The cluster.id in force is not the one on the brokers' disks or of the last snapshot: the metadata was lost and made anew (4c). */
export const metadataLost: Row = {
  verdict: 'zookeeper',
  ask: ({ survey, context, status }) => {
    const word = 'zookeeper'
    if (survey.coordination.known && isKnownFalse(survey.coordination.value.quorum))
      return fails(word, 'no quorum serves another cluster.id', survey.coordination.by)
    const current = seenClusterId(survey)
    const anyUp = [...status.values()].some((seen) => seen.status === 'up')
    // No broker runs, and nobody mounts their disks: they are compared when a recovery has looked at them.
    if (!anyUp && nobodyLooked(membersWith(survey, 'broker') ?? []))
      return fails(word, 'no broker is up, and their disks were not looked at', survey.members.by)
    const volumes = (membersWith(survey, 'broker') ?? []).flatMap((member) => member.volumes)
    const stored = volumes.flatMap((volume) => (volume.clusterId.known && volume.clusterId.value !== null ? [volume.clusterId] : []))
    if (!current.known) {
      // Nobody is left to say which cluster.id is in force, so none contradicts the disks.
      if (!anyUp && stored.length > 0 && allDown(status)) return fails(word, 'no broker is up to contradict the disks', survey.members.by)
      return unseen(`the cluster.id in force: ${current.why}`)
    }
    const { value } = current
    if (value === null) {
      const [own] = stored
      return own === undefined
        ? unseen("the cluster.id on the brokers' disks: ZooKeeper has none")
        : { ...holds(word, `ZooKeeper has no cluster.id, the brokers' disks belong to ${own.value}: the tree is empty`, current.by), final: true }
    }
    const expected = context.expectedClusterId ?? null
    if (expected !== null && expected !== current.value)
      return { ...holds(word, `cluster.id is ${current.value}, it was ${expected}`, current.by), final: true }
    if (stored.some((id) => id.value === current.value)) return fails(word, `cluster.id ${current.value} is the one on the brokers' disks`, current.by)
    if (anyUp && survey.clusterId.known) return fails(word, `brokers serve under cluster.id ${current.value}, and the quorum does not contradict`, current.by)
    const other = stored[0]
    if (other !== undefined) return { ...holds(word, `cluster.id is ${current.value}, the brokers' disks belong to ${other.value}`, other.by), final: true }
    return unseen("the cluster.id on the brokers' disks")
  },
}

const allDown = (status: Facts['status']): boolean => status.size > 0 && [...status.values()].every((seen) => seen.status === 'down' || seen.status === 'hung')

const runs = (member: Member): boolean | null => (member.state.known ? member.state.value === 'running' : null)

/** The metadata quorum, ZooKeeper's or KRaft's, whatever the brokers say: they answer from a frozen cache without it. */
export const quorumLost: Row = {
  verdict: 'zookeeper',
  ask: ({ survey, status, absent }) => {
    if (!survey.coordination.known) return unseen(`the metadata quorum: ${survey.coordination.why}`)
    const view = survey.coordination.value
    const what = view.kind === 'zookeeper' ? 'ZooKeeper quorum' : 'controller quorum'
    if (isKnownTrue(view.quorum)) return fails('zookeeper', `the ${what} is held`, view.quorum.by)
    if (view.quorum.known) {
      const members = membersWith(survey, view.kind === 'zookeeper' ? 'zookeeper' : 'controller') ?? []
      const intact = members.filter(({ volumes }) => volumes.some(({ state }) => state.known && state.value === 'intact')).map(({ name }) => name)
      const blank =
        members.length > 0 &&
        members.every((member) => member.volumes.length > 0 && member.volumes.every(({ state }) => state.known && state.value !== 'intact'))
      const data = blank ? ', and all its data is gone' : intact.length > 0 ? `; the data of ${few(intact)} is intact` : ''
      return { ...holds('zookeeper', `the ${what} is lost${data}`, view.quorum.by), final: blank }
    }
    // Nobody is left to ask for KRaft's quorum when every broker is down: its processes then speak for it.
    const controllers = membersWith(survey, 'controller') ?? []
    const running = controllers.filter((member) => runs(member) === true).length
    if (view.kind === 'kraft' && (allDown(status) || (status.size === 0 && absent.length > 0)) && running > controllers.length / 2)
      return fails('zookeeper', `${running} of ${controllers.length} controllers run; no broker is up to ask for their quorum`, survey.members.by)
    return unseen(`the ${what}: ${view.quorum.why}`)
  },
}

/** The quorum is held, but one of its members is not there: repair it before anything else is restarted. */
export const quorumMemberDown: Row = {
  verdict: 'at-risk',
  scenario: 'zookeeper',
  ask: ({ survey }) => {
    if (!survey.coordination.known) return unseen(`the metadata quorum: ${survey.coordination.why}`)
    const view = survey.coordination.value
    if (isKnownFalse(view.quorum)) return beside
    if (view.kind === 'zookeeper') {
      const blind = view.servers.filter((server) => !server.mode.known)
      const down = view.servers.filter((server) => server.mode.known && server.mode.value === 'not-serving')
      if (down.length > 0) return holds('at-risk', `the quorum is held, but ${few(down.map((server) => server.member))} does not serve`, survey.coordination.by)
      if (blind.length > 0 || view.servers.length === 0)
        return unseen(`whether ${few(blind.map((server) => server.member)) || 'every ZooKeeper server'} serves`)
      return fails('at-risk', `all ${view.servers.length} ZooKeeper servers serve`, survey.coordination.by)
    }
    const all = membersWith(survey, 'controller')
    if (all === null) return unseen('whether every controller runs')
    // A combined node is a broker as well: the brokers' rows speak of it.
    const controllers = all.filter((member) => !member.roles.includes('broker'))
    const down = controllers.filter((member) => runs(member) === false)
    if (down.length > 0) return holds('at-risk', `the controller quorum is held, but ${few(down.map((member) => member.name))} does not run`, survey.members.by)
    const blind = controllers.filter((member) => runs(member) === null)
    if (blind.length > 0) return unseen(`whether ${few(blind.map((member) => member.name))} runs`)
    if (!view.voters.known) return unseen(`the voters: ${view.voters.why}`)
    const silent = view.voters.value.filter(
      (voter) => voter.id !== (view.leaderId.known ? view.leaderId.value : null) && (voter.lastFetchAgo ?? 0) > VOTER_SILENCE,
    )
    if (silent.length > 0)
      return holds('at-risk', `the controller quorum is held, but voter ${few(silent.map((voter) => voter.id))} no longer fetches`, view.voters.by)
    return fails('at-risk', `all ${view.voters.value.length} voters take part`, view.voters.by)
  },
}
