// The Faults port over the simulated cluster: the same breakages as in a lab of real processes.
import { KdrError } from '../../errors.ts'
import { REGISTRY_DEFAULTS } from '../../model/registry.ts'
import { COMMON_FAULTS, type Fault, type Faults, REGISTRY_FAULTS, SET_FAULTS } from '../../ports/faults.ts'
import type { Call } from './call.ts'
import type { Cluster } from './cluster.ts'
import { until } from './kafka-logs.ts'
import { killMember, pauseMember, startMember, terminateMember } from './lifecycle.ts'
import { reassignOne } from './reassign.ts'
import { makeSchemas, registriesOf, registryLeader } from './registry.ts'
import { isUp, type SimMember } from './state.ts'
import { dropTopic } from './topics.ts'

const usage = (message: string, code: string): KdrError => new KdrError(message, { code, exit: 'usage' })

interface Wish {
  readonly count: number
  readonly broker: number | undefined
  /** States in which the named broker can be broken in this way; one that is picked always runs. */
  readonly from: readonly SimMember['state'][]
}

const WISHES: Readonly<Record<string, Omit<Wish, 'broker'>>> = {
  'kill-broker': { count: 1, from: ['running', 'paused'] },
  'hang-broker': { count: 1, from: ['running'] },
  'wipe-broker': { count: 1, from: ['running', 'paused', 'stopped'] },
  'stop-broker': { count: 1, from: ['running'] },
  'kill-two': { count: 2, from: ['running', 'paused'] },
}

/** The broker asked for, then running ones from the highest id down. */
const choose = (cluster: Cluster, { count, broker: wanted, from }: Wish): readonly SimMember[] => {
  const asked = wanted === undefined ? undefined : cluster.broker(wanted)
  if (wanted !== undefined && asked === undefined) throw usage(`${cluster.name} has no broker ${wanted}`, 'no-such-broker')
  if (asked !== undefined && !from.includes(asked.state)) throw usage(`broker ${asked.id} of ${cluster.name} is ${asked.state}`, 'nothing-to-break')
  const others = cluster.brokers.filter((broker) => broker.state === 'running' && broker !== asked).sort((a, b) => b.id - a.id)
  const chosen = [...(asked === undefined ? [] : [asked]), ...others].slice(0, count)
  if (chosen.length < count) throw usage(`only ${chosen.length} brokers of ${cluster.name} run; ${count} are needed`, 'nothing-to-break')
  return chosen
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
  if (member.state !== 'stopped') kill(cluster, member)
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

const allOf = (cluster: Cluster, role: SimMember['role']): readonly SimMember[] => {
  const members = cluster.members.filter((member) => member.role === role)
  if (members.length === 0) throw usage(`${cluster.name} has no ${role} of its own`, 'no-such-role')
  return members
}

interface QuorumFault {
  readonly role: 'zookeeper' | 'controller'
  /** How many of them go; null: all. */
  readonly count: number | null
  /** Whose disks are emptied. */
  readonly wiped: 'nobody' | 'hit' | 'all but the first'
}

const QUORUM_FAULTS: Readonly<Partial<Record<Fault, QuorumFault>>> = {
  'stop-zookeeper': { role: 'zookeeper', count: null, wiped: 'nobody' },
  'stop-controllers': { role: 'controller', count: null, wiped: 'nobody' },
  'kill-zookeeper': { role: 'zookeeper', count: 1, wiped: 'nobody' },
  'kill-controller': { role: 'controller', count: 1, wiped: 'nobody' },
  'wipe-zookeeper-majority': { role: 'zookeeper', count: null, wiped: 'all but the first' },
  'wipe-controller-majority': { role: 'controller', count: null, wiped: 'all but the first' },
  'wipe-controller': { role: 'controller', count: 1, wiped: 'hit' },
  'lose-zookeeper': { role: 'zookeeper', count: null, wiped: 'hit' },
}

const breakQuorum = (cluster: Cluster, { role, count, wiped }: QuorumFault): readonly SimMember[] => {
  const all = allOf(cluster, role)
  const running = all.filter(({ state }) => state === 'running')
  const hit = count === null ? all : running.slice(-count)
  if (hit.length === 0) throw usage(`no ${role} of ${cluster.name} runs`, 'nothing-to-break')
  // What a set makes would be back before anybody looked: it is scaled to nothing.
  const set = cluster.sets.find((each) => each.role === role)
  if (set !== undefined && count === null) Object.assign(set, { replicas: 0, version: set.version + 1 })
  for (const member of hit) kill(cluster, member)
  const emptied = wiped === 'hit' ? hit : wiped === 'nobody' ? [] : all.slice(1)
  for (const member of emptied) {
    cluster.note('fault', 0, 'wipe', member.name)
    member.disk = 'blank'
    member.formatted = false
    member.claimed = set === undefined
  }
  cluster.changed()
  return hit
}

/** Registered, and nobody else. */
const alone = (cluster: Cluster, ids: readonly number[], signal: AbortSignal): Promise<boolean> =>
  until(cluster, 120_000, signal, () => [...cluster.registrations.keys()].sort().join() === ids.join() && cluster.governed)

const revive = async (cluster: Cluster, member: SimMember, signal: AbortSignal): Promise<void> => {
  cluster.note('fault', 0, 'start', member.name)
  startMember(cluster, member)
  await until(cluster, 120_000, signal, () => member.serving)
}

/** As in a lab: who falls behind first is the one that comes back, and what the others had decides. */
const inTurn = async (cluster: Cluster, fault: 'lose-isr' | 'isr-apart', wanted: number | undefined, signal: AbortSignal): Promise<readonly SimMember[]> => {
  const [last, ...others] = choose(cluster, { count: cluster.brokers.length, broker: wanted, from: ['running'] })
  const survivor = others.at(-1)
  if (last === undefined || survivor === undefined) throw usage(`${cluster.name} has too few brokers`, 'nothing-to-break')
  const rest = [last, ...others.filter((member) => member !== survivor)]
  if (fault === 'lose-isr') {
    for (const member of others) kill(cluster, member)
    await alone(cluster, [last.id], signal)
    wipe(cluster, last)
  } else {
    kill(cluster, survivor)
    await alone(cluster, rest.map(({ id }) => id).sort(), signal)
    for (const member of rest) kill(cluster, member)
  }
  await until(cluster, 120_000, signal, () => cluster.registrations.size === 0)
  await revive(cluster, survivor, signal)
  return rest
}

/** All but one die and are not made anew; then the set is scaled to nothing: only that one has everything. */
const scaleToZero = async (cluster: Cluster, wanted: number | undefined, signal: AbortSignal): Promise<readonly SimMember[]> => {
  const set = cluster.sets.find(({ role }) => role === 'broker')
  if (set === undefined) throw usage(`no set makes the brokers of ${cluster.name}`, 'not-on-this-platform')
  const [last, ...others] = choose(cluster, { count: cluster.brokers.length, broker: wanted, from: ['running'] })
  if (last === undefined) return []
  set.held = true
  for (const member of others) kill(cluster, member)
  await alone(cluster, [last.id], signal)
  kill(cluster, last)
  await until(cluster, 120_000, signal, () => cluster.registrations.size === 0)
  set.replicas = 0
  set.version += 1
  set.held = false
  return [last, ...others]
}

const inject = async (cluster: Cluster, fault: Fault, wanted: number | undefined, signal: AbortSignal): Promise<readonly SimMember[]> => {
  const quorum = QUORUM_FAULTS[fault]
  if (quorum !== undefined) return breakQuorum(cluster, quorum)
  if (fault === 'lose-isr' || fault === 'isr-apart') return inTurn(cluster, fault, wanted, signal)
  if (fault === 'scale-to-zero') return scaleToZero(cluster, wanted, signal)
  const wish = Object.entries(WISHES).find(([name]) => name === fault)?.[1]
  if (wish === undefined) throw usage(`${fault} can be done to containers only`, 'not-on-this-platform')
  const members = choose(cluster, { ...wish, broker: wanted })
  for (const member of members) {
    if (fault === 'kill-broker' || fault === 'kill-two') kill(cluster, member)
    if (fault === 'hang-broker') pause(cluster, member)
    if (fault === 'wipe-broker') wipe(cluster, member)
    if (fault === 'stop-broker') await stopGracefully(cluster, member, signal)
  }
  return members
}

const registriesUp = (cluster: Cluster): readonly SimMember[] => {
  const members = registriesOf(cluster).filter(({ state }) => state === 'running')
  if (members.length === 0) throw usage(`no schema registry of ${cluster.name} runs`, 'nothing-to-break')
  return members
}

/** What a real loss looks like: the topic made anew, empty, while the registries were down, and nobody told. */
const loseSchemas = async (cluster: Cluster, signal: AbortSignal): Promise<readonly SimMember[]> => {
  const members = registriesUp(cluster)
  for (const member of members) await stopGracefully(cluster, member, signal)
  dropTopic(cluster, REGISTRY_DEFAULTS.topic)
  makeSchemas(cluster)
  cluster.note('fault', 0, 'delete-topic', REGISTRY_DEFAULTS.topic)
  for (const member of members) startMember(cluster, member)
  await until(cluster, 60_000, signal, () => members.every(isUp))
  return members
}

/** As in a real lab: its topic is left to one broker alone, and that one dies. */
const killLastHost = (cluster: Cluster, wanted: number | undefined): readonly SimMember[] => {
  const partition = cluster.partition(REGISTRY_DEFAULTS.topic, 0)
  const host = cluster.brokers.find(({ id, state }) => id === (wanted ?? partition?.replicas.at(-1)) && state === 'running')
  if (partition === undefined || host === undefined) throw usage(`nobody who runs has ${REGISTRY_DEFAULTS.topic}`, 'nothing-to-break')
  partition.topic.configs.set('min.insync.replicas', '1')
  reassignOne(cluster, partition, [host.id])
  kill(cluster, host)
  return [host]
}

const injectRegistry = async (cluster: Cluster, fault: Fault, broker: number | undefined, signal: AbortSignal): Promise<readonly SimMember[] | null> => {
  if (fault === 'lose-schemas') return loseSchemas(cluster, signal)
  if (fault === 'schemas-leaderless') return killLastHost(cluster, broker)
  if (fault === 'stop-registry') {
    const members = registriesUp(cluster)
    for (const member of members) await stopGracefully(cluster, member, signal)
    return members
  }
  if (fault !== 'kill-registry') return null
  const member = registryLeader(cluster) ?? registriesUp(cluster)[0]
  if (member !== undefined) kill(cluster, member)
  return member === undefined ? [] : [member]
}

export const createFaults = (cluster: Cluster, call: Call): Faults => ({
  known: [...COMMON_FAULTS, ...(registriesOf(cluster).length === 0 ? [] : REGISTRY_FAULTS), ...(cluster.sets.length === 0 ? [] : SET_FAULTS)],
  inject: (fault, options, signal) =>
    call('faults.inject', signal, async () => {
      const members = (await injectRegistry(cluster, fault, options.broker, signal)) ?? (await inject(cluster, fault, options.broker, signal))
      return members.map((member) => member.name)
    }),
})
