// What changes the cluster: elections, reassignments and configuration, sent once, never retried.
import { KdrError } from '../../errors.ts'
import { partitionName } from '../../model/partitions.ts'
import type { TopicPartition } from '../../ports/kafka.ts'
import type { Millis } from '../../units.ts'
import type { Cluster } from './cluster.ts'
import { errorName, failOn, kafkaError } from './error-codes.ts'
import { IncrementalAlterConfigs, type ResourceType } from './messages/configs.ts'
import { AlterPartitionReassignments, ElectLeaders } from './messages/controller.ts'

/** How long the controller may take over it. */
export const CONTROLLER_WAIT: Millis = 5000

/** Kafka's error name for each partition that was not elected; ELECTION_NOT_NEEDED (84) where it has that leader already. */
export const electLeaders = async (
  cluster: Cluster,
  kind: 'preferred' | 'unclean',
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> => {
  if (partitions.length === 0) return new Map()
  const endpoint = await cluster.controller(signal)
  const question = { kind, partitions, timeout: CONTROLLER_WAIT }
  const { error, rows } = await cluster.ask(endpoint, 'write', ElectLeaders, question, signal, CONTROLLER_WAIT)
  failOn(`ElectLeaders at ${endpoint}`, error)
  return refused(partitions, rows)
}

/** A partition the answer lacks was not seen to be done. */
const refused = (asked: readonly TopicPartition[], rows: readonly (TopicPartition & { readonly error: number })[]): ReadonlyMap<string, string> => {
  const answered = new Map(rows.map((row) => [partitionName(row), row.error]))
  const errors = asked.map((row) => [partitionName(row), answered.get(partitionName(row)) ?? -1] as const)
  return new Map(errors.filter(([, code]) => code !== 0).map(([name, code]) => [name, errorName(code)]))
}

/** Kafka's error name for each partition whose reassignment was not taken; NO_REASSIGNMENT_IN_PROGRESS (85) where there is none to cancel. */
export const reassign = async (
  cluster: Cluster,
  moves: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> => {
  if (moves.length === 0) return new Map()
  const endpoint = await cluster.controller(signal)
  const { error, message, rows } = await cluster.ask(
    endpoint,
    'write',
    AlterPartitionReassignments,
    { moves, timeout: CONTROLLER_WAIT },
    signal,
    CONTROLLER_WAIT,
  )
  failOn(`AlterPartitionReassignments at ${endpoint}`, error, message)
  return refused(moves, rows)
}

/** A broker's own settings are given to that broker, as Kafka's tools do. Throws Kafka's error by name. */
export const alterConfigs = async (
  cluster: Cluster,
  resource: { readonly type: ResourceType; readonly name: string },
  changes: Readonly<Record<string, string | null>>,
  signal: AbortSignal,
): Promise<void> => {
  const endpoint = resource.type === 'broker' ? await brokerEndpoint(cluster, resource.name, signal) : await cluster.controller(signal)
  const { error, message } = await cluster.ask(endpoint, 'write', IncrementalAlterConfigs, { ...resource, changes }, signal, CONTROLLER_WAIT)
  if (error !== 0) throw kafkaError(`configuration of ${resource.type} ${resource.name}`, error, message)
}

/** An empty name is the default of all brokers, which the controller takes. */
const brokerEndpoint = async (cluster: Cluster, name: string, signal: AbortSignal): Promise<string> => {
  if (name === '') return cluster.controller(signal)
  const endpoint = (await cluster.registered(signal)).get(Number(name))
  if (endpoint === undefined) throw new KdrError(`broker ${name} is not registered`, { code: 'broker-not-registered' })
  return endpoint
}
