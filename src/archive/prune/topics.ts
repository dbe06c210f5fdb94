// Topics of one cluster by the names a person gives them: a topic that was deleted and made again under its name is
// another one, and the one before is called by its id, `orders@4XDbSfC2TmqXgYqv0o2hDw`.
import { KdrError } from '../../errors.ts'
import { patternOf } from '../create/select-topics.ts'
import { type Chain, CLUSTER } from './chains.ts'
import type { HeldTopic } from './held.ts'

export interface Topics {
  /** Newest copies first, by topic. */
  readonly copies: ReadonlyMap<string, readonly Chain[]>
  nameOf(key: string): string
  /** Whether one of these globs is about it: its name, `name@id`, or `name@former` of one that another has taken the name of. */
  matches(key: string, globs: readonly string[]): boolean
}

const atOf = (chain: Chain, key: string): number => chain.copies.get(key)?.[0]?.at ?? 0

export const topicsOf = (chains: readonly Chain[]): Topics => {
  const copies = new Map<string, Chain[]>()
  const known = new Map<string, HeldTopic>()
  for (const chain of chains)
    for (const [key, [point]] of chain.copies) {
      if (point === undefined) continue
      known.set(key, point.held)
      const others = copies.get(key)
      if (others === undefined) copies.set(key, [chain])
      else others.push(chain)
    }
  for (const [key, of] of copies) of.sort((one, other) => atOf(other, key) - atOf(one, key))
  const present = new Map<string, { readonly key: string; readonly at: number }>()
  for (const [key, { topic }] of known) {
    const at = atOf(copies.get(key)?.[0] as Chain, key)
    if (at >= (present.get(topic)?.at ?? 0)) present.set(topic, { key, at })
  }
  const isFormer = (key: string): boolean => present.get(known.get(key)?.topic ?? '')?.key !== key
  const withId = (key: string): string => `${known.get(key)?.topic}@${known.get(key)?.id ?? 'none'}`
  return {
    copies,
    nameOf: (key) => (isFormer(key) ? withId(key) : (known.get(key)?.topic ?? '')),
    matches: (key, globs) => {
      const { topic = '' } = known.get(key) ?? {}
      const names = [topic, withId(key), ...(isFormer(key) ? [`${topic}@former`] : [])]
      return key !== CLUSTER && globs.map(patternOf).some((pattern) => names.some((name) => pattern.test(name)))
    },
  }
}

/** Throws `no-such-topic` (exit usage): a typing error would give up nothing, and nobody would know. */
export const requireTopics = (all: readonly Topics[], globs: readonly string[]): void => {
  const idle = globs.filter((glob) => !all.some(({ copies, matches }) => [...copies.keys()].some((key) => matches(key, [glob]))))
  if (idle.length === 0) return
  throw new KdrError(`--forget-topic ${idle.join(', ')}: no backup of the store has a topic like that`, {
    code: 'no-such-topic',
    exit: 'usage',
    hint: 'once its last copy is gone it needs no forgetting any more',
  })
}
