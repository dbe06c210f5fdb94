// What a name means inside the cluster: which pod or service it stands for, by the rules of its DNS.
import { isIP } from 'node:net'

/** The pod's own name below its headless service; `subdomain` null: a bare name, which no DNS knows, but people type. */
interface PodName {
  readonly kind: 'pod'
  readonly namespace: string
  readonly pod: string
  readonly subdomain: string | null
}

interface ServiceName {
  readonly kind: 'service'
  readonly namespace: string
  readonly service: string
}

/** Pods without a name of their own, those of a Deployment, are known by their address only. */
interface PodAddress {
  readonly kind: 'address'
  readonly namespace: string
  readonly ip: string
}

export type Meaning = PodName | ServiceName | PodAddress

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

const pod = (namespace: string, name: string, subdomain: string | null): PodName => ({ kind: 'pod', namespace, pod: name, subdomain })
const service = (namespace: string, name: string): ServiceName => ({ kind: 'service', namespace, service: name })

const labelsOf = (host: string): readonly string[] => host.toLowerCase().replace(/\.$/, '').split('.')

/** `….svc`, with the cluster's domain or without: no name of any other DNS. */
export const isClusterName = (host: string): boolean => [1, 2, 3].includes(labelsOf(host).indexOf('svc'))

/**
 * Everything `host` may stand for, likeliest first, seen from `namespace`: `<service>`, `<pod>`, `<pod>.<service>`, and with the
 * own namespace `<service>.<namespace>` and `<pod>.<service>.<namespace>`; those of any namespace with `.svc` and the cluster's
 * domain; a pod's IP. Empty when it is none of these: no other namespace is asked for what may be a host of the world outside.
 */
export const meaningsOf = (host: string, namespace: string): readonly Meaning[] => {
  if (isIP(host) !== 0) return [{ kind: 'address', namespace, ip: host }]
  const labels = labelsOf(host)
  if (!labels.every((label) => LABEL.test(label))) return []
  const end = isClusterName(host) ? labels.indexOf('svc') : null
  const [a = '', b, c, ...more] = end === null ? labels : labels.slice(0, end)
  if (more.length > 0) return []
  if (c !== undefined) return end !== null || c === namespace ? [pod(c, a, b ?? null)] : []
  if (b === undefined) return end === null ? [service(namespace, a), pod(namespace, a, null)] : []
  if (end !== null) return [service(b, a)]
  return b === namespace ? [pod(namespace, a, b), service(b, a)] : [pod(namespace, a, b)]
}
