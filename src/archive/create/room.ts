// How much memory a fetch may need: a batch comes whole however large it is, and eight partitions whose first batches
// have 100 MB each must not be asked at once. What a topic allows is what counts until its batches were seen.
import { KdrError } from '../../errors.ts'
import type { PartitionPlan } from './ends.ts'
import type { CreatePorts } from './types.ts'

const LARGEST = 'max.message.bytes'
/** Topics per DescribeConfigs. */
const CHUNK = 500

export class FetchRoom {
  readonly #allowed: ReadonlyMap<string, number>
  readonly #seen = new Map<string, number>()

  /** `allowed`: bytes of a batch, by topic. */
  constructor(allowed: ReadonlyMap<string, number> = new Map()) {
    this.#allowed = allowed
  }

  /** For a fetch that asks for `maxBytes`. */
  of(topic: string, maxBytes: number): number {
    return Math.max(maxBytes, this.#seen.get(topic) ?? this.#allowed.get(topic) ?? 0)
  }

  came(topic: string, bytes: number): void {
    if (bytes > (this.#seen.get(topic) ?? 0)) this.#seen.set(topic, bytes)
  }
}

/** Of topics that have something to be read. What could not be read is only learned as it comes. Throws only the signal's reason. */
export const fetchRoom = async ({ kafka }: Pick<CreatePorts, 'kafka'>, plans: readonly PartitionPlan[], signal: AbortSignal): Promise<FetchRoom> => {
  const topics = [...new Set(plans.filter(({ start, end }) => end > start).map(({ topic }) => topic))]
  const allowed = new Map<string, number>()
  for (let at = 0; at < topics.length; at += CHUNK) {
    try {
      for (const [topic, configs] of await kafka.configs('topic', topics.slice(at, at + CHUNK), [LARGEST], signal)) {
        const bytes = configs.known ? Number(configs.value.get(LARGEST) ?? Number.NaN) : Number.NaN
        if (bytes > 0) allowed.set(topic, bytes)
      }
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof KdrError)) throw thrown
    }
  }
  return new FetchRoom(allowed)
}
