// StatefulSets in the simulation, of its brokers and its ZooKeepers: they make pods in order or all at once, and take
// away what they no longer want. Changed by the same writes, with the same preconditions, as on Kubernetes.
import { KdrError } from '../../errors.ts'
import { ordinalOf, rangeWith } from '../../model/member.ts'
import type { WorkloadWriter } from '../../ports/platform.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import type { Life } from './life.ts'
import { startMember, terminateMember } from './lifecycle.ts'
import { hasNoPod, isUp, isWanted, type SimMember, type SimSet } from './state.ts'

/** As long as a pod takes from being wanted to its process. */
const makeLater = (cluster: Cluster, set: SimSet, member: SimMember): void => {
  const { boot } = member
  cluster.time.after(cluster.random.between(1500, 2500), () => {
    if (!set.held && isWanted(set, member) && hasNoPod(member) && member.boot === boot && mayBeMade(cluster, set, member)) startMember(cluster, member)
  })
}

const madeBy = (cluster: Cluster, set: SimSet): readonly SimMember[] => cluster.members.filter((member) => cluster.setOf(member) === set)

const mayBeMade = (cluster: Cluster, set: SimSet, member: SimMember): boolean =>
  !set.ordered || madeBy(cluster, set).every((other) => !isWanted(set, other) || ordinalOf(other.name) >= ordinalOf(member.name) || isUp(other))

/** The controller's loop: lowest ordinal first. */
export const reviewSet = (cluster: Cluster, set: SimSet): void => {
  if (set.held) return
  for (const member of madeBy(cluster, set)) {
    if (!isWanted(set, member)) {
      member.exits = 0
      terminateMember(cluster, member)
    } else if (hasNoPod(member) && mayBeMade(cluster, set, member)) makeLater(cluster, set, member)
  }
}

/** As scaling does it: this ordinal is wanted from now on. */
export const placeIn = (set: SimSet, { name, role }: SimMember): void => {
  const { first, replicas } = rangeWith(set, { name, roles: [role] })
  set.first = first
  set.replicas = replicas
  set.version += 1
  set.review()
}

const unchanged = ({ sets }: Cluster, { name, version }: { readonly name: string; readonly version: string }): SimSet => {
  const set = sets.find((each) => each.name === name)
  if (set !== undefined && version === String(set.version)) return set
  throw new KdrError(`StatefulSet ${name} has changed since it was looked at (generation ${version}, now ${set?.version ?? 'gone'})`, {
    code: 'workload-changed',
    exit: 'refused',
    hint: 'look again',
  })
}

const notHere = async (): Promise<never> => {
  throw new KdrError('the simulation has no such write', { code: 'not-on-this-platform', exit: 'usage' })
}

export const createWorkloads = (cluster: Cluster, life: Life, call: Call): WorkloadWriter => ({
  scale: (of, replicas, signal) =>
    call('workloads.scale', signal, () => {
      const set = unchanged(cluster, of)
      cluster.note('kdr', life.number, 'scale', set.name)
      set.replicas = replicas
      set.version += 1
      set.review()
    }),
  recreate: (of, { podManagementPolicy, replicas }, keep, signal) =>
    call('workloads.recreate', signal, () => {
      const set = unchanged(cluster, of)
      keep(`${JSON.stringify({ kind: 'StatefulSet', name: set.name, podManagementPolicy: set.ordered ? 'OrderedReady' : 'Parallel' })}\n`)
      cluster.note('kdr', life.number, 'recreate', set.name)
      set.ordered = podManagementPolicy === 'OrderedReady'
      set.replicas = replicas
      set.version += 1
      set.review()
    }),
  rollout: notHere,
  apply: notHere,
  rebind: notHere,
})
