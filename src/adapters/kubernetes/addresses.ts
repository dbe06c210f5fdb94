// Every name by which clients inside the cluster may know a member, so that what a broker advertises is
// recognised however it is spelled.
import type { V1Container, V1ContainerPort } from '@kubernetes/client-node'
import type { Role } from '../../model/member.ts'
import { envOf } from './roles.ts'

export interface Place {
  readonly pod: string
  /** The governing service of its StatefulSet, which is the pod's subdomain; null: it has no name of its own. */
  readonly service: string | null
  readonly namespace: string
  readonly ip: string | null
}

/** Ports that no client of Kafka or ZooKeeper uses: metrics, agents, and what members say among themselves. */
const NOT_FOR_CLIENTS = /jmx|metric|prom|jolokia|agent|health|http|admin|peer|server|election|controller|control-?plane/i
/** Where no port is declared, a listener may be anywhere: these are the usual places. */
const USUAL: Readonly<Partial<Record<Role, readonly number[]>>> = { broker: [9092], zookeeper: [2181], 'schema-registry': [8081], connect: [8083] }
/** Peers and elections of ZooKeeper. */
const ZOOKEEPER_OWN = [2888, 3888]

const isForClients = (port: V1ContainerPort, role: Role, jmx: number): boolean => {
  if ((port.protocol ?? 'TCP') !== 'TCP' || port.containerPort === jmx) return false
  if (role === 'zookeeper' && ZOOKEEPER_OWN.includes(port.containerPort)) return false
  // A service's HTTP port is exactly what its clients use.
  return role === 'broker' || role === 'zookeeper' ? !NOT_FOR_CLIENTS.test(port.name ?? '') : true
}

const portsOf = (roles: readonly Role[], container: V1Container | undefined): readonly number[] => {
  const role = roles.find((candidate) => candidate !== 'controller')
  if (role === undefined) return []
  const declared = container?.ports ?? []
  const jmx = Number(envOf(container, 'JMX_PORT', 'KAFKA_JMX_PORT') ?? 0)
  const found = declared.filter((port) => isForClients(port, role, jmx)).map(({ containerPort }) => containerPort)
  return declared.length === 0 ? (USUAL[role] ?? []) : found
}

/** `host:port`, the full name first. A controller that is nothing else has no clients. */
export const addressesOf = (place: Place, roles: readonly Role[], container: V1Container | undefined): readonly string[] => {
  const { pod, service, namespace, ip } = place
  const short = service === null ? null : `${pod}.${service}`
  const names =
    short === null
      ? [pod, ...(ip === null ? [] : [ip])]
      : [`${short}.${namespace}.svc.cluster.local`, `${short}.${namespace}.svc`, `${short}.${namespace}`, short]
  return portsOf(roles, container).flatMap((port) => names.map((name) => `${name}:${port}`))
}
