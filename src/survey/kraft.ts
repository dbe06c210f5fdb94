// KRaft's controller quorum. DescribeQuorum's answer is believed as long as a majority of the voters is
// there; that none came proves nothing by itself, the platform has to bear witness.
import type { Known } from '../model/known.ts'
import { known, mapKnown, unknown } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import type { QuorumView } from '../model/survey.ts'
import type { KafkaReader, QuorumState, RecordedView } from '../ports/kafka.ts'
import { type Millis, seconds } from '../units.ts'
import { reading, type Stage } from './reading.ts'

/** A leader that has lost its followers may still answer as leader (KAFKA-15489, fixed in 3.7): their fetches tell. */
const FRESH = seconds(10)

const stateOf = (members: Known<readonly Member[]>) => {
  const controllers = members.known ? members.value.filter((member) => member.roles.includes('controller')) : []
  const notRunning = controllers.filter((member) => member.state.known && member.state.value !== 'running')
  return { controllers, notRunning }
}

/** Where controllers listen that are nothing else: a combined one is asked as a broker. */
export const controllerAddresses = (members: Known<readonly Member[]>): readonly string[] =>
  stateOf(members)
    .controllers.filter(({ roles }) => !roles.includes('broker'))
    .flatMap(({ addresses }) => addresses.slice(0, 1))

/** Where no broker answers Metadata, what the controllers have on record is all there is; not asked anywhere else. */
export const readRecorded = async (stage: Stage, kafka: KafkaReader, members: Known<readonly Member[]>, length: Millis): Promise<Known<RecordedView>> => {
  const addresses = controllerAddresses(members)
  if (addresses.length === 0) return unknown('no controller of its own is known that could be asked', members.by)
  return reading(stage, length, 'the log of the controllers', (signal) => kafka.onRecord(addresses, signal))
}

const quorumOf = (state: Known<QuorumState>, members: Known<readonly Member[]>): Known<boolean> => {
  const { controllers, notRunning } = stateOf(members)
  const total = state.known ? Math.max(state.value.voters.length, controllers.length) : controllers.length
  const majority = Math.floor(total / 2) + 1
  const names = notRunning.map((member) => member.name).join(', ')
  if (controllers.length > 0 && total - notRunning.length < majority) return known(false, `${members.by}: ${names} not running`)
  if (!state.known) return state
  const { voters, leaderId } = state.value
  if (leaderId < 0) return unknown('no controller leads', state.by)
  const present = voters.filter((voter) => voter.id === leaderId || voter.lastFetchAgo === null || voter.lastFetchAgo <= FRESH)
  if (present.length < Math.floor(voters.length / 2) + 1) return unknown(`only ${present.length} of ${voters.length} voters fetched lately`, state.by)
  return known(true, state.by)
}

export const quorumView = (state: Known<QuorumState>, members: Known<readonly Member[]>): QuorumView => {
  const { controllers } = stateOf(members)
  const ids = controllers.flatMap((member) => (member.id.known ? [member.id.value] : []))
  return {
    kind: 'kraft',
    quorum: quorumOf(state, members),
    leaderId: mapKnown(state, ({ leaderId }) => (leaderId < 0 ? null : leaderId)),
    voters: mapKnown(state, ({ voters }) => voters),
    expectedVoters:
      controllers.length > 0 && ids.length === controllers.length
        ? known(ids, members.by)
        : unknown('the ids of the controllers were not all seen', members.by),
  }
}
