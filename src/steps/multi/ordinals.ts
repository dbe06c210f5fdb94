// The ordinal block: a StatefulSet that makes its pods in order (OrderedReady) makes none before every lower one is
// ready, and one that never is keeps from starting whoever has the data. The order cannot be changed in place, so the
// set is made anew without its pods being touched, and given its order back at the end.
import { act, type Decision, decide, type Guard, type Refusal, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { governed, startOf } from '../../judgement/guards.ts'
import { claimsStay, nobodyElses } from '../../judgement/platform-guards.ts'
import { heldUpBy, type Member, type Workload } from '../../model/member.ts'
import { isrOnRecord, partitionName } from '../../model/partitions.ts'
import { memberOf, memberOfBroker, type Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { withOrderOfSet } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'
import type { Outage } from './outage.ts'

interface Blocked {
  readonly set: string
  /** Absent, and held up by lower ordinals: a member and its broker each. */
  readonly members: readonly { readonly member: string; readonly broker: number }[]
  /** Why, a line each. */
  readonly because: readonly string[]
}

export interface Order {
  readonly blocked: readonly Blocked[]
}

const setOf = (member: Member | undefined): Workload | null =>
  member?.workload.known === true && member.workload.value?.kind === 'StatefulSet' ? member.workload.value : null

/** It has no pod: wanted and held up, or scaled away. */
const isAbsent = ({ state, uid, waiting }: Member): boolean =>
  state.known &&
  state.value === 'stopped' &&
  uid.known &&
  uid.value === null &&
  waiting.known &&
  ['ScaledDown', 'NotCreated'].includes(waiting.value?.reason ?? '')

/** Partitions that nobody else may be elected for. */
const waitingFor = (now: Survey, broker: number): readonly string[] =>
  now.partitions.known ? [...now.partitions.value.rows()].filter((row) => row.leader < 0 && isrOnRecord(row)?.join() === String(broker)).map(partitionName) : []

const lineOf = (now: Survey, member: Member, broker: number, before: readonly Member[]): string => {
  const only = waitingFor(now, broker)
  const needed = only.length === 0 ? '' : `, which alone is in the ISR on record of ${few(only)},`
  const states = before.map(({ name, state, waiting }) => {
    const reason = waiting.known && waiting.value !== null ? waiting.value.reason : state.known ? state.value : 'not seen'
    return `${name} (${reason})`
  })
  return `${member.name}, broker ${broker}${needed} is not made before ${few(states)} is ready (podManagementPolicy OrderedReady)`
}

const blockedOf = (now: Survey, brokers: readonly number[]): readonly Blocked[] => {
  const all = now.members.known ? now.members.value : []
  const sets = new Map<string, Blocked>()
  for (const broker of brokers) {
    const member = memberOfBroker(now, broker)
    const set = setOf(member)
    const before = member === undefined ? [] : heldUpBy(member, all)
    if (member === undefined || set === null || !isAbsent(member) || before.length === 0) continue
    const found = sets.get(set.name) ?? { set: set.name, members: [], because: [] }
    const because = [...found.because, lineOf(now, member, broker, before)]
    sets.set(set.name, { ...found, members: [...found.members, { member: member.name, broker }], because })
  }
  return [...sets.values()]
}

const LOOKS = 3

/** Looks again where the ISRs on record were not seen: whoever is held up is named with what waits for it alone. */
const withRecord = async (world: ReadWorld): Promise<Survey> => {
  for (let looks = 1; ; looks += 1) {
    const now = await world.survey()
    const seen = now.partitions.known && [...now.partitions.value.rows()].every((row) => row.leader >= 0 || isrOnRecord(row) !== null)
    if (seen || looks === LOOKS) return now
    await world.clock.sleep(seconds(1))
  }
}

export const checkOrder = (outage: Decision<Outage>): Decision<Order> =>
  decide<Order>({
    id: 'check-order',
    title: 'Check whether a lower ordinal keeps anybody from being started',
    why: 'A set that makes its pods in order would start whoever has the data only after everybody before it is ready, which a broken one never is.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(2), deadline: minutes(1) },
    resolve: async (world) => {
      const { dead, gone } = outage.value()
      const wanted = dead.map(({ broker }) => broker).filter((broker) => !gone.includes(broker))
      return { target: { blocked: blockedOf(await withRecord(world), wanted) } }
    },
    preview: ({ blocked }) => ({
      sentence:
        blocked.length === 0
          ? 'nobody is held up by a lower ordinal'
          : `lower ordinals hold up ${few(blocked.flatMap(({ members }) => members.map(({ member }) => member)))}`,
      changes: blocked.flatMap(({ because }) => because),
      commands: [],
    }),
    expect: (now) => now,
    done: (_, { blocked }) => ({
      state: 'done',
      detail: blocked.length === 0 ? 'nobody is held up by a lower ordinal' : blocked.flatMap(({ because }) => because).join('; '),
    }),
  })

interface ToRecreate {
  readonly sets: readonly { readonly name: string; readonly version: string; readonly replicas: number }[]
  readonly members: readonly string[]
}

/** Made anew, a set starts at once whatever it wants and has not got. */
const companyFit: Guard<ToRecreate> = {
  name: 'G2',
  check: (now, { members }): Refusal | null => {
    for (const name of members) {
      const member = memberOf(now, name)
      if (member?.waiting.known !== true || member.waiting.value?.reason !== 'NotCreated') continue
      const found = startOf(now, name)
      if (found !== null)
        return {
          ...found,
          because: `${name} would be started at once: ${found.because}`,
          instead: `kubectl scale statefulset ${setOf(member)?.name} --replicas=0, then begin anew: each is then started by itself`,
        }
    }
    return null
  },
}

const GUARDS: readonly Guard<ToRecreate>[] = [nobodyElses(), claimsStay(), companyFit, governed()]

type Policy = 'Parallel' | 'OrderedReady'

const setsOf = (now: Survey, { blocked }: Order, ordered: boolean): ToRecreate => {
  const own = blocked.flatMap(({ set, members }) => {
    const found = members.map(({ member }) => setOf(memberOf(now, member))).find((each) => each?.name === set && each.ordered === ordered)
    return found == null ? [] : [{ name: found.name, version: found.version, replicas: found.replicas }]
  })
  const names = new Set(own.map(({ name }) => name))
  return { sets: own, members: blocked.flatMap(({ set, members }) => (names.has(set) ? members.map(({ member }) => member) : [])) }
}

interface Recreation {
  readonly id: 'free-ordinals' | 'order-ordinals'
  readonly title: string
  readonly why: string
  readonly policy: Policy
  readonly nothing: string
}

const recreate = (order: Decision<Order>, { id, title, why, policy, nothing }: Recreation): Step =>
  act<ToRecreate>({
    id,
    title,
    why,
    effect: 'delete',
    aspects: ['members', 'brokers', 'coordination', 'partitions'],
    budget: { expected: seconds(5), deadline: minutes(5) },
    guards: GUARDS,
    challenge: ({ sets }) => sets.map(({ name }) => name).join(','),
    resolve: async (world) => {
      if (order.value().blocked.length === 0) return { nothing: 'nobody is held up by a lower ordinal' }
      const now = await world.survey()
      if (!now.members.known) return { unknown: `the platform was not seen: ${now.members.why}` }
      const target = setsOf(now, order.value(), policy === 'Parallel')
      return target.sets.length === 0 ? { nothing } : { target }
    },
    preview: ({ sets }) => ({
      sentence: `delete StatefulSet ${few(sets.map(({ name }) => name))} without its pods and claims, and create it again with podManagementPolicy ${policy}`,
      changes: ['no pod and no claim is touched: the new set adopts them', 'its manifest is kept in the folder of the run before it is deleted'],
      commands: sets.flatMap(({ name }) => [
        `kubectl get statefulset ${name} -o yaml > ${name}.yaml  # then set podManagementPolicy: ${policy} in it`,
        `kubectl delete statefulset ${name} --cascade=orphan`,
        `kubectl create -f ${name}.yaml`,
      ]),
    }),
    act: async (world, { sets }, signal) => {
      const { workloads } = world.change.platform
      if (workloads === null) throw new Error('this platform has no sets')
      for (const { name, version, replicas } of sets)
        await workloads.recreate(
          { name, version },
          { podManagementPolicy: policy, replicas },
          (manifest) => world.evidence(`${id}-${name}.json`, manifest),
          signal,
        )
      return undefined
    },
    expect: (now, { sets }) => sets.reduce((after, { name }) => withOrderOfSet(after, name, policy === 'OrderedReady'), now),
    done: (now, { sets, members }) => {
      const seen = members.map((name) => setOf(memberOf(now, name)))
      const [missing] = sets.filter(({ name }) => !seen.some((set) => set?.name === name))
      if (missing !== undefined)
        return {
          state: 'unknown',
          detail: `StatefulSet ${missing.name} was not seen; if it is gone, create it from ${id}-${missing.name}.json in the folder of the run`,
        }
      const left = seen.some((set) => set?.ordered === (policy === 'Parallel'))
      return {
        state: left ? 'not-started' : 'done',
        detail: sets.map(({ name }) => `StatefulSet ${name} makes its pods ${left === (policy === 'Parallel') ? 'in order' : 'in any order'}`).join('; '),
      }
    },
  })

export const freeOrdinals = (order: Decision<Order>): Step =>
  recreate(order, {
    id: 'free-ordinals',
    title: 'Have the set start its pods in any order',
    why: 'podManagementPolicy cannot be changed in place; with Parallel whoever is needed first is started first, and nobody has to be elected unclean.',
    policy: 'Parallel',
    nothing: 'it starts them in any order by now',
  })

export const orderOrdinals = (order: Decision<Order>): Step =>
  recreate(order, {
    id: 'order-ordinals',
    title: 'Give the set its order back',
    why: 'It is what its manifest says: applied again, a set that says otherwise is refused.',
    policy: 'OrderedReady',
    nothing: 'it has its own order',
  })
