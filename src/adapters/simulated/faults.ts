// The Faults port over the simulated cluster: the same breakages as in a lab of real processes.
import { KdrError } from '../../errors.ts'
import type { Fault, Faults } from '../../ports/faults.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { until } from './kafka.ts'
import { killMember, pauseMember, terminateMember } from './lifecycle.ts'
import type { Random } from './random.ts'
import { isUp, type SimMember } from './state.ts'

const running = (cluster: Cluster): readonly SimMember[] => cluster.brokers.filter((broker) => broker.state !== 'stopped')

const pick = (cluster: Cluster, random: Random, id: number | undefined): SimMember => {
  const candidates = running(cluster).filter(isUp)
  const broker = id === undefined ? candidates[random.between(0, candidates.length - 1)] : cluster.broker(id)
  if (broker === undefined) throw new KdrError(id === undefined ? 'no broker runs' : `there is no broker ${id}`, { code: 'no-such-broker', exit: 'usage' })
  return broker
}

const kill = (cluster: Cluster, member: SimMember): void => {
  cluster.note('fault', 0, 'kill', member.name)
  killMember(cluster, member)
}

const stopGracefully = async (cluster: Cluster, member: SimMember, signal: AbortSignal): Promise<void> => {
  cluster.note('fault', 0, 'stop', member.name)
  const boot = member.boot
  terminateMember(cluster, member)
  if (!(await until(cluster, 120_000, signal, () => member.boot !== boot || member.state === 'stopped'))) killMember(cluster, member)
}

const wipe = (cluster: Cluster, member: SimMember): void => {
  kill(cluster, member)
  cluster.note('fault', 0, 'wipe', member.name)
  cluster.wipe(member.id)
  member.disk = 'blank'
  member.cleanShutdown = false
  cluster.changed()
}

const pause = (cluster: Cluster, member: SimMember): void => {
  cluster.note('fault', 0, 'pause', member.name)
  pauseMember(cluster, member)
}

const two = (cluster: Cluster, random: Random, id: number | undefined): readonly SimMember[] => {
  const first = pick(cluster, random, id)
  const second = running(cluster).find((broker) => broker !== first)
  return second === undefined ? [first] : [first, second]
}

const ensemble = (cluster: Cluster, role: SimMember['role'], fault: Fault): readonly SimMember[] => {
  const members = cluster.members.filter((member) => member.role === role)
  if (members.length === 0) throw new KdrError(`${fault}: ${cluster.name} has no ${role}`, { code: 'fault-not-applicable', exit: 'usage' })
  return members.filter((member) => member.state !== 'stopped')
}

const inject = async (cluster: Cluster, random: Random, fault: Fault, broker: number | undefined, signal: AbortSignal): Promise<readonly SimMember[]> => {
  if (fault === 'stop-zookeeper' || fault === 'stop-controllers') {
    const members = ensemble(cluster, fault === 'stop-zookeeper' ? 'zookeeper' : 'controller', fault)
    for (const member of members) kill(cluster, member)
    return members
  }
  const members = fault === 'kill-two' ? two(cluster, random, broker) : [pick(cluster, random, broker)]
  for (const member of members) {
    if (fault === 'kill-broker' || fault === 'kill-two') kill(cluster, member)
    if (fault === 'hang-broker') pause(cluster, member)
    if (fault === 'wipe-broker') wipe(cluster, member)
    if (fault === 'stop-broker') await stopGracefully(cluster, member, signal)
  }
  return members
}

export const createFaults = (cluster: Cluster, random: Random, call: Call): Faults => ({
  inject: (fault, options, signal) =>
    call('faults.inject', signal, async () => {
      const members = await inject(cluster, random, fault, options.broker, signal)
      return members.map((member) => member.name)
    }),
})
