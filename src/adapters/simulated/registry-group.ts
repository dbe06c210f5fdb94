// The registries' group as its coordinator describes it.
import { KdrError } from '../../errors.ts'
import type { GroupDescription } from '../../model/groups.ts'
import { REGISTRY_DEFAULTS } from '../../model/registry.ts'
import type { Cluster } from './cluster.ts'
import { advertisedBy, groupPartition, registriesOf, registryLeader } from './registry.ts'
import type { SimMember } from './state.ts'

/** As its coordinator describes it; the registries' one (SchemaRegistryProtocol) is the only one that anybody is in. Throws `no-coordinator`. */
export const describeGroup = (cluster: Cluster, group: string): GroupDescription => {
  if (groupPartition(cluster, group) === null) throw new KdrError(`group ${group} has no coordinator`, { code: 'no-coordinator' })
  return group === REGISTRY_DEFAULTS.group && registriesOf(cluster).length > 0 ? describeRegistries(cluster) : { state: 'Dead', protocolType: '', members: [] }
}

const describeRegistries = (cluster: Cluster): GroupDescription => {
  const joined = registriesOf(cluster).filter(({ name }) => cluster.registries.joined.has(name))
  const identity = (member: SimMember) => {
    const { hostname, port } = new URL(advertisedBy(cluster, member))
    return { version: 1, host: hostname, port: Number(port), master_eligibility: true, scheme: 'http' }
  }
  const leader = registryLeader(cluster)
  const assignment = {
    version: 1,
    error: cluster.registries.sameUrl && joined.length > 1 ? 1 : 0,
    master: leader === null ? null : `${leader.name}-1`,
    master_identity: leader === null ? null : identity(leader),
  }
  const bytes = (value: object) => Buffer.from(JSON.stringify(value))
  return {
    state: joined.length === 0 ? 'Empty' : cluster.registries.rebalancing ? 'PreparingRebalance' : 'Stable',
    protocolType: 'sr',
    members: joined.map((member) => ({ id: `${member.name}-1`, metadata: bytes(identity(member)), assignment: bytes(assignment) })),
  }
}
