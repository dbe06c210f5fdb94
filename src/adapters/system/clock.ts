// The machine's clock, timers and chance behind the port.
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../ports/clock.ts'
import type { Millis } from '../../units.ts'

/** Node's longest timer; a longer one would fire at once. */
const LONGEST: Millis = 2_147_483_647

const sleep = (length: Millis, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      },
      Math.min(Math.max(length, 0), LONGEST),
    )
    signal?.addEventListener('abort', stop, { once: true })
  })

/** By hand: a composed AbortSignal.any over AbortSignal.timeout may be collected before it fires (nodejs/node#54614). */
const deadline = (length: Millis, parent?: AbortSignal): AbortSignal => {
  const controller = new AbortController()
  // A survey hangs dozens of requests on one deadline: many listeners are no leak here.
  setMaxListeners(0, controller.signal)
  if (parent?.aborted) {
    controller.abort(parent.reason)
    return controller.signal
  }
  const fromParent = () => {
    clearTimeout(timer)
    controller.abort(parent?.reason)
  }
  const timer = setTimeout(
    () => {
      parent?.removeEventListener('abort', fromParent)
      controller.abort(new DOMException(`no answer within ${Math.round(length)} ms`, 'TimeoutError'))
    },
    Math.min(Math.max(length, 0), LONGEST),
  )
  timer.unref()
  parent?.addEventListener('abort', fromParent, { once: true })
  return controller.signal
}

export const systemClock = (): Clock => ({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  deadline,
})
