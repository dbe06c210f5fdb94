// What the controllers' log amounts to: each record changes one picture of partitions, settings and brokers,
// as the controller itself replays it (ReplicationControlManager, ConfigurationControlManager).
import type { MetadataRecord, PartitionOnRecord } from './metadata-records.ts'

interface TopicOnRecord {
  readonly id: string
  readonly name: string
  readonly partitions: Map<number, PartitionOnRecord>
}

const TOPIC = 2
const BROKER = 4
/** Others may hold secrets and are let go. */
const KEPT = ['min.insync.replicas', 'unclean.leader.election.enable', 'cleanup.policy', 'log.cleanup.policy']

export class MetadataImage {
  readonly topics = new Map<string, TopicOnRecord>()
  /** Unfenced brokers. */
  readonly registered = new Set<number>()
  /** By topic name. */
  readonly #settings = new Map<string, Map<string, string>>()
  /** By broker id; empty: of all of them. */
  readonly #brokerSettings = new Map<string, Map<string, string>>()
  /** Of a transaction that has not ended (KIP-868): it counts as a whole, or not at all. */
  #open: MetadataRecord[] | null = null

  apply(record: MetadataRecord): void {
    if (record.kind === 'begin') this.#open = []
    else if (record.kind === 'abort') this.#open = null
    else if (record.kind === 'end') {
      const all = this.#open ?? []
      this.#open = null
      for (const each of all) this.#replay(each)
    } else if (this.#open !== null) this.#open.push(record)
    else this.#replay(record)
  }

  /** The topic's own setting, else the default of all brokers; null where neither is set, or a single broker's own may come before it. */
  setting(topic: string, key: string): string | null {
    const own = this.#settings.get(topic)?.get(key)
    if (own !== undefined) return own
    const single = [...this.#brokerSettings].some(([name, settings]) => name !== '' && settings.has(key))
    return single ? null : (this.#brokerSettings.get('')?.get(key) ?? null)
  }

  #replay(record: MetadataRecord): void {
    switch (record.kind) {
      case 'topic':
        this.topics.set(record.id, { id: record.id, name: record.name, partitions: new Map() })
        break
      case 'topic-removed':
        this.#settings.delete(this.topics.get(record.id)?.name ?? '')
        this.topics.delete(record.id)
        break
      case 'partition':
        this.topics.get(record.topic)?.partitions.set(record.index, record.state)
        break
      case 'partition-changed':
        this.#change(record)
        break
      case 'elr-cleared':
        for (const topic of this.topics.values()) if (record.topic === '' || record.topic === topic.name) clearElr(topic)
        break
      case 'config':
        this.#configure(record)
        break
      case 'broker':
        if (record.fenced) this.registered.delete(record.id)
        else this.registered.add(record.id)
        break
      case 'broker-gone':
        this.registered.delete(record.id)
        break
    }
  }

  /** A leader that is named, the same one too, begins a new epoch (PartitionRegistration.merge). */
  #change({ topic, index, change }: Extract<MetadataRecord, { kind: 'partition-changed' }>): void {
    const partitions = this.topics.get(topic)?.partitions
    const before = partitions?.get(index)
    if (partitions === undefined || before === undefined) return
    partitions.set(index, { ...before, ...change, leaderEpoch: before.leaderEpoch + (change.leader === undefined ? 0 : 1) })
  }

  #configure({ type, resource, key, value }: Extract<MetadataRecord, { kind: 'config' }>): void {
    const all = type === TOPIC ? this.#settings : type === BROKER ? this.#brokerSettings : null
    if (all === null || !KEPT.includes(key)) return
    const settings = all.get(resource) ?? new Map<string, string>()
    if (value === null) settings.delete(key)
    else settings.set(key, value)
    all.set(resource, settings)
  }
}

const clearElr = ({ partitions }: TopicOnRecord): void => {
  for (const [index, state] of partitions) partitions.set(index, { ...state, elr: [], lastKnownElr: [] })
}
