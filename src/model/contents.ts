// What a cluster holds, as far as a restore has to know: its topics with their overrides and extents, and what
// is kept beside them. In plain words and sets, so that a step can tell what is there from what is wanted.
import type { Known } from './known.ts'

/** Offsets of the first record and of the next one; known to readers, not only to the leader. */
export interface Extent {
  readonly start: bigint
  readonly end: bigint
}

export interface TopicContents {
  readonly partitions: readonly Known<Extent>[]
  readonly replicationFactor: number
  /** What somebody set on the topic itself. */
  readonly overrides: Known<ReadonlyMap<string, string | null>>
}

/** Where Strimzi's older (bidirectional) Topic Operator keeps what it believes of topics: replayed, it would take those that are missing for deleted. */
export const OPERATOR_TOPICS: ReadonlySet<string> = new Set(['__strimzi_store_topic', '__strimzi-topic-operator-kstreams-topic-store-changelog'])

export interface Contents {
  readonly brokers: number
  readonly topics: ReadonlyMap<string, TopicContents>
  /** True when it was proven that no topic is hidden. */
  readonly complete: Known<true>
  /** Effective values of a broker; null where it does not know the key. */
  readonly defaults: Known<ReadonlyMap<string, string | null>>
}

export interface GroupContents {
  readonly state: string
  /** By `topic-partition`. */
  readonly offsets: ReadonlyMap<string, { readonly offset: bigint; readonly metadata: string | null }>
}

/** ACLs, quotas and groups by names that are equal exactly when they say the same. */
export interface Rights {
  readonly acls: Known<ReadonlySet<string>>
  readonly quotas: Known<ReadonlySet<string>>
  readonly groups: Known<ReadonlyMap<string, GroupContents>>
}

/** As Kafka's own tools name them: `TOPIC`, `LITERAL`, `WRITE`, `ALLOW`. */
export interface AclBinding {
  readonly resourceType: string
  readonly resourceName: string
  readonly patternType: string
  readonly principal: string
  readonly host: string
  readonly operation: string
  readonly permission: string
}

export const aclName = ({ resourceType, resourceName, patternType, principal, host, operation, permission }: AclBinding): string =>
  JSON.stringify([resourceType, resourceName, patternType, principal, host, operation, permission])

export interface ClientQuota {
  /** `user`, `client-id`, `ip`; a null name is the default of its kind. */
  readonly entity: readonly { readonly type: string; readonly name: string | null }[]
  readonly values: Readonly<Record<string, number>>
}

/** One name per value of a quota. */
export const quotaNames = ({ entity, values }: ClientQuota): readonly string[] => {
  const whose = [...entity].sort((a, b) => (a.type < b.type ? -1 : 1)).map(({ type, name }) => [type, name])
  return Object.entries(values).map(([key, value]) => JSON.stringify([whose, key, value]))
}
