// Disasters in several acts, on any platform: what was lost, and in which order, decides what can be elected.
import { setTimeout as sleep } from 'node:timers/promises'
import { KdrError } from '../errors.ts'
import { type Millis, minutes, seconds } from '../units.ts'
import { usage } from './choice.ts'

/** What a platform can do to brokers, by id. */
export interface Verbs {
  readonly kill: (id: number) => Promise<void>
  /** Killed first where it runs. */
  readonly wipe: (id: number) => Promise<void>
  readonly start: (id: number) => Promise<void>
  /** Ids that this broker lists; null while it does not answer. */
  readonly listed: (id: number) => Promise<readonly number[] | null>
}

const PATIENCE: Millis = minutes(2)
/** The controller shrinks ISRs and tells the brokers who is left in one go, but not in one moment. */
const SETTLE: Millis = seconds(2)

const untilLists = async ({ listed }: Verbs, id: number, wanted: readonly number[], signal: AbortSignal): Promise<void> => {
  const end = performance.now() + PATIENCE
  for (;;) {
    const ids = await listed(id)
    if (ids !== null && [...ids].sort((a, b) => a - b).join() === [...wanted].sort((a, b) => a - b).join()) break
    if (performance.now() > end) throw new KdrError(`broker ${id} does not list ${wanted.join(', ')} alone within ${PATIENCE / 1000} s`, { code: 'not-broken' })
    await sleep(300, undefined, { signal })
  }
  await sleep(SETTLE, undefined, { signal })
}

const castOf = (
  ids: readonly number[],
  wanted: number | undefined,
): { readonly survivor: number; readonly last: number; readonly others: readonly number[] } => {
  const sorted = [...ids].sort((a, b) => a - b)
  const last = wanted ?? sorted.at(-1) ?? -1
  const others = sorted.filter((id) => id !== last)
  const [survivor] = others
  if (survivor === undefined || others.length < 2) throw usage(`only ${ids.length} brokers run; 3 are needed`, 'nothing-to-break')
  return { survivor, last, others }
}

/** The ISR shrinks to one broker, whose disk is then lost; one that was out of it comes back. Returns who is down. */
export const loseIsr = async (verbs: Verbs, ids: readonly number[], wanted: number | undefined, signal: AbortSignal): Promise<readonly number[]> => {
  const { survivor, last, others } = castOf(ids, wanted)
  await Promise.all(others.map(verbs.kill))
  await untilLists(verbs, last, [last], signal)
  await verbs.wipe(last)
  await verbs.start(survivor)
  await untilLists(verbs, survivor, [survivor], signal)
  return [last, ...others.filter((id) => id !== survivor)]
}

/** One falls behind, then all the others die at once, and only that one comes back: it is in no ISR, and each partition waits for its own. */
export const isrApart = async (verbs: Verbs, ids: readonly number[], wanted: number | undefined, signal: AbortSignal): Promise<readonly number[]> => {
  const { survivor, last, others } = castOf(ids, wanted)
  await verbs.kill(survivor)
  const rest = [last, ...others.filter((id) => id !== survivor)]
  await untilLists(verbs, last, rest, signal)
  await Promise.all(rest.map(verbs.kill))
  await sleep(seconds(8), undefined, { signal }) // their sessions end: nobody lists them meanwhile
  await verbs.start(survivor)
  await untilLists(verbs, survivor, [survivor], signal)
  return rest
}
