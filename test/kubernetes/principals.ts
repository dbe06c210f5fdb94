// Principals of the project's own RBAC manifests: a service account with just what one of them grants, in a
// kubeconfig of its own, as an operator would be given it.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { type KubeClient, openClient } from '../../src/adapters/kubernetes/client.ts'
import { KUBECONFIG } from './harness.ts'

type Manifest = { readonly kind: string; readonly metadata: { readonly name: string } }

export const openAs = (kubeconfig: string, namespace: string): KubeClient => openClient({ kubeconfig, context: null, namespace, env: process.env })

export const admin = (namespace: string): KubeClient => openAs(KUBECONFIG, namespace)

const documentsOf = (text: string): readonly Manifest[] => parseAllDocuments(text).map((document) => document.toJS() as Manifest)

export const applyText = async ({ objects }: KubeClient, text: string): Promise<void> => {
  for (const manifest of documentsOf(text)) await objects.patch(manifest as never, undefined, undefined, 'test', true, 'application/apply-patch+yaml')
}

/** What was applied, taken away again; what is not there is fine. */
export const removeText = async ({ objects }: KubeClient, text: string): Promise<void> => {
  for (const manifest of documentsOf(text)) {
    await objects.delete(manifest as never).catch((thrown: { readonly code?: number }) => {
      if (thrown.code !== 404) throw thrown
    })
  }
}

/** A manifest of deploy/, for another namespace as its head says. */
export const shipped = (file: string, namespace: string): string =>
  readFileSync(path.join(import.meta.dirname, '..', '..', 'deploy', file), 'utf8')
    .replaceAll('namespace: kafka', `namespace: ${namespace}`)
    .replaceAll('kdr-kafka', `kdr-${namespace}`)

/** A kubeconfig that holds nothing but a token of this service account; its context has another name than the admin's. */
export const kubeconfigOf = async ({ core, config, namespace }: KubeClient, account: string, folder: string): Promise<string> => {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [], expirationSeconds: 3600 } }
  const { status } = await core.createNamespacedServiceAccountToken({ name: account, namespace, body })
  const cluster = config.getCurrentCluster()
  const authority = cluster?.caData ?? readFileSync(cluster?.caFile ?? '').toString('base64')
  const file = path.join(folder, `${account}.kubeconfig`)
  const name = `as-${account}`
  writeFileSync(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      contexts: [{ name, context: { cluster: name, user: name } }],
      clusters: [{ name, cluster: { server: cluster?.server, 'certificate-authority-data': authority } }],
      users: [{ name, user: { token: status?.token } }],
    }),
    { mode: 0o600 },
  )
  return file
}

/** A configuration with the one cluster, reached by this kubeconfig. */
export const configOf = (folder: string, namespace: string, kubeconfig: string): readonly string[] => {
  const file = path.join(folder, `${path.basename(kubeconfig)}.kdr.yaml`)
  const platform = { kubernetes: { kubeconfig, namespace } }
  writeFileSync(file, stringify({ clusters: { [namespace]: { platform, stability: { interval: '5s' } } } }))
  return ['--config', file, '--cluster', namespace]
}

/** uid of every pod: equal only if none was deleted or made in between. */
export const podsOf = async ({ core, namespace }: KubeClient): Promise<Readonly<Record<string, string>>> => {
  const { items } = await core.listNamespacedPod({ namespace })
  return Object.fromEntries(items.map(({ metadata, status }) => [metadata?.name, `${metadata?.uid} ${status?.containerStatuses?.[0]?.restartCount}`]))
}
