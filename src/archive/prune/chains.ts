// The chains of a store, and of every topic the points in time that each brings it back to. Links that a restore would
// not follow make no chain.
import { type Instant, parseInstant } from '../../units.ts'
import type { Sidecar } from '../manifest.ts'
import { type Held, type HeldTopic, heldAfter } from './held.ts'
import type { Holding } from './holdings.ts'

/** What every backup holds besides topics: rights, users, groups, settings. */
export const CLUSTER = ''
const METADATA: HeldTopic = { topic: CLUSTER, id: null, partitions: 0, lacks: new Map() }

/** A backup of the chain by which the topic comes back. */
export interface Point {
  readonly at: Instant
  readonly held: HeldTopic
  /** Nothing is missing from the full backup on, of any topic or of the cluster. */
  readonly complete: boolean
}

export interface Chain {
  readonly full: Sidecar
  /** Parents before children. */
  readonly backups: Sidecar[]
  /** Of its newest backup. */
  newest: Instant
  /** The first thing wrong with it. */
  broken: string | null
  /** Whom its backups are encrypted for; empty where one is not. */
  readonly recipients: Set<string>
  /** By topic, newest first; CLUSTER besides. */
  readonly copies: Map<string, Point[]>
}

interface Link {
  readonly chain: Chain
  readonly sidecar: Sidecar
  /** null: this or a link before it cannot be read. */
  readonly held: Held | null
  readonly complete: boolean
}

/** What `sidecar` goes on from, where a restore would follow it there. */
const parentOf = ({ chain, cluster_id: cluster }: Sidecar, links: ReadonlyMap<string, Link>): Link | null => {
  const parent = links.get(chain.parent?.name ?? '')
  if (parent === undefined) return null
  const { sidecar } = parent
  const fits = sidecar.manifest.sha256 === chain.parent?.sha256 && sidecar.chain.sequence === chain.sequence - 1
  return fits && sidecar.chain.id === chain.id && sidecar.cluster_id === cluster ? parent : null
}

const begun = (full: Sidecar): Chain => ({ full, backups: [], newest: 0, broken: null, recipients: new Set(), copies: new Map() })

const EMPTY: Held = new Map()

const add = ({ sidecar, topics, recipients, broken }: Holding, parent: Link | null): Link => {
  const chain = parent?.chain ?? begun(sidecar)
  const at = parseInstant(sidecar.date)
  chain.backups.push(sidecar)
  chain.newest = Math.max(chain.newest, at)
  if (broken !== null) chain.broken ??= `${sidecar.name}: ${broken}`
  const before = parent === null ? EMPTY : parent.held
  const held = broken !== null || before === null ? null : heldAfter(before, topics)
  const complete = sidecar.status === 'complete' && (parent?.complete ?? true)
  if (held === null) return { chain, sidecar, held, complete }
  chain.recipients.add(recipients)
  for (const [key, topic] of [[CLUSTER, METADATA] as const, ...held]) {
    const point = { at, held: topic, complete }
    const points = chain.copies.get(key)
    if (points === undefined) chain.copies.set(key, [point])
    else points.push(point)
  }
  return { chain, sidecar, held, complete }
}

/** Chains by the date of their newest backup, the oldest first; `orphans`: backups whose chain does not reach back to a full one. */
export const chainsOf = (holdings: readonly Holding[]): { readonly chains: readonly Chain[]; readonly orphans: readonly Sidecar[] } => {
  const links = new Map<string, Link>()
  const orphans: Sidecar[] = []
  for (const holding of [...holdings].sort((one, other) => one.sidecar.chain.sequence - other.sidecar.chain.sequence)) {
    const { sidecar } = holding
    const parent = parentOf(sidecar, links)
    if (parent === null && sidecar.chain.parent !== null) orphans.push(sidecar)
    else links.set(sidecar.name, add(holding, parent))
  }
  const chains = [...new Set([...links.values()].map(({ chain }) => chain))]
  for (const { copies } of chains) for (const points of copies.values()) points.sort((one, other) => other.at - one.at)
  return { chains: chains.sort((one, other) => one.newest - other.newest || (one.full.name < other.full.name ? -1 : 1)), orphans }
}
