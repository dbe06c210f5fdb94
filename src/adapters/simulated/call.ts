// How every port call of a life goes: it takes a few virtual milliseconds, may hang where the script says
// so, and fails in a killed life.
import type { Millis } from '../../units.ts'
import { pass, type VirtualTime } from './clock.ts'
import type { Life } from './life.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { Random } from './random.ts'

/** Carries one call out by its name; `signal` cuts it short. `length` is how long it takes, in virtual milliseconds. */
export type Call = <T>(name: string, signal: AbortSignal, body: () => T | Promise<T>, length?: Millis) => Promise<T>

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

export const createCall = (time: VirtualTime, random: Random, life: Life, misbehaviour: Misbehaviour): Call => {
  return async (name, signal, body, length) => {
    life.check()
    signal.throwIfAborted()
    const ended = time.begin()
    try {
      if (misbehaviour.hangs(name)) await never(signal)
      await pass(time, length ?? random.between(2, 6), signal)
      life.check()
      const answer = await body()
      life.check()
      return answer
    } finally {
      ended()
    }
  }
}
