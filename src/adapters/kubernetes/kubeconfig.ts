// Which kubeconfig, context and API server: as kubectl chooses them, read again whenever asked, because
// somebody may have switched the context since.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { KdrError, wordsOf } from '../../errors.ts'

export interface KubeconfigChoice {
  /** A path; null: KUBECONFIG, ~/.kube/config, or the service account of the pod that kdr runs in. */
  readonly kubeconfig: string | null
  /** null: the file's current one. */
  readonly context: string | null
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface LoadedConfig {
  readonly config: KubeConfig
  readonly context: string
  /** URL of the API server. */
  readonly server: string
  readonly inCluster: boolean
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

const usage = (message: string, code: string, hint: string, cause?: unknown): KdrError => new KdrError(message, { code, exit: 'usage', hint, cause })

/** As kubectl reads KUBECONFIG: several files, those that are missing passed over. */
const filesOf = ({ kubeconfig, env }: KubeconfigChoice): readonly string[] => {
  if (kubeconfig !== null) return [kubeconfig]
  const listed = (env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '')
  if (listed.length > 0) return listed.filter((file) => existsSync(file))
  const usual = env['HOME'] ? path.join(env['HOME'], '.kube', 'config') : ''
  return usual !== '' && existsSync(usual) ? [usual] : []
}

const readFile = (file: string): KubeConfig => {
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
  } catch (cause) {
    throw usage(`cannot read the kubeconfig ${file}: ${wordsOf(cause)}`, 'kubeconfig-unreadable', 'check its path and its content', cause)
  }
  return config
}

/** The first file to name something wins (kubectl's rule); the library's own merging refuses duplicates instead. */
const merge = (into: KubeConfig, from: KubeConfig): KubeConfig => {
  const fresh = <T extends { readonly name: string }>(have: readonly T[], more: readonly T[]): T[] =>
    more.filter(({ name }) => !have.some((known) => known.name === name))
  into.clusters = [...into.clusters, ...fresh(into.clusters, from.clusters)]
  into.users = [...into.users, ...fresh(into.users, from.users)]
  into.contexts = [...into.contexts, ...fresh(into.contexts, from.contexts)]
  into.currentContext = into.currentContext || from.currentContext
  return into
}

const inside = (env: KubeconfigChoice['env']): KubeConfig | null => {
  if (!env['KUBERNETES_SERVICE_HOST'] || !existsSync(SERVICE_ACCOUNT_TOKEN)) return null
  const config = new KubeConfig()
  config.loadFromCluster()
  return config
}

/** Throws `no-kubeconfig`, `kubeconfig-unreadable`, `no-such-context` (all exit 2). Reads files only. */
export const loadKubeconfig = (choice: KubeconfigChoice): LoadedConfig => {
  const files = filesOf(choice).map(readFile)
  const [first, ...others] = files
  const outside = first === undefined ? null : others.reduce(merge, first)
  const config = outside ?? inside(choice.env)
  if (config === null)
    throw usage(
      'no kubeconfig was found: neither KUBECONFIG nor ~/.kube/config names one',
      'no-kubeconfig',
      'set platform.kubernetes.kubeconfig of the cluster, or KUBECONFIG',
    )
  const context = choice.context ?? config.currentContext
  const names = config.contexts.map(({ name }) => name).join(', ')
  if (!context) throw usage('the kubeconfig has no current context', 'no-such-context', `set platform.kubernetes.context to one of ${names}`)
  if (config.getContextObject(context) === null)
    throw usage(`the kubeconfig has no context ${context}`, 'no-such-context', `set platform.kubernetes.context to one of ${names || '(it has none)'}`)
  config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw usage(`context ${context} names no cluster`, 'no-such-context', 'repair the kubeconfig: kubectl config view')
  return { config, context, server: cluster.server, inCluster: outside === null }
}
