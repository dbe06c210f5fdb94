// What a person would type for it with kubectl: short, and really working.
import { TOOL_ENVIRONMENT, withBootstrap } from '../../model/kafka-tools.ts'
import { GRACEFUL_STOP, type PlatformCommands } from '../../ports/platform.ts'
import type { Millis } from '../../units.ts'

/** What a command has to know of a member; of one that was not seen yet, nothing. */
export interface Typed {
  readonly container: string | null
  readonly image: string
  readonly isBroker: boolean
  readonly running: boolean
  /** What it is reached by from inside itself. */
  readonly address: string | null
  /** Set when it is not there because what runs it is scaled down: what brings it back; `first` where it has to begin at another ordinal. */
  readonly scale: { readonly kind: 'statefulset' | 'deployment'; readonly name: string; readonly replicas: number; readonly first: number | null } | null
}

export interface Kubectl {
  readonly namespace: string
  readonly context: string | null
  readonly kubeconfig: string | null
  /** As last seen, by name. */
  seen(): ReadonlyMap<string, Typed>
}

const PLAIN = /^[\w@%+=:,./-]+$/
const quote = (word: string): string => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** Apache's own image, Bitnami's and Strimzi's have the scripts with their ending; the first not on its path. */
const scriptOf = (tool: string, image: string): string => {
  if (/(?:^|\/)apache\/kafka(?:-native)?[:@]/.test(image)) return `/opt/kafka/bin/${tool}.sh`
  if (/strimzi/.test(image)) return `bin/${tool}.sh`
  return /bitnami/.test(image) ? `${tool}.sh` : tool
}

export const commandsOf = (kubectl: Kubectl): PlatformCommands => {
  const { namespace, context, kubeconfig } = kubectl
  const global = [
    `-n ${quote(namespace)}`,
    ...(context === null ? [] : [`--context ${quote(context)}`]),
    ...(kubeconfig === null ? [] : [`--kubeconfig ${quote(kubeconfig)}`]),
  ]
  const run = (command: string): string => `kubectl ${global.join(' ')} ${command}`
  const inside = (member: Typed | undefined): string => (member?.container ? ` -c ${member.container}` : '')
  const remove = (member: string, grace: Millis): string => run(`delete pod ${member} --grace-period=${Math.ceil(Math.max(grace, GRACEFUL_STOP) / 1000)}`)
  const anyBroker = (): readonly [string, Typed | undefined] => {
    const brokers = [...kubectl.seen()].filter(([, { isBroker }]) => isBroker)
    return brokers.find(([, { running }]) => running) ?? brokers[0] ?? ['kafka-0', undefined]
  }
  return {
    list: () => run('get pods -o wide'),
    logs: (member) => run(`logs ${member}${inside(kubectl.seen().get(member))} --tail=200`),
    stop: remove,
    start: (member) => {
      const scale = kubectl.seen().get(member)?.scale
      if (!scale) return run(`delete pod ${member}  # its controller makes it anew`)
      const { kind, name, replicas, first } = scale
      if (first === null) return run(`scale ${kind} ${name} --replicas=${replicas}`)
      return run(`patch ${kind} ${name} -p ${quote(JSON.stringify({ spec: { ordinals: { start: first }, replicas } }))}`)
    },
    restart: remove,
    reconnect: (member) => `# pod ${member} cannot lose its network by itself`,
    // The images' own entrypoints format an empty disk.
    format: () => null,
    kafka: (tool, args) => {
      const [pod, broker] = anyBroker()
      const words = [...TOOL_ENVIRONMENT, scriptOf(tool, broker?.image ?? ''), ...withBootstrap(tool, args, broker?.address ?? 'kafka-service:9092')]
      return run(`exec ${pod}${inside(broker)} -- ${words.map(quote).join(' ')}`)
    },
  }
}
