// The platform port over local Java processes: what the lab runs on.
import { realpathSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { KdrError } from '../../errors.ts'
import type { Intake, PlatformReader, PlatformWriter } from '../../ports/platform.ts'
import { replicasIn } from '../log-dir/replicas.ts'
import { readingTo } from '../system/intake.ts'
import { placeFiles } from '../zookeeper/place.ts'
import { commandsOf } from './commands.ts'
import { mustBe, startNode, stopNode } from './control.ts'
import { dataOf } from './data.ts'
import { LOG, tailOf } from './logs.ts'
import { membersOf } from './members.ts'
import { type ProcessNode, type ProcessState, readState } from './state-file.ts'

/** Refuses a cluster that is still being brought up: half of it is not the whole. */
const complete = (state: ProcessState, file: string): ProcessState => {
  if (state.settingUp === null) return state
  throw new KdrError(`${state.cluster} is still being brought up, or that was interrupted`, {
    code: 'lab-incomplete',
    exit: 'usage',
    hint: `Wait, or remove it: kdr lab down --name ${state.cluster} (${file})`,
  })
}

const notHere = (words: string): KdrError => new KdrError(words, { code: 'not-on-this-platform', exit: 'usage' })

const dial = (host: string, port: number, intake?: Intake): Duplex => {
  try {
    const socket = connect({ host, port, ...readingTo(intake) })
    socket.setNoDelay(true)
    return socket
  } catch (cause) {
    // A port out of range throws at once; everyone who dials listens for `error` instead.
    const socket = new Socket()
    process.nextTick(() => socket.destroy(cause instanceof Error ? cause : new Error(String(cause))))
    return socket
  }
}

/**
 * A cluster described by a state file. Throws `state-file-unreadable`, `state-file-invalid`, `lab-incomplete` (exit usage).
 * Calls on a name that is no member throw `no-such-member`.
 */
export const openProcess = (stateFile: string): PlatformReader & PlatformWriter => {
  const state = complete(readState(stateFile), stateFile)
  const nodeOf = (name: string): ProcessNode => {
    const node = state.nodes.find((each) => each.name === name)
    if (node !== undefined) return node
    throw new KdrError(`${state.cluster} has no member ${name}`, {
      code: 'no-such-member',
      exit: 'usage',
      hint: `It has ${state.nodes.map((each) => each.name).join(', ')}`,
    })
  }
  return {
    kind: 'process',
    commands: commandsOf(state),
    identity: async () => ({ platform: 'process', cluster: state.cluster, identity: `${realpathSync(stateFile)}#${state.id}` }),
    members: async (signal) => {
      signal.throwIfAborted()
      return membersOf(state)
    },
    logs: async (member, { tail, previous }, signal) => {
      signal.throwIfAborted()
      return tailOf(join(nodeOf(member).home, previous ? 'out.1.log' : LOG), tail)
    },
    data: async (member, signal) => {
      signal.throwIfAborted()
      return dataOf(nodeOf(member), signal)
    },
    replicas: async (member, signal) => {
      signal.throwIfAborted()
      return (await Promise.all(nodeOf(member).dataDirs.map(replicasIn))).flat()
    },
    // Nobody keeps a record of what happened to a local process.
    events: async () => [],
    dial,
    permissions: async () => [],
    close: async () => {},
    stop: async (ref, { grace }, signal) => stopNode(nodeOf(ref.name), ref, grace, signal),
    start: async (ref, signal) => startNode(nodeOf(ref.name), ref, signal),
    reconnect: async ({ name }) => {
      throw notHere(`${nodeOf(name).name} is a process of this machine: it has no network of its own`)
    },
    exec: async ({ name }) => {
      throw notHere(`${nodeOf(name).name} is a process of this machine: it has no inside of its own`)
    },
    inspect: async ({ name }) => {
      throw notHere(`the disk of ${nodeOf(name).name} is a folder of this machine: it is seen without that`)
    },
    place: async (ref, files, signal) => {
      const node = nodeOf(ref.name)
      await mustBe(node, ref)
      signal.throwIfAborted()
      const [data = node.home, log = data] = node.dataDirs
      return placeFiles({ data, log }, files)
    },
    workloads: null,
  }
}
