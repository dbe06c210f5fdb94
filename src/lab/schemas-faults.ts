// What a disaster does to `_schemas`, on every platform: the topic is lost, or all that is left of it is one replica
// on one broker. Whoever calls takes the registries and the broker down.
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { alterConfigs, reassign } from '../adapters/kafka/changes.ts'
import { Cluster } from '../adapters/kafka/cluster.ts'
import { pause } from '../adapters/kafka/deadline.ts'
import { deleteCanary } from '../adapters/kafka/probe.ts'
import { KdrError } from '../errors.ts'
import { type Millis, seconds } from '../units.ts'
import { usage } from './choice.ts'

const TOPIC = '_schemas'
const AT = { topic: TOPIC, partition: 0 }
const PATIENCE: Millis = seconds(60)
const POLL: Millis = 200

export interface SchemasGround {
  /** `host:port` of every broker. */
  readonly bootstrap: readonly string[]
  readonly dial?: (host: string, port: number) => Duplex
}

const over = async <T>({ bootstrap, dial = (host, port) => connect({ host, port }) }: SchemasGround, use: (cluster: Cluster) => Promise<T>): Promise<T> => {
  const cluster = new Cluster(bootstrap, { clientId: 'kdr-lab', tls: null, sasl: null, dial, requestTimeout: seconds(15) })
  try {
    return await use(cluster)
  } finally {
    cluster.close()
  }
}

/** Broker ids, the leader's first. Throws `nothing-to-break`, exit usage. */
const replicasOf = async (cluster: Cluster, signal: AbortSignal): Promise<{ readonly replicas: readonly number[]; readonly isr: readonly number[] }> => {
  const { answer } = await cluster.freshest([TOPIC], signal)
  const row = answer.topics.find(({ name }) => name === TOPIC)?.partitions[0]
  if (row === undefined) throw usage(`there is no topic ${TOPIC}`, 'nothing-to-break')
  const replicas = [...row.replicas].sort((a, b) => Number(b === row.leader) - Number(a === row.leader))
  return { replicas, isr: row.isr }
}

/** With the registries stopped: the first one that starts again makes an empty one, and says nothing of it. */
export const deleteSchemas = (ground: SchemasGround, signal: AbortSignal): Promise<void> => over(ground, (cluster) => deleteCanary(cluster, TOPIC, signal))

/**
 * Leaves `_schemas` on one broker alone, with min ISR 1, as it is where the replication factor was forgotten; and says
 * which: the one asked for, else the last that holds it. Without that broker nothing else of a majority is missing.
 * Throws `nothing-to-break` (exit usage), `not-reassigned`.
 */
export const leaveOneReplica = (ground: SchemasGround, wanted: number | undefined, signal: AbortSignal): Promise<number> =>
  over(ground, async (cluster) => {
    const { replicas } = await replicasOf(cluster, signal)
    const chosen = wanted ?? replicas.at(-1) ?? -1
    await alterConfigs(cluster, { type: 'topic', name: TOPIC }, { 'min.insync.replicas': '1' }, signal)
    const refused = await reassign(cluster, [{ ...AT, replicas: [chosen] }], signal)
    const why = [...refused.values()][0]
    if (why !== undefined) throw usage(`${TOPIC} cannot be left to broker ${chosen} alone: ${why}`, 'nothing-to-break')
    for (const end = performance.now() + PATIENCE; ; await pause(POLL, signal)) {
      const now = await replicasOf(cluster, signal)
      if (now.replicas.length === 1 && now.isr.includes(chosen)) return chosen
      if (performance.now() > end) throw new KdrError(`${TOPIC} was not left to broker ${chosen} alone within ${PATIENCE / 1000} s`, { code: 'not-reassigned' })
    }
  })
