// What a restore has to be allowed, what of that it is not, and the commands that grant it. Pure: brokers are asked
// elsewhere, and what they did not say refuses nothing.
import type { Permits } from '../../ports/kafka-backup.ts'

/** As Kafka's own tools name them. */
export interface Need {
  readonly resource: 'CLUSTER' | 'TOPIC' | 'GROUP'
  /** Empty of the cluster. */
  readonly name: string
  readonly operation: string
  /** The same right on the cluster does as well: CREATE of topics. */
  readonly orOnCluster?: true
}

export interface JudgedNeeds {
  readonly missing: readonly Need[]
  readonly unknown: readonly Need[]
}

const isIn = ({ cluster, topics, groups }: Permits, { resource, name, operation }: Need): boolean | null => {
  const said = resource === 'CLUSTER' ? cluster : (resource === 'TOPIC' ? topics : groups).get(name)
  return said?.known === true ? said.value.has(operation) : null
}

const allowed = (permits: Permits, need: Need): boolean | null => {
  const own = isIn(permits, need)
  if (own === true || need.orOnCluster !== true) return own
  const above = isIn(permits, { ...need, resource: 'CLUSTER' })
  return above === false ? own : above
}

export const judgeNeeds = (permits: Permits, needs: readonly Need[]): JudgedNeeds => ({
  missing: needs.filter((need) => allowed(permits, need) === false),
  unknown: needs.filter((need) => allowed(permits, need) === null),
})

interface Grant {
  readonly resource: Need['resource']
  readonly names: readonly string[]
  readonly operations: readonly string[]
}

/** Names that lack the same together: one command for each. */
export const grantsOf = (needs: readonly Need[]): readonly Grant[] => {
  const operations = new Map<string, { readonly resource: Need['resource']; readonly name: string; readonly operations: Set<string> }>()
  for (const { resource, name, operation } of needs) {
    const key = JSON.stringify([resource, name])
    const one = operations.get(key) ?? { resource, name, operations: new Set<string>() }
    one.operations.add(operation)
    operations.set(key, one)
  }
  const grants = new Map<string, Grant>()
  for (const one of operations.values()) {
    const wanted = [...one.operations].sort()
    const key = JSON.stringify([one.resource, wanted])
    grants.set(key, { resource: one.resource, names: [...(grants.get(key)?.names ?? []), one.name], operations: wanted })
  }
  return [...grants.values()]
}

/** `ALTER_CONFIGS` as kafka-acls takes it. */
const typed = (operation: string): string =>
  operation
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')

const MOST_NAMES = 5
const KINDS = { CLUSTER: 'the cluster', TOPIC: 'topic', GROUP: 'group' } as const

export const grantWords = ({ resource, names, operations }: Grant): string => {
  const rights = operations.map(typed).join(', ')
  if (resource === 'CLUSTER') return `${rights} on ${KINDS.CLUSTER}`
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return `${rights} on ${KINDS[resource]}${names.length === 1 ? '' : 's'} ${names.slice(0, MOST_NAMES).join(', ')}${more}`
}

/** Arguments of kafka-acls; every name is in it, so that it may be run as it stands. */
export const grantArguments = ({ resource, names, operations }: Grant, principal: string): readonly string[] => [
  '--add',
  '--allow-principal',
  principal,
  ...operations.flatMap((operation) => ['--operation', typed(operation)]),
  ...(resource === 'CLUSTER' ? ['--cluster'] : names.flatMap((name) => [resource === 'TOPIC' ? '--topic' : '--group', name])),
]
