// What probes may do, and only to topics that kdr made for it: every name must say so by its prefix.
import { KdrError } from '../../errors.ts'
import type { Cluster } from './cluster.ts'
import { kafkaError } from './error-codes.ts'
import { deleteTopics, makeTopics } from './topics.ts'

const PREFIX = '__kdr_'

/** Throws `not-a-canary`. */
export const mustBeCanary = (topic: string): void => {
  if (!topic.startsWith(PREFIX))
    throw new KdrError(`topic ${topic} is not kdr's own: a probe only touches names that start with ${PREFIX}`, { code: 'not-a-canary' })
}

/** Errors: `not-a-canary`, `no-controller`, Kafka's own by name, `topic-not-settled`. */
export const createCanary = async (
  cluster: Cluster,
  name: string,
  assignments: readonly (readonly number[])[],
  configs: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> => {
  const [refused] = await makeTopics(cluster, [{ name, assignments, configs }], signal)
  if (refused !== undefined) throw kafkaError(`topic ${name} was not created`, refused.error, refused.message)
}

/** A topic that is gone already is as wanted. Errors: as `createCanary`. */
export const deleteCanary = (cluster: Cluster, name: string, signal: AbortSignal): Promise<void> => deleteTopics(cluster, [name], signal)
