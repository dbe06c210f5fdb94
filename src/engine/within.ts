// Deadlines are the engine's: whatever a port does, the engine goes on when its time is over.

/** The work's result, or the signal's reason as soon as it is aborted; the work itself is not undone. */
export const within = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      work.catch(() => {})
      reject(signal.reason)
      return
    }
    const tooLate = () => reject(signal.reason)
    signal.addEventListener('abort', tooLate, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', tooLate))
  })
