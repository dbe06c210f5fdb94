// What a person would type for it: short, and really working. Ids change, so processes are named by their
// properties file.
import { withBootstrap } from '../../model/kafka-tools.ts'
import type { MemberRef, PlatformCommands } from '../../ports/platform.ts'
import type { Millis } from '../../units.ts'
import { LOG } from './logs.ts'
import { startScript } from './process-table.ts'
import { quote } from './start-script.ts'
import type { ProcessNode, ProcessState } from './state-file.ts'

/** The command line's end as pkill's extended pattern; the end mark keeps a shell that runs this very command out of it. */
const pattern = (node: ProcessNode): string => {
  const main = node.argv[node.argv.indexOf(node.file) - 1] ?? ''
  return quote(`${`${main} ${node.file}`.replace(/[.[\]()*+?{}|^$\\]/g, '\\$&')}$`)
}

const addressesOf = (state: ProcessState, role: ProcessNode['roles'][number]): string =>
  state.nodes.flatMap((node) => (node.roles.includes(role) ? node.listeners.slice(0, 1) : [])).join(',')

const toolArgs = (state: ProcessState, tool: string, args: readonly string[]): readonly string[] => {
  if (tool === 'zookeeper-shell') return /:\d+/.test(args[0] ?? '') ? args : [addressesOf(state, 'zookeeper'), ...args]
  return withBootstrap(tool, args, addressesOf(state, 'broker'))
}

/** Seconds to wait with `timeout`, at least one. */
const waiting = (grace: Millis): number => Math.max(1, Math.ceil(grace / 1000))

export const commandsOf = (state: ProcessState): PlatformCommands => {
  const nodeOf = (member: MemberRef['name']): ProcessNode | undefined => state.nodes.find((node) => node.name === member)
  const on = (member: string, command: (node: ProcessNode) => string): string => {
    const node = nodeOf(member)
    return node === undefined ? `# ${member} is no member of ${state.cluster}` : command(node)
  }
  const stop = (node: ProcessNode, grace: Millis): string =>
    `pkill -TERM -f ${pattern(node)}; timeout ${waiting(grace)} sh -c ${quote(`while pgrep -f ${pattern(node)} > /dev/null; do sleep 1; done`)} || pkill -KILL -f ${pattern(node)}`
  const start = (node: ProcessNode): string => `nohup sh ${quote(startScript(node))} > /dev/null 2>&1 &`
  return {
    list: () => `pgrep -af ${quote(`[-]Dkdr.lab=${state.id}`)}`,
    logs: (member) => on(member, (node) => `tail -n 200 ${quote(`${node.home}/${LOG}`)}`),
    stop: (member, grace) => on(member, (node) => stop(node, grace)),
    start: (member) => on(member, start),
    restart: (member, grace) => on(member, (node) => `${stop(node, grace)}; ${start(node)}`),
    reconnect: (member) => `# ${member} is a process of this machine: it has no network of its own`,
    format: (member, clusterId) => on(member, (node) => [`${state.tools}/kafka-storage`, 'format', '-t', clusterId, '-c', node.file].map(quote).join(' ')),
    kafka: (tool, args) => [`${state.tools}/${tool}`, ...toolArgs(state, tool, args)].map(quote).join(' '),
  }
}
