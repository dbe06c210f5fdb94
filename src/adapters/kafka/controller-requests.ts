// What goes to the controller and may safely go there again: a new controller is waited for as long as the old
// one only said that it is no longer it, because then nothing was done.
import { KdrError } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import { CONTROLLER_WAIT } from './changes.ts'
import type { Cluster } from './cluster.ts'
import { pause } from './deadline.ts'
import type { Message } from './message.ts'

const POLL: Millis = 200
/** How long a controller may take to be there, leaders to show, or a deleted topic to vanish. */
const PATIENCE: Millis = 30_000

export const NOT_CONTROLLER = 41
export const THROTTLED = 89

/** Polls until it holds; throws `topic-not-settled` with `what` when that takes too long. */
export const until = async (what: string, holds: () => Promise<boolean>, signal: AbortSignal, patience = PATIENCE): Promise<void> => {
  const end = performance.now() + patience
  while (!(await holds())) {
    if (performance.now() > end) throw new KdrError(`${what} within ${patience / 1000} s`, { code: 'topic-not-settled' })
    await pause(POLL, signal)
  }
}

/** Asks again only what `refused` says was not taken. Throws `no-controller`, `broker-silent` and the like. */
export const toController = async <Q, A>(
  cluster: Cluster,
  message: Message<Q, A>,
  question: Q,
  refused: (answer: A) => boolean,
  signal: AbortSignal,
): Promise<{ readonly answer: A; readonly endpoint: string }> => {
  const end = performance.now() + PATIENCE
  for (;;) {
    const endpoint = await cluster.controller(signal)
    const answer = await cluster.ask(endpoint, 'write', message, question, signal, CONTROLLER_WAIT)
    if (!refused(answer) || performance.now() > end) return { answer, endpoint }
    await pause(POLL, signal)
  }
}

/** In pieces of at most this many. */
export const pages = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, page) => items.slice(page * size, (page + 1) * size))
