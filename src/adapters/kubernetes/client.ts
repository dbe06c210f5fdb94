// One connection to one API server, and the one place where its errors become kdr's: what was asked, of
// what, and what to do next.
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import {
  ApiException,
  AppsV1Api,
  AuthorizationV1Api,
  type Configuration,
  type ConfigurationOptions,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  type KubeConfig,
  KubernetesObjectApi,
  Observable,
  type ObservableMiddleware,
  PolicyV1Api,
  type RequestContext,
  ServerConfiguration,
} from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'
import { type KubeconfigChoice, loadKubeconfig } from './kubeconfig.ts'

/** What is asked for, in RBAC's words: `delete` `pods` `kafka-2`. */
export interface Ask {
  readonly verb: string
  /** `pods`, `statefulsets.apps/scale`. */
  readonly resource: string
  readonly name?: string
  /** Cluster-wide things: null. Left out: the client's own. */
  readonly namespace?: string | null
}

export interface KubeClient {
  /** Fixed at opening; for what opens sockets of its own (exec, port-forward). */
  readonly config: KubeConfig
  readonly core: CoreV1Api
  readonly apps: AppsV1Api
  readonly policy: PolicyV1Api
  readonly leases: CoordinationV1Api
  readonly authorization: AuthorizationV1Api
  /** Objects of any kind: server-side apply. They must name their namespace. */
  readonly objects: KubernetesObjectApi
  readonly context: string
  readonly server: string
  readonly namespace: string
  /** kdr runs in a pod of this very cluster: names resolve, and no tunnel is needed. */
  readonly inCluster: boolean
  readonly userAgent: string
  /** What the kubeconfig says now, which may be another context than at opening. */
  target(): { readonly context: string; readonly server: string }
  /**
   * Calls the API with these options, which carry the signal and the user agent. Rejects with the signal's reason once
   * it is aborted; else throws `forbidden`, `not-found`, `conflict`, `gone`, `invalid`, `too-many-requests`,
   * `kubernetes-unreachable` or `kubernetes-error`, its `cause` the ApiException.
   */
  call<T>(signal: AbortSignal, ask: Ask, fn: (options: ConfigurationOptions) => Promise<T>): Promise<T>
  close(): void
}

const versionOf = (): string => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

/** The Status that the API server sent with an error; null where it sent none. */
export const statusBody = (thrown: unknown): Readonly<Record<string, unknown>> | null => {
  const exception = thrown instanceof KdrError ? thrown.cause : thrown
  if (!(exception instanceof ApiException)) return null
  try {
    const body: unknown = typeof exception.body === 'string' ? JSON.parse(exception.body) : exception.body
    return typeof body === 'object' && body !== null ? { ...body } : null
  } catch {
    return null
  }
}

const CODES: Readonly<Record<number, string>> = {
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  422: 'invalid',
  429: 'too-many-requests',
}

const HINTS: Readonly<Record<string, string>> = {
  forbidden: 'kdr doctor prints the Role that is missing',
  conflict: 'somebody else changed it meanwhile: look again',
  'too-many-requests': 'wait a little, and look again',
}

const wordsOfAsk = ({ verb, resource, name, namespace }: Ask, own: string): string => {
  const where = namespace === null ? '' : ` in namespace ${namespace ?? own}`
  return `${verb} ${resource}${name === undefined ? '' : ` ${name}`}${where}`
}

const translate = (thrown: unknown, ask: string, server: string): KdrError => {
  if (thrown instanceof KdrError) return thrown
  if (!(thrown instanceof ApiException)) {
    const hint = 'check the kubeconfig, its credentials and the network up to the API server: kubectl cluster-info'
    return new KdrError(`cannot ${ask}: the API server ${server} did not answer: ${wordsOf(thrown)}`, { code: 'kubernetes-unreachable', hint, cause: thrown })
  }
  const code = CODES[thrown.code] ?? 'kubernetes-error'
  const said = statusBody(thrown)?.['message']
  const words = thrown.code === 401 ? 'the API server does not accept the credentials of the kubeconfig (401)' : String(said ?? `HTTP ${thrown.code}`)
  const hint = thrown.code === 401 ? 'log in again, and try kubectl auth whoami' : HINTS[code]
  return new KdrError(`cannot ${ask}: ${words}`, { code, ...(hint === undefined ? {} : { hint }), cause: thrown })
}

/** The library makes an agent, and so a TLS handshake, for every request; one that keeps connections takes its place. */
const keepingAgents = (config: KubeConfig) => {
  let kept: { readonly key: string; readonly agent: Agent } | null = null
  return {
    getName: () => config.getName(),
    applySecurityAuthentication: async (context: RequestContext): Promise<void> => {
      await config.applySecurityAuthentication(context)
      const made = context.getAgent()
      if (!(made instanceof Agent) || config.getCurrentCluster()?.proxyUrl) return
      const { ca, cert, key, servername, rejectUnauthorized } = made.options
      const same = JSON.stringify([ca, cert, key, servername, rejectUnauthorized].map(String))
      if (kept?.key !== same) {
        kept?.agent.destroy()
        kept = { key: same, agent: new Agent({ ...made.options, keepAlive: true, timeout: 30_000 }) }
      }
      context.setAgent(kept.agent)
    },
    close: () => kept?.agent.destroy(),
  }
}

const before = (change: (context: RequestContext) => void): ObservableMiddleware => ({
  pre: (context) => {
    change(context)
    return new Observable(Promise.resolve(context))
  },
  post: (context) => new Observable(Promise.resolve(context)),
})

const withSignal = <T>(signal: AbortSignal, work: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })

/** Reads the kubeconfig and connects to nothing. Throws what `loadKubeconfig` throws. */
export const openClient = (choice: KubeconfigChoice & { readonly namespace: string }): KubeClient => {
  const { config, context, server, inCluster } = loadKubeconfig(choice)
  const { namespace } = choice
  const userAgent = `kdr/${versionOf()}`
  const auth = keepingAgents(config)
  const configuration: Configuration = createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: auth },
    middleware: [before((context) => context.setHeaderParam('User-Agent', userAgent))],
  })
  return {
    config,
    core: new CoreV1Api(configuration),
    apps: new AppsV1Api(configuration),
    policy: new PolicyV1Api(configuration),
    leases: new CoordinationV1Api(configuration),
    authorization: new AuthorizationV1Api(configuration),
    objects: new KubernetesObjectApi(configuration),
    context,
    server,
    namespace,
    inCluster,
    userAgent,
    target: () => {
      const now = loadKubeconfig(choice)
      return { context: now.context, server: now.server }
    },
    call: async (signal, ask, fn) => {
      signal.throwIfAborted()
      // One signal ends a whole survey, which is dozens of calls at once: Node would warn of a leak on the user's terminal.
      setMaxListeners(0, signal)
      try {
        return await withSignal(signal, fn({ middleware: [before((context) => context.setSignal(signal))], middlewareMergeStrategy: 'append' }))
      } catch (thrown) {
        if (signal.aborted) throw signal.reason
        throw translate(thrown, wordsOfAsk(ask, namespace), server)
      }
    },
    close: auth.close,
  }
}
