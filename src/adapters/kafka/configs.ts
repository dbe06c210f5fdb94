// Effective configuration of topics and brokers, by key: what could not be read is unknown by name.
import { wordsOf } from '../../errors.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Configs } from '../../ports/kafka.ts'
import type { Cluster } from './cluster.ts'
import { errorWords } from './error-codes.ts'
import { DescribeConfigs, type ResourceType } from './messages/configs.ts'

const NAMES_PER_REQUEST = 1000

interface Question {
  readonly endpoint: string
  readonly type: ResourceType
  readonly names: readonly string[]
  readonly keys: readonly string[]
}

const askOne = async (cluster: Cluster, { endpoint, ...question }: Question, signal: AbortSignal): Promise<readonly (readonly [string, Known<Configs>])[]> => {
  const by = `DescribeConfigs from ${endpoint}`
  try {
    const answers = await cluster.ask(endpoint, 'configs', DescribeConfigs, question, signal)
    const found = new Map(answers.map((answer) => [answer.name, answer]))
    return question.names.map((name) => {
      const answer = found.get(name)
      if (answer === undefined) return [name, unknown('the answer lacks it', by)] as const
      return [name, answer.error === 0 ? known(answer.values, by) : unknown(errorWords(answer.error, answer.message), by)] as const
    })
  } catch (error) {
    signal.throwIfAborted()
    return question.names.map((name) => [name, unknown(wordsOf(error), by)] as const)
  }
}

/** Throws `no-broker-answered` only when there is nobody to ask. */
export const readConfigs = async (
  cluster: Cluster,
  type: ResourceType,
  names: readonly string[],
  keys: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Known<Configs>>> => {
  if (type === 'topic') {
    const { by: endpoint } = await cluster.freshest([], signal)
    const pages = Array.from({ length: Math.ceil(names.length / NAMES_PER_REQUEST) }, (_, page) =>
      names.slice(page * NAMES_PER_REQUEST).slice(0, NAMES_PER_REQUEST),
    )
    const results = []
    for (const page of pages) results.push(...(await askOne(cluster, { endpoint, type, names: page, keys }, signal)))
    return new Map(results)
  }
  const endpoints = await cluster.registered(signal)
  const answers = await Promise.all(
    names.map(async (name): Promise<readonly (readonly [string, Known<Configs>])[]> => {
      const endpoint = endpoints.get(Number(name))
      if (endpoint === undefined) return [[name, unknown(`broker ${name} is not registered`, 'Metadata')]]
      return askOne(cluster, { endpoint, type, names: [name], keys }, signal)
    }),
  )
  return new Map(answers.flat())
}
