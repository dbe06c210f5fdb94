// The nodes of a state file as the process table and their disks show them right now.
import { hostname } from 'node:os'
import { known, unknown } from '../../model/known.ts'
import type { Member } from '../../model/member.ts'
import { lastExitOf } from './logs.ts'
import { findNode, processTable, type Running } from './process-table.ts'
import type { ProcessNode, ProcessState } from './state-file.ts'
import { configuredOf, idOf, volumesOf } from './volume.ts'

const TABLE = 'process table'

const memberOf = async (node: ProcessNode, running: Running | null): Promise<Member> => {
  const volumes = await volumesOf(node)
  // A supervising shell alone is a node about to run, formatting its disk perhaps: nobody may start it again.
  const state = running === null ? 'stopped' : running.paused ? 'paused' : running.shell ? 'pending' : 'running'
  return {
    name: node.name,
    roles: node.roles,
    id: await idOf(node, volumes),
    uid: known(running?.uid ?? null, TABLE),
    state: known(state, TABLE),
    startedAt: known(running?.startedAt ?? null, TABLE),
    restarts: known(0, 'nothing restarts a local process by itself'),
    lastExit: await lastExitOf(node, running !== null && !running.shell),
    waiting: known(null, TABLE),
    revives: 'never',
    node: known(hostname(), 'this machine'),
    nodeTrouble: known(null, 'this machine'),
    disruption: known(null, 'nobody keeps a budget of local processes'),
    workload: known(null, TABLE),
    addresses: node.listeners,
    volumes,
    configured: await configuredOf(node),
    owner: known(null, 'local processes have no other manager'),
    signals: unknown('logs were not read', TABLE),
  }
}

/** Every node, running or not, from one reading of the process table. Throws `process-table-unreadable`. */
export const membersOf = async (state: ProcessState): Promise<readonly Member[]> => {
  const table = await processTable()
  return Promise.all(state.nodes.map((node) => memberOf(node, findNode(table, node))))
}
