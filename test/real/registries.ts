// Two registries of a lab, asked as Confluent's own clients ask, and their topic as Kafka has it.
import { connect } from 'node:net'
import { alterConfigs } from '../../src/adapters/kafka/changes.ts'
import { Cluster } from '../../src/adapters/kafka/cluster.ts'
import { createCanary, deleteCanary } from '../../src/adapters/kafka/probe.ts'
import { Leaders, produceRecords } from '../../src/adapters/kafka/records.ts'
import type { KafkaRecord } from '../../src/ports/kafka.ts'
import type { Truth } from './harness.ts'

export interface Said {
  readonly status: number
  readonly body: unknown
}

/** One request to one instance; `path` from the root. */
export const ask = async (address: string, method: string, path: string, body?: unknown): Promise<Said> => {
  const answer = await fetch(`http://${address}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } }),
    signal: AbortSignal.timeout(20_000),
  })
  return { status: answer.status, body: await answer.json() }
}

const soon = () => AbortSignal.timeout(60_000)
const AT = { topic: '_schemas', partition: 0 }
const COMPACT = { 'cleanup.policy': 'compact', 'min.insync.replicas': '2' }

/** Every record of `_schemas` that is left, in order. */
export const recordsOf = async ({ kafka }: Truth): Promise<readonly KafkaRecord[]> => {
  const records: KafkaRecord[] = []
  for (let offset = 0n; ; ) {
    const { records: some, next } = await kafka.fetch(AT, offset, { maxBytes: 1 << 20, maxWait: 200 }, soon())
    if (next === offset) return records
    records.push(...some)
    offset = next
  }
}

const over = async <T>(truth: Truth, use: (cluster: Cluster) => Promise<T>): Promise<T> => {
  const dial = (host: string, port: number) => connect({ host, port })
  const cluster = new Cluster(truth.endpoints, { clientId: 'kdr-test', tls: null, sasl: null, dial, requestTimeout: 5000 })
  try {
    return await use(cluster)
  } finally {
    cluster.close()
  }
}

/** `_schemas` made anew, and these records put into it as they are. */
export const remake = (truth: Truth, records: readonly KafkaRecord[]): Promise<void> =>
  over(truth, async (cluster) => {
    await deleteCanary(cluster, AT.topic, soon())
    await createCanary(cluster, AT.topic, [[1, 2, 3]], COMPACT, soon())
    if (records.length > 0) await produceRecords(cluster, new Leaders(cluster), AT, records, 5000, soon())
  })

export const setPolicy = (truth: Truth, policy: string): Promise<void> =>
  over(truth, (cluster) => alterConfigs(cluster, { type: 'topic', name: AT.topic }, { 'cleanup.policy': policy }, soon()))
