// Brokers that have no pod, seen by nothing but their claims: how many are down although nobody can say who they are.
import { isUnlooked, type Member } from '../model/member.ts'
import { brokerOf, type Survey } from '../model/survey.ts'

/** Members that do not run, and whose disks nobody looked at: whose broker each is cannot be told. */
export const absentOf = (brokers: readonly Member[]): readonly string[] =>
  brokers.filter((member) => !member.id.known && isUnlooked(member)).map(({ name }) => name)

/** Nothing of any broker's disk was seen, because none runs. */
export const nobodyLooked = (brokers: readonly Member[]): boolean =>
  brokers.some(isUnlooked) && brokers.flatMap(({ volumes }) => volumes).every(({ clusterId }) => !clusterId.known)

interface Seen {
  readonly survey: Survey
  readonly ids: readonly number[]
  readonly unmatched: readonly string[]
  readonly absent: readonly string[]
}

/** Members that are wanted, or all there are, do not run, and cannot be any of the brokers that are known to be down. */
export const namelessOf = ({ ids, absent, unmatched, survey }: Seen, down: readonly number[]): readonly string[] => {
  const wanted = ids.length === 0 ? absent : absent.filter((name) => unmatched.includes(name))
  const unmatchedDown = down.filter((id) => brokerOf(survey, id)?.member.known !== true).length
  return wanted.slice(unmatchedDown)
}
