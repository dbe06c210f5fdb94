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

/**
 * Everything `host` may stand for, likeliest first, seen from `namespace`: `<service>`, `<pod>`, `<pod>.<service>`,
 * `<service>.<namespace>`, each also with `.svc` and the cluster's domain, and a pod's IP. Empty when it is none of these.
 */
export const meaningsOf = (host: string, namespace: string): readonly Meaning[] => {
  if (isIP(host) !== 0) return [{ kind: 'address', namespace, ip: host }]
  const labels = host.toLowerCase().replace(/\.$/, '').split('.')
  if (!labels.every((label) => LABEL.test(label))) return []
  const end = labels.indexOf('svc')
  const [a = '', b, c, d] = end > 0 ? labels.slice(0, end) : labels
  if (d !== undefined) return []
  if (c !== undefined) return [pod(c, a, b ?? null)]
  if (b === undefined) return end > 0 ? [] : [service(namespace, a), pod(namespace, a, null)]
  return end > 0 ? [service(b, a)] : [pod(namespace, a, b), service(b, a)]
}
