// Breaks a lab on purpose: one of processes here, one of containers in docker/.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killNode, lookUp, startNode, stopNode } from '../adapters/process/control.ts'
import { membersOf } from '../adapters/process/members.ts'
import { type ProcessNode, type ProcessState, readState } from '../adapters/process/state-file.ts'
import { KdrError } from '../errors.ts'
import { valueOr } from '../model/known.ts'
import type { Role } from '../model/member.ts'
import type { Fault, Faults } from '../ports/faults.ts'
import { minutes } from '../units.ts'
import { ALIVE, type Candidate, choose, idOf, noSuchRole, notHere, oneRunning, toAll, usage } from './choice.ts'
import { openDockerFaults } from './docker/faults.ts'
import { isDockerLab } from './docker/lab-file.ts'
import { listedBrokers } from './probe.ts'
import { deleteSchemas, leaveOneReplica } from './schemas-faults.ts'
import { isrApart, loseIsr, type Verbs } from './sequences.ts'

const brokersOf = async (state: ProcessState): Promise<readonly Candidate<ProcessNode>[]> => {
  const members = (await membersOf(state)).filter((member) => member.roles.includes('broker'))
  return members.flatMap((member) => {
    const node = state.nodes.find((each) => each.name === member.name)
    return node === undefined ? [] : [{ id: idOf(member), target: node, state: valueOr(member.state, 'unknown' as const) }]
  })
}

const hang = async (node: ProcessNode, signal: AbortSignal): Promise<void> => {
  const running = await lookUp(node)
  if (running === null || running.shell) throw usage(`${node.name} does not run`, 'nothing-to-break')
  process.kill(running.pid, 'SIGSTOP')
  // The signal is taken by the kernel before every thread has stopped: until then it may still answer.
  for (let look = 0; (await lookUp(node))?.paused !== true; look += 1) {
    if (look > 100) throw new KdrError(`${node.name} does not stop at SIGSTOP`, { code: 'not-stopped' })
    await sleep(50, undefined, { signal })
  }
}

const wipe = async (node: ProcessNode, signal: AbortSignal): Promise<void> => {
  await killNode(node, signal)
  // A ZooKeeper's id is its configuration's, which containers write again at every start; here nobody does.
  const all = (path: string) => readdirSync(path).filter((name) => name !== 'myid')
  for (const path of node.dataDirs) for (const name of all(path)) rmSync(join(path, name), { recursive: true, force: true })
}

const stop = async (node: ProcessNode, signal: AbortSignal): Promise<void> => {
  const running = await lookUp(node)
  // Controlled shutdown tries three times, up to some 30 s each.
  await stopNode(node, { name: node.name, uid: running?.uid ?? null }, minutes(2), signal)
}

/** All members that have this role and no other. */
const allOf = async (state: ProcessState, role: Role): Promise<readonly ProcessNode[]> => {
  const nodes = state.nodes.filter((node) => node.roles.length === 1 && node.roles[0] === role)
  if (nodes.length > 0) return nodes
  throw noSuchRole(state.cluster, role, state.mode === 'zookeeper')
}

/** The last one that runs. */
const someOf = async (state: ProcessState, role: Role): Promise<readonly ProcessNode[]> => {
  const all = await allOf(state, role)
  const running = await Promise.all(all.map(async (node) => (await lookUp(node)) !== null))
  return oneRunning(all, (node) => running[all.indexOf(node)] === true, role)
}

/** All of them stopped first: a member that still ran would tell the others what they knew. */
const wipeQuorum = async (state: ProcessState, role: Role, kept: number, signal: AbortSignal): Promise<readonly ProcessNode[]> => {
  const all = await toAll(allOf(state, role), (node) => killNode(node, signal))
  await Promise.all(all.slice(kept).map((node) => wipe(node, signal)))
  return all
}

const groundOf = (state: ProcessState) => ({ bootstrap: state.nodes.flatMap((node) => (node.roles.includes('broker') ? node.listeners.slice(0, 1) : [])) })

/** Stopped and started around it: an empty `_schemas` is what the first of them leaves. */
const loseSchemas = async (state: ProcessState, signal: AbortSignal): Promise<readonly ProcessNode[]> => {
  const nodes = await toAll(allOf(state, 'schema-registry'), (node) => stop(node, signal))
  await deleteSchemas(groundOf(state), signal)
  await Promise.all(nodes.map((node) => startNode(node, { name: node.name, uid: null }, signal)))
  return nodes
}

const schemasLeaderless = async (state: ProcessState, wanted: number | undefined, signal: AbortSignal): Promise<readonly ProcessNode[]> => {
  await allOf(state, 'schema-registry')
  const broker = await leaveOneReplica(groundOf(state), wanted, signal)
  const all = await brokersOf(state)
  return toAll(Promise.resolve(choose(state.cluster, all, { broker, from: ALIVE })), (node) => killNode(node, signal))
}

type Act = (broker: number | undefined, signal: AbortSignal) => Promise<readonly ProcessNode[]>

type Sequence = typeof loseIsr

const inTurn =
  (state: ProcessState, sequence: Sequence): Act =>
  async (broker, signal) => {
    const brokers = new Map((await brokersOf(state)).filter(({ state: now }) => now === 'running').map(({ id, target }) => [id, target]))
    const node = (id: number): ProcessNode => {
      const found = brokers.get(id)
      if (found === undefined) throw usage(`broker ${id} of ${state.cluster} does not run`, 'nothing-to-break')
      return found
    }
    const verbs: Verbs = {
      kill: (id) => killNode(node(id), signal),
      wipe: (id) => wipe(node(id), signal),
      start: (id) => startNode(node(id), { name: node(id).name, uid: null }, signal),
      listed: (id) => listedBrokers(node(id).listeners[0] ?? ''),
    }
    return (await sequence(verbs, [...brokers.keys()], broker, signal)).map(node)
  }

const openProcessFaults = (state: ProcessState): Faults => {
  const some = async (wish: Parameters<typeof choose>[2]) => choose(state.cluster, await brokersOf(state), wish)
  const acts: Readonly<Partial<Record<Fault, Act>>> = {
    'kill-broker': (broker, signal) => toAll(some({ broker, from: ALIVE }), (node) => killNode(node, signal)),
    'hang-broker': (broker, signal) => toAll(some({ broker, from: ['running'] }), (node) => hang(node, signal)),
    'wipe-broker': (broker, signal) => toAll(some({ broker, from: [...ALIVE, 'stopped'] }), (node) => wipe(node, signal)),
    'stop-broker': (broker, signal) => toAll(some({ broker, from: ['running'] }), (node) => stop(node, signal)),
    'kill-two': (broker, signal) => toAll(some({ count: 2, broker, from: ALIVE }), (node) => killNode(node, signal)),
    'lose-isr': inTurn(state, loseIsr),
    'isr-apart': inTurn(state, isrApart),
    'stop-zookeeper': (_, signal) => toAll(allOf(state, 'zookeeper'), (node) => killNode(node, signal)),
    'stop-registry': (_, signal) => toAll(allOf(state, 'schema-registry'), (node) => stop(node, signal)),
    'kill-registry': (_, signal) => toAll(someOf(state, 'schema-registry'), (node) => killNode(node, signal)),
    'lose-schemas': (_, signal) => loseSchemas(state, signal),
    'schemas-leaderless': (broker, signal) => schemasLeaderless(state, broker, signal),
    'stop-controllers': (_, signal) => toAll(allOf(state, 'controller'), (node) => killNode(node, signal)),
    'kill-zookeeper': (_, signal) => toAll(someOf(state, 'zookeeper'), (node) => killNode(node, signal)),
    'kill-controller': (_, signal) => toAll(someOf(state, 'controller'), (node) => killNode(node, signal)),
    'wipe-controller': (_, signal) => toAll(someOf(state, 'controller'), (node) => wipe(node, signal)),
    'wipe-zookeeper-majority': (_, signal) => wipeQuorum(state, 'zookeeper', 1, signal),
    'wipe-controller-majority': (_, signal) => wipeQuorum(state, 'controller', 1, signal),
    'lose-zookeeper': (_, signal) => wipeQuorum(state, 'zookeeper', 0, signal),
  }
  const known = Object.keys(acts) as Fault[]
  return {
    known,
    inject: async (fault, { broker }, signal) => {
      signal.throwIfAborted()
      const act = acts[fault]
      if (act === undefined) throw notHere(fault, 'processes', known)
      return (await act(broker, signal)).map((node) => node.name)
    },
  }
}

/**
 * Faults of the lab, or of any cluster, that a state file describes. Without a broker, the highest id that runs.
 * Throws `not-on-this-platform`, `no-such-broker`, `nothing-to-break`, `no-such-role`, all exit usage.
 */
export const openFaults = (stateFile: string): Faults => (isDockerLab(stateFile) ? openDockerFaults(stateFile) : openProcessFaults(readState(stateFile)))
