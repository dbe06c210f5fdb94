// Which brokers a fault is done to, on every platform: the one that was asked for, or the highest id that runs.
import { KdrError } from '../errors.ts'
import type { Member, MemberState } from '../model/member.ts'
import { FAULTS, type Fault } from '../ports/faults.ts'

export interface Candidate<Target> {
  readonly id: number
  readonly state: MemberState | 'unknown'
  readonly target: Target
}

export const ALIVE: readonly Candidate<unknown>['state'][] = ['running', 'paused', 'pending']

export const usage = (message: string, code: string): KdrError => new KdrError(message, { code, exit: 'usage' })

export const idOf = (member: Member): number => {
  if (member.id.known) return member.id.value
  throw new KdrError(`${member.name} cannot be told: ${member.id.why}`, { code: 'member-unknown' })
}

interface Wish {
  readonly count?: number
  readonly broker: number | undefined
  /** States in which the named broker can be broken in this way; one that is picked always runs. */
  readonly from: readonly Candidate<unknown>['state'][]
}

/** The broker asked for, then running ones from the highest id down. Throws `no-such-broker`, `nothing-to-break` (exit usage). */
export const choose = <Target>(cluster: string, all: readonly Candidate<Target>[], { count = 1, broker: wanted, from }: Wish): readonly Target[] => {
  const brokers = [...all].sort((a, b) => b.id - a.id)
  const asked = brokers.find((broker) => broker.id === wanted)
  if (wanted !== undefined && asked === undefined) {
    throw usage(`${cluster} has no broker ${wanted}: it has ${brokers.map((broker) => broker.id).join(', ')}`, 'no-such-broker')
  }
  if (asked !== undefined && !from.includes(asked.state)) throw usage(`broker ${asked.id} of ${cluster} is ${asked.state}`, 'nothing-to-break')
  const others = brokers.filter((broker) => broker.state === 'running' && broker !== asked)
  const chosen = [...(asked === undefined ? [] : [asked]), ...others].slice(0, count)
  if (chosen.length < count) throw usage(`only ${chosen.length} brokers of ${cluster} run; ${count} are needed`, 'nothing-to-break')
  return chosen.map((broker) => broker.target)
}

/** To all of them at once, as disasters come. */
export const toAll = async <Target>(targets: Promise<readonly Target[]>, act: (target: Target) => Promise<void>): Promise<readonly Target[]> => {
  const chosen = await targets
  await Promise.all(chosen.map(act))
  return chosen
}

export const noSuchRole = (cluster: string, role: string, zookeeper: boolean): KdrError => {
  const why = role === 'schema-registry' ? 'bring it up with one (kdr lab up --with schema-registry)' : `it runs with ${zookeeper ? 'ZooKeeper' : 'KRaft'}`
  return usage(`${cluster} has no ${role} of its own: ${why}`, 'no-such-role')
}

export const notHere = (fault: Fault, platform: string, known: readonly Fault[]): KdrError =>
  new KdrError(`${fault} cannot be done to a lab of ${platform}`, {
    code: 'not-on-this-platform',
    exit: 'usage',
    hint: `It knows ${FAULTS.filter((each) => known.includes(each)).join(', ')}`,
  })

/** The last of a quorum's members that runs; none is needed when nothing runs. Throws `nothing-to-break`. */
export const oneRunning = <Target>(all: readonly Target[], runs: (target: Target) => boolean, role: string): readonly Target[] => {
  const last = all.findLast(runs)
  if (last === undefined) throw usage(`no ${role} runs`, 'nothing-to-break')
  return [last]
}
