// Who may do what in the simulated cluster, and what its groups have committed: kept to be read and put back,
// enforced nowhere.

import type { AclBinding, ClientQuota } from '../../model/contents.ts'
import { known } from '../../model/known.ts'
import { partitionName } from '../../model/partitions.ts'
import type { GroupOffset, GroupOffsets, Permits, ScramUser } from '../../ports/kafka-backup.ts'

export interface RightsOptions {
  /** null or left out: no authorizer is set up. */
  readonly acls?: readonly AclBinding[] | null
  readonly quotas?: readonly ClientQuota[]
  readonly users?: readonly ScramUser[]
  /** Whether kdr's principal may; everything when left out. Told to whoever asks, enforced nowhere. */
  readonly may?: May
}

/** `resource`: CLUSTER, TOPIC or GROUP. */
export type May = (resource: string, name: string, operation: string) => boolean

export interface Rights {
  /** By everything they say; null without an authorizer. */
  readonly acls: Map<string, AclBinding> | null
  readonly quotas: Map<string, ClientQuota>
  readonly users: readonly ScramUser[]
  readonly may: May
}

export interface SimGroup {
  /** Stable while somebody is in it. */
  state: string
  protocolType: string
  readonly offsets: Map<string, GroupOffset>
}

const aclKey = (acl: AclBinding): string =>
  [acl.resourceType, acl.resourceName, acl.patternType, acl.principal, acl.host, acl.operation, acl.permission].join('\n')

const entityKey = ({ entity }: ClientQuota): string =>
  entity
    .map(({ type, name }) => JSON.stringify([type, name]))
    .sort()
    .join()

/** Adds to what is there, as Kafka does: the same binding twice is one. */
export const addAcls = (acls: Map<string, AclBinding>, bindings: readonly AclBinding[]): void => {
  for (const acl of bindings) acls.set(aclKey(acl), acl)
}

/** Only the keys named change. */
export const addQuotas = (quotas: Map<string, ClientQuota>, added: readonly ClientQuota[]): void => {
  for (const quota of added) {
    const key = entityKey(quota)
    quotas.set(key, { entity: quota.entity, values: { ...quotas.get(key)?.values, ...quota.values } })
  }
}

export const createRights = ({ acls = null, quotas = [], users = [], may = () => true }: RightsOptions): Rights => {
  const rights: Rights = { acls: acls === null ? null : new Map(), quotas: new Map(), users, may }
  if (rights.acls !== null) addAcls(rights.acls, acls ?? [])
  addQuotas(rights.quotas, quotas)
  return rights
}

const OPERATIONS = ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS']

export const permitsOf = ({ may }: Rights, topics: readonly string[], groups: readonly string[], by: string): Permits => {
  const of = (resource: string, name: string) => known(new Set(OPERATIONS.filter((operation) => may(resource, name, operation))), by)
  return {
    principal: 'User:ANONYMOUS',
    cluster: of('CLUSTER', 'kafka-cluster'),
    topics: new Map(topics.map((name) => [name, of('TOPIC', name)])),
    groups: new Map(groups.map((name) => [name, of('GROUP', name)])),
  }
}

export const seedGroups = (groups: Map<string, SimGroup>, seeds: readonly GroupOffsets[]): void => {
  for (const { group, state, protocolType, offsets } of seeds) {
    groups.set(group, { state, protocolType, offsets: new Map(offsets.map((row) => [partitionName(row), row])) })
  }
}
