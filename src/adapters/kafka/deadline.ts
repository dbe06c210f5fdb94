// Waiting that always ends: for one answer until a deadline, or for the best of several.
import type { Millis } from '../../units.ts'

/** The promise's result, or the rejection `late()` makes after `length`, or the signal's reason. Leaves no timer and no listener behind. */
export const within = <T>(promise: Promise<T>, length: Millis, signal: AbortSignal, late: () => Error): Promise<T> =>
  new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onAbort = () => finish(() => reject(signal.reason))
    const timer = setTimeout(() => finish(() => reject(late())), length)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    promise.then(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    )
  })

/** The promise's result, or the signal's reason as soon as it is aborted. */
export const unlessAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })

/** Rejects with the signal's reason as soon as it is aborted. */
export const pause = (length: Millis, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, length)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })

/**
 * What was answered by the time all have settled, or `grace` after the first success: who is hung must
 * not keep the others waiting. In order of arrival; empty only if all failed.
 */
export const answersWithin = <T>(promises: readonly Promise<T>[], grace: Millis): Promise<readonly T[]> =>
  new Promise((resolve) => {
    const answers: T[] = []
    let open = promises.length
    let timer: NodeJS.Timeout | undefined
    const finish = () => {
      clearTimeout(timer)
      resolve(answers)
    }
    const settled = () => {
      open -= 1
      if (open === 0) finish()
    }
    if (open === 0) finish()
    for (const promise of promises) {
      promise.then((answer) => {
        answers.push(answer)
        timer ??= setTimeout(finish, grace)
        settled()
      }, settled)
    }
  })
