// Aborts for many requests under one signal: a survey sends thousands of reads with the same one, and
// taking a listener off a signal costs as much as it has listeners.

/** Returns a function that calls `reject` with the reason once `signal` is aborted, and returns how to forget that again. */
export const abortGroups = () => {
  const groups = new Map<AbortSignal, { readonly waiting: Set<(reason: unknown) => void>; readonly listener: () => void }>()
  return (signal: AbortSignal, reject: (reason: unknown) => void): (() => void) => {
    let group = groups.get(signal)
    if (group === undefined) {
      const waiting = new Set<(reason: unknown) => void>()
      const listener = () => {
        for (const each of waiting) each(signal.reason)
      }
      group = { waiting, listener }
      groups.set(signal, group)
      signal.addEventListener('abort', listener, { once: true })
    }
    const { waiting, listener } = group
    waiting.add(reject)
    return () => {
      waiting.delete(reject)
      if (waiting.size > 0) return
      signal.removeEventListener('abort', listener)
      groups.delete(signal)
    }
  }
}
