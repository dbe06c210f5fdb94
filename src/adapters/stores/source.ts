// What is being stored, chunk by chunk, given up at once when the signal says so: a source that hangs must
// not keep a half-written object alive.

const next = <T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<IteratorResult<T>> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })

/** The chunks of `source`; throws the signal's reason once it is aborted, without waiting for the source. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  signal.throwIfAborted()
  const iterator = source[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      const { done, value } = await next(iterator, signal)
      ended = done === true
      if (done === true) return
      yield value
      signal.throwIfAborted()
    }
  } finally {
    // A source that is stuck is told, not waited for.
    const told = ended ? undefined : iterator.return?.()
    if (told !== undefined && !signal.aborted) await told
    else told?.catch(() => {})
  }
}
