// All partitions, a few side by side. One that fails for Kafka's sake is a gap and the others go on; where the
// archive cannot be written, all stop.
import { setMaxListeners } from 'node:events'
import type { PartitionPlan } from './ends.ts'
import { placeOf } from './ends.ts'
import type { PositionCounter } from './positions.ts'
import { type PartitionRead, PartitionReader, type ReadContext } from './read-partition.ts'

/** `first` before all others, then the largest, which end last. */
const inOrder = (plans: readonly PartitionPlan[], first: string): readonly PartitionPlan[] =>
  [...plans].sort((a, b) => {
    const [early, late] = [Number(a.topic !== first), Number(b.topic !== first)]
    return early - late || Number(b.end - b.start - (a.end - a.start))
  })

/** In the order of `plans`. */
export const readData = async (
  context: ReadContext,
  {
    plans,
    counters,
    parallel,
    first,
  }: { readonly plans: readonly PartitionPlan[]; readonly counters: ReadonlyMap<string, PositionCounter>; readonly parallel: number; readonly first: string },
  signal: AbortSignal,
): Promise<readonly PartitionRead[]> => {
  const failing = new AbortController()
  const either = AbortSignal.any([signal, failing.signal])
  // Everything under way listens to it.
  setMaxListeners(0, either)
  const queue = inOrder(plans, first)
  const done = new Map<string, PartitionRead>()
  let next = 0
  const lane = async (): Promise<void> => {
    try {
      for (let plan = queue[next]; plan !== undefined; plan = queue[next]) {
        next += 1
        const counter = counters.get(placeOf(plan)) as PositionCounter
        done.set(placeOf(plan), await new PartitionReader(context, plan, counter, either).read())
      }
    } catch (thrown) {
      next = queue.length
      failing.abort(thrown)
      throw thrown
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(parallel, queue.length) }, lane))
  signal.throwIfAborted()
  // What stopped the others, not that they were stopped.
  if (lanes.some(({ status }) => status === 'rejected')) throw failing.signal.reason
  return plans.map((plan) => done.get(placeOf(plan)) as PartitionRead)
}
