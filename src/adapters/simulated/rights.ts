// Who may do what in the simulated cluster, and what its groups have committed: kept to be read and put back,
// enforced nowhere.

import type { AclBinding, ClientQuota } from '../../model/contents.ts'
import { partitionName } from '../../model/partitions.ts'
import type { GroupOffset, GroupOffsets, ScramUser } from '../../ports/kafka-backup.ts'

export interface RightsOptions {
  /** null or left out: no authorizer is set up. */
  readonly acls?: readonly AclBinding[] | null
  readonly quotas?: readonly ClientQuota[]
  readonly users?: readonly ScramUser[]
}

export interface Rights {
  /** By everything they say; null without an authorizer. */
  readonly acls: Map<string, AclBinding> | null
  readonly quotas: Map<string, ClientQuota>
  readonly users: readonly ScramUser[]
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

export const createRights = ({ acls = null, quotas = [], users = [] }: RightsOptions): Rights => {
  const rights: Rights = { acls: acls === null ? null : new Map(), quotas: new Map(), users }
  if (rights.acls !== null) addAcls(rights.acls, acls ?? [])
  addQuotas(rights.quotas, quotas)
  return rights
}

export const seedGroups = (groups: Map<string, SimGroup>, seeds: readonly GroupOffsets[]): void => {
  for (const { group, state, protocolType, offsets } of seeds) {
    groups.set(group, { state, protocolType, offsets: new Map(offsets.map((row) => [partitionName(row), row])) })
  }
}
