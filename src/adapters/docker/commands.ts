// What a person would type for it. Names and networks are those of the last look at the engine: before the first
// there are only the names that were asked for.

import { TOOL_ENVIRONMENT, withBootstrap } from '../../model/kafka-tools.ts'
import type { PlatformCommands } from '../../ports/platform.ts'
import type { WantedService } from './compose.ts'
import { addressesOf } from './configured.ts'
import { type Container, missingNetworks, PROJECT } from './containers.ts'

/** What was seen last. */
export interface LastLook {
  readonly all: readonly Container[]
  readonly absent: readonly WantedService[]
}

interface CommandSettings {
  readonly project: string
  /** As said for this cluster; null: the shell's own surroundings name the engine. */
  readonly host: string | null
  readonly context: string | null
  readonly files: readonly string[]
}

const quote = (word: string): string => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** Confluent's tools carry no .sh; Apache's image, told by what it runs, keeps them outside its PATH. */
const toolOf = (tool: string, broker: Container | undefined): string => {
  if (broker?.env.has('BITNAMI_APP_NAME')) return `${tool}.sh`
  return broker?.inspected.Config.Cmd?.includes('/etc/kafka/docker/run') ? `/opt/kafka/bin/${tool}.sh` : tool
}

const toolArgs = (tool: string, args: readonly string[], inside: string, zookeeper: string): readonly string[] => {
  if (tool === 'zookeeper-shell') return /:\d+/.test(args[0] ?? '') ? args : [zookeeper, ...args]
  return withBootstrap(tool, args, inside)
}

/** Whole seconds, as `docker stop` takes them. */
const wholeSeconds = (grace: number): number => Math.max(1, Math.ceil(grace / 1000))

export const commandsOf = ({ project, host, context, files }: CommandSettings, last: () => LastLook): PlatformCommands => {
  const docker = ['docker', ...(host === null ? [] : ['--host', host]), ...(context === null ? [] : ['--context', context])]
  const line = (...words: readonly string[]) => [...docker, ...words].map(quote).join(' ')
  const compose = (service: string) =>
    line('compose', '-p', project, ...files.flatMap((file) => ['-f', file]), 'up', '-d', '--no-deps', '--no-recreate', service)
  const stop = (member: string, grace: number) => line('stop', '--time', String(wholeSeconds(grace)), member)
  const start = (member: string) => {
    const absent = last().absent.find(({ name }) => name === member)
    return absent === undefined ? line('start', member) : compose(absent.service)
  }
  const ofRole = (role: 'broker' | 'zookeeper') => last().all.filter(({ roles, status }) => roles.includes(role) && status === 'running')
  return {
    list: () => line('ps', '--all', '--filter', `label=${PROJECT}=${project}`),
    logs: (member) => line('logs', '--tail', '200', member),
    stop,
    start,
    restart: (member, grace) => `${stop(member, grace)} && ${start(member)}`,
    reconnect: (member) => {
      const { all } = last()
      const container = all.find(({ name }) => name === member)
      const missing = container === undefined ? [] : missingNetworks(container, all)
      const aliases = ['--alias', container?.service ?? member, '--alias', member]
      return (missing.length > 0 ? missing : [`${project}_default`]).map((network) => line('network', 'connect', ...aliases, network, member)).join('; ')
    },
    // The images' own entrypoints format an empty disk.
    format: () => null,
    kafka: (tool, args) => {
      const [broker] = ofRole('broker')
      const inside = broker === undefined ? '<broker>:9092' : (addressesOf(broker.env, broker.roles, broker.service)[0] ?? `${broker.service}:9092`)
      const zookeeper = ofRole('zookeeper')
        .flatMap(({ env, roles, service }) => addressesOf(env, roles, service))
        .join(',')
      const command = [toolOf(tool, broker), ...toolArgs(tool, args, inside, zookeeper)]
      return `${line('exec', broker?.name ?? 'BROKER', ...TOOL_ENVIRONMENT)} ${command.map(quote).join(' ')}`
    },
  }
}
