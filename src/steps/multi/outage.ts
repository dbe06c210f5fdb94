// Which brokers are down and which survive, decided once for a recovery of several: survivors are never
// touched, and every later step is about one of the dead ones.
import { type Decision, decide, type Resolution } from '../../engine/step.ts'
import { diagnose } from '../../judgement/diagnose.ts'
import { few } from '../../judgement/evidence.ts'
import { brokerStatus, quorumHeld } from '../../judgement/status.ts'
import { isrOnRecord, partitionName } from '../../model/partitions.ts'
import { ALL_ASPECTS, type Aspect, type Survey, unmatchedBrokers } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'
import { coordinationProblem, type FailedBroker, targetOf } from '../failed-broker.ts'

export interface Outage {
  readonly dead: readonly FailedBroker[]
  readonly survivors: readonly number[]
  /** Brokers the operator says will not come back; all of them are among the dead. */
  readonly gone: readonly number[]
  /** Partitions and topics, at most some, of which a stale leader could not be ruled out when the run began. */
  readonly inDoubt: readonly string[]
}

export interface MultiBrokerOptions {
  /** Brokers that will not come back: their replicas are moved to others. */
  readonly gone: readonly number[]
}

/** The first look is at everything that later steps ask for: a dry run goes on from it. */
export const EVERYTHING: readonly Aspect[] = [...ALL_ASPECTS, 'logs', 'throttles']

/** One of the dead, for steps that are about a single broker. */
export const oneOf = (outage: Decision<Outage>, broker: number): Decision<FailedBroker> => {
  const find = ({ dead }: Outage): FailedBroker => {
    const found = dead.find((each) => each.broker === broker)
    if (found === undefined) throw new Error(`broker ${broker} is not among the dead`)
    return found
  }
  return {
    step: outage.step,
    value: () => find(outage.value()),
    taken: () => {
      const taken = outage.taken()
      return taken === null ? null : find(taken)
    },
  }
}

/** Names enough to say which; one is enough to doubt. */
const DOUBTS = 20

const wrongQuorum = (now: Survey): Resolution<never> | null => {
  const diagnosis = diagnose(now)
  if (diagnosis.verdict === 'zookeeper' || diagnosis.verdict === 'complete-loss')
    return { blocked: `${diagnosis.verdict}: ${diagnosis.because}`, hint: `kdr ${diagnosis.next.join(' ') || 'diagnose'}` }
  return coordinationProblem(now, null) as Resolution<never> | null
}

const resolveOutage = (now: Survey, gone: readonly number[]): Resolution<Outage> => {
  if (!now.members.known) return { unknown: `the platform was not seen: ${now.members.why}`, hint: 'kdr doctor' }
  const coordination = wrongQuorum(now)
  if (coordination !== null) return coordination
  if (!now.brokers.known) return { unknown: `the brokers were not seen: ${now.brokers.why}`, hint: 'kdr doctor' }
  const seen = now.brokers.value.map(({ id }) => ({ id, ...brokerStatus(now, id) }))
  const blind = seen.find(({ status }) => status === 'unknown')
  if (blind !== undefined) return { unknown: `whether broker ${blind.id} is down was not seen: ${blind.because}`, hint: 'look again in some seconds' }
  const unmatched = unmatchedBrokers(now)
  if (unmatched.length > 0) return { unknown: `which broker ${few(unmatched)} is was not seen`, hint: 'look again in some seconds' }
  const dead = seen.filter(({ status }) => status !== 'up').map(({ id }) => id)
  const alive = gone.filter((id) => !dead.includes(id))
  if (alive.length > 0) return { blocked: `broker ${few(alive)} is not down: it is not given up`, hint: 'kdr diagnose' }
  return outageOf(now, dead, gone)
}

/** What is not seen yet because nobody answers is looked at before each start. */
const inDoubt = ({ partitions }: Survey): readonly string[] => {
  if (!partitions.known) return []
  const unread = [...partitions.value.rows()].filter((row) => isrOnRecord(row) === null).map(partitionName)
  const unclean = partitions.value.topics.filter(({ uncleanElection }) => uncleanElection.known && uncleanElection.value).map(({ name }) => name)
  return [...unclean, ...unread].slice(0, DOUBTS)
}

const outageOf = (now: Survey, dead: readonly number[], gone: readonly number[]): Resolution<Outage> => {
  if (dead.length === 0) return { blocked: 'no broker is down: there is nothing to recover', hint: 'kdr diagnose' }
  const leaderless = now.partitions.known && [...now.partitions.value.rows()].some(({ leader }) => leader < 0)
  if (dead.length === 1 && !leaderless && gone.length === 0)
    return { blocked: `only broker ${dead[0]} is down, and every partition has a leader`, hint: `kdr recover single-broker --broker ${dead[0]}` }
  const failed: FailedBroker[] = []
  for (const id of dead) {
    const found = targetOf(now, id, 'multi-broker')
    if (!('target' in found)) return found as Resolution<never>
    failed.push(found.target)
  }
  const survivors = now.brokers.known ? now.brokers.value.map(({ id }) => id).filter((id) => !dead.includes(id)) : []
  return { target: { dead: failed, survivors, gone, inDoubt: inDoubt(now) } }
}

/** How long sessions may outlive the last broker: until they end nobody can read what is on record. */
const SESSIONS = 40

const settled = async (world: ReadWorld): Promise<Survey> => {
  for (let looks = 0; ; looks += 1) {
    const now = await world.survey(EVERYTHING)
    const nobody = now.brokers.known && now.brokers.value.every(({ id }) => ['down', 'hung'].includes(brokerStatus(now, id).status))
    if (now.partitions.known || !nobody || !quorumHeld(now) || looks >= SESSIONS) return now
    await world.clock.sleep(seconds(1))
  }
}

export interface FoundOutage extends Decision<Outage> {
  /** null in a resumed run. */
  readonly before: () => Survey | null
}

export const checkOutage = ({ gone }: MultiBrokerOptions): FoundOutage => {
  let before: Survey | null = null
  const decision = decide<Outage>({
    id: 'check-outage',
    title: 'Check which brokers are down and which survive',
    why: 'Survivors may hold the last replicas in sync: they stay up, and nothing is done before it is known who they are.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(2) },
    resolve: async (world) => {
      before = await settled(world)
      return resolveOutage(before, gone)
    },
    preview: ({ dead }, commands) => ({
      sentence: `brokers ${dead.map(({ broker }) => broker).join(', ')} are down`,
      changes: [],
      commands: [commands.list(), commands.kafka('kafka-topics', ['--describe', '--unavailable-partitions'])],
    }),
    expect: (now) => now,
    done: (_, { dead, survivors }) => ({
      state: 'done',
      detail: `down: ${dead.map(({ broker, member, because }) => `${broker} (${member}: ${because})`).join('; ')}; surviving: ${survivors.join(', ') || 'none'}`,
    }),
  })
  return { ...decision, before: () => before }
}
