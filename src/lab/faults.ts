// Breaks a lab of processes on purpose.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killNode, lookUp, stopNode } from '../adapters/process/control.ts'
import { membersOf } from '../adapters/process/members.ts'
import { type ProcessNode, type ProcessState, readState } from '../adapters/process/state-file.ts'
import { KdrError } from '../errors.ts'
import { valueOr } from '../model/known.ts'
import type { Member, MemberState, Role } from '../model/member.ts'
import { COMMON_FAULTS, type Faults } from '../ports/faults.ts'
import { minutes } from '../units.ts'

interface Broker {
  readonly id: number
  readonly node: ProcessNode
  readonly state: MemberState | 'unknown'
}

const usage = (message: string, code: string): KdrError => new KdrError(message, { code, exit: 'usage' })

const idOf = (member: Member): number => {
  if (member.id.known) return member.id.value
  throw new KdrError(`${member.name} cannot be told: ${member.id.why}`, { code: 'member-unknown' })
}

/** Highest id first. */
const brokersOf = async (state: ProcessState): Promise<readonly Broker[]> => {
  const members = (await membersOf(state)).filter((member) => member.roles.includes('broker'))
  const found = members.flatMap((member) => {
    const node = state.nodes.find((each) => each.name === member.name)
    return node === undefined ? [] : [{ id: idOf(member), node, state: valueOr(member.state, 'unknown' as const) }]
  })
  return found.sort((a, b) => b.id - a.id)
}

const ALIVE: readonly Broker['state'][] = ['running', 'paused', 'pending']

interface Wish {
  readonly count?: number
  readonly broker: number | undefined
  /** States in which the named broker can be broken in this way; one that is picked always runs. */
  readonly from: readonly Broker['state'][]
}

/** The broker asked for, then running ones from the highest id down. */
const choose = async (state: ProcessState, { count = 1, broker: wanted, from }: Wish): Promise<readonly ProcessNode[]> => {
  const brokers = await brokersOf(state)
  const asked = brokers.find((broker) => broker.id === wanted)
  if (wanted !== undefined && asked === undefined) {
    throw usage(`${state.cluster} has no broker ${wanted}: it has ${brokers.map((broker) => broker.id).join(', ')}`, 'no-such-broker')
  }
  if (asked !== undefined && !from.includes(asked.state)) throw usage(`broker ${asked.id} of ${state.cluster} is ${asked.state}`, 'nothing-to-break')
  const others = brokers.filter((broker) => broker.state === 'running' && broker !== asked)
  const chosen = [...(asked === undefined ? [] : [asked]), ...others].slice(0, count)
  if (chosen.length < count) throw usage(`only ${chosen.length} brokers of ${state.cluster} run; ${count} are needed`, 'nothing-to-break')
  return chosen.map((broker) => broker.node)
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
  for (const path of node.dataDirs) for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true })
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
  const has = state.mode === 'zookeeper' ? 'ZooKeeper' : 'KRaft'
  throw usage(`${state.cluster} has no ${role} of its own: it runs with ${has}`, 'no-such-role')
}

/**
 * Faults of a lab, or of any cluster that a state file describes. Without a broker, the highest id that runs.
 * Throws `no-such-broker`, `nothing-to-break`, `no-such-role`, all exit usage.
 */
export const openFaults = (stateFile: string): Faults => {
  const state = readState(stateFile)
  const acts: Readonly<Record<(typeof COMMON_FAULTS)[number], (broker: number | undefined, signal: AbortSignal) => Promise<readonly ProcessNode[]>>> = {
    'kill-broker': (broker, signal) => toAll(choose(state, { broker, from: ALIVE }), (node) => killNode(node, signal)),
    'hang-broker': (broker, signal) => toAll(choose(state, { broker, from: ['running'] }), (node) => hang(node, signal)),
    'wipe-broker': (broker, signal) => toAll(choose(state, { broker, from: [...ALIVE, 'stopped'] }), (node) => wipe(node, signal)),
    'stop-broker': (broker, signal) => toAll(choose(state, { broker, from: ['running'] }), (node) => stop(node, signal)),
    'kill-two': (broker, signal) => toAll(choose(state, { count: 2, broker, from: ALIVE }), (node) => killNode(node, signal)),
    'stop-zookeeper': (_, signal) => toAll(allOf(state, 'zookeeper'), (node) => killNode(node, signal)),
    'stop-controllers': (_, signal) => toAll(allOf(state, 'controller'), (node) => killNode(node, signal)),
  }
  return {
    known: COMMON_FAULTS,
    inject: async (fault, { broker }, signal) => {
      signal.throwIfAborted()
      const common = COMMON_FAULTS.find((each) => each === fault)
      if (common === undefined) throw usage(`${fault} can be done to containers only`, 'not-on-this-platform')
      return (await acts[common](broker, signal)).map((node) => node.name)
    },
  }
}

/** To all of them at once, as disasters come. */
const toAll = async (nodes: Promise<readonly ProcessNode[]>, act: (node: ProcessNode) => Promise<void>): Promise<readonly ProcessNode[]> => {
  const chosen = await nodes
  await Promise.all(chosen.map(act))
  return chosen
}
