// Pictures to rehearse a page on: the cluster as it is, with what the page is about broken in it. Nothing is
// done to the cluster itself.
import { type Known, known, unknown } from '../model/known.ts'
import type { Role } from '../model/member.ts'
import { memberOfBroker, type Survey, type ZooKeeperView } from '../model/survey.ts'
import { withBrokerOut, withMember } from '../survey/project.ts'

export interface Picture {
  readonly survey: Survey
  /** `as if broker 2 had failed`. */
  readonly words: string
}

const BY = 'projected'
const unseen = <T>(): Known<T> => unknown('the quorum is lost', BY)

const stopped = (survey: Survey, names: readonly string[]): Survey =>
  names.reduce(
    (now, name) => withMember(now, name, { state: known('stopped', BY), uid: known(null, BY), startedAt: known(null, BY), waiting: known(null, BY) }),
    survey,
  )

const withBrokersOut = (survey: Survey, ids: readonly number[]): Survey =>
  ids.reduce((now, id) => {
    const member = memberOfBroker(now, id)
    return member === undefined ? withBrokerOut(now, id) : stopped(withBrokerOut(now, id), [member.name])
  }, survey)

const namesOf = (survey: Survey, role: Role): readonly string[] =>
  survey.members.known ? survey.members.value.filter(({ roles }) => roles.includes(role)).map(({ name }) => name) : []

const zooKeeperLost = (view: ZooKeeperView): ZooKeeperView => ({
  ...view,
  servers: view.servers.map((server) => ({ ...server, mode: known('not-serving', BY), syncedFollowers: known(null, BY) })),
  quorum: known(false, BY),
  brokerIds: unseen(),
  controller: unseen(),
})

const quorumLost = (survey: Survey): Picture | null => {
  if (!survey.coordination.known) return null
  const view = survey.coordination.value
  const names = namesOf(survey, view.kind === 'zookeeper' ? 'zookeeper' : 'controller')
  if (names.length === 0) return null
  const lost =
    view.kind === 'zookeeper' ? zooKeeperLost(view) : { ...view, quorum: known(false, BY), leaderId: unseen<number | null>(), voters: unseen<never>() }
  const brokers: Survey['brokers'] = survey.brokers.known
    ? known(
        survey.brokers.value.map((broker) => ({ ...broker, registered: unseen<boolean>() })),
        BY,
      )
    : survey.brokers
  return { survey: { ...stopped(survey, names), brokers, coordination: known(lost, BY) }, words: `as if ${names.join(', ')} had failed` }
}

const brokersLost = (survey: Survey, ids: readonly number[]): Picture | null =>
  ids.length === 0 ? null : { survey: withBrokersOut(survey, ids), words: `as if broker ${ids.join(' and ')} had failed` }

const registryLost = (survey: Survey): Picture | null => {
  const names = namesOf(survey, 'schema-registry')
  return names.length === 0 ? null : { survey: stopped(survey, names), words: `as if ${names.join(', ')} had failed` }
}

/** For a page about `scenario`; `broker`: the one it is to be about. null where too little of it was seen. Pure. */
export const pictureFor = (scenario: string, survey: Survey, broker: number | null): Picture | null => {
  const ids = survey.brokers.known ? survey.brokers.value.map(({ id }) => id) : []
  if (scenario === 'single-broker') return brokersLost(survey, broker === null ? ids.slice(0, 1) : [broker])
  if (scenario === 'multi-broker') return brokersLost(survey, ids.slice(-(Math.floor(ids.length / 2) + 1)))
  if (scenario === 'zookeeper') return quorumLost(survey)
  return scenario === 'schema-registry' ? registryLost(survey) : { survey, words: 'as it is' }
}
